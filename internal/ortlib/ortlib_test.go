package ortlib

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/fault"
)

func touch(t *testing.T, name string) string {
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	return path
}

func TestVariableNeverGivesWay(t *testing.T) {
	t.Setenv(EnvVar, "/nowhere/libonnxruntime.so")
	require.Len(t, search(), 1)
	_, _, err := open(search(), func(string) (string, error) { return "1.30.0", nil })
	require.ErrorContains(t, err, "/nowhere/libonnxruntime.so")
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))

	t.Setenv(EnvVar, touch(t, "lib.so"))
	_, _, err = open(search(), func(string) (string, error) { return "", errors.New("not a library") })
	require.ErrorContains(t, err, "not a library")
}

func TestOldSystemLibraryGivesWay(t *testing.T) {
	old, good := touch(t, "old.so"), touch(t, "good.so")
	list := []Candidate{{Path: "/nowhere", Source: "system"}, {Path: old, Source: "system"}, {Path: good, Source: "make setup"}}
	lib, tried, err := open(list, func(path string) (string, error) {
		if path == old {
			return "", errors.New("too old")
		}
		return "1.30.0", nil
	})
	require.NoError(t, err)
	require.Equal(t, Library{good, "make setup", "1.30.0"}, lib)
	require.Equal(t, "too old", tried[1].Error)
	require.False(t, tried[0].Found)
}

func TestNothingFoundSaysWhatToDo(t *testing.T) {
	_, _, err := open(nil, nil)
	require.ErrorContains(t, err, "make setup")
}

func TestSystemBeforeOwn(t *testing.T) {
	t.Setenv(EnvVar, "")
	list := search()
	require.Equal(t, "system", list[0].Source)
	require.Equal(t, "make setup", list[len(list)-1].Source)
	for _, c := range list {
		require.True(t, filepath.IsAbs(c.Path), c.Path)
	}
}

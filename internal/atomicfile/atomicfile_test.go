package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFailedWriteChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "a.txt")
	write := func(text string, fail error) error {
		return Write(path, func(w io.Writer) error {
			io.WriteString(w, text) //nolint:errcheck // Write reports it
			return fail
		})
	}
	require.NoError(t, write("first", nil))
	broken := errors.New("interrupted")
	require.ErrorIs(t, write("second, half", broken), broken)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "first", string(text))
	require.NoError(t, write("third", nil))
	require.NoError(t, Quick(path, []byte("fourth")))
	text, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "fourth", string(text))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file is left")
}

func TestAFolderIsRefusedBeforeTheWork(t *testing.T) {
	err := Write(t.TempDir(), func(io.Writer) error { panic("worked for nothing") })
	require.ErrorContains(t, err, "is a folder: give the path of a file")
}

package train

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"striate/train/run"
)

// copyFolder copies the files that keep accepts.
func copyFolder(t *testing.T, from, to string, keep func(path string) bool) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !keep(path) {
			return err
		}
		name := filepath.Join(to, strings.TrimPrefix(path, from))
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		return os.WriteFile(name, data, 0o644)
	}))
}

// However far the writing of the last checkpoint had come, the one before is read.
func TestTornCheckpoints(t *testing.T) {
	dir := t.TempDir()
	s := model.NewStore()
	k, at, err := openCheckpoints(dir, 3, s)
	require.NoError(t, err)
	require.Nil(t, at)
	require.Equal(t, "none yet", k.last())
	w, err := s.CreateVariable("/w", tensors.FromFlatDataAndDimensions([]float32{1, 2, 3}, 3))
	require.NoError(t, err)
	_, err = s.CreateVariable("/metrics/sum", tensors.FromScalar(float32(1)))
	require.NoError(t, err)
	require.NoError(t, k.save(position{Step: 10}))
	require.NoError(t, w.SetValue(tensors.FromFlatDataAndDimensions([]float32{7, 8, 9}, 3)))
	require.NoError(t, k.save(position{Step: 20}))
	last := k.last()
	whole := t.TempDir()
	copyFolder(t, dir, whole, func(string) bool { return true })

	for name, tear := range map[string]func(base string) error{
		"not begun":         func(base string) error { return nil },
		"no description":    func(base string) error { return os.Remove(base + ".json") },
		"empty description": func(base string) error { return os.Truncate(base+".json", 0) },
		"half description":  func(base string) error { return os.Truncate(base+".json", 100) },
		"no data":           func(base string) error { return os.Remove(base + ".bin") },
		"half data":         func(base string) error { return os.Truncate(base+".bin", 7) },
	} {
		t.Run(name, func(t *testing.T) {
			torn := t.TempDir()
			copyFolder(t, whole, torn, func(string) bool { return true })
			require.NoError(t, tear(filepath.Join(torn, filepath.Base(last))))
			s := model.NewStore()
			_, at, err := openCheckpoints(torn, 3, s)
			require.NoError(t, err)
			wantStep, wantFirst := 10, float32(1)
			if name == "not begun" {
				wantStep, wantFirst = 20, 7
			}
			require.Equal(t, wantStep, at.Step)
			require.Equal(t, wantFirst, tensors.MustCopyFlatData[float32](s.GetVariable("/w").MustValue())[0])
			require.Nil(t, s.GetVariable("/metrics/sum"), "sums of metrics are not kept")
		})
	}
}

// A run killed with SIGKILL again and again, at any moment, ends as one that was not.
func TestKilledRun(t *testing.T) {
	if dir := os.Getenv("STRIATE_TEST_RUN"); dir != "" {
		c := config(t, "composite_a", os.Getenv("STRIATE_TEST_DATA"))
		o := options(dir)
		if o.Resume = o.Folder.Exists(); o.Resume {
			read, err := o.Folder.Read()
			require.NoError(t, err)
			c = read
		}
		_, err := Train(context.Background(), c, o)
		require.NoError(t, err)
		return
	}
	data := stripes(t)
	want, _, _ := trained(t, *config(t, "composite_a", data), nil)
	dir := filepath.Join(t.TempDir(), "run")
	for kills := 0; ; kills++ {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilledRun$")
		cmd.Env = append(os.Environ(), "STRIATE_TEST_RUN="+dir, "STRIATE_TEST_DATA="+data)
		var said bytes.Buffer
		cmd.Stdout = &said
		require.NoError(t, cmd.Start())
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		// Each time a little longer, so that every stage is met and the run gets to its end.
		wait := time.Duration(1<<kills) * 60 * time.Millisecond
		select {
		case err := <-done:
			require.NoError(t, err, said.String())
			require.Positive(t, kills, "the run was over before it was killed once")
			require.Equal(t, arrays(t, want), arrays(t, run.Folder(dir)))
			return
		case <-time.After(wait):
			require.NoError(t, cmd.Process.Kill())
			<-done
		}
	}
}

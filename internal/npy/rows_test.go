package npy

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRows(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.npy")
	for _, data := range []any{[]float32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}} {
		require.NoError(t, WriteFile(path, []int{3, 2, 2}, data))
		r, err := OpenRows(path)
		require.NoError(t, err)
		require.Equal(t, []int{3, 4}, []int{r.Rows, r.Width})
		got := make([]float64, 3)
		require.NoError(t, r.Read(got, 2, 1))
		require.Equal(t, []float64{9, 10, 11}, got)
		require.NoError(t, r.Close())
	}
	require.NoError(t, WriteFile(path, []int{2}, []uint8{1, 2}))
	_, err := OpenRows(path)
	require.ErrorIs(t, err, ErrWhole)

	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, err = z.Write(Encode([]int{1}, []float32{1}))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	require.NoError(t, os.WriteFile(path, zipped.Bytes(), 0o644))
	_, err = OpenRows(path)
	require.ErrorIs(t, err, ErrWhole)

	whole := Encode([]int{4, 5}, make([]float64, 20))
	require.NoError(t, os.WriteFile(path, whole[:len(whole)-8], 0o644))
	_, err = OpenRows(path)
	require.ErrorContains(t, err, "needs 160 bytes")
	_, err = OpenRows(filepath.Join(dir, "none.npy"))
	require.ErrorContains(t, err, "no such file")
}

package npy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sbinet/npyio"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"striate/internal/fault"
)

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(rapid.IntRange(0, 7), 0, 5).Draw(t, "shape")
		n := (&Array{Shape: shape}).Len()
		data := make([]float32, n)
		for i := range data {
			data[i] = rapid.Float32().Draw(t, "x")
		}
		a, err := Read(bytes.NewReader(Encode(shape, data)), Limits{})
		require.NoError(t, err)
		require.Equal(t, len(shape), len(a.Shape))
		require.Equal(t, n, a.Len())
		require.Equal(t, len(data), len(a.Float32s()))
		for i := range data {
			require.Equal(t, data[i], a.Float32s()[i])
		}
	})
}

// Another implementation reads what we write.
func TestNpyioReadsOurs(t *testing.T) {
	r, err := npyio.NewReader(bytes.NewReader(Encode([]int{2, 3}, []float64{1, 2, 3, 4, 5, 6})))
	require.NoError(t, err)
	require.Equal(t, []int{2, 3}, r.Header.Descr.Shape)
	var got []float64
	require.NoError(t, r.Read(&got))
	require.Equal(t, []float64{1, 2, 3, 4, 5, 6}, got)
}

func raw(version byte, dict string, data []byte) []byte {
	b := append([]byte(magic), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(dict)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(dict)))
	}
	return append(append(b, dict...), data...)
}

func TestFortranOrder(t *testing.T) {
	// The 2×3 array [[0,1,2],[3,4,5]] column by column.
	b := raw(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", []byte{0, 3, 1, 4, 2, 5})
	a, err := Read(bytes.NewReader(b), Limits{})
	require.NoError(t, err)
	require.Equal(t, []uint8{0, 1, 2, 3, 4, 5}, a.Data)
}

func TestHalfPrecisionBecomesFloat32(t *testing.T) {
	b := raw(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (3,), }\n", []byte{0x00, 0x3c, 0x55, 0x35, 0x01, 0x80})
	a, err := Read(bytes.NewReader(b), Limits{})
	require.NoError(t, err)
	require.Equal(t, []float32{1, 0.333251953125, -0x1p-24}, a.Data)
}

func TestBadInput(t *testing.T) {
	good := Encode([]int{2, 2}, []float32{1, 2, 3, 4})
	cases := map[string]struct {
		data []byte
		code fault.Code
		says string
	}{
		"empty":            {nil, fault.Invalid, "magic"},
		"a png":            {[]byte("\x89PNG\r\n\x1a\n0000"), fault.Invalid, "magic"},
		"cut header":       {good[:30], fault.Invalid, "inside the header"},
		"cut data":         {good[:len(good)-1], fault.Invalid, "ends before"},
		"extra data":       {append(bytes.Clone(good), 0), fault.Invalid, "more bytes"},
		"big-endian":       {raw(1, "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", make([]byte, 4)), fault.Invalid, "astype('<f4')"},
		"strings":          {raw(1, "{'descr': '<U3', 'fortran_order': False, 'shape': (1,), }", make([]byte, 12)), fault.Invalid, "not supported"},
		"objects":          {raw(1, "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", make([]byte, 12)), fault.Invalid, "not supported"},
		"records":          {raw(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", make([]byte, 4)), fault.Invalid, "structured"},
		"negative":         {raw(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", nil), fault.Invalid, "list of sizes"},
		"overflow":         {raw(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", nil), fault.TooLarge, "limit"},
		"header lie":       {raw(2, "", nil)[:10], fault.Invalid, "inside the header"},
		"4 GB header":      {append([]byte(magic), 2, 0, 0xff, 0xff, 0xff, 0xff), fault.Invalid, "header of"},
		"unknown version":  {append([]byte(magic), 9, 0, 0, 0), fault.Invalid, "version 9"},
		"empty dictionary": {raw(1, "", nil), fault.Invalid, "lacks"},
		"rank 33":          {raw(1, "{'descr': '<f4', 'fortran_order': False, 'shape': ("+strings.Repeat("1,", 33)+"), }", make([]byte, 4)), fault.Invalid, "dimensions"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := Read(bytes.NewReader(c.data), Limits{MaxElements: 1 << 40})
			require.ErrorContains(t, err, c.says)
			require.Equal(t, c.code, fault.CodeOf(err))
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// A header that promises 4 GB and brings nothing must not cost 4 GB.
func TestNoAllocationOnTrust(t *testing.T) {
	lie := raw(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }", make([]byte, 64))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Read(bytes.NewReader(lie), Limits{})
	runtime.ReadMemStats(&after)
	require.ErrorContains(t, err, "ends before")
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20))

	_, err = Read(bytes.NewReader(lie), Limits{Size: int64(len(lie))})
	require.ErrorContains(t, err, "are there")
	_, err = Read(bytes.NewReader(lie), Limits{MaxElements: 1000})
	require.Equal(t, fault.TooLarge, fault.CodeOf(err))
}

func TestZip(t *testing.T) {
	var b bytes.Buffer
	z := NewZipWriter(&b)
	require.NoError(t, z.Add("layer1.0", []int{1, 2}, []float32{1, 2}))
	require.NoError(t, z.Add("b", []int{3}, []int64{7, 8, 9}))
	require.NoError(t, z.Close())
	path := filepath.Join(t.TempDir(), "a.npz")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	got, err := ReadZipFile(path)
	require.NoError(t, err)
	require.Equal(t, []float32{1, 2}, got["layer1.0"].Data)
	ints, err := got["b"].Ints()
	require.NoError(t, err)
	require.Equal(t, []int{7, 8, 9}, ints)
	_, err = got["layer1.0"].Ints()
	require.Error(t, err)
	_, err = ReadZipFile(path + "x")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

func FuzzRead(f *testing.F) {
	f.Add(Encode([]int{2, 2}, []float32{1, 2, 3, 4}))
	f.Add(raw(2, "{'descr': '<i8', 'fortran_order': True, 'shape': (1, 2), }", make([]byte, 16)))
	f.Add(raw(1, "{'descr': '>f8', 'fortran_order': False, 'shape': (), }", make([]byte, 8)))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := Read(bytes.NewReader(data), Limits{MaxElements: 1 << 20})
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("error of several lines: %q", err)
			}
			return
		}
		again, err := Read(bytes.NewReader(Encode(a.Shape, a.Data)), Limits{})
		if err != nil || fmt.Sprint(again.Shape) != fmt.Sprint(a.Shape) {
			t.Fatalf("round trip of %v: %v", a.Shape, err)
		}
	})
}

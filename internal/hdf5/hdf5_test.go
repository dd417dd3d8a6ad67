package hdf5

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/fault"
)

type expectation struct {
	Variable    string
	Dims        []string
	Shape       []int
	Dtype       string
	Coordinates map[string][2]any
	Attributes  map[string]any
}

func open(t testing.TB, name string) *File {
	t.Helper()
	f, err := Open(filepath.Join("testdata", name))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// testdata/make.py says how the files are made and what they hold.
func TestReadsWhatLibrariesWrite(t *testing.T) {
	data, err := os.ReadFile("testdata/expected.json")
	require.NoError(t, err)
	var expected map[string]expectation
	require.NoError(t, json.Unmarshal(data, &expected))
	require.NotEmpty(t, expected)
	for name, want := range expected {
		t.Run(name, func(t *testing.T) {
			f := open(t, name+".nc")
			d := f.Dataset(want.Variable)
			require.NotNil(t, d)
			require.Equal(t, want.Shape, d.Shape)
			got, err := d.Floats(context.Background())
			require.NoError(t, err)
			requireValues(t, got, want.Dtype[0] == 'f')
			for c, v := range want.Coordinates {
				requireCoordinate(t, f.Dataset(c), v[1].([]any))
			}
			for name, v := range want.Attributes {
				requireAttribute(t, f.Attributes, name, v)
				requireAttribute(t, d.Attributes, name, v)
			}
			dims, err := d.Attribute("DIMENSION_LIST").References()
			require.NoError(t, err)
			for k, dim := range want.Dims {
				require.Equal(t, f.Dataset(dim).Address, dims[k])
			}
		})
	}
}

func requireValues(t *testing.T, got []float64, float bool) {
	for k, v := range got {
		want := float64(k * 7919 % 101)
		if float {
			want /= 2
		}
		if float && k == 3 {
			require.True(t, math.IsNaN(v))
			continue
		}
		require.Equal(t, want, v, "element %d", k)
	}
}

func requireCoordinate(t *testing.T, d *Dataset, want []any) {
	require.NotNil(t, d)
	if d.Type.Text() {
		got, err := d.Texts(context.Background())
		require.NoError(t, err)
		require.Len(t, got, len(want))
		for i := range got {
			require.Equal(t, want[i], got[i], d.Name)
		}
		return
	}
	got, err := d.Floats(context.Background())
	require.NoError(t, err)
	require.Len(t, got, len(want))
	for i := range got {
		require.Equal(t, want[i], got[i], d.Name)
	}
	if d.Type.Kind == Int {
		ints, err := d.Ints(context.Background())
		require.NoError(t, err)
		require.EqualValues(t, got[len(got)-1], ints[len(ints)-1])
	}
}

func requireAttribute(t *testing.T, list []*Attribute, name string, want any) {
	for _, a := range list {
		if a.Name != name {
			continue
		}
		if text, ok := want.(string); ok {
			got, err := a.Texts()
			require.NoError(t, err)
			require.Equal(t, []string{text}, got)
			return
		}
		got, err := a.Floats()
		require.NoError(t, err)
		for i, v := range want.([]any) {
			require.Equal(t, v, got[i])
		}
		return
	}
	require.Fail(t, "no attribute "+name)
}

func TestFillValuesAndOtherTypes(t *testing.T) {
	ctx := context.Background()
	f := open(t, "partial.nc")
	got, err := f.Dataset("partial").Ints(ctx)
	require.NoError(t, err)
	want := make([]int64, 35)
	for i := range want {
		want[i] = -4
		if row, col := i/5, i%5; (row == 2 || row == 3) && col >= 3 {
			want[i] = 9
		}
	}
	require.Equal(t, want, got)

	scalar, err := f.Dataset("scalar").Floats(ctx)
	require.NoError(t, err)
	require.Equal(t, []float64{2.5}, scalar)
	texts, err := f.Dataset("fixed").Texts(ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"V1", "V4", ""}, texts)
	flags, err := f.Dataset("flags").Floats(ctx)
	require.NoError(t, err)
	require.Equal(t, []float64{1, 0, 1}, flags)
	fill, err := f.Dataset("unwritten").Floats(ctx)
	require.NoError(t, err)
	require.Equal(t, []float64{1.5, 1.5, 1.5, 1.5}, fill)
	require.Nil(t, f.Dataset("group"), "groups are passed over")
	require.Nil(t, f.Dataset("alias"), "so are soft links")

	_, err = f.Dataset("fixed").Floats(ctx)
	require.Error(t, err)
	_, err = f.Dataset("scalar").Texts(ctx)
	require.Error(t, err)
	_, err = f.Dataset("scalar").Ints(ctx)
	require.Error(t, err)
}

func TestUnsupported(t *testing.T) {
	_, err := Open("testdata/latest.nc")
	require.Equal(t, fault.Unsupported, fault.CodeOf(err))
	require.ErrorContains(t, err, "h5repack")
	_, err = open(t, "lzf.nc").Dataset("data").Ints(context.Background())
	require.ErrorContains(t, err, "filter 32000")
}

func TestBadFiles(t *testing.T) {
	_, err := Open("testdata/nothing.nc")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, err = Open("testdata/make.py")
	require.ErrorContains(t, err, "not an HDF5")

	whole, err := os.ReadFile("testdata/chunks.nc")
	require.NoError(t, err)
	for _, n := range []int{0, 7, 20, 60, len(whole) / 2, len(whole) - 1} {
		require.Error(t, readAll(whole[:n]), "cut after %d bytes", n)
	}
	damaged := bytes.Clone(whole)
	for i := len(damaged) / 3; i < len(damaged); i += 97 {
		damaged[i] ^= 0x55
	}
	require.Error(t, readAll(damaged))
}

// A chunk whose checksum does not hold is refused.
func TestChecksum(t *testing.T) {
	whole, err := os.ReadFile("testdata/int64.nc")
	require.NoError(t, err)
	require.NoError(t, readAll(whole))
	sum := uint32(0x0506_0404) // 0x0102+0x0302 = 0x0404; 0x0102+0x0404 = 0x0506
	require.True(t, checked([]byte{1, 2, 3, 2}, sum))
	require.False(t, checked([]byte{1, 2, 3, 3}, sum))
	require.True(t, checked([]byte{0xff, 0xff}, 0xffff_ffff), "zero written as 65535")
}

// readAll reads everything of a file.
func readAll(data []byte) error {
	f, err := New(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	for _, a := range f.Attributes {
		if err := readAttribute(a); err != nil {
			return err
		}
	}
	for _, d := range f.Datasets {
		for _, a := range d.Attributes {
			if err := readAttribute(a); err != nil {
				return err
			}
		}
		switch {
		case d.Type.Text():
			_, err = d.Texts(context.Background())
		case d.Type.Kind == Int:
			_, err = d.Ints(context.Background())
		case d.Type.Numeric():
			_, err = d.Floats(context.Background())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readAttribute(a *Attribute) (err error) {
	switch {
	case a.Type.Text():
		_, err = a.Texts()
	case a.Type.Kind == Int:
		_, err = a.Ints()
	case a.Type.Numeric():
		_, err = a.Floats()
	case a.Type.Kind == Reference || a.Type.Kind == VarReference:
		_, err = a.References()
	}
	return err
}

// A small file must not make the reader take memory it announces.
func TestNoAllocationOnTrust(t *testing.T) {
	whole, err := os.ReadFile("testdata/partial.nc")
	require.NoError(t, err)
	dims := make([]byte, 16)
	binary.LittleEndian.PutUint64(dims, 7)
	binary.LittleEndian.PutUint64(dims[8:], 5)
	at := bytes.Index(whole, dims)
	require.Positive(t, at)
	binary.LittleEndian.PutUint64(whole[at:], 1<<40)
	require.Error(t, readAll(whole))
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("testdata/*.nc")
	require.NoError(f, err)
	for _, name := range files {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		if len(data) < 40_000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		_ = readAll(data) // must return, without panic and without more memory than the file backs
	})
}

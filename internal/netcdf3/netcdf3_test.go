package netcdf3

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func example() *File {
	names, width := Text([]string{"a", "ünit", ""})
	return &File{
		Dims:       []Dim{{"presentation", 3}, {"neuroid", 2}, {"string5", width}},
		Attributes: []Attribute{{"title", "three"}, {"bins", []float64{0, 0.5, 1}}, {"n", []int32{-7}}},
		Vars: []Var{
			{"data", []int{0, 1}, []Attribute{{"coordinates", "stimulus_id"}}, []float64{1, 2, math.NaN(), 4, -5, 6.5}},
			{"stimulus_id", []int{0, 2}, nil, names},
			{"repetition", []int{0}, nil, []int32{0, 1, -2}},
			{"rate", []int{1}, nil, []float32{0.25, 3}},
			{"scalar", nil, nil, []float64{9}},
		},
	}
}

// The digest is of a file that scipy.io.netcdf_file (1.10.1) and xarray with netCDF-C 4.9.0 read to
// the values of example().
func TestWrite(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, Write(&out, example()))
	sum := sha256.Sum256(out.Bytes())
	require.Equal(t, "bfa8dcc2cf935070573c8b963074f70c066a727d73d1d7338e34246b99dbad41", hex.EncodeToString(sum[:]))
}

func TestText(t *testing.T) {
	data, width := Text([]string{"", ""})
	require.Equal(t, 1, width)
	require.Equal(t, []byte{0, 0}, data)
}

func TestBadInput(t *testing.T) {
	f := example()
	f.Dims[1].Len = 0
	require.ErrorContains(t, Write(&bytes.Buffer{}, f), "neuroid")
	f = example()
	f.Vars[0].Data = []float64{1}
	require.Panics(t, func() { Write(&bytes.Buffer{}, f) }) //nolint:errcheck // panics
}

package figure

import (
	"bytes"
	"image/png"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFormats(t *testing.T) {
	f, err := Curves("unit 3", Axis{Label: "spatial frequency (cycles/deg)", Log: true}, Axis{Label: "response (spikes/s)"},
		[]float64{0.5, 1, 2, 4}, Series{Name: "F0", Y: []float64{1, 2, math.NaN(), math.Inf(1)}}, Series{Name: "F1", Y: []float64{0, 1, 2, 3}, Dashed: true})
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, f.Write(&b, "png", 300, 200))
	img, err := png.Decode(&b)
	require.NoError(t, err)
	require.InDelta(t, 1.5, float64(img.Bounds().Dx())/float64(img.Bounds().Dy()), 0.02)
	svg, err := f.SVG(300, 200)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(svg, "<svg"))
	for _, label := range []string{"cycles/deg", "spikes/s", "unit 3", "F1"} {
		require.Contains(t, svg, label)
	}
	require.NotContains(t, svg, "NaN")
	require.Error(t, f.Write(&b, "gif", 10, 10))
}

func TestOtherFigures(t *testing.T) {
	f, err := Distributions("circular variance", "", []float64{0, 0.5, 1}, []int{1, 3}, []int{5, 5})
	require.NoError(t, err)
	svg, err := f.SVG(300, 200)
	require.NoError(t, err)
	require.Contains(t, svg, "macaque V1")
	f, err = Distributions("x", "deg", []float64{0, 0.5, 1}, []int{0, 0}, nil)
	require.NoError(t, err)
	svg, err = f.SVG(300, 200)
	require.NoError(t, err)
	require.NotContains(t, svg, "macaque")

	values := make([]float64, 9)
	values[2], values[3] = 1, math.NaN()
	f, err = Map("RF", []float64{-1, 0, 1}, []float64{1, 2, 3}, values)
	require.NoError(t, err)
	svg, err = f.SVG(200, 200)
	require.NoError(t, err)
	require.Contains(t, svg, "right of gaze (deg)")
	_, err = Map("RF", []float64{-1, 0, 1}, []float64{1, 2, 3}, values[:4])
	require.Error(t, err)
	_, err = Curves("flat", Axis{}, Axis{}, []float64{1, 2}, Series{Y: []float64{math.NaN(), math.NaN()}})
	require.NoError(t, err)
}

func TestFormatOfName(t *testing.T) {
	f, err := Format("a/b.SVG")
	require.NoError(t, err)
	require.Equal(t, "svg", f)
	_, err = Format("b.pdf")
	require.ErrorContains(t, err, ".png or .svg")
}

package figure

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
)

// table is rows of values as a plotter.GridXYZ, the first row on top.
type table struct{ values [][]float64 }

func (g table) Dims() (columns, rows int) { return len(g.values[0]), len(g.values) }
func (g table) Z(c, r int) float64        { return g.values[len(g.values)-1-r][c] }
func (g table) X(c int) float64           { return float64(c) }
func (g table) Y(r int) float64           { return float64(r) }

// Table plots a table of values between 0 and most as colours, with the values written on them. Rows
// are named at the left, the first on top, columns below.
func Table(title string, x Axis, rows, columns []string, values [][]float64, most float64) (Figure, error) {
	if len(rows) == 0 || len(columns) == 0 || len(values) != len(rows) {
		return Figure{}, fmt.Errorf("plot table: %d rows of values for %d names", len(values), len(rows))
	}
	p := newPlot(title, x, Axis{})
	colours := moreland.SmoothBlueRed()
	colours.SetMin(0)
	colours.SetMax(1)
	cells := table{values}
	heat := plotter.NewHeatMap(cells, reversed{colours.Palette(256).Colors()})
	heat.Min, heat.Max = 0, most
	p.Add(heat)
	var labels plotter.XYLabels
	for r := range rows {
		for c := range columns {
			v := cells.Z(c, r)
			if math.IsNaN(v) {
				continue
			}
			labels.XYs = append(labels.XYs, plotter.XY{X: float64(c), Y: float64(r)})
			labels.Labels = append(labels.Labels, fmt.Sprintf("%.1f", v))
		}
	}
	numbers, err := plotter.NewLabels(labels)
	if err != nil {
		return Figure{}, fmt.Errorf("plot table: %w", err)
	}
	for i := range numbers.TextStyle {
		numbers.TextStyle[i].XAlign, numbers.TextStyle[i].YAlign = text.XCenter, text.YCenter
		numbers.TextStyle[i].Font.Size = 8
	}
	p.Add(numbers)
	p.X.Tick.Marker, p.Y.Tick.Marker = names(columns, false), names(rows, true)
	return Figure{p}, nil
}

// reversed is a palette from its last colour to its first: red stands for little.
type reversed struct{ colours []color.Color }

// Colors returns the colours.
func (r reversed) Colors() []color.Color {
	out := make([]color.Color, len(r.colours))
	for i, c := range r.colours {
		out[len(out)-1-i] = c
	}
	return out
}

// names are ticks at whole numbers.
func names(list []string, down bool) plot.ConstantTicks {
	ticks := make(plot.ConstantTicks, len(list))
	for i, name := range list {
		at := i
		if down {
			at = len(list) - 1 - i
		}
		ticks[i] = plot.Tick{Value: float64(at), Label: " " + name}
	}
	return ticks
}

// WholeTicks puts the ticks of the x axis at whole numbers.
func (f Figure) WholeTicks() Figure {
	f.plot.X.Tick.Marker = whole{}
	return f
}

type whole struct{}

// Ticks returns the ticks between lo and hi.
func (whole) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for v := math.Ceil(lo); v <= hi; v++ {
		ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprint(v)})
	}
	return ticks
}

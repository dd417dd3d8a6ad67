// Package figure draws the plots of tuning curves, distributions and receptive-field maps, as PNG
// or SVG. Axes carry their units.
package figure

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"striate/internal/fault"
)

// The colours: of the network, of the recorded neurons, of a second curve, of marks, of more curves.
var (
	networkColour = color.RGBA{R: 0x1f, G: 0x5f, B: 0xa8, A: 0xff}
	macaqueColour = color.RGBA{R: 0xb0, G: 0xb0, B: 0xb0, A: 0xff}
	secondColour  = color.RGBA{R: 0xd0, G: 0x6a, B: 0x1c, A: 0xff}
	markColour    = color.RGBA{R: 0x60, G: 0x60, B: 0x60, A: 0xff}
	thirdColour   = color.RGBA{R: 0x2c, G: 0x8a, B: 0x4b, A: 0xff}
	fourthColour  = color.RGBA{R: 0x8e, G: 0x44, B: 0xad, A: 0xff}
)

// Axis is one axis of a plot: what it shows, in which unit.
type Axis struct {
	Label string
	Log   bool
}

// Series is one curve.
type Series struct {
	Name   string
	Y      []float64
	Dashed bool
}

// Figure is a plot that can be written.
type Figure struct{ plot *plot.Plot }

// Format returns the format that a file name asks for.
func Format(path string) (string, error) {
	switch lower := strings.ToLower(path); {
	case strings.HasSuffix(lower, ".png"):
		return "png", nil
	case strings.HasSuffix(lower, ".svg"):
		return "svg", nil
	}
	return "", fault.Misusef("%s: plots are written as .png or .svg", path)
}

// Write writes the figure as png or svg, of width×height points (72 an inch).
func (f Figure) Write(w io.Writer, format string, width, height float64) error {
	out, err := draw.NewFormattedCanvas(vg.Length(width), vg.Length(height), format)
	if err != nil {
		return fmt.Errorf("draw figure: %w", err)
	}
	f.plot.Draw(draw.Crop(draw.New(out), 4, -12, 2, -6)) // room for the labels at the ends of the axes
	if _, err := out.WriteTo(w); err != nil {
		return fmt.Errorf("write figure: %w", err)
	}
	return nil
}

// SVG returns the figure as an element that can stand in an HTML page.
func (f Figure) SVG(width, height float64) (string, error) {
	var b bytes.Buffer
	if err := f.Write(&b, "svg", width, height); err != nil {
		return "", err
	}
	_, element, found := strings.Cut(b.String(), "<svg")
	if !found {
		return "", fmt.Errorf("draw figure: no svg element")
	}
	return "<svg" + element, nil
}

func newPlot(title string, x, y Axis) *plot.Plot {
	p := plot.New()
	p.Title.Text = title
	p.X.Label.Text, p.Y.Label.Text = x.Label, y.Label
	if x.Log {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, octaves{}
	}
	p.Legend.Top, p.Legend.XOffs, p.Legend.YOffs = true, -4, -4
	p.Legend.Padding = 2
	p.Title.TextStyle.Font.Size, p.X.Label.TextStyle.Font.Size, p.Y.Label.TextStyle.Font.Size = 11, 10, 10
	p.X.Tick.Label.Font.Size, p.Y.Tick.Label.Font.Size, p.Legend.TextStyle.Font.Size = 9, 9, 9
	return p
}

// octaves puts the ticks of a logarithmic axis at 1, 2 and 5 times powers of ten.
type octaves struct{}

// Ticks returns the ticks between lo and hi.
func (octaves) Ticks(lo, hi float64) []plot.Tick {
	var ticks []plot.Tick
	for decade := math.Pow(10, math.Floor(math.Log10(lo))); decade <= hi; decade *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if v := decade * m; v >= lo && v <= hi {
				ticks = append(ticks, plot.Tick{Value: v, Label: fmt.Sprintf("%.3g", v)})
			}
		}
	}
	return ticks
}

// Curves plots series over the same x. Points that are no numbers are left out.
func Curves(title string, x, y Axis, at []float64, series ...Series) (Figure, error) {
	p := newPlot(title, x, y)
	p.Y.Min, p.Y.Max = 0, 0
	p.Add(plotter.NewGrid())
	colours := []color.Color{networkColour, secondColour, markColour, thirdColour, fourthColour}
	for k, s := range series {
		var points plotter.XYs
		for i, v := range s.Y {
			if !math.IsNaN(v) && !math.IsInf(v, 0) && !(x.Log && at[i] <= 0) {
				points = append(points, plotter.XY{X: at[i], Y: v})
			}
		}
		if len(points) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return Figure{}, fmt.Errorf("plot %s: %w", s.Name, err)
		}
		line.Color, line.Width = colours[k%len(colours)], vg.Points(1.5)
		dots.Color, dots.Shape, dots.Radius = line.Color, draw.CircleGlyph{}, vg.Points(2)
		if s.Dashed {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		p.Add(line, dots)
		if s.Name != "" {
			p.Legend.Add(s.Name, line)
		}
	}
	if p.Y.Max == p.Y.Min {
		p.Y.Max = p.Y.Min + 1
	}
	return Figure{p}, nil
}

// Distributions plots the shares of a network's units and of recorded neurons in bins. neurons may
// be nil. Bins are drawn equally wide, with their edges written under them: many are logarithmic.
func Distributions(title, unit string, edges []float64, units, neurons []int) (Figure, error) {
	p := newPlot(title, Axis{Label: unit}, Axis{Label: "share"})
	for _, d := range []struct {
		name   string
		counts []int
		colour color.Color
		line   bool
	}{{"macaque V1", neurons, macaqueColour, false}, {"network", units, networkColour, true}} {
		shares := share(d.counts)
		if shares == nil {
			continue
		}
		if d.line {
			steps, err := plotter.NewLine(outline(shares))
			if err != nil {
				return Figure{}, fmt.Errorf("plot distribution: %w", err)
			}
			steps.Color, steps.Width = d.colour, vg.Points(2)
			p.Add(steps)
			p.Legend.Add(d.name, steps)
			continue
		}
		area, err := plotter.NewPolygon(outline(shares))
		if err != nil {
			return Figure{}, fmt.Errorf("plot distribution: %w", err)
		}
		area.Color, area.LineStyle.Width = d.colour, 0
		p.Add(area)
		p.Legend.Add(d.name, area)
	}
	p.X.Min, p.X.Max, p.Y.Min = 0, float64(len(edges)-1), 0
	p.X.Tick.Marker = edgeTicks(edges)
	return Figure{p}, nil
}

// share is the counts over their sum; nil when that is 0.
func share(counts []int) []float64 {
	total := 0
	for _, c := range counts {
		total += c
	}
	if total == 0 {
		return nil
	}
	out := make([]float64, len(counts))
	for i, c := range counts {
		out[i] = float64(c) / float64(total)
	}
	return out
}

// outline is the line around the bars of a histogram.
func outline(shares []float64) plotter.XYs {
	line := plotter.XYs{{X: 0, Y: 0}}
	for i, s := range shares {
		line = append(line, plotter.XY{X: float64(i), Y: s}, plotter.XY{X: float64(i + 1), Y: s})
	}
	return append(line, plotter.XY{X: float64(len(shares)), Y: 0})
}

// edgeTicks writes the edges of bins; where there are many, some of them.
type edgeTicks []float64

// Ticks returns a tick an edge.
func (e edgeTicks) Ticks(float64, float64) []plot.Tick {
	every := (len(e) + 6) / 7
	var ticks []plot.Tick
	for i, v := range e {
		t := plot.Tick{Value: float64(i)}
		if i%every == 0 {
			if math.Abs(v) < 1e-9 {
				v = 0
			}
			t.Label = fmt.Sprintf("%.3g", v)
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// grid is a map of values over positions; rows go downward in the visual field.
type grid struct {
	rows, cols []float64
	values     []float64
}

func (g grid) Dims() (c, r int)   { return len(g.cols), len(g.rows) }
func (g grid) X(c int) float64    { return g.cols[c] }
func (g grid) Y(r int) float64    { return -g.rows[len(g.rows)-1-r] }
func (g grid) Z(c, r int) float64 { return g.values[(len(g.rows)-1-r)*len(g.cols)+c] }

// Map plots a map of values at positions in degrees: rows outermost and downward.
func Map(title string, rows, cols, values []float64) (Figure, error) {
	if len(values) != len(rows)*len(cols) {
		return Figure{}, fmt.Errorf("draw map: %d values for %d×%d places", len(values), len(rows), len(cols))
	}
	p := newPlot(title, Axis{Label: "right of gaze (deg)"}, Axis{Label: "above gaze (deg)"})
	clean := make([]float64, len(values))
	largest := 0.0
	for i, v := range values {
		if v > 0 && !math.IsInf(v, 0) {
			clean[i] = v
			largest = max(largest, v)
		}
	}
	colours := moreland.ExtendedBlackBody()
	colours.SetMin(0)
	colours.SetMax(1)
	heat := plotter.NewHeatMap(grid{rows, cols, clean}, colours.Palette(64))
	heat.Min, heat.Max = 0, max(largest, 1e-12)
	p.Add(heat)
	return Figure{p}, nil
}

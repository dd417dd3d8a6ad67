package run

import (
	"fmt"
	"io"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"striate/internal/atomicfile"
)

// Size of the drawing.
const (
	curvesWidth  = 24 * vg.Centimeter
	curvesHeight = 10 * vg.Centimeter
)

// DrawCurves draws loss and accuracy over the steps as curves.png and curves.svg.
func (f Folder) DrawCurves() error {
	rows, err := f.Rows()
	if err != nil {
		return err
	}
	loss, err := curves("Loss", "cross-entropy", rows, []curve{
		{"train", "train", func(r Row) float64 { return r.Loss }},
		{"validation", "val", func(r Row) float64 { return r.Loss }},
	})
	if err != nil {
		return err
	}
	accuracy, err := curves("Accuracy", "share of images", rows, []curve{
		{"train top-1", "train", func(r Row) float64 { return r.Top1 }},
		{"validation top-1", "val", func(r Row) float64 { return r.Top1 }},
		{"validation top-5", "val", func(r Row) float64 { return r.Top5 }},
	})
	if err != nil {
		return err
	}
	accuracy.Y.Min, accuracy.Y.Max = 0, 1
	accuracy.Legend.Top = false
	svg := vgsvg.New(curvesWidth, curvesHeight)
	image := vgimg.New(curvesWidth, curvesHeight)
	for _, canvas := range []vg.CanvasSizer{svg, image} {
		tiles := draw.Tiles{Rows: 1, Cols: 2, PadX: vg.Centimeter, PadRight: vg.Millimeter}
		parts := plot.Align([][]*plot.Plot{{loss, accuracy}}, tiles, draw.New(canvas))
		loss.Draw(parts[0][0])
		accuracy.Draw(parts[0][1])
	}
	for name, drawing := range map[string]io.WriterTo{"curves.svg": svg, "curves.png": vgimg.PngCanvas{Canvas: image}} {
		err := atomicfile.Write(filepath.Join(string(f), name), func(w io.Writer) error {
			_, err := drawing.WriteTo(w)
			return err
		})
		if err != nil {
			return fmt.Errorf("draw %s: %w", name, err)
		}
	}
	return nil
}

// curve is one line of a plot.
type curve struct {
	label, split string
	value        func(Row) float64
}

func curves(title, axis string, rows []Row, lines []curve) (*plot.Plot, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "step", axis
	p.Legend.Top = true
	p.Add(plotter.NewGrid())
	for k, c := range lines {
		var points plotter.XYs
		for _, r := range rows {
			if r.Split == c.split {
				points = append(points, plotter.XY{X: float64(r.Step), Y: c.value(r)})
			}
		}
		if len(points) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, fmt.Errorf("draw %s: %w", c.label, err)
		}
		line.Color, dots.Color = plotutil.Color(k), plotutil.Color(k)
		dots.Radius = vg.Points(1.5)
		p.Add(line, dots)
		p.Legend.Add(c.label, line)
	}
	return p, nil
}

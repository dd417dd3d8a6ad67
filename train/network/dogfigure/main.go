// Command dogfigure draws the kernels of the difference-of-Gaussians component at initialisation, as
// the authors coded it and as the paper describes it: docs/figures/dog.png.
package main

import (
	"flag"
	"fmt"
	"image/color"
	"io"
	"math"
	"os"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"striate/internal/atomicfile"
	"striate/train/network"
)

// pairs is the number of kernels drawn of each kind.
const pairs = 16

func main() {
	out := flag.String("out", "docs/figures/dog.png", "file to write")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "dogfigure:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	var panels []*plot.Plot
	for _, p := range []struct {
		kind  network.DoG
		title string
	}{{network.CodedDoG, "--dog coded (the authors' code)"}, {network.ClassicalDoG, "--dog classical (the paper's words)"}} {
		panel, err := panel(p.kind, p.title)
		if err != nil {
			return err
		}
		panels = append(panels, panel)
	}
	canvas := vgimg.PngCanvas{Canvas: vgimg.NewWith(vgimg.UseWH(22*vg.Centimeter, 9*vg.Centimeter), vgimg.UseDPI(120))}
	tiles := draw.Tiles{Rows: 1, Cols: 2, PadX: vg.Centimeter}
	for i, c := range plot.Align([][]*plot.Plot{panels}, tiles, draw.New(canvas))[0] {
		panels[i].Draw(c)
	}
	return atomicfile.Write(path, func(w io.Writer) error {
		_, err := canvas.WriteTo(w)
		return err
	})
}

// panel draws the first kernels of the first block of the network center_surround.
func panel(kind network.DoG, title string) (*plot.Plot, error) {
	d, err := network.Flags{Network: "center_surround", DoG: kind}.Description()
	if err != nil {
		return nil, err
	}
	store := model.NewStore()
	if err := d.Init(store, network.Random(0), dtypes.Float32); err != nil {
		return nil, err
	}
	if err := d.Freeze(store); err != nil {
		return nil, err
	}
	values, err := store.GetVariable("/layer1.0.dog.kernel").Value()
	if err != nil {
		return nil, err
	}
	kernels, err := tensors.CopyFlatData[float32](values)
	if err != nil {
		return nil, err
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "distance from the centre (pixels)", "weight"
	p.Add(plotter.NewGrid())
	for k := range pairs {
		line, points, err := plotter.NewLinePoints(profile(kernels[25*k:][:25]))
		if err != nil {
			return nil, err
		}
		shade := uint8(30 + 140*k/pairs)
		line.Color, points.Color = color.RGBA{B: shade, R: 200 - shade, A: 255}, color.RGBA{B: shade, R: 200 - shade, A: 255}
		points.Radius = vg.Points(1.5)
		p.Add(line, points)
	}
	return p, nil
}

// profile is the weight of a 5×5 kernel at each of its six distances from the centre.
func profile(kernel []float32) plotter.XYs {
	var line plotter.XYs
	for _, at := range [][2]int{{0, 0}, {0, 1}, {1, 1}, {0, 2}, {1, 2}, {2, 2}} {
		line = append(line, plotter.XY{X: math.Hypot(float64(at[0]), float64(at[1])), Y: float64(kernel[5*(2+at[0])+2+at[1]])})
	}
	return line
}

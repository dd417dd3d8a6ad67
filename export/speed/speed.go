// Package speed measures how fast ONNX Runtime runs models, several side by side: on a machine that
// does other work too, only measurements taken in turn can be compared.
package speed

import (
	"context"
	"fmt"
	"slices"
	"time"

	"striate/export"
	"striate/export/onnx"
	"striate/export/ortrun"
	"striate/internal/cputime"
	"striate/internal/fault"
	"striate/train/network"
)

// Model is a model to be measured: up to its last output, for images of the size it takes.
type Model struct {
	Name string
	ONNX *onnx.Model
}

// Row is what was measured of a model for a size of batch.
type Row struct {
	Model string `json:"model"`
	Nodes int    `json:"nodes"`
	Bytes int    `json:"bytes"`
	Batch int    `json:"batch"`
	// ImagesPerSecond is that of the fastest run, Median that of the median run.
	ImagesPerSecond float64 `json:"images_per_s"`
	Median          float64 `json:"median_images_per_s"`
	// CPU is processor time an image in the run that took least, all cores together, seconds.
	CPU  float64 `json:"cpu_s_per_image"`
	Runs int     `json:"runs"`
}

// Measure runs the models in turn for each batch size, for the seconds given on average, and returns
// rows ordered by batch, then model. threads is the number of cores, 0 for all.
func Measure(ctx context.Context, models []Model, batches []int, seconds float64, threads int) ([]Row, error) {
	var rows []Row
	subjects := make([]*subject, len(models))
	for i, m := range models {
		s, err := open(m, threads)
		if err != nil {
			return nil, fmt.Errorf("measuring %s: %w", m.Name, err)
		}
		defer s.session.Close() //nolint:errcheck // freeing memory
		subjects[i] = s
	}
	for _, batch := range batches {
		for _, s := range subjects {
			s.start(batch)
		}
		end := time.Now().Add(time.Duration(seconds * float64(len(subjects)) * float64(time.Second)))
		for time.Now().Before(end) || len(subjects[0].walls) < 3 {
			for _, s := range subjects {
				if err := s.turn(ctx); err != nil {
					return nil, fmt.Errorf("measuring %s: %w", s.row.Model, err)
				}
			}
		}
		for _, s := range subjects {
			rows = append(rows, s.result())
		}
	}
	return rows, nil
}

// subject is a model under measurement.
type subject struct {
	session     *ortrun.Session
	row         Row
	dims        []int
	input       export.Tensor
	walls, cpus []float64 // seconds
}

func open(m Model, threads int) (*subject, error) {
	inputs, outputs := m.ONNX.Inputs(), m.ONNX.Outputs()
	if len(inputs) != 1 || len(inputs[0].Shape) != 4 || inputs[0].Shape[0].Size >= 0 {
		return nil, fault.Invalidf("its inputs are not one batch of images of open size")
	}
	last := outputs[len(outputs)-1].Name
	cut, err := onnx.Cut(m.ONNX, []string{last})
	if err != nil {
		return nil, err
	}
	data, err := cut.Encode()
	if err != nil {
		return nil, err
	}
	session, err := ortrun.Open(data, []string{inputs[0].Name}, []string{last}, threads)
	if err != nil {
		return nil, err
	}
	s := &subject{session: session, row: Row{Model: m.Name, Nodes: len(cut.Nodes()), Bytes: len(data)}}
	for _, d := range inputs[0].Shape[1:] {
		s.dims = append(s.dims, int(d.Size))
	}
	return s, nil
}

func (s *subject) start(batch int) {
	s.walls, s.cpus = nil, nil
	s.row.Batch = batch
	s.input.Dims = append([]int{batch}, s.dims...)
	s.input.Data = make([]float32, batch*s.dims[0]*s.dims[1]*s.dims[2])
	network.NewStream("speed", 0).Fill(s.input.Data, -1, 2)
}

// turn runs a model for a while. Its first run is not counted: the caches hold another model, whose
// threads may still be looking for work.
func (s *subject) turn(ctx context.Context) error {
	const while = 300 * time.Millisecond
	begin, counted := time.Now(), len(s.walls)
	if err := s.run(ctx); err != nil {
		return err
	}
	s.walls, s.cpus = s.walls[:counted], s.cpus[:counted]
	for len(s.walls) == counted || time.Since(begin) < while {
		if err := s.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *subject) run(ctx context.Context) error {
	wall, cpu := time.Now(), cputime.Seconds()
	if _, err := s.session.Run(ctx, []export.Tensor{s.input}); err != nil {
		return err
	}
	s.cpus = append(s.cpus, cputime.Seconds()-cpu)
	s.walls = append(s.walls, time.Since(wall).Seconds())
	return nil
}

func (s *subject) result() Row {
	r := s.row
	slices.Sort(s.walls)
	r.Runs = len(s.walls)
	r.ImagesPerSecond = float64(r.Batch) / s.walls[0]
	r.Median = float64(r.Batch) / s.walls[len(s.walls)/2]
	r.CPU = slices.Min(s.cpus) / float64(r.Batch)
	return r
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"text/tabwriter"
	"time"

	"gonum.org/v1/gonum/stat"

	"striate/internal/fault"
	"striate/internal/npy"
	"striate/internal/progress"
	"striate/serve"
	"striate/serve/engine"
)

type benchServeCmd struct {
	Model  string `help:"Name in the models folder." default:"voneblock"`
	Layer  string `help:"Layer to ask for." default:"v1"`
	Models string `help:"Models folder; default: the one of the installation." placeholder:"DIR" env:"STRIATE_MODELS"`
	Device string `help:"auto, cpu, cuda or cuda:N." default:"auto" env:"STRIATE_DEVICE"`
	Batch  []int  `help:"Images a query." default:"1,32"`
	Runs   int    `help:"Queries measured for each batch, after a tenth as many to warm up." default:"50"`
}

// Help shows an example.
func (benchServeCmd) Help() string {
	return `Example: striate bench serve --batch 1,32

Times queries with an array in and an array out (application/x-npy) over loopback, and the same
images put through the same session without HTTP, in turn. The overhead is the difference.`
}

// Run measures and prints a table.
func (c *benchServeCmd) Run(ctx context.Context, g *globals) error {
	if c.Runs < 2 || slices.Min(c.Batch) < 1 {
		return fault.Misusef("--runs must be at least 2 and --batch at least 1")
	}
	folder, err := engine.NewFolder(modelsFolder(c.Models))
	if err != nil {
		return err
	}
	m, err := folder.Get(c.Model)
	if err != nil {
		return err
	}
	if err := m.HasLayers([]string{c.Layer}); err != nil {
		return err
	}
	e, err := engine.New(engine.Config{Device: c.Device, MaxBatch: slices.Max(c.Batch)})
	if err != nil {
		return err
	}
	defer e.Close()
	server, err := serve.New(serve.Config{Engine: e, Models: folder, Limits: serve.Limits{Body: 1 << 32, Images: slices.Max(c.Batch), Elements: 1 << 40}})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on loopback: %w", err)
	}
	serving, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(serving, listener) }()
	url := fmt.Sprintf("http://%s/api/v1/models/%s/activations?layers=%s", listener.Addr(), c.Model, c.Layer)
	err = c.measure(ctx, g, e, m, url)
	http.DefaultClient.CloseIdleConnections()
	stop()
	if serr := <-ended; err == nil {
		err = serr
	}
	return err
}

func (c *benchServeCmd) measure(ctx context.Context, g *globals, e *engine.Engine, m *engine.Model, url string) error {
	channels, height, width, err := m.ImageSize()
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(g.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(g.Stdout, "%s, layer %s, on %s (%s); milliseconds, median of %d\n", c.Model, c.Layer, e.Device().Chosen, e.Device().Runtime, c.Runs)
	fmt.Fprintln(table, "images\tanswer MB\tsession p50\tp99\tHTTP p50\tp99\toverhead p50\tp99\t")
	for _, n := range c.Batch {
		in := engine.Array{Sample: []int{channels, height, width}, Data: make([]float32, n*channels*height*width)}
		for i := range in.Data {
			in.Data[i] = float32(i%255)/127 - 1
		}
		body := npy.Encode(append([]int{n}, in.Sample...), in.Data)
		bar := progress.New(g.Stderr, fmt.Sprintf("%d images", n), int64(2*c.Runs), g.Quiet)
		var bare, web []float64
		size := int64(0)
		for i := -c.Runs / 10; i < c.Runs; i++ {
			begun := time.Now()
			if err := e.Responses(ctx, m, []string{c.Layer}, in, func(int, []engine.Response) error { return nil }); err != nil {
				return err
			}
			middle := time.Now()
			if size, err = query(ctx, url, body); err != nil {
				return err
			}
			if i >= 0 {
				bare = append(bare, middle.Sub(begun).Seconds()*1e3)
				web = append(web, time.Since(middle).Seconds()*1e3)
				bar.Add(2)
			}
		}
		bar.Close()
		p := func(p float64, v []float64) float64 { return stat.Quantile(p, stat.Empirical, v, nil) }
		slices.Sort(bare)
		slices.Sort(web)
		fmt.Fprintf(table, "%d\t%.1f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t%.2f\t\n", n, float64(size)/1e6,
			p(0.5, bare), p(0.99, bare), p(0.5, web), p(0.99, web), p(0.5, web)-p(0.5, bare), p(0.99, web)-p(0.99, bare))
	}
	return table.Flush()
}

// query posts an array and reads the answer to its end; it returns the answer's length in bytes.
func query(ctx context.Context, url string, body []byte) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/x-npy")
	request.Header.Set("Accept", "application/x-npy")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<12))
		return 0, fmt.Errorf("the server answered %s: %s", answer.Status, text)
	}
	return io.Copy(io.Discard, answer.Body)
}

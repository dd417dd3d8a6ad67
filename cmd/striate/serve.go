package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"striate/internal/fault"
	"striate/internal/picture"
	"striate/serve"
	"striate/serve/engine"
)

type serveCmd struct {
	Listen string `help:"Address to answer on." default:"127.0.0.1:8080" env:"STRIATE_LISTEN"`
	Models string `help:"Models folder; default: the one of the installation." placeholder:"DIR" env:"STRIATE_MODELS"`
	Data   string `help:"Folder for what the server keeps, temporary files included; default: the system's temporary folder." placeholder:"DIR" env:"STRIATE_DATA"`
	Device string `help:"auto, cpu, cuda or cuda:N." default:"auto" env:"STRIATE_DEVICE"`

	Frost string `help:"Folder of the pictures that the corruption frost needs." placeholder:"DIR" env:"STRIATE_FROST"`

	MemoryLimit int64 `help:"MiB of sessions kept loaded." default:"2048" env:"STRIATE_MEMORY_LIMIT"`
	MaxBody     int64 `help:"MiB of a request's body." default:"64" env:"STRIATE_MAX_BODY"`
	MaxImages   int   `help:"Images of a request." default:"512" env:"STRIATE_MAX_IMAGES"`
	MaxElements int64 `help:"Values of an answer as an array." default:"536870912" env:"STRIATE_MAX_ELEMENTS"`
	MaxJSON     int64 `help:"Values of an answer in JSON." default:"8388608" env:"STRIATE_MAX_JSON" name:"max-json"`
	MaxPixels   int64 `help:"Pixels of a picture." default:"33554432" env:"STRIATE_MAX_PIXELS"`
}

// Help shows an example.
func (serveCmd) Help() string {
	return `Example: striate serve --listen 127.0.0.1:8080 --models models/

Answers until it is interrupted; then lets running requests end. The page at /docs shows the routes.`
}

// Run serves until the context ends.
func (c *serveCmd) Run(ctx context.Context, g *globals) error {
	if err := c.check(); err != nil {
		return err
	}
	models, err := engine.NewFolder(modelsFolder(c.Models))
	if err != nil {
		return err
	}
	if c.Data != "" {
		if err := os.MkdirAll(c.Data, 0o755); err != nil {
			return fault.Invalidf("--data %s: %w", c.Data, err)
		}
	}
	e, err := engine.New(engine.Config{Device: c.Device, MemoryLimit: c.MemoryLimit << 20})
	if err != nil {
		return err
	}
	defer e.Close()
	log := slog.New(slog.NewJSONHandler(g.Stderr, nil))
	if g.Quiet {
		log = slog.New(slog.DiscardHandler)
	}
	server, err := serve.New(serve.Config{Engine: e, Models: models, Scratch: c.Data, Frost: c.Frost, Log: log, Limits: serve.Limits{
		Body: c.MaxBody << 20, Images: c.MaxImages, Elements: c.MaxElements, JSON: c.MaxJSON, Picture: picture.Limits{MaxPixels: c.MaxPixels}}})
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fault.Unavailablef("cannot listen on %s (%w): is another server there? choose another address with --listen", c.Listen, err)
	}
	if err := c.greet(g, listener.Addr().String(), models, e.Device()); err != nil {
		return err
	}
	return server.Serve(ctx, listener)
}

// check refuses flags that no server could work with.
func (c *serveCmd) check() error {
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		return fault.Misusef("--listen %s: give HOST:PORT, as in 127.0.0.1:8080, or :8080 for every address of the machine", c.Listen)
	}
	for flag, value := range map[string]int64{"memory-limit": c.MemoryLimit, "max-body": c.MaxBody, "max-images": int64(c.MaxImages),
		"max-elements": c.MaxElements, "max-json": c.MaxJSON, "max-pixels": c.MaxPixels} {
		if value < 1 {
			return fault.Misusef("--%s %d: a limit is at least 1", flag, value)
		}
	}
	if info, err := os.Stat(c.Frost); c.Frost != "" && (err != nil || !info.IsDir()) {
		return fault.Misusef("--frost %s: there is no such folder", c.Frost)
	}
	return nil
}

// greet prints the address and a command that returns activations.
func (c *serveCmd) greet(g *globals, address string, models *engine.Folder, device engine.Device) error {
	good, broken, err := models.List()
	if err != nil {
		return err
	}
	fmt.Fprintf(g.Stdout, "striate answers on http://%s (%s, %s, models in %s: %d)\n", address, device.Chosen, device.Runtime, models.Dir(), len(good))
	for _, b := range broken {
		fmt.Fprintf(g.Stdout, "not served: %s\n", b.Error)
	}
	if len(good) == 0 {
		fmt.Fprintln(g.Stdout, "put .onnx files into the models folder: they are seen at once")
		return nil
	}
	m := good[0]
	for _, candidate := range good {
		if candidate.Card.V1Layer != "" {
			m = candidate
			break
		}
	}
	layer := m.Card.V1Layer
	if layer == "" {
		layer = m.Layers[len(m.Layers)-1].Name
	}
	image := "photo.png"
	if example := filepath.Join(filepath.Dir(models.Dir()), "docs", "figures", "grating.png"); exists(example) {
		image = example
	}
	fmt.Fprintf(g.Stdout, "try: curl -F image=@%s -H 'Accept: application/x-npy' -o %s.npy 'http://%s/api/v1/models/%s/activations?layers=%s'\n", image, layer, address, m.Name, layer)
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

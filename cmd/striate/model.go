package main

import (
	"os"
	"path/filepath"

	"striate/internal/card"
	"striate/serve/engine"
)

// modelFlags name a model and what it runs on; commands that use one embed them.
type modelFlags struct {
	Model         string `help:"Name in the models folder, or path of an .onnx file." required:"" placeholder:"MODEL"`
	Models        string `help:"Models folder; default: the one of the installation." placeholder:"DIR" env:"STRIATE_MODELS"`
	Device        string `help:"auto, cpu, cuda or cuda:N." default:"auto" env:"STRIATE_DEVICE"`
	card.Override `embed:""`
}

// find reads the model and lets the flags correct its card.
func (f modelFlags) find() (*engine.Model, error) {
	m, err := engine.Find(modelsFolder(f.Models), f.Model)
	if err != nil {
		return nil, err
	}
	c, err := f.Apply(m.Card)
	if err != nil {
		return nil, err
	}
	return m.WithCard(c), nil
}

// open reads the model and opens an engine, which the caller closes.
func (f modelFlags) open() (*engine.Engine, *engine.Model, error) {
	m, err := f.find()
	if err != nil {
		return nil, nil, err
	}
	e, err := engine.New(engine.Config{Device: f.Device})
	if err != nil {
		return nil, nil, err
	}
	return e, m, nil
}

// modelsFolder is the folder that was asked for, else the one beside the program's folder
// (bin/../models), else ./models.
func modelsFolder(asked string) string {
	if asked != "" {
		return asked
	}
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		dir := filepath.Join(filepath.Dir(filepath.Dir(exe)), "models")
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir
		}
	}
	return "models"
}

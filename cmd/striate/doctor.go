package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"striate/internal/fault"
	"striate/internal/ortlib"
	"striate/internal/provenance"
	"striate/serve/engine"
)

type doctorCmd struct {
	JSON   bool   `help:"Print the findings as JSON." name:"json"`
	Models string `help:"Models folder; default: the one of the installation." placeholder:"DIR" env:"STRIATE_MODELS"`
}

// Help shows an example.
func (doctorCmd) Help() string { return "Example: striate doctor" }

// finding is one thing that was looked at.
type finding struct {
	What  string `json:"what"`
	OK    bool   `json:"ok"`
	Found string `json:"found"`
	Mend  string `json:"mend,omitempty"`
}

// Run looks at what striate needs and says what to do where something is missing. It fails when the
// server could not start.
func (c *doctorCmd) Run(g *globals) error {
	findings, err := examine(modelsFolder(c.Models))
	if c.JSON {
		enc := json.NewEncoder(g.Stdout)
		enc.SetIndent("", "  ")
		if jerr := enc.Encode(map[string]any{"version": provenance.Version(), "findings": findings, "searched": ortlib.Tried()}); jerr != nil {
			return jerr
		}
	} else {
		printFindings(g.Stdout, findings)
	}
	return err
}

func printFindings(w io.Writer, findings []finding) {
	for _, f := range findings {
		mark := "ok     "
		if !f.OK {
			mark = "missing"
		}
		fmt.Fprintf(w, "%s  %-14s %s\n", mark, f.What, f.Found)
		if f.Mend != "" {
			fmt.Fprintf(w, "         %-14s → %s\n", "", f.Mend)
		}
	}
}

func examine(models string) ([]finding, error) {
	list := []finding{{"striate", true, fmt.Sprintf("%s, %s %s/%s, %d threads", provenance.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0)), ""}}
	lib, err := ortlib.Open()
	if err != nil {
		list = append(list, finding{"ONNX Runtime", false, err.Error(), "run 'make setup' in the checkout, or set " + ortlib.EnvVar})
		return list, fault.Unavailablef("ONNX Runtime is missing: nothing can be served until it is there")
	}
	list = append(list, finding{"ONNX Runtime", true, fmt.Sprintf("%s at %s (%s)", lib.Version, lib.Path, lib.Source), ""})
	for _, t := range ortlib.Tried() {
		if t.Error != "" {
			list = append(list, finding{"", false, fmt.Sprintf("%s was passed over: %s", t.Path, t.Error), "remove it, or set " + ortlib.EnvVar + " to the library to use"})
		}
	}
	e, err := engine.New(engine.Config{Device: "auto"})
	if err != nil {
		return append(list, finding{"device", false, err.Error(), ""}), err
	}
	defer e.Close()
	list = append(list, device(e.Device()), xla())
	folder, err := engine.NewFolder(models)
	if err != nil {
		return append(list, finding{"models", false, err.Error(), "make the folder or name one with --models"}), nil
	}
	good, broken, err := folder.List()
	if err != nil {
		return list, err
	}
	names := make([]string, len(good))
	for i, m := range good {
		names[i] = m.Name
	}
	list = append(list, finding{"models", len(good) > 0, fmt.Sprintf("%d in %s: %s", len(good), models, strings.Join(names, ", ")), ""})
	for _, b := range broken {
		list = append(list, finding{"", false, b.Error, "replace the file or move it out of the folder"})
	}
	return list, nil
}

func device(d engine.Device) finding {
	f := finding{"device", true, d.Chosen, ""}
	if d.Chosen == "cpu" {
		f.Found += " (" + d.Reason + ")"
		shared := filepath.Join(filepath.Dir(d.Runtime.Path), "libonnxruntime_providers_shared.so")
		if _, err := os.Stat(shared); err != nil {
			f.Mend = "for a GPU: put the GPU build of ONNX Runtime with libonnxruntime_providers_shared.so and libonnxruntime_providers_cuda.so in one folder and set " + ortlib.EnvVar
		}
	}
	return f
}

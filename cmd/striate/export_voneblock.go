package main

import (
	"encoding/json"
	"fmt"
	"os"

	"striate/export/onnx"
	"striate/export/voneblock"
	"striate/internal/fault"
	"striate/internal/provenance"
)

// voneblockFlags are the flags of `export` of the V1 front end; degrees are every network's.
type voneblockFlags struct {
	ImageSize  int     `help:"voneblock: pixels of the input." default:"224"`
	Degrees    float64 `help:"Degrees of visual angle that the input spans." default:"8"`
	Units      int     `help:"voneblock: number of units, half simple and half complex." default:"512"`
	Parameters string  `help:"voneblock: JSON file with the units' parameters, instead of drawing them." type:"existingfile" placeholder:"FILE"`
}

// unitsFile is the layout of --parameters: one list a parameter, simple units first.
type unitsFile struct {
	ImageSize   int       `json:"image_size"`
	Degrees     float64   `json:"visual_degrees"`
	Frequency   []float64 `json:"spatial_frequency_cpd"`
	Orientation []float64 `json:"orientation_deg"`
	Phase       []float64 `json:"phase_deg"`
	NX          []float64 `json:"nx"`
	NY          []float64 `json:"ny"`
	Channel0    []int     `json:"input_channel_q0"`
	Channel1    []int     `json:"input_channel_q1"`
}

// buildVOneBlock makes the V1 front end from the published distributions and a seed, or from a file.
func buildVOneBlock(f voneblockFlags, seed uint64) (*onnx.Model, error) {
	params, err := voneblock.Params{}, error(nil)
	if f.Parameters != "" {
		params, err = readUnits(f.Parameters)
	} else {
		params, err = voneblock.Draw(f.ImageSize, f.Degrees, f.Units, seed)
	}
	if err != nil {
		return nil, err
	}
	return params.Model(provenance.Version())
}

func readUnits(path string) (voneblock.Params, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return voneblock.Params{}, fmt.Errorf("read parameters: %w", err)
	}
	var f unitsFile
	if err := json.Unmarshal(text, &f); err != nil {
		return voneblock.Params{}, fault.Invalidf("parameters %s: %v", path, err)
	}
	n := len(f.Frequency)
	for name, have := range map[string]int{"orientation_deg": len(f.Orientation), "phase_deg": len(f.Phase), "nx": len(f.NX), "ny": len(f.NY),
		"input_channel_q0": len(f.Channel0), "input_channel_q1": len(f.Channel1)} {
		if have != n {
			return voneblock.Params{}, fault.Invalidf("parameters %s: %s has %d entries, spatial_frequency_cpd %d: one a unit is needed in each list", path, name, have, n)
		}
	}
	p := voneblock.Params{Size: f.ImageSize, Degrees: f.Degrees, Origin: "parameters " + provenance.Digest(text)}
	for i := range n {
		p.Units = append(p.Units, voneblock.Unit{Orientation: f.Orientation[i], Frequency: f.Frequency[i], Phase: f.Phase[i],
			NX: f.NX[i], NY: f.NY[i], Channel0: f.Channel0[i], Channel1: f.Channel1[i]})
	}
	return p, nil
}

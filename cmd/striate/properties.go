package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"striate/analysis/v1score"
	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/provenance"
	"striate/internal/v1data"
	"striate/serve/report"
)

type propertiesCmd struct {
	Responses string `help:"Folder of blank, receptive_field, orientation, spatial_frequency, size and optionally texture.npy: unit × image." required:"" placeholder:"DIR"`
	Out       string `help:"Table to write; the population's summary goes beside it, as .json." required:"" placeholder:"P.csv"`
}

// Help shows an example.
func (propertiesCmd) Help() string {
	return `Example: striate properties --responses responses/ --out properties.csv

The table has a line for each unit that passes an assay's threshold and each property. Columns of the
arrays are the images of the sets in the order in which 'striate stimuli' numbers them.`
}

// Run measures the properties.
func (c *propertiesCmd) Run(g *globals) error {
	summary, ok := strings.CutSuffix(c.Out, ".csv")
	if !ok {
		return fault.Misusef("--out %s: the table's name must end in .csv", c.Out)
	}
	responses, err := v1data.ReadResponses(c.Responses)
	if err != nil {
		return err
	}
	m, err := v1score.Measure(responses.Sets)
	if err != nil {
		return unmeasurable(err, c.Responses, responses.NotFinite)
	}
	warn(g, responses.Warnings...)
	if len(m.InField) == 1 {
		warn(g, "one unit alone looks at the stimuli: its own responses set the scale of its firing rates")
	}
	err = atomicfile.Write(c.Out, func(w io.Writer) error { return v1data.WriteProperties(w, m.Tables, m.InField) })
	if err != nil {
		return err
	}
	made := provenance.Record{Version: provenance.Version(), Parameters: map[string]any{"responses": c.Responses}}
	return writeJSON(summary+".json", report.NewPopulation(m, responses.Warnings, made), "")
}

// unmeasurable tells the user what a population that cannot be measured lacks. notFinite are the
// responses that may be why.
func unmeasurable(err error, what string, notFinite []string) error {
	switch {
	case errors.Is(err, v1score.ErrNoField):
		return fault.Invalidf("%s: %w", what, err)
	case errors.Is(err, v1score.ErrSilent):
		if len(notFinite) > 0 {
			return fault.Invalidf("%s: among the units that look at the stimuli, %w; one NaN in the orientation set has this effect, and %s", what, err, strings.Join(notFinite, "; "))
		}
		return fault.Invalidf("%s: among the units that look at the stimuli, %w", what, err)
	}
	return err
}

// warn prints lines that do not stop the work.
func warn(g *globals, lines ...string) {
	for _, line := range lines {
		fmt.Fprintln(g.Stderr, "striate: warning:", line)
	}
}

// writeJSON writes v, indented by indent; "" gives one line.
func writeJSON(path string, v any, indent string) error {
	return atomicfile.Write(path, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", indent)
		return e.Encode(v)
	})
}

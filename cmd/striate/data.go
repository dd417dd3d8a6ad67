package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/neural"
	"striate/internal/progress"
)

// dataCmd brings recordings of others in, and ours out.
type dataCmd struct {
	Fetch  dataFetchCmd  `cmd:"" help:"Download a file that Brain-Score publishes, and verify it."`
	Import dataImportCmd `cmd:"" help:"Turn Brain-Score's netCDF-4 assemblies into folders of arrays and tables."`
	Export dataExportCmd `cmd:"" help:"Turn a recording in the folder form into one .nc (netCDF-3) or .npz file."`

	Gratings dataGratingsCmd `cmd:"" help:"Describe the orientation tuning of neurons recorded with gratings."`
	Reports  dataReportsCmd  `cmd:"" help:"Put reports of predictivity into one table and figure."`
}

// Help shows an example.
func (dataCmd) Help() string {
	return `Example: striate data fetch Ringach2002 --out brainscore/`
}

type dataFetchCmd struct {
	Name []string `arg:"" optional:"" help:"Names of published files, all, or an http(s) address."`
	SHA1 string   `name:"sha1" help:"SHA-1 of the file at an address." placeholder:"HEX"`
	Out  string   `help:"Folder to write to." default:"." placeholder:"DIR"`
}

// Help shows an example.
func (dataFetchCmd) Help() string {
	return `Example: striate data fetch Ringach2002 FreemanZiemba2013_V1_properties --out brainscore/

Without a name it lists the names. The files belong to their authors: mind the terms under which they
publish them.`
}

// Run downloads, or lists.
func (c *dataFetchCmd) Run(ctx context.Context, g *globals) error {
	names := c.Name
	if len(names) == 0 {
		for _, p := range neural.PublishedFiles() {
			fmt.Fprintf(g.Stdout, "%-32s %4d neurons, stimuli %s\n", p.Name, p.Neurons, p.StimulusSet)
		}
		return nil
	}
	if len(names) == 1 && names[0] == "all" {
		names = neural.PublishedNames()
	}
	for _, name := range names {
		p, err := neural.Find(name, c.SHA1)
		if err != nil {
			return err
		}
		var bar *progress.Bar
		file, err := p.Fetch(ctx, c.Out, func(total int64) {
			bar = progress.New(g.Stderr, p.Name+" bytes", total, g.Quiet)
		}, func(n int) { bar.Add(n) })
		if err != nil {
			return err
		}
		bar.Close()
		fmt.Fprintln(g.Stdout, file)
	}
	return nil
}

type dataImportCmd struct {
	Files   []string `arg:"" help:"Assemblies (.nc)." placeholder:"FILE.nc"`
	Stimuli string   `help:"Table of the stimulus set; images come from the .zip of the same name beside it." placeholder:"S.csv"`
	Out     string   `help:"Folder to write; with several files, one folder a file inside it." required:"" placeholder:"DIR"`
	Region  string   `help:"Only the neurons of this region, e.g. V1." placeholder:"REGION"`
	Window  string   `help:"Average the time bins from FROM to TO, e.g. 50:200 (ms, as Brain-Score's V1 predictivity); default: all." placeholder:"FROM:TO"`
	Assay   string   `help:"Assay of an assembly of properties, where its name does not say." placeholder:"ASSAY"`
}

// Help shows an example.
func (dataImportCmd) Help() string {
	return `Example: striate data import assy_movshon_FreemanZiemba2013.nc --stimuli stimulus_movshon_FreemanZiemba2013.csv --region V1 --window 50:200 --out freeman/
Example: striate data import assy_shapley_Ringach2002.nc assy_movshon_FreemanZiemba2013_V1_properties.nc --out macaque/

data.npy holds the array, NAME.csv the coordinates along its dimension NAME, assembly.json the rest.
Responses to stimuli are written as a recording that 'striate predictivity --neural' reads. Properties
of neurons are written as properties.csv, of all files together, which 'striate similarity
--distributions' reads.`
}

// Run converts the files.
func (c *dataImportCmd) Run(ctx context.Context, g *globals) error {
	from, to, err := window(c.Window)
	if err != nil {
		return err
	}
	o := neural.Import{Selection: neural.Selection{Region: c.Region, From: from, To: to}, Stimuli: c.Stimuli, Assay: c.Assay}
	var properties *neural.Table
	for _, file := range c.Files {
		dir := c.Out
		if len(c.Files) > 1 {
			dir = filepath.Join(c.Out, strings.TrimSuffix(filepath.Base(file), ".nc"))
		}
		table, err := c.one(ctx, g, file, dir, o)
		if err != nil {
			return err
		}
		if table != nil && properties == nil {
			properties = table
		} else if table != nil {
			properties.Rows = append(properties.Rows, table.Rows...)
		}
	}
	if properties != nil && len(c.Files) > 1 {
		return properties.Write(filepath.Join(c.Out, "properties.csv"))
	}
	return nil
}

// one converts a file and returns its properties, if it has any.
func (c *dataImportCmd) one(ctx context.Context, g *globals, file, dir string, o neural.Import) (*neural.Table, error) {
	a, err := neural.OpenAssembly(ctx, file)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	bar := progress.New(g.Stderr, "images", -1, g.Quiet || o.Stimuli == "")
	notes, err := a.Write(ctx, dir, o, bar.Add)
	if err != nil {
		return nil, err
	}
	bar.Close()
	warn(g, notes...)
	fmt.Fprintf(g.Stdout, "%s: %s %v → %s\n", a.Identifier(), strings.Join(a.Dims, " × "), a.Shape, dir)
	if !a.HasProperties() {
		return nil, nil
	}
	table, _, err := a.Properties(ctx, o.Assay)
	return table, err
}

// window reads FROM:TO; an empty text is 0, 0.
func window(text string) (from, to float64, err error) {
	if text == "" {
		return 0, 0, nil
	}
	a, b, ok := strings.Cut(text, ":")
	from, err1 := strconv.ParseFloat(a, 64)
	to, err2 := strconv.ParseFloat(b, 64)
	if !ok || err1 != nil || err2 != nil || !(from < to) {
		return 0, 0, fault.Misusef("--window %s: two times FROM:TO are needed, the first smaller, e.g. 50:200", text)
	}
	return from, to, nil
}

type dataExportCmd struct {
	Dir string `arg:"" help:"Recording in the folder form." placeholder:"DIR"`
	Out string `help:"File to write, .nc or .npz." required:"" placeholder:"FILE"`
}

// Help shows an example.
func (dataExportCmd) Help() string {
	return `Example: striate data export recordings/ --out recordings.nc

The .nc file is netCDF-3 in the layout of Brain-Score's assemblies (data over presentation × neuroid),
which xarray.open_dataset and every netCDF library read.`
}

// Run converts the recording.
func (c *dataExportCmd) Run() error {
	var write func(*neural.Recording, io.Writer) error
	switch strings.ToLower(filepath.Ext(c.Out)) {
	case ".nc":
		write = (*neural.Recording).WriteNetCDF
	case ".npz":
		write = (*neural.Recording).WriteNpz
	default:
		return fault.Misusef("--out %s: the name must end in .nc or .npz", c.Out)
	}
	r, err := neural.ReadFolder(c.Dir)
	if err != nil {
		return err
	}
	return atomicfile.Write(c.Out, func(w io.Writer) error { return write(r, w) })
}

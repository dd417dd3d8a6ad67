package neural

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"

	"striate/internal/atomicfile"
	"striate/internal/fault"
)

// ReadStimulusSet reads the CSV file of a Brain-Score stimulus set: a line a stimulus, columns
// stimulus_id (in older sets image_id) and filename, others describe the stimulus.
func ReadStimulusSet(file string) (*Table, error) {
	t, err := ReadTable(file)
	if err != nil {
		return nil, err
	}
	ids := t.Column("stimulus_id")
	if ids == nil {
		if ids = t.Column("image_id"); ids == nil {
			return nil, fault.Invalidf("%s is no stimulus set: it has neither stimulus_id nor image_id", file)
		}
		t.Add("stimulus_id", ids)
	}
	seen := make(map[string]int, len(ids))
	for i, id := range ids {
		if first, twice := seen[id]; twice {
			return nil, fault.Invalidf("%s, lines %d and %d have the same stimulus_id %q", file, first+2, i+2, id)
		}
		seen[id] = i
	}
	return t, nil
}

// Describe adds the columns of a stimulus set to the recording's table of stimuli, which must all be
// in the set.
func (r *Recording) Describe(set *Table) error {
	ids := r.Table.Column("stimulus_id")
	lines := make(map[string]int, set.Len())
	for i, id := range set.Column("stimulus_id") {
		lines[id] = i
	}
	order := make([]int, len(ids))
	for i, id := range ids {
		line, ok := lines[id]
		if !ok {
			return fault.Invalidf("stimulus %s of %s is not in the stimulus set %s: is it the right set?", id, r.Source, set.name)
		}
		order[i] = line
	}
	for _, column := range set.Columns {
		if !slices.Contains(r.Table.Columns, column) {
			r.Table.Add(column, pickFields(set.Column(column), order))
		}
	}
	names, err := NamesOf(r.Table)
	if err == nil {
		r.Names = names
	}
	return err
}

// The limits of an archive of images.
const (
	maxImages     = 1_000_000
	maxImageBytes = 64 << 20
)

// ExtractImages unpacks the archive of a stimulus set to a folder. The archive must hold the files
// that the set lists, and no others.
func ExtractImages(ctx context.Context, archive string, set *Table, dir string, step func(int)) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		if errors.Is(err, zip.ErrFormat) {
			return fault.Invalidf("%s is not a zip archive", archive)
		}
		return fault.NotFoundf("open images: %v", err)
	}
	defer z.Close()
	listed, err := fileColumn(set)
	if err != nil {
		return err
	}
	if err := sameFiles(archive, z.File, listed); err != nil {
		return err
	}
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := extract(f, dir); err != nil {
			return fmt.Errorf("%s: %s: %w", archive, f.Name, err)
		}
		step(1)
	}
	return nil
}

func fileColumn(set *Table) ([]string, error) {
	for _, name := range []string{"filename", "file", "image_file_name"} {
		if c := set.Column(name); c != nil {
			return c, nil
		}
	}
	return nil, fault.Invalidf("%s does not say which file a stimulus is: it has no column filename", set.name)
}

func sameFiles(archive string, members []*zip.File, listed []string) error {
	if len(members) > maxImages {
		return fault.TooLargef("%s holds %d files, over the limit of %d", archive, len(members), maxImages)
	}
	have := map[string]bool{}
	for _, f := range members {
		if f.FileInfo().IsDir() {
			continue
		}
		if !filepath.IsLocal(filepath.FromSlash(f.Name)) || path.Clean(f.Name) != f.Name {
			return fault.Invalidf("%s holds a file with the unsafe name %q", archive, f.Name)
		}
		have[f.Name] = true
	}
	want := map[string]bool{}
	for _, name := range listed {
		if want[name] = true; !have[name] {
			return fault.Invalidf("%s lacks %s, which the stimulus set lists", archive, name)
		}
	}
	for name := range have {
		if !want[name] {
			return fault.Invalidf("%s holds %s, which the stimulus set does not list", archive, name)
		}
	}
	return nil
}

func extract(f *zip.File, dir string) error {
	if f.UncompressedSize64 > maxImageBytes {
		return fault.TooLargef("%d bytes are over the limit of %d", f.UncompressedSize64, maxImageBytes)
	}
	r, err := f.Open()
	if err != nil {
		return fault.Invalidf("broken archive member: %v", err)
	}
	defer r.Close()
	return atomicfile.Write(filepath.Join(dir, filepath.FromSlash(f.Name)), func(w io.Writer) error {
		n, err := io.Copy(w, io.LimitReader(r, maxImageBytes+1))
		if err != nil {
			return fault.Invalidf("broken archive member: %v", err)
		}
		if n > maxImageBytes {
			return fault.TooLargef("more than %d bytes", maxImageBytes)
		}
		return nil
	})
}

// archiveOf is the archive that belongs to the CSV file of a stimulus set, "" when there is none.
func archiveOf(csv string) string {
	if file := Sidecar(csv); file != csv {
		return ""
	}
	file := csv[:len(csv)-len(filepath.Ext(csv))] + ".zip"
	if _, err := os.Stat(file); err != nil {
		return ""
	}
	return file
}

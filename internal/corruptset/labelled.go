package corruptset

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"striate/internal/fault"
	"striate/internal/picture"
)

// Labelled are images with their classes. It is a robustness.Images.
type Labelled struct {
	folder *Folder
	files  []string
	labels []int
	size   func(*picture.RGB) ([]uint8, error)
	length int // samples of an image
}

// ClassRoot returns the folder that holds the folders of the classes: val in an image folder, else
// the top, or the only folder in it.
func ClassRoot(f *Folder) (string, error) {
	at := "."
	for {
		folders, err := f.Folders(at)
		if err != nil {
			return "", err
		}
		if slices.Contains(folders, "val") {
			return path.Join(at, "val"), nil
		}
		if len(folders) != 1 {
			return at, nil
		}
		below, err := f.Folders(path.Join(at, folders[0]))
		if err != nil {
			return "", err
		}
		if len(below) == 0 { // a single class
			return at, nil
		}
		at = path.Join(at, folders[0])
	}
}

// Labels maps folders of classes to the model's outputs: by name where names are known, else in
// sorted order, for which there must be as many as outputs.
func Labels(what string, folders, classes []string, outputs int) (map[string]int, error) {
	if len(folders) == 0 {
		return nil, fault.Invalidf("%s holds no folder of a class: give <class>/<image>", what)
	}
	if len(classes) == 0 {
		if len(folders) != outputs {
			return nil, fault.Invalidf("%s has %d folders of classes and the model %d outputs: say which output is which with --classes FILE, one name a line",
				what, len(folders), outputs)
		}
		classes = folders
	}
	if len(classes) != outputs {
		return nil, fault.Invalidf("%d names of classes for a model of %d outputs: correct the card or --classes", len(classes), outputs)
	}
	index := make(map[string]int, len(classes))
	for i, c := range classes {
		index[c] = i
	}
	labels := make(map[string]int, len(folders))
	var strangers []string
	for _, f := range folders {
		l, ok := index[f]
		if !ok {
			strangers = append(strangers, f)
		}
		labels[f] = l
	}
	if len(strangers) > 0 {
		return nil, fault.Invalidf("%s: %d of %d folders are no classes of the model (%s; the model's first is %s): other data, or give --classes FILE",
			what, len(strangers), len(folders), strings.Join(strangers[:min(3, len(strangers))], ", "), classes[0])
	}
	return labels, nil
}

// OpenLabelled lists the images below root/<class>, for the classes of labels. length is the number
// of samples that size returns.
func OpenLabelled(f *Folder, root string, labels map[string]int, length int, size func(*picture.RGB) ([]uint8, error)) (*Labelled, error) {
	folders, err := f.Folders(root)
	if err != nil {
		return nil, err
	}
	l := &Labelled{folder: f, size: size, length: length}
	for _, class := range folders {
		label, ok := labels[class]
		if !ok {
			return nil, fault.Invalidf("%s: class %s is not among those of the clean images", path.Join(f.Path, root), class)
		}
		files, err := f.Images(path.Join(root, class))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			l.files = append(l.files, file)
			l.labels = append(l.labels, label)
		}
	}
	if len(l.files) == 0 {
		return nil, fault.Invalidf("%s holds no .png, .jpg or .jpeg file in the folders of its classes", path.Join(f.Path, root))
	}
	return l, nil
}

// Limit keeps n images, spread evenly over the list.
func (l *Labelled) Limit(n int) {
	if n <= 0 || n >= len(l.files) {
		return
	}
	files, labels := make([]string, n), make([]int, n)
	for i := range n {
		at := i * len(l.files) / n
		files[i], labels[i] = l.files[at], l.labels[at]
	}
	l.files, l.labels = files, labels
}

// Len returns the number of images.
func (l *Labelled) Len() int { return len(l.files) }

// Read decodes the images from, …, from+len(labels)-1 into dst and writes their labels.
func (l *Labelled) Read(ctx context.Context, from int, dst []uint8, labels []int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range labels {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			file := l.files[from+i]
			m, err := l.folder.Read(file)
			if err != nil {
				return err
			}
			pix, err := l.size(m)
			if err != nil {
				return fmt.Errorf("%s: %w", path.Join(l.folder.Path, file), err)
			}
			copy(dst[i*l.length:(i+1)*l.length], pix)
			labels[i] = l.labels[from+i]
			return nil
		})
	}
	return g.Wait()
}

// Cells lists the <corruption>/<severity> folders of a tree that was asked for, and refuses a tree
// that lacks one.
func Cells(f *Folder, names []string, severities []int) (map[string]map[int]string, error) {
	root := "."
	folders, err := f.Folders(root)
	if err != nil {
		return nil, err
	}
	if len(folders) == 1 && !slices.Contains(names, folders[0]) {
		root = folders[0]
	}
	cells := map[string]map[int]string{}
	var missing []string
	for _, name := range names {
		cells[name] = map[int]string{}
		for _, s := range severities {
			dir := path.Join(root, name, fmt.Sprint(s))
			if !f.Has(dir) {
				missing = append(missing, path.Join(name, fmt.Sprint(s)))
				continue
			}
			cells[name][s] = dir
		}
	}
	if len(missing) > 0 {
		return nil, fault.NotFoundf("--corrupted %s lacks %d of %d folders (%s): expected <corruption>/<severity>/<class>/<image>; name what there is with --corruptions and --severities",
			f.Path, len(missing), len(names)*len(severities), strings.Join(missing[:min(3, len(missing))], ", "))
	}
	return cells, nil
}

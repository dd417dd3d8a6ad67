package dataset

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"striate/internal/fault"
	"striate/internal/picture"
)

// Source is an image folder, in a directory or in a zip file.
type Source struct {
	path   string
	files  fs.FS
	root   string // folder inside files that holds the splits
	closer io.Closer
}

// Sample is one labelled image.
type Sample struct {
	Path  string // inside the source
	Class int    // index into the classes of its split
	Size  int64  // bytes of the file
}

// Split is one half of an image folder: the images to train on, or to validate on.
type Split struct {
	Name    string
	Classes []string // sorted; their indices are the labels
	Samples []Sample // by class, then by path
	source  *Source
}

// Open opens the image folder at path, a directory or a .zip file. The splits may lie one folder
// down, as in an archive of the folder itself.
func Open(path string) (*Source, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.NotFoundf("no data at %s: give a folder, or a .zip of one, with train/<class>/ and val/<class>/", path)
	}
	s := &Source{path: path}
	if info.IsDir() {
		s.files = os.DirFS(path)
	} else {
		archive, err := zip.OpenReader(path)
		if err != nil {
			return nil, fault.Invalidf("%s is neither a folder nor a readable .zip: %v", path, err)
		}
		s.files, s.closer = archive, archive
	}
	if s.root, err = findRoot(s.files); err != nil {
		s.Close()
		return nil, fault.Invalidf("%s: %v", path, err)
	}
	return s, nil
}

// Close releases the zip file, if there is one.
func (s *Source) Close() error {
	if s.closer == nil {
		return nil
	}
	return s.closer.Close()
}

// findRoot returns the folder that holds train or val: the top, or the only folder in it.
func findRoot(files fs.FS) (string, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return "", err
	}
	folders := foldersAmong(files, ".", entries)
	if slices.Contains(folders, "train") || slices.Contains(folders, "val") {
		return ".", nil
	}
	if len(folders) == 1 {
		for _, split := range []string{"train", "val"} {
			if info, err := fs.Stat(files, path.Join(folders[0], split)); err == nil && info.IsDir() {
				return folders[0], nil
			}
		}
	}
	return "", errors.New("has neither train/<class>/ nor val/<class>/ (an image folder as torchvision's ImageFolder reads it)")
}

// foldersAmong are the names of the entries of a folder that are folders, or links to some.
func foldersAmong(files fs.FS, parent string, entries []fs.DirEntry) []string {
	var folders []string
	for _, e := range entries {
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := fs.Stat(files, path.Join(parent, e.Name()))
			isDir = err == nil && info.IsDir()
		}
		if isDir && !hidden(e.Name()) {
			folders = append(folders, e.Name())
		}
	}
	return folders
}

// hidden tells of names that archivers and file managers leave behind.
func hidden(name string) bool { return strings.HasPrefix(name, ".") || name == "__MACOSX" }

// Has tells whether there is a split of the name.
func (s *Source) Has(split string) bool {
	info, err := fs.Stat(s.files, path.Join(s.root, split))
	return err == nil && info.IsDir()
}

// Split lists a split. Classes are its folders in alphabetical order, or those given, for a split
// that must agree with another; every image below the folder of a class belongs to it. Tiny ImageNet's
// own form of val, one folder of images and val_annotations.txt, is read too.
func (s *Source) Split(name string, classes []string) (*Split, error) {
	top := path.Join(s.root, name)
	entries, err := fs.ReadDir(s.files, top)
	if err != nil {
		return nil, fault.NotFoundf("%s has no folder %s: put the images under %s/<class>/", s.path, name, name)
	}
	split := &Split{Name: name, Classes: classes, source: s}
	annotations := path.Join(top, name+"_annotations.txt")
	if _, err := fs.Stat(s.files, annotations); err == nil {
		err = split.listAnnotated(annotations)
		return split.checked(err)
	}
	folders := foldersAmong(s.files, top, entries)
	slices.Sort(folders)
	if classes == nil {
		split.Classes = folders
	}
	for _, folder := range folders {
		class, ok := slices.BinarySearch(split.Classes, folder)
		if !ok {
			return nil, fault.Invalidf("%s: class %s of %s is not among the %d classes trained on", s.path, folder, name, len(split.Classes))
		}
		if err := split.listClass(path.Join(top, folder), class); err != nil {
			return nil, err
		}
	}
	return split.checked(nil)
}

// checked refuses a split without images.
func (s *Split) checked(err error) (*Split, error) {
	if err != nil {
		return nil, err
	}
	if len(s.Samples) == 0 {
		return nil, fault.Invalidf("%s: %s holds no .png, .jpg or .jpeg file", s.source.path, s.Name)
	}
	return s, nil
}

// listClass adds the images below a folder.
func (s *Split) listClass(folder string, class int) error {
	first := len(s.Samples)
	err := fs.WalkDir(s.source.files, folder, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p != folder && hidden(d.Name()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || !picture.IsImageName(p):
			return nil
		}
		info, err := fs.Stat(s.source.files, p) // follows links
		if err != nil {
			return err
		}
		s.Samples = append(s.Samples, Sample{p, class, info.Size()})
		return nil
	})
	if err != nil {
		return fmt.Errorf("list %s of %s: %w", folder, s.source.path, err)
	}
	slices.SortFunc(s.Samples[first:], func(a, b Sample) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// listAnnotated adds images whose classes are the second column of a table.
func (s *Split) listAnnotated(table string) error {
	f, err := s.source.files.Open(table)
	if err != nil {
		return fmt.Errorf("open %s of %s: %w", table, s.source.path, err)
	}
	defer f.Close()
	class := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) >= 2 {
			class[fields[0]] = fields[1]
		}
	}
	if s.Classes == nil {
		for _, c := range class {
			s.Classes = append(s.Classes, c)
		}
		slices.Sort(s.Classes)
		s.Classes = slices.Compact(s.Classes)
	}
	if err := s.listClass(path.Dir(table), 0); err != nil {
		return err
	}
	for i := range s.Samples {
		name := path.Base(s.Samples[i].Path)
		index, ok := slices.BinarySearch(s.Classes, class[name])
		if !ok {
			return fault.Invalidf("%s: %s has no class in %s, or one that was not trained on", s.source.path, s.Samples[i].Path, table)
		}
		s.Samples[i].Class = index
	}
	slices.SortStableFunc(s.Samples, func(a, b Sample) int { return a.Class - b.Class })
	return nil
}

// Read returns the bytes of sample i. Files over the limit of package picture are refused.
func (s *Split) Read(i int) ([]byte, error) {
	sample := s.Samples[i]
	if sample.Size > picture.DefaultMaxBytes {
		return nil, fault.TooLargef("%d bytes are over the limit of %d", sample.Size, picture.DefaultMaxBytes)
	}
	f, err := s.source.files.Open(sample.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, sample.Size)
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return data, nil
}

// Digest identifies the split: the SHA-256 of the paths, classes and sizes of its images.
func (s *Split) Digest() string {
	h := sha256.New()
	for _, sample := range s.Samples {
		fmt.Fprintf(h, "%s\x00%s\x00%d\n", strings.TrimPrefix(sample.Path, s.source.root+"/"), s.Classes[sample.Class], sample.Size)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"striate/internal/card"
	"striate/internal/fault"
	"striate/internal/nearest"
)

// Folder is a folder of models, by name. A file that is added or changed is seen at the next call;
// one that cannot be read is reported and stands in nobody's way.
type Folder struct {
	dir string

	mu    sync.Mutex
	known map[string]folderEntry // by name
}

type folderEntry struct {
	stamp string // size and time of the file and its card
	model *Model
	err   error
}

// Broken is a model file that cannot be served.
type Broken struct {
	Name  string `json:"name"`
	Error string `json:"error"`
}

// NewFolder returns the models of a folder, which must exist.
func NewFolder(dir string) (*Folder, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fault.NotFoundf("models folder %s does not exist: make it, or name another with --models", dir)
	}
	return &Folder{dir: dir, known: map[string]folderEntry{}}, nil
}

// Dir returns the path of the folder.
func (f *Folder) Dir() string { return f.dir }

var modelName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}$`)

// GradientSuffix ends the name of a file that holds the gradient graph of the model before it, as in
// small.gradient.onnx. It is no model of its own.
const GradientSuffix = ".gradient"

// Names returns the names of the model files, sorted.
func (f *Folder) Names() ([]string, error) {
	names, _, err := f.names()
	return names, err
}

// names returns also the names of files that cannot be models' names.
func (f *Folder) names() (names, misnamed []string, err error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("list models: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".onnx")
		switch {
		case !ok || e.IsDir() || strings.HasPrefix(name, ".") || strings.HasSuffix(name, GradientSuffix):
		case modelName.MatchString(name):
			names = append(names, name)
		default:
			misnamed = append(misnamed, name)
		}
	}
	slices.Sort(names)
	return names, misnamed, nil
}

// List reads every model of the folder.
func (f *Folder) List() ([]*Model, []Broken, error) {
	names, misnamed, err := f.names()
	if err != nil {
		return nil, nil, err
	}
	var models []*Model
	var broken []Broken
	for _, name := range misnamed {
		broken = append(broken, Broken{name, "a model's name has letters, digits and . _ + - only, at most 128: rename the file"})
	}
	for _, name := range names {
		m, err := f.load(name)
		if err != nil {
			broken = append(broken, Broken{name, err.Error()})
			continue
		}
		models = append(models, m)
	}
	return models, broken, nil
}

// Get returns the model of a name. An unknown name is a NotFound fault with near matches; a name
// that is none (a path, say) is looked for nowhere.
func (f *Folder) Get(name string) (*Model, error) {
	if modelName.MatchString(name) {
		m, err := f.load(name)
		if err == nil || fault.CodeOf(err) != fault.NotFound {
			return m, err
		}
	}
	names, err := f.Names()
	if err != nil {
		return nil, err
	}
	return nil, unknownModel(name, names)
}

// load reads a model, or returns what was read of the same file before.
func (f *Folder) load(name string) (*Model, error) {
	path := filepath.Join(f.dir, name+".onnx")
	stamp, err := stampOf(path)
	if err != nil {
		return nil, fault.NotFoundf("no model %q", name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if e, ok := f.known[name]; ok && e.stamp == stamp {
		return e.model, e.err
	}
	m, err := ReadModel(path)
	if err != nil && fault.CodeOf(err) == fault.NotFound { // gone in between
		return nil, err
	}
	if err != nil {
		err = fault.Invalidf("model %q cannot be used: %s", name, strings.ReplaceAll(err.Error(), path, name+".onnx"))
	}
	f.known[name] = folderEntry{stamp, m, err}
	return m, err
}

func stampOf(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	stamp := fmt.Sprint(info.Size(), info.ModTime().UnixNano())
	if side, err := os.Stat(card.Sidecar(path)); err == nil {
		stamp += fmt.Sprint(" ", side.Size(), side.ModTime().UnixNano())
	}
	return stamp, nil
}

func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// Find returns the model that a user means by MODEL: the path of an .onnx file, or a name in the
// folder dir.
func Find(dir, model string) (*Model, error) {
	if isPath(model) {
		return ReadModel(model)
	}
	folder, err := NewFolder(dir)
	if err != nil {
		return nil, err
	}
	return folder.Get(model)
}

// Locate returns the path of the file that a user means by MODEL, as Find, without reading it.
func Locate(dir, model string) (string, error) {
	if isPath(model) {
		return model, nil
	}
	folder, err := NewFolder(dir)
	if err != nil {
		return "", err
	}
	names, err := folder.Names()
	if err != nil {
		return "", err
	}
	if !slices.Contains(names, model) {
		return "", unknownModel(model, names)
	}
	return filepath.Join(dir, model+".onnx"), nil
}

func isPath(model string) bool {
	return strings.HasSuffix(model, ".onnx") || strings.ContainsRune(model, filepath.Separator)
}

func unknownModel(name string, names []string) error {
	return fault.NotFoundf("no model %q%s", clip(name), nearest.Phrase(name, names))
}

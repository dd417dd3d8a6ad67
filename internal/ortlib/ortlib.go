// Package ortlib finds the ONNX Runtime shared library and opens it, once a process.
//
// Searched in order: the file named by STRIATE_ORT_LIB, the folders of system libraries, and what
// `make setup` laid into .cache of the checkout or of the installation. A library named by the
// variable is used or refused; it never gives way to another one.
package ortlib

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"striate/internal/fault"
)

// Wanted is the version that `make setup` installs and the results of the README were made with.
const Wanted = "1.30.0"

// EnvVar names the library to use in the environment.
const EnvVar = "STRIATE_ORT_LIB"

// Candidate is one place where a library was looked for.
type Candidate struct {
	Path   string `json:"path"`
	Source string `json:"source"` // "STRIATE_ORT_LIB", "system" or "make setup"
	Found  bool   `json:"found"`
	Error  string `json:"error,omitempty"` // why a file that was found was not used
}

// Library is the opened library.
type Library struct {
	Path    string `json:"path"`
	Source  string `json:"source"`
	Version string `json:"version"`
}

// String reads like "ONNX Runtime 1.30.0".
func (l Library) String() string { return "ONNX Runtime " + l.Version }

var (
	once   sync.Once
	opened Library
	tried  []Candidate
	failed error
)

// Open opens the library, or returns what it opened before. The error says where it was looked
// for and how to get it.
func Open() (Library, error) {
	once.Do(func() { opened, tried, failed = open(search(), initialize) })
	return opened, failed
}

// Tried returns the places that Open went through, for `striate doctor`.
func Tried() []Candidate { return tried }

// initialize opens one file and returns its version.
func initialize(path string) (string, error) {
	ort.SetSharedLibraryPath(path)
	// What goes wrong comes back as an error; the library would print it as well, over several lines.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		if strings.Contains(err.Error(), "API base") {
			return "", fmt.Errorf("the library is older than the interface of this program (1.29 or newer is needed)")
		}
		return "", err
	}
	return ort.GetVersion(), nil
}

func open(candidates []Candidate, initialize func(string) (string, error)) (Library, []Candidate, error) {
	for i := range candidates {
		c := &candidates[i]
		if _, err := os.Stat(c.Path); err != nil {
			if c.Source == EnvVar {
				return Library{}, candidates, fault.Unavailablef("%s names %s, which is not there: correct the variable or unset it", EnvVar, c.Path)
			}
			continue
		}
		c.Found = true
		version, err := initialize(c.Path)
		if err == nil {
			return Library{c.Path, c.Source, version}, candidates, nil
		}
		c.Error = err.Error()
		if c.Source == EnvVar {
			return Library{}, candidates, fault.Unavailablef("%s names %s, which cannot be used (%v): correct the variable or unset it", EnvVar, c.Path, err)
		}
	}
	return Library{}, candidates, fault.Unavailablef("ONNX Runtime was not found: run 'make setup' in the checkout, or set %s to a libonnxruntime of version %s or newer", EnvVar, "1.29")
}

// search lists the places in order. Folders that belong to nobody but the administrator and this
// program are looked into, never the working directory.
func search() []Candidate {
	if path := os.Getenv(EnvVar); path != "" {
		return []Candidate{{Path: path, Source: EnvVar}}
	}
	var list []Candidate
	for _, folder := range systemFolders() {
		for _, name := range fileNames() {
			list = append(list, Candidate{Path: filepath.Join(folder, name), Source: "system"})
		}
	}
	for _, root := range ownRoots() {
		folder := filepath.Join(root, ".cache", "onnxruntime", Wanted, runtime.GOOS+"-"+runtime.GOARCH)
		list = append(list, Candidate{Path: filepath.Join(folder, fileNames()[0]), Source: "make setup"})
	}
	return list
}

func fileNames() []string {
	if runtime.GOOS == "darwin" {
		return []string{"libonnxruntime.1.dylib", "libonnxruntime.dylib"}
	}
	return []string{"libonnxruntime.so.1", "libonnxruntime.so"}
}

func systemFolders() []string {
	folders := filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))
	folders = append(folders, "/usr/local/lib", "/opt/onnxruntime/lib", "/usr/lib", "/usr/lib64")
	triplet, _ := filepath.Glob("/usr/lib/*-linux-gnu")
	var kept []string
	for _, f := range append(folders, triplet...) {
		if filepath.IsAbs(f) {
			kept = append(kept, f)
		}
	}
	return kept
}

// ownRoots are the installation that the program lies in (bin/striate → the folder above bin) and
// the checkout it was compiled from, which is what a test binary has.
func ownRoots() []string {
	var roots []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		roots = append(roots, filepath.Dir(filepath.Dir(exe)))
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		roots = append(roots, filepath.Dir(filepath.Dir(filepath.Dir(file))))
	}
	return roots
}

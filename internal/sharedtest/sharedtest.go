// Package sharedtest finds the reference numbers and recordings that tests compare against and
// that are too large, or not ours, to be in the repository.
package sharedtest

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Path returns the path of name inside the shared folder: $STRIATE_SHARED, or the folder `shared`
// beside the checkout. The test is skipped, with the reason, where it is absent.
func Path(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("STRIATE_SHARED")
	if root == "" {
		_, file, _, _ := runtime.Caller(0)
		root = filepath.Join(filepath.Dir(file), "..", "..", "..", "shared")
	}
	path := filepath.Join(root, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("reference data %s not found: set STRIATE_SHARED to the folder that holds it", name)
	}
	return path
}

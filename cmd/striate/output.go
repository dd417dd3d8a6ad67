package main

import (
	"fmt"
	"os"
	"path/filepath"

	"striate/internal/fault"
)

// canWrite tells before long work whether a file can be made at path after it.
func canWrite(path string) error {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil && dir != filepath.Dir(dir) {
			continue // it will be made in the folder above
		}
		if err == nil && !info.IsDir() {
			return fault.Invalidf("--out %s: %s is a file, not a folder", path, dir)
		}
		f, err := os.CreateTemp(dir, ".striate-*")
		if err != nil {
			return fmt.Errorf("--out %s: nothing can be written there: %w", path, err)
		}
		f.Close()
		return os.Remove(f.Name())
	}
}

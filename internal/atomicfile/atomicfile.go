// Package atomicfile writes files that are either whole or not there: under a temporary name in
// the same folder, then renamed. An interrupted write leaves the previous file untouched.
package atomicfile

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"striate/internal/fault"
)

// Write makes the file at path with what fn writes. When fn fails nothing changes at path and the
// temporary file is removed. Folders on the way are made.
func Write(path string, fn func(w io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() { // before fn, which may take hours
		return fault.Invalidf("%s is a folder: give the path of a file", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("make folder for %s: %w", path, err)
	}
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644), renameio.WithTempDir(filepath.Dir(path)))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer f.Cleanup() //nolint:errcheck // after the rename there is nothing to clean
	w := bufio.NewWriterSize(f, 1<<18)
	if err := fn(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// Quick makes a small file with the content. Like Write it leaves a whole file or none, but it does
// not wait for the disk: after a loss of power the file may be missing or empty. It is for thousands
// of files that can be made again.
func Quick(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".*"+filepath.Ext(path))
	if os.IsNotExist(err) {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("make folder for %s: %w", path, err)
		}
		f, err = os.CreateTemp(dir, ".*"+filepath.Ext(path))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

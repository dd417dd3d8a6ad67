package npy

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"strings"

	"striate/internal/fault"
)

// ZipWriter writes a .npz archive: one stored (uncompressed) array a member, as numpy.savez does.
type ZipWriter struct{ z *zip.Writer }

// NewZipWriter starts an archive on w.
func NewZipWriter(w io.Writer) *ZipWriter { return &ZipWriter{zip.NewWriter(w)} }

// Add writes one array under the name.
func (z *ZipWriter) Add(name string, shape []int, data any) error {
	w, err := z.Member(name)
	if err != nil {
		return err
	}
	if err := Write(w, shape, data); err != nil {
		return fmt.Errorf("write array %s: %w", name, err)
	}
	return nil
}

// Member starts the array of the name; the caller writes its header and data.
func (z *ZipWriter) Member(name string) (io.Writer, error) {
	w, err := z.z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
	if err != nil {
		return nil, fmt.Errorf("add array %s: %w", name, err)
	}
	return w, nil
}

// Close finishes the archive; the underlying writer stays open.
func (z *ZipWriter) Close() error { return z.z.Close() }

// ReadZipFile reads all arrays of a .npz file, keys without the .npy ending.
func ReadZipFile(path string) (map[string]*Array, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		if errors.Is(err, zip.ErrFormat) {
			return nil, fault.Invalidf("%s is not a .npz archive", path)
		}
		return nil, openError(path, err)
	}
	defer z.Close()
	arrays := make(map[string]*Array, len(z.File))
	for _, member := range z.File {
		name, ok := strings.CutSuffix(member.Name, ".npy")
		if !ok {
			continue
		}
		a, err := readMember(member)
		if err != nil {
			return nil, fmt.Errorf("%s: array %s: %w", path, name, err)
		}
		arrays[name] = a
	}
	return arrays, nil
}

func readMember(member *zip.File) (*Array, error) {
	r, err := member.Open()
	if err != nil {
		return nil, fault.Invalidf("broken archive member: %v", err)
	}
	defer r.Close()
	return Read(r, Limits{Size: int64(member.UncompressedSize64)})
}

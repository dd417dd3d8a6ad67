package onnx

import (
	"io"
	"io/fs"
	"path"
	"slices"
	"strconv"

	"striate/export/onnx/onnxpb"
	"striate/internal/fault"
)

// ExternalFiles returns the paths, as the model gives them, of the files that hold constants of
// it; none for a model that is complete in itself. They come from the file: join them to nothing
// without a check.
func (m *Model) ExternalFiles() []string {
	var files []string
	eachTensor(m.pb.Graph, func(t *onnxpb.TensorProto) {
		if t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
			files = append(files, external(t)["location"])
		}
	})
	slices.Sort(files)
	return slices.Compact(files)
}

// Inline changes the model: it reads the constants that are in other files of dir, the folder of
// the model's file, and keeps them in the model, at most limit bytes in all. Paths that lead out
// of dir are refused.
func (m *Model) Inline(dir fs.FS, limit int64) error {
	var failed error
	eachTensor(m.pb.Graph, func(t *onnxpb.TensorProto) {
		if failed != nil || t.GetDataLocation() != onnxpb.TensorProto_EXTERNAL {
			return
		}
		failed = inline(t, dir, &limit)
	})
	return failed
}

func inline(t *onnxpb.TensorProto, dir fs.FS, limit *int64) error {
	at := external(t)
	file := path.Clean(at["location"])
	if !fs.ValidPath(file) || file == "." {
		return fault.Invalidf("constant %q is kept in %q, outside of the model's folder", t.GetName(), at["location"])
	}
	size := int64(DataType(t.GetDataType()).Size())
	for _, d := range t.Dims {
		size *= d // held in bounds by the check at decoding
	}
	offset, _ := strconv.ParseInt(at["offset"], 10, 64)
	if length, err := strconv.ParseInt(at["length"], 10, 64); at["length"] != "" && (err != nil || length != size) || offset < 0 {
		return fault.Invalidf("constant %q needs %d bytes, but the model says that %s holds %q from byte %q on",
			t.GetName(), size, file, at["length"], at["offset"])
	}
	if *limit -= size; *limit < 0 {
		return fault.TooLargef("the model's external constants are larger than allowed")
	}
	f, err := dir.Open(file)
	if err != nil {
		return fault.NotFoundf("constant %q: %w", t.GetName(), err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() < offset+size {
		return fault.Invalidf("constant %q needs the bytes %d to %d of %s, which is shorter", t.GetName(), offset, offset+size, file)
	}
	raw := make([]byte, size)
	if err := readAt(f, raw, offset); err != nil {
		return fault.Invalidf("constant %q: reading %s: %w", t.GetName(), file, err)
	}
	t.RawData, t.ExternalData, t.DataLocation = raw, nil, nil
	return nil
}

func readAt(f fs.File, dst []byte, offset int64) error {
	if r, ok := f.(io.ReaderAt); ok {
		_, err := io.ReadFull(io.NewSectionReader(r, offset, int64(len(dst))), dst)
		return err
	}
	if _, err := io.CopyN(io.Discard, f, offset); err != nil {
		return err
	}
	_, err := io.ReadFull(f, dst)
	return err
}

func external(t *onnxpb.TensorProto) map[string]string {
	at := map[string]string{}
	for _, e := range t.ExternalData {
		at[e.GetKey()] = e.GetValue()
	}
	return at
}

// eachTensor calls f for every constant of a graph, also in its attributes, branches and bodies.
func eachTensor(g *onnxpb.GraphProto, f func(*onnxpb.TensorProto)) {
	for _, t := range constantsOf(g) {
		f(t)
	}
	for _, t := range g.SparseInitializer {
		f(t.GetIndices())
	}
	for _, node := range g.Node {
		for _, a := range node.Attribute {
			if a.T != nil {
				f(a.T)
			}
			for _, t := range a.Tensors {
				f(t)
			}
		}
		for _, inner := range subgraphs(node) {
			eachTensor(inner, f)
		}
	}
}

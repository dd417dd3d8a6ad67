package parameters

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/npy"
	"striate/train/network"
)

// Arrays are the entries of a state_dict by name.
type Arrays map[string]*npy.Array

// dataParallel is what PyTorch's DataParallel puts before every name.
const dataParallel = "module."

// Load reads a .npz or .safetensors file into the variables of d in store.
func Load(path string, d network.Description, store *model.Store, dtype dtypes.DType) error {
	arrays, err := Read(path)
	if err != nil {
		return err
	}
	if err := Set(arrays, d, store, dtype); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Read reads the arrays of a .npz or .safetensors file.
func Read(path string) (Arrays, error) {
	switch filepath.Ext(path) {
	case ".npz":
		return npy.ReadZipFile(path)
	case ".safetensors":
		return readSafetensors(path)
	}
	return nil, fault.Unsupportedf("%s: parameters are read from .npz and .safetensors files", path)
}

// Save writes the parameters of d in store, and the constants the authors' code keeps beside them, to
// a .npz or .safetensors file, whole or not at all.
func Save(path string, d network.Description, store *model.Store) error {
	write := writeNPZ
	switch filepath.Ext(path) {
	case ".npz":
	case ".safetensors":
		write = writeSafetensors
	default:
		return fault.Unsupportedf("%s: parameters are written to .npz and .safetensors files", path)
	}
	arrays, err := Get(d, store)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return write(w, d, arrays) })
}

// Get returns the state_dict of d: float32 arrays, and the counters of batches, which are 0, as int64.
func Get(d network.Description, store *model.Store) (Arrays, error) {
	arrays := Arrays{}
	for _, p := range d.Parameters() {
		if p.Kind == network.BatchesTracked {
			arrays[p.PyTorch] = &npy.Array{Shape: []int{}, Data: []int64{0}}
			continue
		}
		values, err := valuesOf(d, p, store)
		if err != nil {
			return nil, err
		}
		arrays[p.PyTorch] = &npy.Array{Shape: p.Shape, Data: values}
	}
	return arrays, nil
}

// valuesOf returns a parameter in PyTorch's order.
func valuesOf(d network.Description, p network.Parameter, store *model.Store) ([]float32, error) {
	if p.Name == "" {
		return d.Constant(p), nil
	}
	v := store.GetVariable(model.ScopeSeparator + p.Name)
	if v == nil {
		return nil, fault.Invalidf("%s has no parameter %q: initialise or load the network first", d.Name, p.Name)
	}
	t, err := v.Value()
	if err != nil {
		return nil, fmt.Errorf("value of %s: %w", p.Name, err)
	}
	if !slices.Equal(t.Shape().Dimensions, p.VariableShape()) {
		return nil, fault.Invalidf("parameter %q is %v, but %s has it %v", p.Name, t.Shape().Dimensions, d.Name, p.VariableShape())
	}
	flat, err := float32s(t)
	if err != nil {
		return nil, fmt.Errorf("value of %s: %w", p.Name, err)
	}
	torch := make([]float32, len(flat))
	network.FromVariable(p, torch, flat)
	return torch, nil
}

func float32s(t *tensors.Tensor) ([]float32, error) {
	if t.DType() != dtypes.Float64 {
		return tensors.CopyFlatData[float32](t)
	}
	wide, err := tensors.CopyFlatData[float64](t)
	flat := make([]float32, len(wide))
	for i, v := range wide {
		flat[i] = float32(v)
	}
	return flat, err
}

// Set gives the variables of d in store the values of a state_dict. Every entry of the network must be
// there in its shape, constants excepted; those that are there must be what the network computes
// with. Names may begin with "module.". Entries the network does not have are refused.
func Set(arrays Arrays, d network.Description, store *model.Store, dtype dtypes.DType) error {
	if err := d.Validate(); err != nil {
		return err
	}
	arrays = withoutPrefix(arrays)
	known := map[string]bool{}
	for _, p := range d.Parameters() {
		known[p.PyTorch] = true
		if err := checkEntry(arrays[p.PyTorch], p, d); err != nil {
			return err
		}
	}
	for name := range arrays {
		if !known[name] {
			return fault.Invalidf("entry %q is no parameter of %s: is it a checkpoint of another network?", name, d.Name)
		}
	}
	return d.Fill(store, dtype, func(p network.Parameter, dst []float32) error {
		copy(dst, arrays[p.PyTorch].Float32s())
		return nil
	})
}

// withoutPrefix strips "module." from all names if all have it.
func withoutPrefix(arrays Arrays) Arrays {
	stripped := make(Arrays, len(arrays))
	for name, a := range arrays {
		short, ok := strings.CutPrefix(name, dataParallel)
		if !ok {
			return arrays
		}
		stripped[short] = a
	}
	return stripped
}

// checkEntry says what is wrong with an entry of a state_dict.
func checkEntry(a *npy.Array, p network.Parameter, d network.Description) error {
	constant := p.Name == ""
	switch {
	case a == nil && constant:
		return nil
	case a == nil:
		return fault.Invalidf("entry %q of %s is missing", p.PyTorch, d.Name)
	case !slices.Equal(a.Shape, p.Shape):
		return fault.Invalidf("entry %q has shape %v, but %s of size %d, width %d, blocks %v and %d classes needs %v",
			p.PyTorch, a.Shape, d.Name, d.Size, d.Width, d.Blocks, d.Classes, p.Shape)
	case p.Kind == network.BatchesTracked:
		return nil
	case constant:
		return checkConstant(a.Float32s(), d.Constant(p), p)
	}
	for i, v := range a.Float32s() {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fault.Invalidf("entry %q holds %v at element %d", p.PyTorch, v, i)
		}
	}
	return nil
}

// checkConstant allows for the rounding of half precision.
func checkConstant(got, want []float32, p network.Parameter) error {
	for i := range want {
		if diff := math.Abs(float64(got[i] - want[i])); !(diff <= 1e-3*math.Max(1, math.Abs(float64(want[i])))) {
			return fault.Invalidf("constant %q is %g at element %d where this network computes with %g", p.PyTorch, got[i], i, want[i])
		}
	}
	return nil
}

// writeNPZ writes arrays in the order of the state_dict.
func writeNPZ(w io.Writer, d network.Description, arrays Arrays) error {
	z := npy.NewZipWriter(w)
	for _, p := range d.Parameters() {
		a := arrays[p.PyTorch]
		if err := z.Add(p.PyTorch, a.Shape, a.Data); err != nil {
			return err
		}
	}
	return z.Close()
}

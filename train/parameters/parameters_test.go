package parameters_test

import (
	"archive/zip"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"striate/internal/fault"
	"striate/internal/npy"
	"striate/train/network"
	"striate/train/parameters"
)

// small is a network with every component, at a size that is quick to write.
func small(t testing.TB, name string) network.Description {
	d, err := network.Flags{Network: name, Size: 32, Width: 8, Blocks: []int{2, 1, 1, 1}, Classes: 10}.Description()
	require.NoError(t, err)
	return d
}

func filled(t testing.TB, d network.Description, seed uint64) *model.Store {
	store := model.NewStore()
	require.NoError(t, d.Init(store, network.Random(seed), dtypes.Float32))
	return store
}

// TestFilesRoundTrip writes each network to both formats, reads it into a store with other values, and
// expects every variable to be the first one's, bit for bit.
func TestFilesRoundTrip(t *testing.T) {
	for _, name := range network.Presets() {
		for _, ext := range []string{".npz", ".safetensors"} {
			d := small(t, name)
			path := filepath.Join(t.TempDir(), "p"+ext)
			from, to := filled(t, d, 1), filled(t, d, 2)
			require.NoError(t, parameters.Save(path, d, from))
			require.NoError(t, parameters.Load(path, d, to, dtypes.Float32))
			for _, p := range d.Parameters() {
				if p.Name != "" {
					a, b := from.GetVariable("/"+p.Name), to.GetVariable("/"+p.Name)
					require.Equal(t, tensors.MustCopyFlatData[float32](a.MustValue()), tensors.MustCopyFlatData[float32](b.MustValue()), "%s %s", name, p.Name)
					require.Equal(t, p.Role == network.Trainable, b.Trainable)
				}
			}
		}
	}
}

// TestArchiveIsTheStateDict: the .npz has the authors' names in their order, and the local receptive
// fields in PyTorch's order of elements: what the parity rule gives for that name.
func TestArchiveIsTheStateDict(t *testing.T) {
	d := small(t, "composite_a")
	store := model.NewStore()
	require.NoError(t, d.Init(store, network.Parity(3), dtypes.Float64))
	path := filepath.Join(t.TempDir(), "p.npz")
	require.NoError(t, parameters.Save(path, d, store))
	z, err := zip.OpenReader(path)
	require.NoError(t, err)
	defer z.Close()
	list := d.Parameters()
	require.Len(t, z.File, len(list))
	for i, f := range z.File {
		require.Equal(t, list[i].PyTorch+".npy", f.Name)
	}
	arrays, err := npy.ReadZipFile(path)
	require.NoError(t, err)
	a := arrays["layer1.1.conv2.weight"]
	require.Equal(t, []int{1, 8, 8, 8, 8, 9}, a.Shape)
	want := make([]float32, a.Len())
	for _, p := range list {
		if p.PyTorch == "layer1.1.conv2.weight" {
			lo, span, _ := p.ParityRange()
			network.NewStream(p.PyTorch, 3).Fill(want, lo, span)
		}
	}
	require.Equal(t, want, a.Data)
}

func TestDataParallelPrefixIsStripped(t *testing.T) {
	d := small(t, "local_rf")
	arrays, err := parameters.Get(d, filled(t, d, 1))
	require.NoError(t, err)
	prefixed := parameters.Arrays{}
	for name, a := range arrays {
		prefixed["module."+name] = a
	}
	require.NoError(t, parameters.Set(prefixed, d, model.NewStore(), dtypes.Float32))
}

func TestWrongFilesAreRefusedWithTheReason(t *testing.T) {
	d := small(t, "composite_a")
	for name, c := range map[string]struct {
		change func(a parameters.Arrays)
		says   string
	}{
		"missing":   {func(a parameters.Arrays) { delete(a, "fc.bias") }, `"fc.bias" of composite_a is missing`},
		"unknown":   {func(a parameters.Arrays) { a["head.weight"] = a["fc.bias"] }, "another network"},
		"classes":   {func(a parameters.Arrays) { a["fc.bias"] = &npy.Array{Shape: []int{7}, Data: make([]float32, 7)} }, "10 classes"},
		"constants": {func(a parameters.Arrays) { a["lpp.pooling_masks"].Float32s()[5] = 3 }, "pooling_masks"},
	} {
		arrays, err := parameters.Get(d, filled(t, d, 1))
		require.NoError(t, err)
		c.change(arrays)
		err = parameters.Set(arrays, d, model.NewStore(), dtypes.Float32)
		require.ErrorContains(t, err, c.says, name)
		require.Equal(t, fault.Invalid, fault.CodeOf(err), name)
	}
	path := filepath.Join(t.TempDir(), "p.safetensors")
	require.NoError(t, os.WriteFile(path, []byte("no safetensors at all"), 0o644))
	require.Equal(t, fault.Invalid, fault.CodeOf(parameters.Load(path, d, model.NewStore(), dtypes.Float32)))
	require.Equal(t, fault.NotFound, fault.CodeOf(parameters.Load(path+"x.npz", d, model.NewStore(), dtypes.Float32)))
	require.Equal(t, fault.Unsupported, fault.CodeOf(parameters.Load("p.pth", d, model.NewStore(), dtypes.Float32)))
	_, err := parameters.Get(d, model.NewStore())
	require.ErrorContains(t, err, "conv1.weight")
}

// FuzzSafetensors: broken files are refused without a panic or an allocation beyond the file's size.
func FuzzSafetensors(f *testing.F) {
	header := `{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"n":{"dtype":"I64","shape":[],"data_offsets":[4,12]}}`
	good := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
	f.Add(append(good, make([]byte, 12)...))
	f.Add(good)
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, '{', '}'})
	path := filepath.Join(f.TempDir(), "p.safetensors")
	d := small(f, "resnet50")
	f.Fuzz(func(t *testing.T, data []byte) {
		require.NoError(t, os.WriteFile(path, data, 0o644))
		require.Error(t, parameters.Load(path, d, model.NewStore(), dtypes.Float32))
	})
}

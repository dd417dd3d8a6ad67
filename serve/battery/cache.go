package battery

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"striate/analysis/stimulus"
	"striate/internal/npy"
)

// Key is what the responses of a layer depend on, beside the stimuli.
type Key struct {
	ModelDigest   string `json:"model_digest"`
	Layer         string `json:"layer"`
	Preprocessing string `json:"preprocessing"` // mean, deviation, order of the channels
	Device        string `json:"device"`
	Runtime       string `json:"runtime"` // library and version
}

// renderer changes when the pixels of a stimulus do.
const renderer = 1

// store keeps responses on disk. Every file is whole or absent; one that cannot be read is computed
// anew.
type store struct{ dir string }

// newStore returns the store for a key. Without a folder nothing is kept.
func newStore(dir string, key Key, units []int, degrees float64, input [2]int) store {
	if dir == "" {
		return store{}
	}
	text, err := json.Marshal(struct {
		Key
		Degrees  float64 `json:"degrees"`
		Input    [2]int  `json:"input"`
		Units    string  `json:"units"`
		Renderer int     `json:"renderer"`
		Stimuli  string  `json:"stimuli"`
	}{key, degrees, input, digestInts(units), renderer, stimuliDigest()})
	if err != nil {
		panic(err) // strings and numbers only
	}
	sum := sha256.Sum256(text)
	name := hex.EncodeToString(sum[:])
	return store{filepath.Join(dir, name[:2], name)}
}

// stimuliDigest is that of the parameters of all gratings.
func stimuliDigest() string {
	h := sha256.New()
	for _, name := range stimulus.GratingSets {
		set, _ := stimulus.NewSet(name)
		fmt.Fprintln(h, name, set.Degrees, set.Pixels)
		for _, g := range set.Gratings {
			binary.Write(h, binary.LittleEndian, g) //nolint:errcheck // a hash does not fail
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

func digestInts(v []int) string {
	h := sha256.New()
	for _, i := range v {
		binary.Write(h, binary.LittleEndian, int64(i)) //nolint:errcheck // a hash does not fail
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// measured marks files that hold only the units in the field.
func measured(units []int) stimulus.SetName { return stimulus.SetName("-" + digestInts(units)) }

// cached fills dst, images×units or what was made of them, from the store, or by calling compute
// and storing. images is how many images dst stands for.
func (r *run) cached(set stimulus.SetName, chunk, units int, dst []float32, images int, compute func() error) error {
	if r.store.dir == "" {
		return compute()
	}
	path := filepath.Join(r.store.dir, fmt.Sprintf("%s-%03d.npy", set, chunk))
	if a, err := npy.ReadFile(path); err == nil && a.Dtype() == "float32" && a.Len() == len(dst) {
		copy(dst, a.Float32s())
		r.advance(images)
		return nil
	}
	if err := compute(); err != nil {
		return err
	}
	if err := npy.WriteFile(path, []int{len(dst) / units, units}, dst); err != nil {
		return fmt.Errorf("keep responses: %w", err)
	}
	return nil
}

// DefaultCache is the folder of the user's caches, or "" where there is none.
func DefaultCache() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "striate", "responses")
}

package train

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/model/checkpoint"
	gomlx "github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/metric"

	"striate/internal/fault"
	"striate/train/run"
)

// position is where a run stands, beside the variables. It lies in each checkpoint.
type position struct {
	Step    int       `json:"step"`    // of the loop
	CSV     int64     `json:"csv"`     // bytes of metrics.csv
	Window  window    `json:"window"`  // since the last row
	Epoch   window    `json:"epoch"`   // since the last validation
	Best    *run.Row  `json:"best"`    // validation row of the best epoch
	Last    *run.Row  `json:"last"`    // of the last
	Images  int       `json:"images"`  // trained on, in all
	Seconds float64   `json:"seconds"` // of training, in all
	Waited  float64   `json:"waited"`  // of these for images
	PGD5    []float64 `json:"pgd5"`    // robust accuracies of fast adversarial training
}

// window sums up steps.
type window struct {
	Loss, Top1, Top5, Seconds float64
	Images                    int
}

// add counts a step of n images.
func (w *window) add(n int, loss, top1, top5, seconds float64) {
	w.Loss += loss * float64(n)
	w.Top1 += top1 * float64(n)
	w.Top5 += top5 * float64(n)
	w.Images += n
	w.Seconds += seconds
}

// means fills a row with the means over the images.
func (w window) means(r run.Row) run.Row {
	n := float64(w.Images)
	r.Loss, r.Top1, r.Top5, r.ImagesPerS = w.Loss/n, w.Top1/n, w.Top5/n, n/w.Seconds
	return r
}

const positionParam = "/run/position"

// keeper writes GoMLX checkpoints and finds the last whole one again.
type keeper struct {
	store   *model.Store
	handler *checkpoint.Handler
}

// openCheckpoints reads the last whole checkpoint of a folder into store, which must be empty, and
// returns where it stood; nil when there is none.
//
// A killed process can leave a checkpoint half-written. GoMLX would take it for the last one, so it is
// removed first; the one before is whole, because GoMLX removes it only once the next is.
func openCheckpoints(dir string, keep int, store *model.Store) (*keeper, *position, error) {
	if err := removeTorn(dir); err != nil {
		return nil, nil, err
	}
	handler, err := checkpoint.Build(store).Dir(dir).Keep(keep).Immediate().WithCompression(checkpoint.BinUncompressed).Done()
	if err != nil {
		return nil, nil, fmt.Errorf("open checkpoints in %s: %w", dir, err)
	}
	k := &keeper{store, handler}
	found, err := handler.HasCheckpoints()
	if err != nil || !found {
		return k, nil, err
	}
	for v := range store.IterVariables() {
		v.SetTrainable(false) // which are to be trained is not in the file
	}
	text, _ := store.GetParam(positionParam)
	var p position
	if s, ok := text.(string); !ok || json.Unmarshal([]byte(s), &p) != nil {
		return nil, nil, fault.Invalidf("the checkpoint in %s says nothing about where the run stood: it is not of this program", dir)
	}
	return k, &p, nil
}

// removeTorn deletes checkpoints that were not written to their end: the description, which is
// written last, is missing or broken, or the data are shorter than it says.
func removeTorn(dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "checkpoint-*"))
	if err != nil {
		return fmt.Errorf("list checkpoints: %w", err)
	}
	for _, name := range names {
		base := strings.TrimSuffix(strings.TrimSuffix(name, checkpoint.JsonNameSuffix), checkpoint.BinDataSuffix)
		if whole(base) {
			continue
		}
		if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("remove half-written checkpoint: %w", err)
		}
	}
	return nil
}

func whole(base string) bool {
	data, err := os.ReadFile(base + checkpoint.JsonNameSuffix)
	if err != nil {
		return false
	}
	var description struct{ Variables []struct{ Length int64 } }
	if json.Unmarshal(data, &description) != nil {
		return false
	}
	var length int64
	for _, v := range description.Variables {
		length += v.Length
	}
	info, err := os.Stat(base + checkpoint.BinDataSuffix)
	return err == nil && info.Size() == length
}

// save writes a checkpoint. Sums that GoMLX keeps between steps and that are zero or of no use then
// are left out.
func (k *keeper) save(p position) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("save position: %w", err)
	}
	k.store.SetParam(positionParam, string(text))
	for v := range k.store.IterVariables() {
		for _, scope := range []string{metric.Scope, gomlx.AccumulatedGradientsScope} {
			if strings.HasPrefix(v.Path(), model.ScopeSeparator+scope+model.ScopeSeparator) {
				k.handler.ExcludeVarsFromSaving(v)
			}
		}
	}
	if err := k.handler.Save(); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	return nil
}

// last names the newest checkpoint, for messages.
func (k *keeper) last() string {
	list, err := k.handler.ListCheckpoints()
	if err != nil || len(list) == 0 {
		return "none yet"
	}
	return filepath.Join(k.handler.Dir(), list[len(list)-1])
}

// finite tells whether all variables are: those of a checkpoint must be.
func finite(store *model.Store) (bool, error) {
	ok := true
	for v := range store.IterVariables() {
		if v.DType() != dtypes.Float32 {
			continue
		}
		value, err := v.Value()
		if err != nil {
			return false, fmt.Errorf("read %s: %w", v.Path(), err)
		}
		err = tensors.ConstFlatData(value, func(flat []float32) {
			for _, x := range flat {
				// Of a number that is not finite the difference to itself is not 0.
				ok = ok && x-x == 0
			}
		})
		if err != nil {
			return false, fmt.Errorf("read %s: %w", v.Path(), err)
		}
	}
	return ok, nil
}

func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

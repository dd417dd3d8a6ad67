package neural

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"

	"gonum.org/v1/gonum/mat"

	"striate/analysis/predictivity"
	"striate/internal/fault"
)

// Selection says which part of an assembly becomes a recording.
type Selection struct {
	Region   string  // of the neurons; empty for all
	From, To float64 // time bins that start and end in it are averaged, in the assembly's unit (ms); 0, 0 for all
}

// Recording averages the array over the selected time bins and arranges it as stimuli × neurons ×
// repeats, stimuli in the order of their identifiers. It reads the array block by block, so that
// assemblies larger than memory can be used. Entries that are NaN do not count.
func (a *Assembly) Recording(ctx context.Context, s Selection) (*Recording, error) {
	p, err := a.plan(s)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.path, err)
	}
	size := p.stimuli * p.neurons * p.repeats
	t := predictivity.Trials{Stimuli: p.stimuli, Neurons: p.neurons, Repeats: p.repeats, Data: make([]float64, size)}
	counts := make([]int32, size)
	err = a.data.EachFloats(ctx, func(start, size []int, values []float64) error {
		p.add(t.Data, counts, start, size, values)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.path, err)
	}
	for i, n := range counts {
		t.Data[i] /= float64(n) // 0/0 is NaN: no trial
	}
	r := &Recording{Source: a.path, Units: p.units, Table: p.table}
	if r.Names, err = NamesOf(r.Table); err != nil {
		return nil, err
	}
	if p.repeats > 1 {
		r.Trials, r.Mean = []predictivity.Trials{t}, t.Mean()
	} else {
		r.Mean = mat.NewDense(p.stimuli, p.neurons, t.Data)
	}
	return r, nil
}

// plan says where every entry of the array goes; -1 means nowhere.
type plan struct {
	neuroid, presentation, time int // positions of the dimensions; time -1 when there is none
	column                      []int
	slot                        []int // of a presentation: (stimulus, repeat) as stimulus*repeats + repeat
	bins                        []bool
	stimuli, neurons, repeats   int
	units, table                *Table
}

// maxTrials bounds stimuli × neurons × repeats: 4 GB of float64.
const maxTrials = 1 << 29

func (a *Assembly) plan(s Selection) (*plan, error) {
	p := &plan{neuroid: slices.Index(a.Dims, "neuroid"), presentation: slices.Index(a.Dims, "presentation"), time: slices.Index(a.Dims, "time_bin")}
	known := 2
	if p.time >= 0 {
		known = 3
	}
	if p.neuroid < 0 || p.presentation < 0 || len(a.Dims) != known {
		return nil, fault.Invalidf("dimensions %v: a recording has neuroid and presentation, and may have time_bin", a.Dims)
	}
	if err := p.chooseNeurons(a, s.Region); err != nil {
		return nil, err
	}
	if err := p.chooseBins(a, s); err != nil {
		return nil, err
	}
	if err := p.arrange(a); err != nil {
		return nil, err
	}
	if int64(p.stimuli)*int64(p.neurons) > maxTrials/int64(p.repeats) {
		return nil, fault.TooLargef("%d stimuli × %d neurons × %d repeats are more than %d trials", p.stimuli, p.neurons, p.repeats, maxTrials)
	}
	return p, nil
}

func (p *plan) chooseNeurons(a *Assembly, region string) error {
	n := a.Shape[p.neuroid]
	var kept []int
	regions := a.Coord("region")
	if region != "" && (regions == nil || regions.Dim != "neuroid") {
		return fault.Invalidf("the neurons have no region, so that those of %s cannot be chosen", region)
	}
	p.column = make([]int, n)
	for i := range n {
		p.column[i] = -1
		if region == "" || regions.Fields[i] == region {
			p.column[i] = len(kept)
			kept = append(kept, i)
		}
	}
	if len(kept) == 0 {
		have := slices.Compact(slices.Sorted(slices.Values(regions.Fields)))
		return fault.NotFoundf("no neuron of region %s: there are %v", region, have)
	}
	p.neurons = len(kept)
	p.units = a.Table("neuroid").Pick(kept)
	return nil
}

func (p *plan) chooseBins(a *Assembly, s Selection) error {
	if p.time < 0 {
		if s != (Selection{Region: s.Region}) {
			return fault.Invalidf("the assembly has no time bins to choose from")
		}
		return nil
	}
	p.bins = make([]bool, a.Shape[p.time])
	if s.From == 0 && s.To == 0 {
		for i := range p.bins {
			p.bins[i] = true
		}
		return nil
	}
	start, end := a.Coord("time_bin_start"), a.Coord("time_bin_end")
	if start == nil || end == nil || start.Dim != "time_bin" || end.Dim != "time_bin" {
		return fault.Invalidf("the time bins do not say when they start and end")
	}
	any := false
	for i := range p.bins {
		from, err1 := strconv.ParseFloat(start.Fields[i], 64)
		to, err2 := strconv.ParseFloat(end.Fields[i], 64)
		if err1 != nil || err2 != nil {
			return fault.Invalidf("time bin %d starts at %q and ends at %q", i, start.Fields[i], end.Fields[i])
		}
		p.bins[i] = from >= s.From && to <= s.To
		any = any || p.bins[i]
	}
	if !any {
		return fault.NotFoundf("no time bin lies within %v to %v: the bins run from %s to %s", s.From, s.To, start.Fields[0], end.Fields[len(end.Fields)-1])
	}
	return nil
}

// arrange gives every presentation its stimulus and its repeat: the position of its repetition
// number among all that occur; without such numbers, the how-manieth presentation it is.
func (p *plan) arrange(a *Assembly) error {
	ids := a.Coord("stimulus_id")
	if ids == nil || ids.Dim != "presentation" {
		return fault.Invalidf("the presentations have no stimulus_id (nor image_id)")
	}
	stimuli := slices.Compact(slices.Sorted(slices.Values(ids.Fields)))
	p.stimuli = len(stimuli)
	repeat, repeats, err := repeatsOf(a, ids.Fields)
	if err != nil {
		return err
	}
	p.repeats = repeats
	p.slot = make([]int, len(ids.Fields))
	first := make([]int, p.stimuli)
	for i := range first {
		first[i] = -1
	}
	taken := make(map[int]bool, len(ids.Fields))
	for i, id := range ids.Fields {
		s, _ := slices.BinarySearch(stimuli, id)
		p.slot[i] = s*repeats + repeat[i]
		if taken[p.slot[i]] {
			return fault.Invalidf("stimulus %s has the same repetition twice", id)
		}
		taken[p.slot[i]] = true
		if first[s] < 0 {
			first[s] = i
		}
	}
	p.table = stimulusTable(a, first, ids.Fields)
	return nil
}

func repeatsOf(a *Assembly, ids []string) (repeat []int, repeats int, err error) {
	repeat = make([]int, len(ids))
	if c := a.Coord("repetition"); c != nil && c.Dim == "presentation" {
		numbers := make([]float64, len(ids))
		for i, f := range c.Fields {
			if numbers[i], err = strconv.ParseFloat(f, 64); err != nil {
				return nil, 0, fault.Invalidf("presentation %d has the repetition %q", i, f)
			}
		}
		distinct := slices.Compact(slices.Sorted(slices.Values(numbers)))
		for i, v := range numbers {
			repeat[i] = sort.SearchFloat64s(distinct, v)
		}
		return repeat, len(distinct), nil
	}
	seen := map[string]int{}
	for i, id := range ids {
		repeat[i] = seen[id]
		seen[id]++
		repeats = max(repeats, seen[id])
	}
	return repeat, repeats, nil
}

// stimulusTable holds the coordinates of presentations that are the same in all presentations of a
// stimulus.
func stimulusTable(a *Assembly, first []int, ids []string) *Table {
	t := &Table{name: a.path}
	t.Add("stimulus_id", pickFields(ids, first))
	of := make(map[string]int, len(first))
	for s, i := range first {
		of[ids[i]] = s
	}
	for _, c := range a.Coords {
		if c.Dim != "presentation" || c.Name == "stimulus_id" {
			continue
		}
		own := pickFields(c.Fields, first)
		constant := true
		for i, f := range c.Fields {
			constant = constant && f == own[of[ids[i]]]
		}
		if constant {
			t.Add(c.Name, own)
		}
	}
	return t
}

// add sums a block of the array into the trials.
func (p *plan) add(sums []float64, counts []int32, start, size []int, values []float64) {
	index := make([]int, len(size))
	for _, v := range values {
		n, pr := start[p.neuroid]+index[p.neuroid], start[p.presentation]+index[p.presentation]
		column := p.column[n]
		if column >= 0 && !math.IsNaN(v) && (p.time < 0 || p.bins[start[p.time]+index[p.time]]) {
			stimulus, repeat := p.slot[pr]/p.repeats, p.slot[pr]%p.repeats
			at := (stimulus*p.neurons+column)*p.repeats + repeat
			sums[at] += v
			counts[at]++
		}
		for k := len(size) - 1; k >= 0; k-- {
			if index[k]++; index[k] < size[k] {
				break
			}
			index[k] = 0
		}
	}
}

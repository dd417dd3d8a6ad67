package predictivity

import (
	"math"
	"slices"

	"striate/internal/fault"
	"striate/internal/mt19937"
)

// Split says which stimuli (by index) a regression is fitted to and which it is tested on.
type Split struct {
	Train []int `json:"train"`
	Test  []int `json:"test"`
}

// CheckSplits returns an error when a split names a stimulus that is not there, names one twice,
// tests on a stimulus it was fitted to, or is empty.
func CheckSplits(splits []Split, stimuli int) error {
	if len(splits) == 0 {
		return fault.Invalidf("no splits: cross-validation needs at least one pair of train and test lists")
	}
	for s, split := range splits {
		if len(split.Train) == 0 || len(split.Test) == 0 {
			return fault.Invalidf("split %d has %d train and %d test stimuli: both lists must have some", s, len(split.Train), len(split.Test))
		}
		seen := make([]bool, stimuli)
		for _, i := range slices.Concat(split.Train, split.Test) {
			if i < 0 || i >= stimuli {
				return fault.Invalidf("split %d names stimulus %d: there are %d, counted from 0", s, i, stimuli)
			}
			if seen[i] {
				return fault.Invalidf("split %d names stimulus %d twice: train and test must not share stimuli", s, i)
			}
			seen[i] = true
		}
	}
	return nil
}

// StratifiedSplits draws splits in which every label has its share of the train and of the test
// stimuli, as scikit-learn's StratifiedShuffleSplit(count, train_size=train, random_state=seed)
// does draw by draw. Of n stimuli ⌊train·n⌋ are fitted to, the others tested.
func StratifiedSplits(labels []string, count int, train float64, seed uint32) ([]Split, error) {
	n := len(labels)
	if !(train > 0 && train < 1) {
		return nil, fault.Invalidf("train share %v: it must lie between 0 and 1", train)
	}
	classes := slices.Compact(slices.Sorted(slices.Values(labels)))
	members := make([][]int, len(classes))
	for i, l := range labels {
		c, _ := slices.BinarySearch(classes, l)
		members[c] = append(members[c], i)
	}
	nTrain := int(math.Floor(train * float64(n)))
	nTest := n - nTrain
	if min(nTrain, nTest) < len(classes) {
		return nil, fault.Invalidf("%d train and %d test stimuli for %d labels: each side needs at least one of every label", nTrain, nTest, len(classes))
	}
	counts := make([]int, len(classes))
	for c, m := range members {
		if len(m) < 2 {
			return nil, fault.Invalidf("label %q has a single stimulus: stratified splits need at least two", classes[c])
		}
		counts[c] = len(m)
	}
	rng := mt19937.New(seed)
	splits := make([]Split, count)
	for s := range splits {
		splits[s] = stratified(rng, members, counts, nTrain, nTest)
	}
	return splits, nil
}

func stratified(rng *mt19937.Source, members [][]int, counts []int, nTrain, nTest int) (s Split) {
	train := allocate(rng, counts, nTrain)
	rest := slices.Clone(counts)
	for c := range rest {
		rest[c] -= train[c]
	}
	test := allocate(rng, rest, nTest)
	for c, m := range members {
		order := rng.Permutation(len(m))
		for _, k := range order[:train[c]] {
			s.Train = append(s.Train, m[k])
		}
		for _, k := range order[train[c] : train[c]+test[c]] {
			s.Test = append(s.Test, m[k])
		}
	}
	rng.Shuffle(s.Train)
	rng.Shuffle(s.Test)
	return s
}

// allocate shares total among classes in proportion to their counts: whole parts first, what is
// left by descending remainder, ties by lot. This is the mode of the multivariate hypergeometric
// distribution, near enough.
func allocate(rng *mt19937.Source, counts []int, total int) []int {
	var sum int
	for _, c := range counts {
		sum += c
	}
	out := make([]int, len(counts))
	remainders := make([]float64, len(counts))
	left := total
	for i, c := range counts {
		quota := float64(c) / float64(sum) * float64(total)
		out[i] = int(math.Floor(quota))
		remainders[i] = quota - math.Floor(quota)
		left -= out[i]
	}
	for _, value := range slices.Backward(slices.Compact(slices.Sorted(slices.Values(remainders)))) {
		if left <= 0 {
			break
		}
		var tied []int
		for i, r := range remainders {
			if r == value {
				tied = append(tied, i)
			}
		}
		add := min(len(tied), left)
		for _, k := range rng.ChoiceWithoutReplacement(len(tied), add) {
			out[tied[k]]++
		}
		left -= add
	}
	return out
}

// GroupSplits holds out each group of stimuli in turn: stimuli with the same label are tested
// together, fitted on all others. The groups are in sorted order.
func GroupSplits(labels []string) (splits []Split, groups []string, err error) {
	groups = slices.Compact(slices.Sorted(slices.Values(labels)))
	if len(groups) < 2 {
		return nil, nil, fault.Invalidf("%d group: holding out groups needs at least two", len(groups))
	}
	splits = make([]Split, len(groups))
	for i, l := range labels {
		for g := range groups {
			if groups[g] == l {
				splits[g].Test = append(splits[g].Test, i)
			} else {
				splits[g].Train = append(splits[g].Train, i)
			}
		}
	}
	return splits, groups, nil
}

// FoldSplits shares the stimuli at random among count folds whose sizes differ by one at most and
// tests on each in turn, as scikit-learn's KFold(count, shuffle=True, random_state=seed).
func FoldSplits(stimuli, count int, seed uint32) ([]Split, error) {
	if count < 2 || count > stimuli {
		return nil, fault.Invalidf("%d folds of %d stimuli: ask for 2 to %d", count, stimuli, stimuli)
	}
	order := mt19937.New(seed).Permutation(stimuli)
	splits := make([]Split, count)
	fold := make([]int, stimuli)
	for f, at := 0, 0; f < count; f++ {
		size := stimuli / count
		if f < stimuli%count {
			size++
		}
		for _, i := range order[at : at+size] {
			fold[i] = f
		}
		at += size
	}
	for i, own := range fold {
		for f := range splits {
			if f == own {
				splits[f].Test = append(splits[f].Test, i)
			} else {
				splits[f].Train = append(splits[f].Train, i)
			}
		}
	}
	return splits, nil
}

// halves draws count random divisions of 0…n-1 into two, as scikit-learn's ShuffleSplit(count,
// train_size=0.5, random_state=seed): ⌊n/2⌋ first, the others second.
func halves(n, count int, seed uint32) []Split {
	rng := mt19937.New(seed)
	out := make([]Split, count)
	for s := range out {
		order := rng.Permutation(n)
		out[s] = Split{Train: order[n-n/2:], Test: order[:n-n/2]}
	}
	return out
}

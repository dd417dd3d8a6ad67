package network_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/fault"
	"striate/train/network"
)

// TestStateHasTheAuthorsSizes compares entries and elements with a table made by the authors' code at
// 1000 classes: state_dict entries, trainable and frozen parameters, buffers.
func TestStateHasTheAuthorsSizes(t *testing.T) {
	want := map[string][4]int{
		"resnet50":               {320, 25557032, 0, 53173},
		"center_surround":        {335, 25559336, 123, 53173},
		"local_rf":               {320, 34957352, 0, 53173},
		"div_norm":               {349, 26736683, 0, 606727},
		"tuned_norm":             {328, 25557800, 196608, 606673},
		"cortical_magnification": {322, 25557032, 0, 606673},
		"composite_a":            {338, 34959656, 196690, 606673},
		"composite_b":            {328, 34958120, 196608, 606673},
		"composite_c":            {332, 34958888, 82, 606673},
		"composite_d":            {338, 34959656, 196690, 606673},
		"composite_e":            {328, 25557800, 196608, 606673},
		"composite_f":            {322, 34957352, 0, 606673},
		"composite_g":            {328, 34958120, 196608, 606673},
	}
	require.Len(t, network.Presets(), len(want))
	for _, name := range network.Presets() {
		d, err := network.Preset(name)
		require.NoError(t, err)
		var got [4]int
		for _, p := range d.Parameters() {
			got[0]++
			got[map[network.Role]int{network.Trainable: 1, network.Frozen: 2, network.Buffer: 3}[p.Role]] += p.Size()
		}
		require.Equal(t, want[name], got, name)
	}
}

// TestStateIsTheAuthorsStateDict compares names, order, shapes, roles and the range of the parity
// filling with the tables of the five networks there are goldens of.
func TestStateIsTheAuthorsStateDict(t *testing.T) {
	for _, name := range []string{"resnet50", "center_surround", "div_norm", "composite_a", "composite_e"} {
		g := readGolden(t, caseName("models", name))
		d, err := network.Preset(name)
		require.NoError(t, err)
		list := d.Parameters()
		require.Len(t, list, len(g.Params), name)
		for i, want := range g.Params {
			p := list[i]
			require.Equal(t, want.Name, p.PyTorch, name)
			require.Equal(t, want.Shape, append([]int{}, p.Shape...), p.PyTorch)
			require.Equal(t, strings.TrimSuffix(want.Role, "_parameter"), string(p.Role), p.PyTorch)
			lo, span, ok := p.ParityRange()
			require.Equal(t, want.Lo != nil, ok, p.PyTorch)
			require.Equal(t, ok, p.Name != "", p.PyTorch)
			if ok {
				require.Equal(t, [2]float64{*want.Lo, *want.Span}, [2]float64{lo, span}, p.PyTorch)
				require.Equal(t, want.Kind, string(p.Kind), p.PyTorch)
			}
		}
	}
}

// TestNamesOfTheOtherNetworks pins names the goldens do not cover, and that no two entries share one.
func TestNamesOfTheOtherNetworks(t *testing.T) {
	for name, want := range map[string][]string{
		"local_rf":               {"layer1.0.conv2.weight", "layer1.2.conv2.1.weight", "fc.bias"},
		"cortical_magnification": {"0.weight", "1.running_var", "3.pooling_masks", "4.0.conv2.weight", "4.0.downsample.1.bias", "7.2.bn3.weight", "10.weight"},
		"tuned_norm":             {"conv1.weight", "layer1.2.conv2.weight", "layer1.2.dn.sigmas", "lpp.pooling_mask_counts"},
		"composite_d":            {"layer1.1.conv2.conv.weight", "layer1.1.conv2.dog.dog_conv.total_scale", "layer1.2.conv2.weight"},
	} {
		d, err := network.Preset(name)
		require.NoError(t, err)
		torch, variables := map[string]bool{}, map[string]bool{}
		for _, p := range d.Parameters() {
			require.False(t, torch[p.PyTorch], p.PyTorch)
			require.False(t, variables[p.Name] && p.Name != "", p.Name)
			torch[p.PyTorch], variables[p.Name] = true, true
		}
		for _, w := range want {
			require.True(t, torch[w], "%s of %s", w, name)
		}
	}
}

func TestShapesThatCannotWorkAreRefused(t *testing.T) {
	half := 1.5
	for says, f := range map[string]network.Flags{
		"take one of resnet50":      {Network: "vgg16"},
		"8 to 1024 pixels":          {Size: 4},
		"multiple of 4":             {Network: "cortical_magnification", Size: 58},
		"even side of at least 8":   {Network: "composite_a", Size: 12},
		"1 to 1024 channels":        {Width: 5000},
		"must be a multiple of 4":   {Network: "center_surround", Width: 6},
		"four numbers":              {Blocks: []int{3, 4}},
		"layer2 must have":          {Blocks: []int{3, 0, 6, 3}},
		"layer1 must have":          {Blocks: []int{0, 4, 6, 3}},
		"give one for each":         {V1: []network.Conv{network.Local}},
		`spatial stage "fourier"`:   {V1: []network.Conv{"fourier", "conv", "conv"}},
		`pool "mean"`:               {Pool: "mean"},
		`normalisation "batch"`:     {Norm: "batch"},
		`DoG variant "mexican"`:     {DoG: "mexican"},
		"at least 0 and below 1":    {Network: "local_rf", Dropout: &half},
		"must be 1 to 1048576":      {Classes: -1},
		"block 0 of layer1: the di": {Network: "composite_c", Width: 10},
	} {
		_, err := f.Description()
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "\n")
		require.Contains(t, []fault.Code{fault.Invalid, fault.Misuse}, fault.CodeOf(err), says)
	}
}

// TestFlagsComposeNewNetworks: a composition that is none of the paper's takes composite names, one
// that only differs in size keeps the paper's.
func TestFlagsComposeNewNetworks(t *testing.T) {
	d, err := network.Flags{V1: []network.Conv{network.PlainDoG, network.Local, network.Local}, Norm: network.Divisive, Pool: network.Polar}.Description()
	require.NoError(t, err)
	require.Equal(t, network.CompositeNames, d.Naming)
	require.Equal(t, "resnet50+", d.Name)
	require.Equal(t, network.Block{Conv: network.Local, Norm: network.Divisive}, d.V1[1])

	d, err = network.Flags{Network: "composite_a", Width: 16, Blocks: []int{5, 1, 1, 1}, Size: 32, Classes: 10}.Description()
	require.NoError(t, err)
	require.Equal(t, "composite_a", d.Name)
	require.Equal(t, network.PlainDoG, d.V1[3].Conv)
	require.Equal(t, network.Local, d.V1[4].Conv)
	require.Equal(t, []string{"conv1", "pool", "layer1.0", "layer1.1", "layer1.2", "layer1.3", "layer1.4", "layer2", "layer3", "layer4", "avgpool", "logits"}, d.Layers())
	require.Equal(t, "layer1.4", d.V1Layer())

	paper, err := network.Preset("composite_a")
	require.NoError(t, err)
	_ = d.WithBlocks(1, 1, 1, 1)
	require.Equal(t, []int{3, 4, 6, 3}, paper.Blocks)
}

func TestLayerShapes(t *testing.T) {
	d, err := network.Preset("composite_a")
	require.NoError(t, err)
	for layer, want := range map[string][3]int{
		"conv1": {64, 32, 32}, "pool": {64, 16, 16}, "layer1.2": {256, 16, 16}, "layer2": {512, 8, 8},
		"layer3": {1024, 4, 4}, "layer4": {2048, 2, 2}, "avgpool": {2048, 1, 1}, "logits": {1000, 1, 1},
	} {
		c, h, w, err := d.LayerShape(layer)
		require.NoError(t, err)
		require.Equal(t, want, [3]int{c, h, w}, layer)
	}
	_, _, _, err = d.LayerShape("layer1.3")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
	_, _, _, err = d.LayerShape("layer9")
	require.Equal(t, fault.NotFound, fault.CodeOf(err))
}

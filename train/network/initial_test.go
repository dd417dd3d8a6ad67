package network_test

import (
	"math"
	"slices"
	"testing"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/stretchr/testify/require"

	"striate/train/network"
)

// TestStreamsEqualTheWorkedValues: numbers another framework computes must be these, bit for bit.
func TestStreamsEqualTheWorkedValues(t *testing.T) {
	require.Equal(t, uint64(0x1ebbae8f5810b65b), uint64(network.NewStream("input", 0)))
	require.Equal(t, uint64(0x190a9f76a9bd8bf6), network.NewStream("input", 0).Word(0))
	require.Equal(t, uint64(0x25c12863d0b8abeb), network.NewStream("input", 0).Word(1))
	require.Equal(t, uint64(33997), network.NewStream("samples", 0).Word(0)%131072)
	require.Equal(t, uint64(575), network.NewStream("labels", 0).Word(0)%1000)
	kinds := map[string]network.Parameter{
		"conv1.weight":          {Kind: network.ConvWeight, Shape: []int{64, 3, 7, 7}},
		"layer1.2.conv2.weight": {Kind: network.ConvWeight, Shape: []int{64, 64, 3, 3}},
		"fc.weight":             {Kind: network.LinearWeight, Shape: []int{1000, 2048}},
		"fc.bias":               {Kind: network.LinearBias},
		"bn1.weight":            {Kind: network.BNWeight},
		"bn1.bias":              {Kind: network.BNBias},
		"bn1.running_mean":      {Kind: network.RunningMean},
		"bn1.running_var":       {Kind: network.RunningVar},
		"dog_conv.sigma1":       {Kind: network.DoGSigma1},
		"dog_conv.sigma2_scale": {Kind: network.DoGSigma2Scale},
		"dog_conv.total_scale":  {Kind: network.DoGTotalScale},
		"sigmas":                {Kind: network.TunedSigmas},
		"A":                     {Kind: network.DivA}, "rho": {Kind: network.DivRho}, "sigma": {Kind: network.DivSigma},
		"theta": {Kind: network.DivTheta}, "v": {Kind: network.DivV}, "w": {Kind: network.DivW}, "bias": {Kind: network.DivBias},
	}
	for name, bits := range map[string]uint32{
		"conv1.weight": 0x3c52feec, "layer1.2.conv2.weight": 0xbd284bcf, "fc.weight": 0xba9a0893, "fc.bias": 0xbc0f081d,
		"bn1.weight": 0x3f5c3654, "bn1.bias": 0xbe031f1c, "bn1.running_mean": 0x3dbb8f58, "bn1.running_var": 0x3f923722,
		"dog_conv.sigma1": 0x3f8281bf, "dog_conv.sigma2_scale": 0x3fbff443, "dog_conv.total_scale": 0xbf5932ab,
		"sigmas": 0x3f1e7ee8, "A": 0xbbc1fcfc, "rho": 0x3e8b414f, "sigma": 0x3fc13533, "theta": 0x3fdc045a,
		"v": 0x400b80eb, "w": 0x4018f0af, "bias": 0xbfbfb138,
	} {
		lo, span, ok := kinds[name].ParityRange()
		require.True(t, ok, name)
		v := stream(name, 0, 1, lo, span)
		require.Equal(t, bits, math.Float32bits(v[0]), name)
	}
	require.Equal(t, uint32(0x3de33240), math.Float32bits(stream("input", 1, 1, -1, 2)[0]))
}

// TestRandomInitialisationFollowsTheAuthors checks mean and spread of what they initialise, each to
// five standard errors of the sample.
func TestRandomInitialisationFollowsTheAuthors(t *testing.T) {
	uniform := func(lo, hi float64) [2]float64 { return [2]float64{(lo + hi) / 2, (hi - lo) / math.Sqrt(12)} }
	for name, want := range map[string]map[string][2]float64{
		"composite_a": {
			"conv1.weight":                 {0, math.Sqrt(2. / (64 * 49))},
			"layer1.0.conv2.weight":        {0, math.Sqrt(2. / (64 * 9))},
			"layer1.2.conv2.weight":        {0, 1},
			"layer1.0.dog.sigma1":          uniform(1, 2),
			"layer1.0.dog.sigma2_scale":    uniform(1, 2),
			"layer1.0.dog.total_scale":     {0, 2},
			"layer1.0.norm.sigmas":         uniform(32, 33),
			"layer1.0.bn1.weight":          {1, 0},
			"layer1.0.bn1.bias":            {0, 0},
			"layer1.0.bn1.running_mean":    {0, 0},
			"layer1.0.bn1.running_var":     {1, 0},
			"fc.weight":                    uniform(-1/math.Sqrt(2048), 1/math.Sqrt(2048)),
			"fc.bias":                      uniform(-1/math.Sqrt(2048), 1/math.Sqrt(2048)),
			"layer1.0.downsample.0.weight": {0, math.Sqrt(2. / 256)},
		},
		"div_norm": {
			"layer1.1.norm.A": uniform(0, 1), "layer1.1.norm.rho": uniform(1, 2), "layer1.1.norm.sigma": uniform(1, 2),
			"layer1.1.norm.theta": uniform(0, 2*math.Pi), "layer1.1.norm.v": {1, 1}, "layer1.1.norm.w": {1, 1},
		},
		"center_surround": {"layer1.1.conv2.weight": uniform(-1./24, 1./24), "layer2.1.conv2.weight": {0, math.Sqrt(2. / (128 * 9))}},
	} {
		d, err := network.Preset(name)
		require.NoError(t, err)
		store := model.NewStore()
		require.NoError(t, d.Init(store, network.Random(7), dtypes.Float32))
		for parameter, w := range want {
			v := store.GetVariable("/" + parameter)
			require.NotNil(t, v, parameter)
			mean, sd, n := moments(flat(v.MustValue()))
			require.InDelta(t, w[0], mean, 5*w[1]/math.Sqrt(n)+1e-12, "mean of %s", parameter)
			require.InDelta(t, w[1], sd, 5*w[1]/math.Sqrt(n)+1e-12, "spread of %s", parameter)
		}
	}
}

func moments(v []float64) (mean, sd, n float64) {
	n = float64(len(v))
	for _, x := range v {
		mean += x / n
	}
	for _, x := range v {
		sd += (x - mean) * (x - mean) / n
	}
	return mean, math.Sqrt(sd), n
}

func TestSeedsDecideTheParameters(t *testing.T) {
	d := small(t, "composite_a")
	values := func(from network.Initializer) []float32 {
		store := model.NewStore()
		require.NoError(t, d.Init(store, from, dtypes.Float32))
		var all []float32
		for _, p := range d.Parameters() {
			if p.Name != "" {
				all = append(all, tensors.MustCopyFlatData[float32](store.GetVariable("/"+p.Name).MustValue())...)
			}
		}
		return all
	}
	for _, kind := range []func(uint64) network.Initializer{network.Random, network.Parity} {
		require.Equal(t, values(kind(5)), values(kind(5)))
		require.False(t, slices.Equal(values(kind(5)), values(kind(6))))
	}
	require.ErrorContains(t, d.Init(model.NewStore(), network.Random(1), dtypes.Int32), "float32 or float64")
}

package v1score

import (
	"testing"

	"striate/analysis/stimulus"
)

// thousand repeats the golden units until there are 1,000, the population that the reference was
// timed on.
func thousand(b *testing.B) map[stimulus.SetName]Rows {
	sets := map[stimulus.SetName]Rows{}
	for _, name := range append([]stimulus.SetName{stimulus.TextureSet}, stimulus.GratingSets...) {
		r := responses(b, name)
		units := InField(Fields(responses(b, stimulus.BlankSet), responses(b, stimulus.ReceptiveFieldSet), false))
		data := Responses[float32]{Stimuli: r.Stimuli}
		for i := range 1000 {
			u := units[i%len(units)]
			data.Data = append(data.Data, r.Data[u*r.Stimuli:(u+1)*r.Stimuli]...)
		}
		sets[name] = data
	}
	return sets
}

// BenchmarkProperties measures 1,000 units from activations to all properties.
func BenchmarkProperties(b *testing.B) {
	sets, column := thousand(b), textureColumns(b)
	for b.Loop() {
		InField(Fields(sets[stimulus.BlankSet], sets[stimulus.ReceptiveFieldSet], false))
		rates, err := FitRates(sets[stimulus.BlankSet], sets[stimulus.OrientationSet])
		if err != nil {
			b.Fatal(err)
		}
		OrientationAssays(rates, sets[stimulus.OrientationSet])
		FrequencyAssays(rates, sets[stimulus.SpatialFrequencySet])
		SizeAssay(rates, sets[stimulus.SizeSet])
		TextureAssay(rates, sets[stimulus.TextureSet], column)
	}
}

// BenchmarkSimilarity bootstraps the 22 scored properties, without ceilings, 1,000 resamples each.
func BenchmarkSimilarity(b *testing.B) {
	sets, column := thousand(b), textureColumns(b)
	rates, _ := FitRates(sets[stimulus.BlankSet], sets[stimulus.OrientationSet])
	ringach, a := OrientationAssays(rates, sets[stimulus.OrientationSet])
	f, schiller := FrequencyAssays(rates, sets[stimulus.SpatialFrequencySet])
	samples := map[string][]float64{}
	for _, table := range []*Table{ringach, a, f, schiller, SizeAssay(rates, sets[stimulus.SizeSet]),
		TextureAssay(rates, sets[stimulus.TextureSet], column)} {
		for k, name := range table.Names {
			samples[name] = table.Sample(k)
		}
	}
	var scored []Distribution
	for _, d := range Published() {
		if d.Benchmark != "" {
			if d.Values == nil { // stands for recordings that are not published as counts
				d.Values = samples[d.Property][:d.Neurons]
			}
			scored = append(scored, d)
		}
	}
	b.ResetTimer()
	for b.Loop() {
		for i := range scored {
			Bootstrap(samples[scored[i].Property], &scored[i], Resamples, 1)
		}
	}
}

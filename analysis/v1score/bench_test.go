package v1score

import (
	"testing"

	"striate/analysis/stimulus"
)

// thousand repeats the golden units until there are 1,000, the population that the reference was
// timed on.
func thousand(b *testing.B) Sets {
	units := battery(b).InField
	repeat := func(name stimulus.SetName) Rows {
		r := responses(b, name)
		data := Responses[float32]{Stimuli: r.Stimuli}
		for i := range 1000 {
			u := units[i%len(units)]
			data.Data = append(data.Data, r.Data[u*r.Stimuli:(u+1)*r.Stimuli]...)
		}
		return data
	}
	return Sets{
		Blank: repeat(stimulus.BlankSet), ReceptiveField: repeat(stimulus.ReceptiveFieldSet),
		Orientation: repeat(stimulus.OrientationSet), SpatialFrequency: repeat(stimulus.SpatialFrequencySet),
		Size: repeat(stimulus.SizeSet), Texture: repeat(stimulus.TextureSet), TextureColumn: textureColumns(b),
	}
}

// BenchmarkProperties measures 1,000 units from activations to all properties.
func BenchmarkProperties(b *testing.B) {
	sets := thousand(b)
	for b.Loop() {
		if _, err := Measure(sets); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSimilarity bootstraps the 22 scored properties, without ceilings, 1,000 resamples each.
func BenchmarkSimilarity(b *testing.B) {
	m, err := Measure(thousand(b))
	if err != nil {
		b.Fatal(err)
	}
	sample := Samples(m.Tables)
	var scored []Distribution
	for _, d := range Published() {
		if d.Benchmark != "" {
			if d.Values == nil { // stands for recordings that are not published as counts
				d.Values = sample(&d)[:d.Neurons]
			}
			scored = append(scored, d)
		}
	}
	for b.Loop() {
		for i := range scored {
			Bootstrap(sample(&scored[i]), &scored[i], Resamples, 1)
		}
	}
}

package stimulus

import "testing"

// BenchmarkPlaced renders all 9,096 gratings on a screen of 8 degrees, one goroutine.
func BenchmarkPlaced(b *testing.B) {
	canvas := SquareCanvas(SetPixels, SetDegrees).Offset(NewScreen(SetPixels, SetPixels, SetDegrees, 8))
	r := NewRenderer(canvas)
	dst := make([]uint8, canvas.Width*canvas.Height)
	benchmarkSets(b, func(s Set, i int) { s.Draw(r, dst, i) })
}

// BenchmarkNetworkInput renders all of them at a network's input of 224×224×3.
func BenchmarkNetworkInput(b *testing.B) {
	view := NewView(224, 224, 8)
	dst := make([]uint8, view.ImageLen())
	benchmarkSets(b, func(s Set, i int) { view.Draw(dst, s, i) })
}

func benchmarkSets(b *testing.B, draw func(s Set, i int)) {
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		for _, name := range GratingSets[1:] {
			set, _ := NewSet(name)
			for i := range set.Len() {
				draw(set, i)
			}
			n += set.Len()
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "images/s")
}

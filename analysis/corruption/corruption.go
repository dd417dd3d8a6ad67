// Package corruption degrades images the way the robustness benchmarks Tiny-ImageNet-C (64×64) and
// ImageNet-C (224×224) do: fifteen corruptions in four groups and four extra ones, each in five
// severities.
//
// The functions reproduce the numbers of the benchmarks' generating programs, their accidents
// included: a glass blur that copies where it means to swap, a motion blur on 16-bit samples cut
// back to 8 bits, an affine warp on a grid of 1/32 pixel, values truncated to 8 bits rather than
// rounded. What is random is drawn from a Source, value by value in a stated order.
//
// An 8-bit image is size×size×3 samples, RGB, rows outermost.
//
// Source: D. Hendrycks and T. Dietterich (2019), "Benchmarking neural network robustness to common
// corruptions and perturbations", ICLR.
package corruption

import (
	"fmt"
	"slices"

	"striate/internal/upperbits"
)

// Group is the class a corruption is averaged in.
type Group string

// The groups of the benchmarks. Extra holds the four "validation" corruptions, which no mean
// includes.
const (
	Noise   Group = "noise"
	Blur    Group = "blur"
	Weather Group = "weather"
	Digital Group = "digital"
	Extra   Group = "extra"
)

// Severities is the number of severities, 1 to 5.
const Severities = 5

// Corruption is one corruption of a benchmark.
type Corruption struct {
	Name  string
	Group Group
	// Random tells whether the result depends on the source.
	Random bool
	// Pictures tells whether frost pictures are needed (Workspace.SetFrost).
	Pictures bool

	size int
	// apply writes the corrupted ws.img to ws.out, 0..255 before truncation.
	apply func(ws *Workspace, severity int, src Source)
}

// Apply writes img, corrupted at a severity of 1..5, to dst. Both are 8-bit images of the
// benchmark's size and may be the same slice. src may be nil where Random is false. Apply panics
// when a size, the severity or the workspace does not fit.
func (c *Corruption) Apply(ws *Workspace, dst, img []uint8, severity int, src Source) {
	if len(dst) != len(img) {
		panic(fmt.Sprintf("corruption: %d samples into %d", len(img), len(dst)))
	}
	upperbits.Clear()
	for i, v := range c.float(ws, img, severity, src) {
		dst[i] = uint8(v)
	}
}

// float returns the corrupted image before truncation, valid until the workspace is used again.
func (c *Corruption) float(ws *Workspace, img []uint8, severity int, src Source) []float64 {
	switch {
	case ws.size != c.size || len(img) != c.size*c.size*3:
		panic(fmt.Sprintf("corruption: %s of %d samples in a workspace for %d×%d pixels, want %d×%d",
			c.Name, len(img), ws.size, ws.size, c.size, c.size))
	case severity < 1 || severity > Severities:
		panic(fmt.Sprintf("corruption: severity %d outside 1..%d", severity, Severities))
	case c.Random && src == nil:
		panic("corruption: " + c.Name + " needs a source")
	case c.Pictures && len(ws.frost) == 0:
		panic("corruption: " + c.Name + " needs pictures: call Workspace.SetFrost")
	}
	copy(ws.img, img)
	c.apply(ws, severity-1, src)
	return ws.out
}

// Benchmark is a named set of corruptions with their parameters for images of one size.
type Benchmark struct {
	Name        string // as on the command line
	Title       string
	Size        int // pixels a side
	Corruptions []Corruption

	frostScale float64
}

// Names returns the names of the corruptions of a group, of all but Extra when group is empty.
func (b *Benchmark) Names(group Group) []string {
	var names []string
	for i := range b.Corruptions {
		c := &b.Corruptions[i]
		if c.Group == group || group == "" && c.Group != Extra {
			names = append(names, c.Name)
		}
	}
	return names
}

// Lookup returns the corruption of that name, nil if there is none.
func (b *Benchmark) Lookup(name string) *Corruption {
	i := slices.IndexFunc(b.Corruptions, func(c Corruption) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &b.Corruptions[i]
}

// Groups lists the groups that the benchmarks average over.
func Groups() []Group { return []Group{Noise, Blur, Weather, Digital} }

package stimulus

import "slices"

// The axes of the grating sets, in their exact double-precision values.
var (
	// Radii of the size set, in degrees, half an octave apart.
	Radii = [12]float64{0.10511205190671431, 0.14865088937534013, 0.21022410381342863, 0.29730177875068026,
		0.42044820762685725, 0.5946035575013605, 0.8408964152537145, 1.189207115002721, 1.681792830507429,
		2.378414230005442, 3.363585661014858, 4.756828460010884}
	// SpatialFrequencies in cycles/degree, a quarter of an octave apart.
	SpatialFrequencies = [22]float64{0.3855527063519852, 0.4585020216023356, 0.5452538663326288, 0.6484197773255048,
		0.7711054127039704, 0.9170040432046712, 1.0905077326652577, 1.2968395546510096, 1.5422108254079407,
		1.8340080864093424, 2.1810154653305154, 2.5936791093020193, 3.0844216508158815, 3.668016172818685,
		4.362030930661031, 5.187358218604039, 6.168843301631763, 7.33603234563737, 8.724061861322062,
		10.374716437208077, 12.337686603263526, 14.67206469127474}
	// Orientations in degrees.
	Orientations = [12]float64{0, 15, 30, 45, 60, 75, 90, 105, 120, 135, 150, 165}
	// Phases in degrees.
	Phases = [8]float64{0, 45, 90, 135, 180, 225, 270, 315}
	// Positions of the receptive-field set along either axis, in degrees.
	Positions = [21]float64{-2.5, -2.25, -2, -1.75, -1.5, -1.25, -1, -0.75, -0.5, -0.25, 0,
		0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5}
	// FewFrequencies are the spatial frequencies of the orientation and size sets.
	FewFrequencies = [4]float64{SpatialFrequencies[4], SpatialFrequencies[8], SpatialFrequencies[12], SpatialFrequencies[16]}
	// FewOrientations are the orientations of the spatial-frequency and size sets.
	FewOrientations = [6]float64{0, 30, 60, 90, 120, 150}
	// FewRadii are the radii of the spatial-frequency set, in degrees.
	FewRadii = [2]float64{0.75, 2.25}
	// RFOrientations and RFPhases are shown at every position of the receptive-field set.
	RFOrientations = [4]float64{0, 45, 90, 135}
	RFPhases       = [2]float64{0, 180}
)

// Geometry of the sets.
const (
	SetDegrees = 12  // visual angle that every image of a grating set spans
	SetPixels  = 672 // its width and height: 56 pixels/degree
	Center     = 0.5 // degrees right of and below the centre of gaze: where all disks but the RF set's are
	Cycles     = 3   // radii per spatial frequency in the orientation set: 2, 3 and 4 periods a diameter
)

// SetName names a stimulus set.
type SetName string

// The stimulus sets.
const (
	BlankSet            SetName = "blank"
	ReceptiveFieldSet   SetName = "receptive_field"
	OrientationSet      SetName = "orientation"
	SpatialFrequencySet SetName = "spatial_frequency"
	SizeSet             SetName = "size"
	TextureSet          SetName = "texture"
)

// GratingSets are the sets that need no image files, in the order in which the V1 battery shows them.
var GratingSets = []SetName{BlankSet, ReceptiveFieldSet, OrientationSet, SpatialFrequencySet, SizeSet}

// Set is an ordered list of gratings, or the blank image.
type Set struct {
	Name     SetName
	Degrees  float64   // visual angle of a whole image
	Pixels   int       // width and height
	Gratings []Grating // nil for the blank
}

// Len is the number of images.
func (s Set) Len() int { return max(1, len(s.Gratings)) }

// Canvas is that of the set's images.
func (s Set) Canvas() Canvas { return SquareCanvas(s.Pixels, s.Degrees) }

// Draw renders image i of the set into dst with a renderer for its canvas, or for that canvas seen
// through a screen.
func (s Set) Draw(r *Renderer, dst []uint8, i int) {
	if s.Gratings == nil {
		Fill(dst, Gray)
		return
	}
	r.Draw(dst, s.Gratings[i])
}

// NewSet returns a grating set in canonical order: the slowest axis first. It returns false for a
// name that is not one of GratingSets.
func NewSet(name SetName) (Set, bool) {
	s := Set{Name: name, Degrees: SetDegrees, Pixels: SetPixels}
	switch name {
	case BlankSet:
		s.Pixels = 448
	case ReceptiveFieldSet:
		s.Gratings = receptiveField()
	case OrientationSet:
		s.Gratings = orientation()
	case SpatialFrequencySet:
		s.Gratings = product(FewRadii[:], SpatialFrequencies[:], FewOrientations[:])
	case SizeSet:
		s.Gratings = product(Radii[:], FewFrequencies[:], FewOrientations[:])
	default:
		return Set{}, false
	}
	return s, true
}

// SetLen is the number of images in a set, textures included; 0 for an unknown name.
func SetLen(name SetName) int {
	switch name {
	case TextureSet:
		return 2 * Families * Samples
	case BlankSet:
		return 1
	case ReceptiveFieldSet:
		return len(Positions) * len(Positions) * len(RFOrientations) * len(RFPhases)
	case OrientationSet:
		return Cycles * len(FewFrequencies) * len(Orientations) * len(Phases)
	case SpatialFrequencySet:
		return len(FewRadii) * len(SpatialFrequencies) * len(FewOrientations) * len(Phases)
	case SizeSet:
		return len(Radii) * len(FewFrequencies) * len(FewOrientations) * len(Phases)
	}
	return 0
}

func receptiveField() []Grating {
	gratings := make([]Grating, 0, SetLen(ReceptiveFieldSet))
	for _, y := range Positions {
		for _, x := range Positions {
			for _, o := range RFOrientations {
				for _, p := range RFPhases {
					gratings = append(gratings, Grating{
						Y: y, X: x, Contrast: 1, Radius: 1.0 / 6, SpatialFrequency: 3, Orientation: o, Phase: p,
					})
				}
			}
		}
	}
	return gratings
}

func orientation() []Grating {
	gratings := make([]Grating, 0, SetLen(OrientationSet))
	for cycle := range Cycles {
		for _, sf := range FewFrequencies {
			radius := float64(cycle+2) / (2 * sf)
			gratings = append(gratings, product([]float64{radius}, []float64{sf}, Orientations[:])...)
		}
	}
	return gratings
}

// product lists the gratings of full contrast at Center for all combinations, every one in all
// Phases; the last axis is the fastest.
func product(radii, frequencies, orientations []float64) []Grating {
	var gratings []Grating
	for _, r := range radii {
		for _, sf := range frequencies {
			for _, o := range orientations {
				g := Grating{Y: Center, X: Center, Contrast: 1, Radius: r, SpatialFrequency: sf, Orientation: o}
				gratings = append(gratings, g.InAllPhases()...)
			}
		}
	}
	return slices.Clip(gratings)
}

// InAllPhases returns g in each of Phases.
func (g Grating) InAllPhases() []Grating {
	out := make([]Grating, len(Phases))
	for i, p := range Phases {
		g.Phase = p
		out[i] = g
	}
	return out
}

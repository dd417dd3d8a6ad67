package stimulus

import "striate/internal/pillow"

// View shows stimuli to a network: on a screen that spans the network's field of view, then
// resized to the network's input as Pillow's bilinear filter does, gray in all three channels.
// It is not safe for concurrent use; drawing gratings does not allocate.
type View struct {
	height, width int
	degrees       float64
	renderer      *Renderer
	resizer       *pillow.GrayResizer
	screen, small []uint8
}

// NewView returns a view for a network whose input of height×width pixels spans so many degrees of
// visual angle. It panics unless all are positive.
func NewView(height, width int, degrees float64) *View {
	canvas := SquareCanvas(SetPixels, SetDegrees).Offset(NewScreen(SetPixels, SetPixels, SetDegrees, degrees))
	v := &View{
		height: height, width: width, degrees: degrees,
		renderer: NewRenderer(canvas),
		resizer:  pillow.NewGrayResizer(canvas.Width, canvas.Height, width, height, pillow.Bilinear),
		screen:   make([]uint8, canvas.Width*canvas.Height),
		small:    make([]uint8, height*width),
	}
	Fill(v.screen, Gray)
	return v
}

// ImageLen is the number of bytes of one image: height×width×3.
func (v *View) ImageLen() int { return v.height * v.width * 3 }

// DrawBlank fills dst with the background.
func (v *View) DrawBlank(dst []uint8) { Fill(dst, Gray) }

// DrawGrating renders g at the network's input into dst, ImageLen bytes.
func (v *View) DrawGrating(dst []uint8, g Grating) {
	if len(dst) != v.ImageLen() {
		panic("stimulus: image of another size than the view")
	}
	Fill(dst, Gray)
	v.drawOver(dst, g)
}

// drawOver renders g into dst, which is gray.
func (v *View) drawOver(dst []uint8, g Grating) {
	b := v.renderer.DrawDisk(v.screen, g)
	out := v.resizer.Resize(v.small, v.screen, pillow.Window(b), Gray)
	width := v.renderer.canvas.Width
	for y := b.Top; y < b.Bottom; y++ { // the screen is gray between images
		Fill(v.screen[y*width+b.Left:y*width+b.Right], Gray)
	}
	for y := out.Top; y < out.Bottom; y++ {
		from := v.small[y*v.width+out.Left : y*v.width+out.Right]
		to := dst[(y*v.width+out.Left)*3:]
		to = to[:3*len(from)]
		for i, p := range from {
			to[3*i], to[3*i+1], to[3*i+2] = p, p, p
		}
	}
}

// Draw renders image i of a grating set into dst.
func (v *View) Draw(dst []uint8, s Set, i int) {
	if s.Gratings == nil {
		v.DrawBlank(dst)
		return
	}
	v.DrawGrating(dst, s.Gratings[i])
}

// DrawImage shows a gray image of height×width pixels that spans source degrees.
func (v *View) DrawImage(dst, src []uint8, height, width int, source float64) {
	s := NewScreen(width, height, source, v.degrees)
	screen := src
	if s != (Screen{Width: width, Height: height}) {
		screen = make([]uint8, s.Width*s.Height)
		s.Place(screen, src, width, height, 1)
	}
	for i, p := range pillow.Resize(screen, s.Width, s.Height, 1, v.width, v.height, pillow.Bilinear) {
		dst[3*i], dst[3*i+1], dst[3*i+2] = p, p, p
	}
}

// Size is the network's input in pixels.
func (v *View) Size() (height, width int) { return v.height, v.width }

// Package picture turns image files from strangers into pixels, and pixels into what a network
// reads. Dimensions are checked before anything is decoded.
package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"striate/internal/fault"
	"striate/internal/jpegturbo"
	"striate/internal/pillow"
)

// RGB is an 8-bit colour image, rows outermost, 3 samples a pixel.
type RGB struct {
	Width, Height int
	Pix           []uint8
}

// Limits bound what is decoded. Zero values mean the defaults.
type Limits struct {
	MaxPixels int64 // width × height
	MaxSide   int
	MaxBytes  int64 // of an encoded file read from disk
}

// The default limits.
const (
	DefaultMaxPixels = 1 << 25 // 5792×5792
	DefaultMaxSide   = 16384
	DefaultMaxBytes  = 64 << 20
)

func (l Limits) withDefaults() Limits {
	if l.MaxPixels == 0 {
		l.MaxPixels = DefaultMaxPixels
	}
	if l.MaxSide == 0 {
		l.MaxSide = DefaultMaxSide
	}
	if l.MaxBytes == 0 {
		l.MaxBytes = DefaultMaxBytes
	}
	return l
}

// Format names what the first bytes of data say: "png", "jpeg" or "".
func Format(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return "png"
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return "jpeg"
	}
	return ""
}

// Decode decodes a PNG or JPEG as Pillow's convert("RGB") sees it: JPEG with the arithmetic of
// libjpeg-turbo, grey replicated, alpha dropped (not composited), 16-bit samples cut to their high
// byte, EXIF orientation not applied.
func Decode(data []byte, limits Limits) (*RGB, error) {
	return DecodeRegion(data, limits, func(width, height int) Region { return Region{Width: width, Height: height} })
}

// Region is a rectangle of an image, in pixels.
type Region = jpegturbo.Region

// DecodeRegion decodes the part of an image that choose names for its size. Of a JPEG only that part is
// computed. The limits are for the whole image.
func DecodeRegion(data []byte, limits Limits, choose func(width, height int) Region) (*RGB, error) {
	limits = limits.withDefaults()
	switch Format(data) {
	case "png":
		config, err := png.DecodeConfig(bytes.NewReader(data))
		if err != nil {
			return nil, fault.Invalidf("broken PNG image: %v", err)
		}
		if err := limits.check(config.Width, config.Height); err != nil {
			return nil, err
		}
		img, err := png.Decode(bytes.NewReader(data))
		if err != nil {
			return nil, fault.Invalidf("broken PNG image: %v", err)
		}
		return fromImage(img).Crop(choose(config.Width, config.Height)), nil
	case "jpeg":
		config, err := jpegturbo.DecodeConfig(data)
		if err != nil {
			return nil, fault.Invalidf("broken JPEG image: %v", err)
		}
		if err := limits.check(config.Width, config.Height); err != nil {
			return nil, err
		}
		img, err := jpegturbo.DecodeRegion(data, config.Width*config.Height, choose)
		if err != nil {
			return nil, fault.Invalidf("broken JPEG image: %v", err)
		}
		return &RGB{img.Width, img.Height, img.Pix}, nil
	}
	return nil, fault.Invalidf("not a PNG or JPEG image (the first bytes are neither's)")
}

func (l Limits) check(width, height int) error {
	if width <= 0 || height <= 0 {
		return fault.Invalidf("image of %d×%d pixels", width, height)
	}
	if width > l.MaxSide || height > l.MaxSide || int64(width)*int64(height) > l.MaxPixels {
		return fault.TooLargef("image of %d×%d pixels is over the limit of %d pixels (%d on a side): make it smaller first",
			width, height, l.MaxPixels, l.MaxSide)
	}
	return nil
}

// ReadFile decodes an image file.
func ReadFile(path string, limits Limits) (*RGB, []byte, error) {
	limits = limits.withDefaults()
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fault.NotFoundf("no such image: %s", path)
	}
	if info.Size() > limits.MaxBytes {
		return nil, nil, fault.TooLargef("%s has %d bytes, over the limit of %d", path, info.Size(), limits.MaxBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read image: %w", err)
	}
	img, err := Decode(data, limits)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return img, data, nil
}

func fromImage(img image.Image) *RGB {
	b := img.Bounds()
	out := &RGB{b.Dx(), b.Dy(), make([]uint8, 3*b.Dx()*b.Dy())}
	switch m := img.(type) {
	case *image.NRGBA:
		dropAlpha(out, m.Pix, m.Stride)
	case *image.RGBA: // opaque: the PNG decoder gives it to images without alpha
		dropAlpha(out, m.Pix, m.Stride)
	case *image.Gray:
		for y := range out.Height {
			for x, v := range m.Pix[y*m.Stride:][:out.Width] {
				copy(out.Pix[(y*out.Width+x)*3:], []uint8{v, v, v})
			}
		}
	case *image.NRGBA64:
		for i := range out.Width * out.Height {
			at := (i/out.Width)*m.Stride + (i%out.Width)*8
			out.Pix[3*i], out.Pix[3*i+1], out.Pix[3*i+2] = m.Pix[at], m.Pix[at+2], m.Pix[at+4]
		}
	case *image.Paletted:
		fromPalette(out, m)
	default:
		for i := range out.Width * out.Height {
			r, g, bl, _ := img.At(b.Min.X+i%out.Width, b.Min.Y+i/out.Width).RGBA()
			out.Pix[3*i], out.Pix[3*i+1], out.Pix[3*i+2] = uint8(r>>8), uint8(g>>8), uint8(bl>>8)
		}
	}
	return out
}

func dropAlpha(out *RGB, pix []uint8, stride int) {
	for y := range out.Height {
		row := pix[y*stride:]
		for x := range out.Width {
			copy(out.Pix[(y*out.Width+x)*3:], row[4*x:4*x+3])
		}
	}
}

func fromPalette(out *RGB, m *image.Paletted) {
	table := make([][3]uint8, 256) // an index beyond the palette is black
	for i, c := range m.Palette {
		n := color.NRGBAModel.Convert(c).(color.NRGBA)
		table[i] = [3]uint8{n.R, n.G, n.B}
	}
	for y := range out.Height {
		for x, v := range m.Pix[y*m.Stride:][:out.Width] {
			copy(out.Pix[(y*out.Width+x)*3:], table[v][:])
		}
	}
}

// Crop returns a part of the image.
func (m *RGB) Crop(r Region) *RGB {
	if r == (Region{Width: m.Width, Height: m.Height}) {
		return m
	}
	out := &RGB{r.Width, r.Height, make([]uint8, 3*r.Width*r.Height)}
	for y := range r.Height {
		from := 3 * ((r.Top+y)*m.Width + r.Left)
		copy(out.Pix[3*y*r.Width:], m.Pix[from:from+3*r.Width])
	}
	return out
}

// Resize returns the image at the size, by Pillow's antialiased bilinear filter, aspect not kept.
func (m *RGB) Resize(height, width int) *RGB {
	if height == m.Height && width == m.Width {
		return m
	}
	return &RGB{width, height, pillow.Resize(m.Pix, m.Width, m.Height, 3, width, height, pillow.Bilinear)}
}

// Collect lists image files: each path that is a file, and the PNG and JPEG files in each that is a
// folder, subfolders and links included, sorted by path.
func Collect(paths []string) ([]string, error) {
	var files []string
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, fault.NotFoundf("no such image or folder: %s", path)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		before := len(files)
		if files, err = appendFolder(files, path, nil); err != nil {
			return nil, fmt.Errorf("list images: %w", err)
		}
		if len(files) == before {
			return nil, fault.Invalidf("folder %s holds no .png, .jpg or .jpeg file", path)
		}
		slices.Sort(files[before:])
	}
	return files, nil
}

// appendFolder follows links, as data sets are often made of them; above are the real paths of the
// folders around this one, to which a link may lead back.
func appendFolder(files []string, dir string, above []string) ([]string, error) {
	place, err := filepath.EvalSymlinks(dir)
	if err != nil || slices.Contains(above, place) {
		return files, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	above = append(slices.Clip(above), place)
	for _, e := range entries {
		path, isDir := filepath.Join(dir, e.Name()), e.IsDir()
		if e.Type()&os.ModeSymlink != 0 {
			info, err := os.Stat(path)
			isDir = err == nil && info.IsDir()
		}
		switch {
		case isDir:
			if files, err = appendFolder(files, path, above); err != nil {
				return nil, err
			}
		case IsImageName(path):
			files = append(files, path)
		}
	}
	return files, nil
}

// IsImageName tells whether a file name ends in .png, .jpg or .jpeg, in any case.
func IsImageName(name string) bool {
	return slices.Contains([]string{".png", ".jpg", ".jpeg"}, strings.ToLower(filepath.Ext(name)))
}

package npy

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"striate/internal/fault"
)

const (
	magic      = "\x93NUMPY"
	maxHeader  = 1 << 16 // NumPy itself refuses to evaluate longer ones
	maxRank    = 32      // NumPy's own limit
	headExcept = "expected a NumPy .npy file"
)

// header is what stands before the data.
type header struct {
	kind    kind
	shape   []int
	fortran bool
	bytes   int64 // length of the head itself
}

var (
	descrField   = regexp.MustCompile(`['"]descr['"]\s*:\s*['"]([^'"]*)['"]`)
	structField  = regexp.MustCompile(`['"]descr['"]\s*:\s*\[`)
	fortranField = regexp.MustCompile(`['"]fortran_order['"]\s*:\s*(True|False)`)
	shapeField   = regexp.MustCompile(`['"]shape['"]\s*:\s*\(([^)]*)\)`)
)

func readHeader(r io.Reader) (*header, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:6]) != magic {
		return nil, fault.Invalidf(headExcept + ": the first bytes are not its magic number")
	}
	var length, width int64
	switch head[6] {
	case 1:
		width = 2
	case 2, 3:
		width = 4
	default:
		return nil, fault.Invalidf("npy format version %d is not known", head[6])
	}
	var field [4]byte
	if _, err := io.ReadFull(r, field[:width]); err != nil {
		return nil, fault.Invalidf(headExcept + ": it ends inside the header")
	}
	length = int64(binary.LittleEndian.Uint32(field[:]))
	if length > maxHeader {
		return nil, fault.Invalidf("npy header of %d bytes: at most %d are read", length, maxHeader)
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fault.Invalidf(headExcept + ": it ends inside the header")
	}
	h := &header{bytes: 8 + width + length}
	return h, h.parse(bytes.TrimSpace(text))
}

func (h *header) parse(text []byte) error {
	if structField.Match(text) {
		return fault.Invalidf("npy array of structured records: save one plain numeric array instead")
	}
	descr, fortran, shape := descrField.FindSubmatch(text), fortranField.FindSubmatch(text), shapeField.FindSubmatch(text)
	if descr == nil || fortran == nil || shape == nil || text[0] != '{' || text[len(text)-1] != '}' {
		return fault.Invalidf("npy header lacks descr, fortran_order or shape")
	}
	kind, err := kindNamed(string(descr[1]))
	if err != nil {
		return err
	}
	h.kind, h.fortran = kind, string(fortran[1]) == "True"
	h.shape, err = parseShape(string(shape[1]))
	return err
}

func kindNamed(descr string) (kind, error) {
	if len(descr) == 3 && descr[0] == '>' && descr[2] != '1' {
		return kind{}, fault.Invalidf("npy data is big-endian (%s): save it with .astype('<%s')", descr, descr[1:])
	}
	for _, k := range kinds {
		if len(descr) == 3 && strings.ContainsRune("<|=>", rune(descr[0])) && descr[1:] == k.descr[1:] {
			return k, nil
		}
	}
	return kind{}, fault.Invalidf("npy element type %q is not supported: use bool, int8 to int64, uint8 to uint64 or float16 to float64", clip(descr, 40))
}

func parseShape(text string) ([]int, error) {
	shape := []int{}
	for _, field := range strings.Split(text, ",") {
		field = strings.TrimSuffix(strings.TrimSpace(field), "L") // Python 2 wrote 3L
		if field == "" {
			continue
		}
		d, err := strconv.ParseInt(field, 10, 64)
		if err != nil || d < 0 {
			return nil, fault.Invalidf("npy shape (%s) is not a list of sizes", clip(text, 60))
		}
		shape = append(shape, int(d))
	}
	if len(shape) > maxRank {
		return nil, fault.Invalidf("npy array of %d dimensions: at most %d are read", len(shape), maxRank)
	}
	return shape, nil
}

// elements is the product of the shape, checked for overflow and against the limit.
func (h *header) elements(limits Limits) (int, error) {
	limit := int64(maxElements)
	if limits.MaxElements > 0 {
		limit = limits.MaxElements
	}
	n := int64(1)
	for _, d := range h.shape {
		if d == 0 {
			return 0, nil
		}
	}
	for _, d := range h.shape {
		if int64(d) > limit/n {
			return 0, fault.TooLargef("npy array of shape %v has more than %d entries, the limit", h.shape, limit)
		}
		n *= int64(d)
	}
	return int(n), nil
}

func clip(s string, n int) string {
	if len(s) > n {
		return fmt.Sprintf("%s…", s[:n])
	}
	return s
}

package serve

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"striate/api"
	"striate/internal/fault"
	"striate/internal/npy"
	"striate/internal/provenance"
	"striate/serve/engine"
)

const (
	typeJSON = "application/json"
	typeNpy  = "application/x-npy"
	typeNpz  = "application/x-npz"
)

// accepted is one media range of an Accept header.
type accepted struct {
	kind string  // type/subtype, type/* or */*
	q    float64 // 0 refuses
}

func accepts(headers []string) []accepted {
	var out []accepted
	for _, field := range strings.Split(strings.Join(headers, ","), ",") {
		kind, params, err := mime.ParseMediaType(field)
		if err != nil {
			continue
		}
		a := accepted{kind, 1}
		if text, ok := params["q"]; ok {
			if a.q, err = strconv.ParseFloat(text, 64); err != nil || !(a.q >= 0 && a.q <= 1) {
				continue
			}
		}
		out = append(out, a)
	}
	return out
}

// negotiate picks, of the types that are offered, the one that the Accept header likes best (RFC 9110,
// 12.5.1): what it says of a type counts before what it says of its family, and that before what it
// says of all. Of types liked alike the one that is named most exactly is taken, then the one named
// first, then the one offered first.
func negotiate(accept []string, offers ...string) (string, error) {
	if strings.TrimSpace(strings.Join(accept, "")) == "" {
		return offers[0], nil
	}
	ranges := accepts(accept)
	best, weight := "", [3]float64{} // liking, exactness, place from the end
	for _, offer := range offers {
		family, _, _ := strings.Cut(offer, "/")
		for exactness, kind := range []string{offer, family + "/*", "*/*"} {
			at := slices.IndexFunc(ranges, func(a accepted) bool { return a.kind == kind })
			if at < 0 {
				continue
			}
			w := [3]float64{ranges[at].q, -float64(exactness), -float64(at)}
			if w[0] > 0 && (best == "" || slices.Compare(w[:], weight[:]) > 0) {
				best, weight = offer, w
			}
			break
		}
	}
	if best == "" {
		return "", echo.NewHTTPError(http.StatusNotAcceptable, "none of the accepted types is made here: accept "+strings.Join(offers[:len(offers)-1], ", ")+" or "+offers[len(offers)-1])
	}
	return best, nil
}

// answer is what the three formats of an answer share.
type answer struct {
	server *Server
	ctx    context.Context
	model  *engine.Model
	layers []string
	source engine.Source
	rows   []api.ImageRow
}

// check refuses an answer over the limits before it is computed.
func (a answer) check(format string) error {
	limits := a.server.limits
	if n := a.source.Len(); n > limits.Images {
		return fault.TooLargef("%d images in one request: at most %d; send several requests", n, limits.Images)
	}
	shapes, err := a.server.engine.LayerShapes(a.ctx, a.model, a.layers, a.source.Shape())
	if err != nil {
		return err
	}
	elements := int64(0)
	for _, shape := range shapes {
		n := int64(a.source.Len())
		for _, d := range shape {
			n *= int64(d)
		}
		elements += n
	}
	if elements > limits.Elements {
		return fault.TooLargef("the answer would hold %d values, over the limit of %d: ask for fewer images or layers at once", elements, limits.Elements)
	}
	if format == typeJSON && elements > limits.JSON {
		return fault.TooLargef("the answer would hold %d values, over the limit of %d for JSON: accept %s or %s instead", elements, limits.JSON, typeNpy, typeNpz)
	}
	return nil
}

// head writes the headers that every format has.
func (a answer) head(w http.ResponseWriter, kind string) {
	h := w.Header()
	h.Set(echo.HeaderContentType, kind)
	h.Set(headerDevice, a.server.engine.Device().Chosen)
	h.Set(headerDigest, a.model.Digest)
}

func (a answer) done() { a.server.images.Add(float64(a.source.Len())) }

type npyAnswer struct{ answer }

// VisitGetActivationsResponse streams the array of one layer.
func (a npyAnswer) VisitGetActivationsResponse(w http.ResponseWriter) error {
	err := a.server.engine.WriteNpy(a.ctx, a.model, a.layers[0], a.source, w, func(shape []int) error {
		a.head(w, typeNpy)
		w.Header().Set(echo.HeaderContentLength, strconv.Itoa(npy.FileSize(shape, "float32")))
		w.WriteHeader(http.StatusOK)
		return nil
	})
	if err == nil {
		a.done()
	}
	return err
}

type npzAnswer struct{ answer }

// VisitGetActivationsResponse streams an archive of one array a layer.
func (a npzAnswer) VisitGetActivationsResponse(w http.ResponseWriter) error {
	a.head(w, typeNpz) // the status goes out with the first byte, after the first images are done
	err := a.server.engine.WriteNpz(a.ctx, a.model, a.layers, a.source, w, a.server.scratch, nil)
	if err == nil {
		a.done()
	}
	return err
}

type jsonAnswer struct{ answer }

// VisitGetActivationsResponse answers in JSON. The responses are gathered first: an object cannot
// hold several lists at once as they grow.
func (a jsonAnswer) VisitGetActivationsResponse(w http.ResponseWriter) error {
	data := make([][]float32, len(a.layers))
	shapes := make([][]int, len(a.layers))
	err := a.server.engine.Responses(a.ctx, a.model, a.layers, a.source, func(_ int, out []engine.Response) error {
		for k, r := range out {
			data[k] = append(data[k], r.Data...)
			shapes[k] = append([]int{a.source.Len()}, r.Shape...)
		}
		return nil
	})
	if err != nil {
		return err
	}
	a.done()
	device := a.server.engine.Device()
	head, err := json.Marshal(api.Activations{Model: a.model.Name, Digest: a.model.Digest, Device: device.Chosen,
		Runtime: device.Runtime.String(), Version: provenance.Version(), Images: a.rows, Layers: []api.LayerResponses{}})
	if err != nil {
		return err
	}
	a.head(w, typeJSON)
	w.WriteHeader(http.StatusOK)
	out := bufio.NewWriterSize(w, 1<<16)
	before, after, _ := strings.Cut(string(head), `"layers":[]`)
	out.WriteString(before + `"layers":[`) //nolint:errcheck // Flush reports the first error, as below
	for k, name := range a.layers {
		if k > 0 {
			out.WriteByte(',') //nolint:errcheck
		}
		if err := writeLayer(out, name, shapes[k], data[k]); err != nil {
			return err
		}
	}
	out.WriteString("]" + after + "\n") //nolint:errcheck
	return out.Flush()
}

// writeLayer writes one element of api.Activations.Layers. encoding/json takes three times as long
// over the numbers, and refuses those that are not finite.
func writeLayer(w *bufio.Writer, name string, shape []int, data []float32) error {
	head, err := json.Marshal(api.LayerResponses{Name: name, Shape: shape, Data: []*float32{}})
	if err != nil {
		return err
	}
	before, after, _ := strings.Cut(string(head), `"data":[]`)
	if _, err := io.WriteString(w, before+`"data":[`); err != nil {
		return err
	}
	var number []byte
	for i, v := range data {
		if i > 0 {
			w.WriteByte(',') //nolint:errcheck // the next Write reports it
		}
		number = number[:0]
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			number = append(number, "null"...)
		} else {
			number = strconv.AppendFloat(number, f, 'g', -1, 32)
		}
		if _, err := w.Write(number); err != nil {
			return err
		}
	}
	_, err = io.WriteString(w, "]"+after)
	return err
}

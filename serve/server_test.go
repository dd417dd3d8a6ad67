package serve

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"striate/api"
	"striate/export/onnx"
	"striate/export/voneblock"
	"striate/internal/card"
	"striate/internal/npy"
	"striate/internal/ortlib"
	"striate/serve/engine"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// writeModels fills a folder: a small V1 block, a network without a card, and a broken file.
func writeModels(t testing.TB, dir string) {
	p, err := voneblock.Draw(32, 4, 16, 0)
	require.NoError(t, err)
	block, err := p.Model("test")
	require.NoError(t, err)
	b := onnx.NewBuilder("plain", 17)
	x := b.Input("x", onnx.Float32, onnx.Shape("N", 3, 8, 8))
	b.Output(b.Node("Log", "log", []string{x}), onnx.Float32, onnx.Shape("N", 3, 8, 8))
	plain, err := b.Model()
	require.NoError(t, err)
	for name, m := range map[string]*onnx.Model{"block": block, "plain": plain} {
		data, err := m.Encode()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".onnx"), data, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "broken.onnx"), []byte("this is no model"), 0o600))
}

func newServer(t testing.TB, limits Limits) (*Server, *engine.Engine) {
	t.Helper()
	if _, err := ortlib.Open(); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	writeModels(t, dir)
	e, err := engine.New(engine.Config{Device: "cpu"})
	require.NoError(t, err)
	t.Cleanup(e.Close)
	folder, err := engine.NewFolder(dir)
	require.NoError(t, err)
	s, err := New(Config{Engine: e, Models: folder, Limits: limits, Scratch: t.TempDir()})
	require.NoError(t, err)
	return s, e
}

type header map[string]string

func do(t testing.TB, s *Server, method, path string, h header, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	for k, v := range h {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	func() {
		defer func() { // an answer that is broken off ends in this panic, which net/http expects
			if p := recover(); p != nil && p != any(http.ErrAbortHandler) {
				panic(p)
			}
		}()
		s.ServeHTTP(w, r)
	}()
	return w
}

// requireProblem checks that an answer is a problem of the status, of one line, with all members.
func requireProblem(t testing.TB, w *httptest.ResponseRecorder, status int, says string) api.Problem {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body.String())
	require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
	var p api.Problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p), w.Body.String())
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Type)
	require.NotEmpty(t, p.Title)
	require.NotEmpty(t, p.Instance)
	require.Equal(t, w.Header().Get("X-Request-Id"), p.RequestId)
	require.Contains(t, p.Detail, says)
	require.NotContains(t, p.Detail, "\n")
	return p
}

func photo(w, h int) image.Image {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for i := range w * h {
		m.SetNRGBA(i%w, i/w, color.NRGBA{uint8(7 * i), uint8(i * i), uint8(3 * i), 255})
	}
	return m
}

func pngOf(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

func jpegOf(t testing.TB, m image.Image) []byte {
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, nil))
	return b.Bytes()
}

func form(t testing.TB, parts ...[3]string) (contentType string, body []byte) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q; filename="x.png"`, p[0])}, "Content-Type": {p[1]}}
		part, err := w.CreatePart(h)
		require.NoError(t, err)
		part.Write([]byte(p[2])) //nolint:errcheck // a buffer
	}
	require.NoError(t, w.Close())
	return w.FormDataContentType(), b.Bytes()
}

const activations = "/api/v1/models/block/activations?layers="

// The same images by every way in and every way out give the same bits.
func TestAllFormatsAgree(t *testing.T) {
	s, e := newServer(t, Limits{})
	one, two := pngOf(t, photo(50, 40)), pngOf(t, photo(32, 32))
	contentType, body := form(t, [3]string{"image", "image/png", string(one)}, [3]string{"image", "application/octet-stream", string(two)})

	w := do(t, s, "POST", activations+"v1", header{"Content-Type": contentType, "Accept": typeNpy}, body)
	require.Equal(t, 200, w.Code, w.Body.String())
	require.Equal(t, "cpu", w.Header().Get(headerDevice))
	require.Equal(t, fmt.Sprint(w.Body.Len()), w.Header().Get("Content-Length"))
	want, err := npy.Read(bytes.NewReader(w.Body.Bytes()), npy.Limits{})
	require.NoError(t, err)
	require.Equal(t, []int{2, 16, 32, 32}, want.Shape)

	w = do(t, s, "POST", activations+"simple,v1", header{"Content-Type": contentType, "Accept": typeNpz}, body)
	require.Equal(t, 200, w.Code)
	path := filepath.Join(t.TempDir(), "a.npz")
	require.NoError(t, os.WriteFile(path, w.Body.Bytes(), 0o600))
	arrays, err := npy.ReadZipFile(path)
	require.NoError(t, err)
	require.Equal(t, want, arrays["v1"])
	require.Equal(t, []int{2, 8, 32, 32}, arrays["simple"].Shape)

	w = do(t, s, "POST", activations+"simple,v1", header{"Content-Type": contentType}, body)
	require.Equal(t, 200, w.Code)
	var got api.Activations
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Equal(t, []string{"simple", "v1"}, []string{got.Layers[0].Name, got.Layers[1].Name})
	require.Equal(t, want.Shape, got.Layers[1].Shape)
	for i, v := range want.Float32s() {
		require.Equal(t, v, *got.Layers[1].Data[i])
	}
	require.Len(t, got.Images, 2)
	require.Len(t, got.Images[0].Sha256, 64)

	// An array of the same pixels, normalised as the card says.
	folder, err := s.models.Get("block")
	require.NoError(t, err)
	source, err := folder.Images(append(decoded(t, one), decoded(t, two)...))
	require.NoError(t, err)
	x := make([]float32, 2*3*32*32)
	require.NoError(t, source.Read(x, 0, 2))
	w = do(t, s, "POST", activations+"v1", header{"Content-Type": typeNpy, "Accept": typeNpy}, npy.Encode([]int{2, 3, 32, 32}, x))
	require.Equal(t, 200, w.Code, w.Body.String())
	again, err := npy.Read(bytes.NewReader(w.Body.Bytes()), npy.Limits{})
	require.NoError(t, err)
	require.Equal(t, want, again)
	require.Positive(t, e.Stats().Hits)

	w = do(t, s, "POST", activations+"v1", header{"Content-Type": "image/jpeg", "Accept": "text/html, */*;q=0.1"}, jpegOf(t, photo(20, 30)))
	require.Equal(t, 200, w.Code, w.Body.String())
	require.Equal(t, typeJSON, w.Header().Get("Content-Type"))
}

func decoded(t testing.TB, data []byte) []uint8 {
	p := pictures{limits: Limits{}.withDefaults()}
	dir := t.TempDir()
	writeModels(t, dir)
	folder, err := engine.NewFolder(dir)
	require.NoError(t, err)
	m, err := folder.Get("block")
	require.NoError(t, err)
	require.NoError(t, p.add(m, "x", "", data))
	return p.rgb
}

// hugePNG promises 30,000×30,000 pixels in two kilobytes.
func hugePNG() []byte {
	var b bytes.Buffer
	b.WriteString("\x89PNG\r\n\x1a\n")
	for _, c := range []struct {
		kind string
		data []byte
	}{{"IHDR", []byte{0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30, 8, 2, 0, 0, 0}}, {"IDAT", make([]byte, 2000)}, {"IEND", nil}} {
		body := append([]byte(c.kind), c.data...)
		binary.Write(&b, binary.BigEndian, uint32(len(c.data)))
		b.Write(body)
		binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(body))
	}
	return b.Bytes()
}

func TestBadInput(t *testing.T) {
	s, _ := newServer(t, Limits{Images: 3, Body: 1 << 20})
	good := pngOf(t, photo(32, 32))
	array := npy.Encode([]int{1, 3, 32, 32}, make([]float32, 3*32*32))
	formOf := func(parts ...[3]string) [2]string {
		kind, body := form(t, parts...)
		return [2]string{kind, string(body)}
	}
	image4 := [3]string{"image", "image/png", string(good)}
	for name, c := range map[string]struct {
		path, kind, accept, body string
		status                   int
		says                     string
	}{
		"cut png":            {activations + "v1", "image/png", "", string(good[:len(good)/2]), 400, "broken PNG"},
		"cut jpeg":           {activations + "v1", "image/jpeg", "", string(jpegOf(t, photo(40, 40))[:300]), 400, "broken JPEG"},
		"text as png":        {activations + "v1", "image/png", "", "hello", 400, "not a PNG or JPEG"},
		"png as jpeg":        {activations + "v1", "image/jpeg", "", string(good), 400, "declared image/jpeg"},
		"empty":              {activations + "v1", "image/png", "", "", 400, "not a PNG"},
		"30000×30000":        {activations + "v1", "image/png", "", string(hugePNG()), 413, "30000×30000"},
		"float64":            {activations + "v1", typeNpy, "", string(npy.Encode([]int{1, 3, 32, 32}, make([]float64, 3*32*32))), 400, "float32"},
		"rank":               {activations + "v1", typeNpy, "", string(npy.Encode([]int{3, 32, 32}, make([]float32, 3*32*32))), 400, "N×3×32×32: give the array a first axis"},
		"size":               {activations + "v1", typeNpy, "", string(npy.Encode([]int{1, 3, 31, 32}, make([]float32, 3*31*32))), 400, "3×32×32"},
		"no images":          {activations + "v1", typeNpy, "", string(npy.Encode([]int{0, 3, 32, 32}, []float32{})), 400, "no images"},
		"big-endian":         {activations + "v1", typeNpy, "", strings.Replace(string(array), "<f4", ">f4", 1), 400, "big-endian"},
		"length lie":         {activations + "v1", typeNpy, "", strings.Replace(string(array), "(1, 3, 32, 32)", "(9, 3, 32, 32)", 1), 400, "bytes"},
		"huge length lie":    {activations + "v1", typeNpy, "", strings.Replace(string(array), "(1, 3, 32, 32), }   ", "(99999999, 32, 32), }", 1), 413, "limit"},
		"no npy":             {activations + "v1", typeNpy, "", "PK\x03\x04", 400, "magic"},
		"unknown model":      {"/api/v1/models/blok/activations?layers=v1", "image/png", "", string(good), 404, "block"},
		"unknown layer":      {activations + "simpel", "image/png", "", string(good), 404, "simple"},
		"no layers":          {"/api/v1/models/block/activations", "image/png", "", string(good), 400, "layers"},
		"constant":           {activations + "gabor.red", "image/png", "", string(good), 404, "gabor"},
		"broken model":       {"/api/v1/models/broken/activations?layers=x", "image/png", "", string(good), 400, "broken"},
		"traversal":          {"/api/v1/models/..%2Fblock/activations?layers=v1", "image/png", "", string(good), 404, "no model"},
		"traversal, deep":    {"/api/v1/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd/activations?layers=v1", "image/png", "", string(good), 404, "no model"},
		"no card":            {"/api/v1/models/plain/activations?layers=log", "image/png", "", string(pngOf(t, photo(8, 8))), 400, "plain.card.json"},
		"unknown format":     {activations + "v1", "image/png", "text/html", string(good), 406, "accept"},
		"npy of two layers":  {activations + "v1,simple", "image/png", typeNpy, string(good), 406, typeNpz},
		"unknown body":       {activations + "v1", "application/x-tar", "", string(good), 415, "content type"},
		"body over limit":    {activations + "v1", typeNpy, "", string(make([]byte, 1<<20+1)), 413, "limit of 1048576"},
		"form without image": {activations + "v1", formOf([3]string{"picture", "image/png", string(good)})[0], "", formOf([3]string{"picture", "image/png", string(good)})[1], 400, "parts named image"},
		"too many images":    {activations + "v1", formOf(image4, image4, image4, image4)[0], "", formOf(image4, image4, image4, image4)[1], 413, "more than 3 images"},
		"too many rows":      {activations + "v1", typeNpy, "", string(npy.Encode([]int{4, 3, 32, 32}, make([]float32, 4*3*32*32))), 413, "at most 3"},
		"form without bound": {activations + "v1", "multipart/form-data", "", "x", 400, "boundary"},
		"unknown route":      {"/api/v2/models", "", "", "", 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := header{"Content-Type": c.kind}
			if c.accept != "" {
				h["Accept"] = c.accept
			}
			// Form bodies differ in their boundary: it is in their first line.
			if strings.HasPrefix(c.kind, "multipart") && strings.HasPrefix(c.body, "--") {
				h["Content-Type"] = "multipart/form-data; boundary=" + strings.TrimPrefix(strings.SplitN(c.body, "\r\n", 2)[0], "--")
			}
			requireProblem(t, do(t, s, "POST", c.path, h, []byte(c.body)), c.status, c.says)
		})
	}
}

// The methods that a route does not take are refused with those that it takes, HEAD is GET without a
// body, and OPTIONS says what there is.
func TestMethods(t *testing.T) {
	s, _ := newServer(t, Limits{})
	server := httptest.NewServer(s)
	defer server.Close()
	ask := func(method, path string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
		require.NoError(t, err)
		w, err := http.DefaultTransport.RoundTrip(r)
		require.NoError(t, err)
		defer w.Body.Close()
		body, err := io.ReadAll(w.Body)
		require.NoError(t, err)
		return w, string(body)
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.yaml", "/docs/", "/api/v1/models", "/api/v1/models/block"} {
		get, _ := ask("GET", path)
		head, body := ask("HEAD", path)
		require.Equal(t, 200, head.StatusCode, path)
		require.Equal(t, get.Header.Get("Content-Type"), head.Header.Get("Content-Type"), path)
		require.Empty(t, body, path)
		options, _ := ask("OPTIONS", path)
		require.Equal(t, 204, options.StatusCode, path)
		require.Contains(t, options.Header.Get("Allow"), "HEAD", path)
		wrong, text := ask("DELETE", path)
		require.Equal(t, 405, wrong.StatusCode, path)
		require.Contains(t, wrong.Header.Get("Allow"), "GET", path)
		require.Contains(t, text, `"type":"urn:striate:problem:method_not_allowed"`, path)
	}
	for _, path := range []string{"/api/v1/models/block/activations?layers=v1", "/api/v1/models/block/tuning"} {
		w, _ := ask("GET", path)
		require.Equal(t, 405, w.StatusCode, path)
		require.Contains(t, w.Header.Get("Allow"), "POST", path)
	}
	w, _ := ask("HEAD", "/api/v1/models/nothing")
	require.Equal(t, 404, w.StatusCode)
	w, text := ask("GET", "/api/v1/nothing")
	require.Equal(t, 404, w.StatusCode)
	require.Contains(t, text, "/docs")
}

func TestContentTypes(t *testing.T) {
	s, _ := newServer(t, Limits{})
	picture := jpegOf(t, photo(32, 32))
	for _, kind := range []string{"image/jpeg", "IMAGE/JPEG", "image/jpg", "image/jpeg; name=x"} {
		w := do(t, s, "POST", activations+"v1", header{"Content-Type": kind}, picture)
		require.Equal(t, 200, w.Code, "%s: %s", kind, w.Body)
	}
	request := []byte(`{"layer": "v1", "unit": "0,9,9", "curve": "phase", "degrees": 4}`)
	for path, kinds := range map[string][]string{
		activations + "v1":                 {"", "application/json", "image/jpegs", "text/plain", ";"},
		"/api/v1/models/block/tuning":      {"", "application/x-www-form-urlencoded", "text/plain"},
		"/api/v1/models/block/robustness":  {"", "application/json", "image/png"},
		"/api/v1/models/nothing/tuning?a=": {"text/plain"},
	} {
		for _, kind := range kinds {
			requireProblem(t, do(t, s, "POST", path, header{"Content-Type": kind}, request), 415, "send ")
		}
	}
	w := do(t, s, "POST", "/api/v1/models/block/tuning", header{"Content-Type": "Application/JSON; charset=utf-8"}, request)
	require.Equal(t, 200, w.Code, w.Body.String())
}

func TestNegotiate(t *testing.T) {
	for accept, want := range map[string]string{
		"":                                   typeJSON,
		"*/*":                                typeJSON,
		"application/*":                      typeJSON,
		typeNpy:                              typeNpy,
		"Application/X-NPY":                  typeNpy,
		typeNpy + ", */*":                    typeNpy,
		"*/*, " + typeNpy:                    typeNpy,
		typeNpz + ", " + typeJSON:            typeNpz,
		"text/html, */*;q=0.1":               typeJSON,
		"application/json;q=0.1, */*;q=0.5":  typeNpy,
		"application/json;q=0, */*":          typeNpy,
		"application/*;q=0.2, */*":           typeJSON,
		typeNpy + ";q=0.4, " + typeNpz:       typeNpz,
		typeNpy + ";q=2, " + typeJSON:        typeJSON,
		"nonsense, " + typeNpz + ";q=0.001":  typeNpz,
		"text/html":                          "",
		"application/json;q=0":               "",
		"*/*;q=0":                            "",
		"nonsense":                           "",
		"application/*;q=0, text/html;q=0.5": "",
	} {
		got, err := negotiate([]string{accept}, typeJSON, typeNpy, typeNpz)
		require.Equal(t, want, got, accept)
		require.Equal(t, want == "", err != nil, accept)
	}
	got, err := negotiate([]string{"text/html", typeNpz}, typeJSON, typeNpz)
	require.NoError(t, err)
	require.Equal(t, typeNpz, got, "several headers are one list")
}

// A body that does not announce its length is cut off at the limit all the same.
func TestBodyLimitWithoutLength(t *testing.T) {
	s, _ := newServer(t, Limits{Body: 1000})
	r := httptest.NewRequest("POST", activations+"v1", io.LimitReader(endless{}, 1<<30))
	r.Header.Set("Content-Type", "image/png")
	r.ContentLength = -1
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	requireProblem(t, w, 413, "limit of 1000")
	kind, body := form(t, [3]string{"image", "image/png", string(make([]byte, 2000))})
	r = httptest.NewRequest("POST", activations+"v1", bytes.NewReader(body))
	r.Header.Set("Content-Type", kind)
	r.ContentLength = -1
	w = httptest.NewRecorder()
	s.ServeHTTP(w, r)
	requireProblem(t, w, 413, "limit of 1000")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestAnswerLimits(t *testing.T) {
	s, _ := newServer(t, Limits{Elements: 40000, JSON: 20000})
	array := npy.Encode([]int{2, 3, 32, 32}, make([]float32, 2*3*32*32))
	h := header{"Content-Type": typeNpy, "Accept": typeNpy}
	require.Equal(t, 200, do(t, s, "POST", activations+"v1", h, array).Code) // 2·16·32·32 = 32768
	h["Accept"] = typeJSON
	requireProblem(t, do(t, s, "POST", activations+"v1", h, array), 413, "32768 values")
	h["Accept"] = typeNpz
	requireProblem(t, do(t, s, "POST", activations+"v1,complex", h, array), 413, "49152 values")
}

// Responses that are not numbers are null in JSON.
func TestNotFiniteIsNull(t *testing.T) {
	s, _ := newServer(t, Limits{})
	x := make([]float32, 3*8*8)
	x[0], x[1] = -1, 1 // log: NaN, 0, −Inf …
	w := do(t, s, "POST", "/api/v1/models/plain/activations?layers=log", header{"Content-Type": typeNpy}, npy.Encode([]int{1, 3, 8, 8}, x))
	require.Equal(t, 200, w.Code, w.Body.String())
	var got api.Activations
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	require.Nil(t, got.Layers[0].Data[0])
	require.Equal(t, float32(0), *got.Layers[0].Data[1])
	require.Nil(t, got.Layers[0].Data[2])
}

func TestStateAndModels(t *testing.T) {
	s, _ := newServer(t, Limits{})
	require.Contains(t, do(t, s, "GET", "/healthz", nil, nil).Body.String(), "alive")
	w := do(t, s, "GET", "/readyz", nil, nil)
	require.Equal(t, 200, w.Code)
	var ready api.Readiness
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &ready))
	require.Equal(t, "cpu", ready.Device.Chosen)
	require.Equal(t, 2, ready.Models)
	require.Equal(t, 1, ready.Broken)

	var list api.ModelList
	require.NoError(t, json.Unmarshal(do(t, s, "GET", "/api/v1/models", nil, nil).Body.Bytes(), &list))
	require.Equal(t, []string{"block", "plain"}, []string{list.Models[0].Name, list.Models[1].Name})
	require.Equal(t, "v1", list.Models[0].V1Layer)
	require.Equal(t, "broken", list.Broken[0].Name)
	require.NotContains(t, list.Broken[0].Error, s.models.Dir())

	var model api.Model
	require.NoError(t, json.Unmarshal(do(t, s, "GET", "/api/v1/models/block", nil, nil).Body.Bytes(), &model))
	require.Equal(t, 4.0, model.Card.Degrees)
	require.Equal(t, api.Layer{Name: "v1", Op: "Concat", Type: "float32", Shape: []int{16, 32, 32}}, model.Layers[2])
	require.Contains(t, model.Tensors, "complex.energy")
	requireProblem(t, do(t, s, "GET", "/api/v1/models/broken", nil, nil), 400, "broken")

	s.draining.Store(true)
	requireProblem(t, do(t, s, "GET", "/readyz", nil, nil), 503, "shutting down")
}

func TestDocsWorkOffline(t *testing.T) {
	s, _ := newServer(t, Limits{})
	require.Equal(t, string(api.Spec), do(t, s, "GET", "/openapi.yaml", nil, nil).Body.String())
	page := do(t, s, "GET", "/docs/", nil, nil)
	require.Equal(t, 200, page.Code)
	require.Contains(t, page.Body.String(), "/openapi.yaml")
	links := regexp.MustCompile(`(?:src|href)="([^"]*)"`).FindAllStringSubmatch(page.Body.String(), -1)
	require.GreaterOrEqual(t, len(links), 4)
	for _, link := range links {
		require.True(t, strings.HasPrefix(link[1], "/docs/"), "the page loads %s", link[1])
		require.Equal(t, 200, do(t, s, "GET", link[1], nil, nil).Code, link[1])
	}
	require.Equal(t, "/docs/", do(t, s, "GET", "/", nil, nil).Header().Get("Location"))
}

func TestMetricsHaveBoundedLabels(t *testing.T) {
	s, _ := newServer(t, Limits{})
	for i := range 20 {
		do(t, s, "GET", fmt.Sprintf("/api/v1/models/m%d", i), nil, nil)
		do(t, s, "GET", fmt.Sprintf("/nothing/%d", i), nil, nil)
		do(t, s, fmt.Sprintf("VERB%d", i), "/healthz", nil, nil)
	}
	do(t, s, "POST", activations+"v1", header{"Content-Type": "image/png"}, pngOf(t, photo(9, 9)))
	text := do(t, s, "GET", "/metrics", nil, nil).Body.String()
	require.Contains(t, text, `striate_http_requests_total{method="GET",route="/api/v1/models/:model",status="404"} 20`)
	require.Contains(t, text, "striate_images_total 1")
	require.Contains(t, text, "striate_sessions 1")
	require.Contains(t, text, `striate_http_requests_total{method="other",route="/healthz",status="405"} 20`)
	require.NotContains(t, text, "m7")
	require.NotContains(t, text, "VERB")
}

func TestRequestIDs(t *testing.T) {
	s, _ := newServer(t, Limits{})
	require.Equal(t, "mine-1", do(t, s, "GET", "/healthz", header{"X-Request-Id": "mine-1"}, nil).Header().Get("X-Request-Id"))
	require.Len(t, do(t, s, "GET", "/healthz", nil, nil).Header().Get("X-Request-Id"), 32)
	require.Len(t, do(t, s, "GET", "/healthz", header{"X-Request-Id": strings.Repeat("x", 1000)}, nil).Header().Get("X-Request-Id"), 32)
}

// The generated client talks to a real server, which drains when it is told to stop.
func TestClientAndDrain(t *testing.T) {
	s, _ := newServer(t, Limits{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	base := "http://" + listener.Addr().String()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client, err := api.NewClientWithResponses(base, api.WithHTTPClient(&http.Client{Transport: transport}))
	require.NoError(t, err)
	answer, err := client.GetActivationsWithBodyWithResponse(context.Background(), "block", &api.GetActivationsParams{Layers: []string{"v1"}}, "image/png", bytes.NewReader(pngOf(t, photo(32, 32))))
	require.NoError(t, err)
	require.Equal(t, 200, answer.StatusCode())
	require.Equal(t, []int{1, 16, 32, 32}, answer.JSON200.Layers[0].Shape)

	// A request whose body is still coming when the server is stopped is answered.
	pr, pw := io.Pipe()
	request, err := http.NewRequest("POST", base+activations+"v1", pr)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "image/png")
	late := make(chan int, 1)
	go func() {
		answer, err := (&http.Client{Transport: transport}).Do(request)
		if err != nil {
			late <- 0
			return
		}
		io.Copy(io.Discard, answer.Body) //nolint:errcheck // the status counts
		answer.Body.Close()
		late <- answer.StatusCode
	}()
	data := pngOf(t, photo(32, 32))
	_, err = pw.Write(data[:100])
	require.NoError(t, err)
	require.Eventually(t, func() bool { return s.engine.Stats().Made > 0 }, time.Second, time.Millisecond)
	time.Sleep(50 * time.Millisecond) // the request has reached its handler
	stop()
	require.Eventually(t, s.draining.Load, time.Second, time.Millisecond)
	_, err = pw.Write(data[100:])
	require.NoError(t, err)
	pw.Close()
	require.Equal(t, 200, <-late)
	require.NoError(t, <-ended)
	_, err = net.Dial("tcp", listener.Addr().String())
	require.Error(t, err, "nothing listens any more")
}

// A client that leaves stops the network.
func TestClientGone(t *testing.T) {
	s, _ := newServer(t, Limits{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := httptest.NewRequest("POST", activations+"v1", bytes.NewReader(pngOf(t, photo(32, 32)))).WithContext(ctx)
	r.Header.Set("Content-Type", "image/png")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	require.Equal(t, statusClientGone, w.Code)
}

func TestSidecarMakesPicturesUsable(t *testing.T) {
	s, _ := newServer(t, Limits{})
	side := card.Sidecar(filepath.Join(s.models.Dir(), "plain.onnx"))
	require.NoError(t, os.WriteFile(side, []byte(`{"input_size":[8,8],"mean":[0],"std":[1]}`), 0o600))
	w := do(t, s, "POST", "/api/v1/models/plain/activations?layers=log", header{"Content-Type": "image/png", "Accept": typeNpy}, pngOf(t, photo(8, 8)))
	require.Equal(t, 200, w.Code, w.Body.String())
	var model api.Model
	require.NoError(t, json.Unmarshal(do(t, s, "GET", "/api/v1/models/plain", nil, nil).Body.Bytes(), &model))
	require.Equal(t, "sidecar", model.CardSource)
}

package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"

	"github.com/labstack/echo/v4"

	"striate/api"
	"striate/internal/fault"
	"striate/internal/npy"
	"striate/internal/picture"
	"striate/serve/engine"
)

// GetActivations answers POST /api/v1/models/{model}/activations.
func (s *Server) GetActivations(ctx context.Context, request api.GetActivationsRequestObject) (api.GetActivationsResponseObject, error) {
	r := httpRequest(ctx)
	format, err := negotiate(r.Header.Values("Accept"), typeJSON, typeNpy, typeNpz)
	if err != nil {
		return nil, err
	}
	layers := request.Params.Layers
	if format == typeNpy && len(layers) != 1 {
		return nil, echo.NewHTTPError(http.StatusNotAcceptable, typeNpy+" holds one array, and several layers were asked for: accept "+typeNpz)
	}
	m, err := s.models.Get(request.Model)
	if err != nil {
		return nil, err
	}
	if err := m.HasLayers(layers); err != nil { // before the body is read
		return nil, err
	}
	a := answer{server: s, ctx: ctx, model: m, layers: layers}
	if request.MultipartBody != nil {
		a.source, a.rows, err = s.readForm(m, request.MultipartBody)
	} else {
		a.source, a.rows, err = s.readBody(m, plainType(r), r.ContentLength, request.Body)
	}
	if err != nil {
		return nil, err
	}
	if err := a.check(format); err != nil {
		return nil, err
	}
	switch format {
	case typeNpy:
		return npyAnswer{a}, nil
	case typeNpz:
		return npzAnswer{a}, nil
	}
	return jsonAnswer{a}, nil
}

// readForm reads pictures from the parts named image of a form, each resized to the network's input
// as it comes.
func (s *Server) readForm(m *engine.Model, form *multipart.Reader) (engine.Source, []api.ImageRow, error) {
	p := pictures{limits: s.limits}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, formError(err)
		}
		if part.FormName() != "image" {
			return nil, nil, fault.Invalidf("the form has a part %q: pictures are in parts named image", part.FormName())
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, nil, formError(err)
		}
		name := part.FileName()
		if name == "" {
			name = fmt.Sprintf("image %d", len(p.rows))
		}
		if err := p.add(m, name, part.Header.Get("Content-Type"), data); err != nil {
			return nil, nil, err
		}
	}
	if len(p.rows) == 0 {
		return nil, nil, fault.Invalidf("the form has no part named image")
	}
	source, err := m.Images(p.rgb)
	return source, p.rows, err
}

// formError keeps the body's limit visible, which the multipart reader may wrap into its own words.
func formError(err error) error {
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return tooLong
	}
	return fault.Invalidf("the form cannot be read: %w", err)
}

// readBody reads one picture, or an array.
func (s *Server) readBody(m *engine.Model, kind string, length int64, body io.Reader) (engine.Source, []api.ImageRow, error) {
	if kind == typeNpy {
		a, err := npy.Read(body, npy.Limits{MaxElements: s.limits.Body / 4, Size: max(0, length)})
		if err != nil {
			return nil, nil, err
		}
		source, err := engine.FromArray(a)
		return source, []api.ImageRow{}, err
	}
	data, err := io.ReadAll(body)
	if err != nil {
		return nil, nil, err
	}
	p := pictures{limits: s.limits}
	if err := p.add(m, "image 0", kind, data); err != nil {
		return nil, nil, err
	}
	source, err := m.Images(p.rgb)
	return source, p.rows, err
}

// pictures gathers 8-bit images of the network's size.
type pictures struct {
	limits Limits
	rgb    []uint8
	rows   []api.ImageRow
}

// add decodes a picture. Its declared type, where it is one of pictures, must be what it is.
func (p *pictures) add(m *engine.Model, name, declared string, data []byte) error {
	if len(p.rows) >= p.limits.Images {
		return fault.TooLargef("more than %d images in one request: send several requests", p.limits.Images)
	}
	_, height, width, err := m.ImageSize()
	if err != nil {
		return err
	}
	if format := picture.Format(data); format != "" && (declared == "image/png" || declared == "image/jpeg") && declared != "image/"+format {
		return fault.Invalidf("%s is declared %s, but its bytes are image/%s", name, declared, format)
	}
	img, err := picture.Decode(data, p.limits.Picture)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	sum := sha256.Sum256(data)
	p.rows = append(p.rows, api.ImageRow{Index: len(p.rows), Name: name, Sha256: hex.EncodeToString(sum[:])})
	p.rgb = append(p.rgb, img.Resize(height, width).Pix...)
	return nil
}

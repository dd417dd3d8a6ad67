package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"striate/analysis/tuning"
	"striate/api"
	"striate/internal/fault"
	"striate/serve/curves"
)

const (
	typeSVG = "image/svg+xml"
	typePNG = "image/png"
)

// GetTuning answers POST /api/v1/models/{model}/tuning.
func (s *Server) GetTuning(ctx context.Context, request api.GetTuningRequestObject) (api.GetTuningResponseObject, error) {
	format, err := negotiate(httpRequest(ctx).Header.Values("Accept"), typeJSON, typeSVG, typePNG)
	if err != nil {
		return nil, err
	}
	m, err := s.models.Get(request.Model)
	if err != nil {
		return nil, err
	}
	asked, err := curvesAsked(request.Body)
	if err != nil {
		return nil, err
	}
	if format != typeJSON && len(asked.Units)*len(asked.Curves) != 1 {
		return nil, echo.NewHTTPError(http.StatusNotAcceptable, fmt.Sprintf("%s shows one curve of one unit: accept %s for several", format, typeJSON))
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.Time)
	defer cancel()
	results, err := s.curves.Measure(ctx, m, asked)
	if err != nil {
		return nil, err
	}
	if format != typeJSON && len(results) != 1 {
		return nil, echo.NewHTTPError(http.StatusNotAcceptable, fmt.Sprintf("%s shows one curve of one unit: accept %s for several", format, typeJSON))
	}
	return tuningAnswer{results, format}, nil
}

// curvesAsked reads a request.
func curvesAsked(body *api.TuningRequest) (curves.Request, error) {
	if body == nil {
		return curves.Request{}, fault.Invalidf(`the request has no body: send JSON, as in {"layer": "v1", "unit": "5,28,28", "curve": "orientation"}`)
	}
	r := curves.Request{Layer: body.Layer, Degrees: body.Degrees, Held: curves.Held{
		CenterY: body.CenterY, CenterX: body.CenterX, Orientation: body.Orientation,
		Frequency: body.SpatialFrequency, Radius: body.Radius, Contrast: body.Contrast,
	}}
	units := body.Units
	if body.Unit != nil {
		units = append([]any{body.Unit}, units...)
	}
	for _, u := range units {
		name, err := unitName(u)
		if err != nil {
			return r, err
		}
		r.Units = append(r.Units, name)
	}
	if body.Curve != "" {
		r.Curves = append(r.Curves, tuning.Curve(body.Curve))
	}
	for _, c := range body.Curves {
		r.Curves = append(r.Curves, tuning.Curve(c))
	}
	return r, nil
}

// unitName is a unit as the command line has it: text, a number, or a list of numbers.
func unitName(v any) (string, error) {
	switch u := v.(type) {
	case string:
		return u, nil
	case float64:
		return strconv.FormatFloat(u, 'f', -1, 64), nil
	case []any:
		parts := make([]string, len(u))
		for i, part := range u {
			n, ok := part.(float64)
			if !ok {
				return "", fault.Invalidf("unit %v: a list of numbers channel, y, x is needed", u)
			}
			parts[i] = strconv.FormatFloat(n, 'f', -1, 64)
		}
		return strings.Join(parts, ","), nil
	}
	return "", fault.Invalidf("unit %v: write \"channel,y,x\", a number or a list of numbers", v)
}

// tuningAnswer writes curves as the command does, or one of them as a plot.
type tuningAnswer struct {
	results []curves.Result
	format  string
}

// VisitGetTuningResponse writes the answer.
func (a tuningAnswer) VisitGetTuningResponse(w http.ResponseWriter) error {
	first := &a.results[0]
	w.Header().Set(echo.HeaderContentType, a.format)
	w.Header().Set(headerDevice, first.Provenance.Device)
	w.Header().Set(headerDigest, first.Provenance.ModelDigest)
	switch a.format {
	case typeSVG:
		return first.Plot(w, "svg")
	case typePNG:
		return first.Plot(w, "png")
	}
	return json.NewEncoder(w).Encode(curves.Answer(a.results))
}

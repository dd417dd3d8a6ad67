package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"

	"striate/analysis/robustness"
	"striate/api"
	"striate/internal/fault"
	"striate/internal/picture"
	"striate/internal/strictjson"
	"striate/serve/engine"
	"striate/serve/evaluate"
)

// GetRobustness answers POST /api/v1/models/{model}/robustness.
func (s *Server) GetRobustness(ctx context.Context, request api.GetRobustnessRequestObject) (api.GetRobustnessResponseObject, error) {
	m, err := s.models.Get(request.Model)
	if err != nil {
		return nil, err
	}
	images, asked, err := s.readRobustnessForm(request)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.Time)
	defer cancel()
	v, err := evaluate.Prepare(ctx, s.engine, m, s.robustnessOptions(asked))
	if err != nil {
		return nil, err
	}
	defer v.Close() //nolint:errcheck // freeing memory
	if err := fill(v, m, images, asked.Labels); err != nil {
		return nil, err
	}
	if cost := v.Plan.Cost(); cost > s.limits.Shown {
		return nil, fault.TooLargef("that takes %d images through the network, over the limit of %d: send fewer images, corruptions, severities or steps, or use 'striate robustness'", cost, s.limits.Shown)
	}
	result, err := v.Run(ctx)
	if err != nil {
		return nil, err
	}
	s.images.Add(float64(v.Plan.Cost()))
	return robustnessAnswer{result}, nil
}

// robustnessOptions fills in what was left out.
func (s *Server) robustnessOptions(r api.RobustnessRequest) evaluate.Options {
	o := evaluate.Options{
		Benchmark: string(r.Benchmark), Corruptions: r.Corruptions, Severities: r.Severities, Seed: uint64(r.Seed), Frost: s.frost,
		FinalJPEG: !r.SkipFinalJpeg, Resize: r.Resize, Logits: r.Logits, Units: r.Units, Epsilons: r.Epsilons, EpsilonsL2: r.EpsilonsL2, Steps: r.Steps, Queries: r.Queries,
	}
	if len(o.Corruptions) == 0 {
		o.Corruptions = []string{"all"}
	}
	if len(o.Severities) == 0 {
		o.Severities = []int{1, 2, 3, 4, 5}
	}
	for _, a := range r.Attacks {
		o.Attacks = append(o.Attacks, string(a))
	}
	return o
}

// readRobustnessForm reads the parts of a form, in any order.
func (s *Server) readRobustnessForm(request api.GetRobustnessRequestObject) (images []*picture.RGB, asked api.RobustnessRequest, err error) {
	found := false
	for {
		part, err := request.Body.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, asked, formError(err)
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return nil, asked, formError(err)
		}
		switch part.FormName() {
		case "image":
			if len(images) >= s.limits.Images {
				return nil, asked, fault.TooLargef("more than %d images in one request: use 'striate robustness' for large sets", s.limits.Images)
			}
			img, err := picture.Decode(data, s.limits.Picture)
			if err != nil {
				return nil, asked, fmt.Errorf("image %d: %w", len(images), err)
			}
			images = append(images, img)
		case "request":
			if found {
				return nil, asked, fault.Invalidf("the form has two parts named request")
			}
			found = true
			if err := strictjson.Decode(data, &asked); err != nil {
				return nil, asked, fault.Invalidf("part request: %v", err)
			}
		default:
			return nil, asked, fault.Invalidf("the form has a part %q: pictures are in parts named image, what to measure is in one named request", part.FormName())
		}
	}
	switch {
	case !found:
		return nil, asked, fault.Invalidf(`the form has no part named request: send JSON with the labels, as in {"labels": ["0", "3"], "corruptions": ["fog"]}`)
	case len(images) == 0:
		return nil, asked, fault.Invalidf("the form has no part named image")
	case len(images) != len(asked.Labels):
		return nil, asked, fault.Invalidf("%d images and %d labels: give a label for each image, in order", len(images), len(asked.Labels))
	case asked.Seed < 0:
		return nil, asked, fault.Invalidf("seed %d: a seed is not negative", asked.Seed)
	}
	return images, asked, checkBudgets(asked)
}

// checkBudgets refuses numbers that the specification does not allow.
func checkBudgets(r api.RobustnessRequest) error {
	for _, e := range slices.Concat(r.Epsilons, r.EpsilonsL2) {
		if !(e >= 0) || e > 1e6 {
			return fault.Invalidf("budget %v: budgets are in pixel space, not negative", e)
		}
	}
	if r.Steps < 0 || r.Steps > 1000 || r.Queries < 0 || r.Queries > 10000 {
		return fault.Invalidf("at most 1000 steps and 10000 queries")
	}
	return nil
}

// fill puts the images into the plan.
func fill(v *evaluate.Evaluation, m *engine.Model, images []*picture.RGB, labels []api.Label) error {
	names := v.ClassNames()
	set := robustness.Memory{}
	for i, img := range images {
		pix, err := v.Fit(img)
		if err != nil {
			return fmt.Errorf("image %d: %w", i, err)
		}
		set.Pix = append(set.Pix, pix...)
		label, err := indexOf(labels[i], names)
		if err != nil || label < 0 || label >= v.Outputs {
			return fault.Invalidf("label %q of image %d is neither a class of model %s nor the index of one of its %d outputs", labels[i], i, m.Name, v.Outputs)
		}
		set.Labels = append(set.Labels, label)
	}
	v.Plan.Images = set
	v.Plan.Generate = len(v.Plan.Corruptions) > 0
	return nil
}

// indexOf is the output that a label means. Text is a class's name first: classes may be called 0, 1
// and 10, and sort otherwise.
func indexOf(l api.Label, names []string) (int, error) {
	if l.Name == "" {
		return l.Index, nil
	}
	if at := slices.Index(names, l.Name); at >= 0 {
		return at, nil
	}
	return strconv.Atoi(l.Name)
}

// robustnessAnswer writes a result as the command does.
type robustnessAnswer struct{ result *evaluate.Result }

// VisitGetRobustnessResponse writes the answer.
func (a robustnessAnswer) VisitGetRobustnessResponse(w http.ResponseWriter) error {
	w.Header().Set(echo.HeaderContentType, typeJSON)
	w.Header().Set(headerDevice, a.result.Device)
	w.Header().Set(headerDigest, a.result.ModelDigest)
	return json.NewEncoder(w).Encode(a.result)
}

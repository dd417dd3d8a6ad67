package serve

import (
	"context"

	"striate/api"
	"striate/serve/engine"
)

// ListModels answers GET /api/v1/models.
func (s *Server) ListModels(context.Context, api.ListModelsRequestObject) (api.ListModelsResponseObject, error) {
	models, broken, err := s.models.List()
	if err != nil {
		return nil, err
	}
	out := api.ListModels200JSONResponse{Models: []api.ModelSummary{}, Broken: []api.BrokenModel{}}
	for _, m := range models {
		summary := api.ModelSummary{Name: m.Name, Network: m.Card.Network, Digest: m.Digest, Bytes: m.Bytes,
			Degrees: float32(m.Card.Degrees), V1Layer: m.Card.V1Layer}
		for _, l := range m.NamedLayers() {
			summary.Layers = append(summary.Layers, l.Name)
		}
		out.Models = append(out.Models, summary)
	}
	for _, b := range broken {
		out.Broken = append(out.Broken, api.BrokenModel{Name: b.Name, Error: b.Error})
	}
	return out, nil
}

// GetModel answers GET /api/v1/models/{model}.
func (s *Server) GetModel(ctx context.Context, request api.GetModelRequestObject) (api.GetModelResponseObject, error) {
	m, err := s.models.Get(request.Model)
	if err != nil {
		return nil, err
	}
	layers, err := s.engine.Describe(ctx, m)
	if err != nil {
		return nil, err
	}
	out := api.GetModel200JSONResponse{Name: m.Name, Digest: m.Digest, Bytes: m.Bytes, Card: cardOf(m), CardSource: cardSource(m),
		Input: api.Input{Name: m.Input.Name, Type: m.Input.Type, Shape: m.Input.Shape}, Layers: []api.Layer{}, Tensors: []string{}}
	for _, l := range layers {
		out.Layers = append(out.Layers, api.Layer{Name: l.Name, Op: l.Op, Type: l.Type, Shape: l.Shape})
	}
	for _, l := range m.Layers {
		out.Tensors = append(out.Tensors, l.Name)
	}
	return out, nil
}

func cardOf(m *engine.Model) api.Card {
	c := m.Card
	out := api.Card{Network: c.Network, Origin: c.Origin, Mean: c.Mean, Std: c.Std, ChannelOrder: c.ChannelOrder,
		Degrees: c.Degrees, V1Layer: c.V1Layer, Classes: c.Classes, Version: c.Version, Notes: c.Notes}
	if c.InputSize != [2]int{} {
		out.InputSize = c.InputSize[:]
	}
	return out
}

// cardSource hides where the folder is.
func cardSource(m *engine.Model) string {
	if m.CardSource == "" || m.CardSource == "model" {
		return m.CardSource
	}
	return "sidecar"
}

package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"striate/export/onnx"
	"striate/export/onnx/onnxpb"
	"striate/internal/card"
	"striate/internal/fault"
	"striate/internal/nearest"
	"striate/internal/provenance"
)

// MaxModelBytes is the size up to which a model file is read.
const MaxModelBytes = 2 << 30

// LayerInfo is a tensor that can be asked for.
type LayerInfo struct {
	Name  string `json:"name"`
	Op    string `json:"op,omitempty"`    // the operator that makes it; empty for the input
	Type  string `json:"type,omitempty"`  // of its elements, where the file says
	Shape []int  `json:"shape,omitempty"` // of one image, where it is known
}

// Model is a network that was read and checked. It keeps no weights: the graph is read again when a
// session is made.
type Model struct {
	Name       string
	Path       string // empty for a model from memory
	Digest     string // sha256 of the file
	Bytes      int64
	Card       card.Card
	CardSource string      // "model", the path of a sidecar, or "" when there is none
	Layers     []LayerInfo // in the order of the graph; those of the card carry shapes
	Input      InputInfo

	read func() ([]byte, error)
}

// InputInfo is the tensor that takes the images.
type InputInfo struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Shape includes the batch axis; -1 stands for a size that is not fixed.
	Shape []int64 `json:"shape"`
}

// ReadModel reads a model file and the card beside it.
func ReadModel(path string) (*Model, error) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return nil, fault.NotFoundf("no such model file: %s", path)
	}
	if info.Size() > MaxModelBytes {
		return nil, fault.TooLargef("model %s has %d bytes, over the limit of %d (models with external data are not read)", path, info.Size(), MaxModelBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	m, err := NewModel(strings.TrimSuffix(filepath.Base(path), ".onnx"), data)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", path, err)
	}
	m.Path = path
	digest := m.Digest
	m.read = func() ([]byte, error) {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read model: %w", err)
		}
		if provenance.Digest(data) != digest {
			return nil, fault.Conflictf("model file %s has changed since it was listed: ask again", path)
		}
		return data, nil
	}
	sidecar, found, err := card.ReadFile(card.Sidecar(path))
	if err != nil {
		return nil, err
	}
	if found {
		m.Card, m.CardSource = sidecar, card.Sidecar(path)
		m.applyCardShapes()
	}
	return m, nil
}

// NewModel reads a model from memory; data is kept.
func NewModel(name string, data []byte) (*Model, error) {
	graph, err := onnx.Decode(data)
	if err != nil {
		return nil, err
	}
	m := &Model{Name: name, Digest: provenance.Digest(data), Bytes: int64(len(data)), read: func() ([]byte, error) { return data, nil }}
	if m.Input, err = inputOf(graph); err != nil {
		return nil, err
	}
	c, found, err := card.Decode(graph.Metadata())
	if err != nil {
		return nil, err
	}
	if found {
		m.Card, m.CardSource = c, "model"
	}
	constant := fixed(graph)
	for _, t := range graph.Tensors() {
		if constant[t.Name] {
			continue
		}
		info := LayerInfo{Name: t.Name, Shape: sampleShape(t.Shape)}
		if t.Node != nil {
			info.Op = t.Node.GetOpType()
		}
		if t.Type != onnx.Undefined {
			info.Type = t.Type.String()
		}
		m.Layers = append(m.Layers, info)
	}
	m.applyCardShapes()
	return m, nil
}

// fixed returns the tensors that do not depend on the input, constants and what nodes make of
// constants: they respond to nothing. Whatever contains a subgraph, which sees the tensors around it,
// is not counted among them.
func fixed(graph *onnx.Model) map[string]bool {
	known := map[string]bool{"": true} // an optional input that is left out
	for _, t := range graph.Tensors() {
		if t.Constant {
			known[t.Name] = true
		}
	}
	for _, node := range graph.Nodes() { // in the order in which they run
		sees := slices.ContainsFunc(node.Input, func(name string) bool { return !known[name] }) ||
			slices.ContainsFunc(node.Attribute, func(a *onnxpb.AttributeProto) bool { return a.G != nil || len(a.Graphs) > 0 })
		for _, name := range node.Output {
			known[name] = known[name] || !sees
		}
	}
	return known
}

// inputOf returns the one input that takes images.
func inputOf(graph *onnx.Model) (InputInfo, error) {
	inputs := graph.Inputs()
	if len(inputs) != 1 {
		names := make([]string, len(inputs))
		for i, v := range inputs {
			names[i] = v.Name
		}
		return InputInfo{}, fault.Unsupportedf("the network has %d inputs (%s): exactly one, for the images, is supported", len(inputs), strings.Join(names, ", "))
	}
	v := inputs[0]
	if len(v.Shape) < 2 {
		return InputInfo{}, fault.Unsupportedf("input %s has the shape %v: a batch of images (N×C×H×W) is expected", v.Name, v.Shape)
	}
	in := InputInfo{Name: v.Name, Type: v.Type.String()}
	for _, d := range v.Shape {
		in.Shape = append(in.Shape, d.Size)
	}
	if !castable(v.Type) {
		return InputInfo{}, fault.Unsupportedf("input %s takes %s: images of numbers are expected", v.Name, in.Type)
	}
	return in, nil
}

// sampleShape drops the batch axis; nil when an axis is not fixed.
func sampleShape(shape []onnx.Dim) []int {
	if len(shape) < 2 {
		return nil
	}
	out := make([]int, 0, len(shape)-1)
	for _, d := range shape[1:] {
		if d.Size < 0 {
			return nil
		}
		out = append(out, int(d.Size))
	}
	return out
}

func (m *Model) applyCardShapes() {
	for _, l := range m.Card.Layers {
		for i := range m.Layers {
			if m.Layers[i].Name == l.Name && m.Layers[i].Shape == nil {
				m.Layers[i].Shape = l.Shape
			}
		}
	}
}

// WithCard returns the model with another card, say one that flags have changed.
func (m *Model) WithCard(c card.Card) *Model {
	copied := *m
	copied.Card = c
	return &copied
}

// NamedLayers returns the layers that the card names, or all when it names none.
func (m *Model) NamedLayers() []LayerInfo {
	if len(m.Card.Layers) == 0 {
		return m.Layers
	}
	var out []LayerInfo
	for _, l := range m.Card.Layers {
		for _, have := range m.Layers {
			if have.Name == l.Name {
				out = append(out, have)
			}
		}
	}
	return out
}

// ImageSize returns channels, height and width that the network takes: fixed by its graph, else by
// its card.
func (m *Model) ImageSize() (channels, height, width int, err error) {
	if len(m.Input.Shape) != 4 {
		return 0, 0, 0, fault.Unsupportedf("model %s takes input of shape %v, which is not images (N×C×H×W): send an array instead", m.Name, m.Input.Shape)
	}
	channels, height, width = int(m.Input.Shape[1]), int(m.Input.Shape[2]), int(m.Input.Shape[3])
	if channels < 0 {
		channels = 3
	}
	if size := m.Card.InputSize; size != [2]int{} {
		if (height >= 0 && height != size[0]) || (width >= 0 && width != size[1]) {
			return 0, 0, 0, fault.Invalidf("the card of model %s says %d×%d pixels, its graph takes %d×%d: correct input_size (or --size)", m.Name, size[0], size[1], height, width)
		}
		height, width = size[0], size[1]
	}
	if height < 0 || width < 0 {
		return 0, 0, 0, fault.Invalidf("the input size of model %s is not fixed by its graph: say it in %s or with --size", m.Name, card.Sidecar(m.Name+".onnx"))
	}
	if channels != 1 && channels != 3 {
		return 0, 0, 0, fault.Unsupportedf("model %s takes %d channels: images have 1 or 3; send an array instead", m.Name, channels)
	}
	return channels, height, width, nil
}

// HasLayers refuses names that the graph does not have, with near matches.
func (m *Model) HasLayers(names []string) error {
	have := make([]string, len(m.Layers))
	for i, l := range m.Layers {
		have[i] = l.Name
	}
	for _, name := range names {
		if !slices.Contains(have, name) {
			return fault.NotFoundf("model %s has no layer %q%s", m.Name, clip(name), nearest.Phrase(name, have))
		}
	}
	return nil
}

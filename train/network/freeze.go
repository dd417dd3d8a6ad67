package network

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"

	"striate/internal/fault"
)

// kernel returns a tensor that depends on few parameters, or on none: computed in the graph by
// compute, or with Options.Frozen the variable in which Freeze has put it.
func (b *builder) kernel(name string, compute func() *graph.Node) *graph.Node {
	if b.options.Frozen {
		return b.variable(name)
	}
	return compute()
}

// Freeze computes the kernels of the components from the present parameters in store and keeps them
// there as variables that are not trained, for graphs built with [Options].Frozen:
//
//	pool.matrix          S²×(S/2)²   cortical magnification
//	layer1.K.dog.kernel  out×in×5×5  difference of Gaussians
//	layer1.K.norm.kernel out×in×1×1 (tuned) or 3×3 (divisive)
//	layer1.K.norm.offset 1           divisive
func (d Description) Freeze(store *model.Store) error {
	if err := d.Validate(); err != nil {
		return err
	}
	first := store.GetVariable("/conv1.weight")
	if first == nil {
		return fault.Invalidf("%s has no parameters yet: initialise or load them first", d.Name)
	}
	if d.Pool == MaxPool && !slices.ContainsFunc(d.V1, hasKernels) {
		return nil
	}
	own, err := d.kernelParameters(store)
	if err != nil {
		return fmt.Errorf("compute the kernels of %s: %w", d.Name, err)
	}
	var names []string
	exec, err := model.NewExec(gobackend.GetBackend(), own, func(scope *model.Scope, g *graph.Graph) []*graph.Node {
		b := &builder{d: d, scope: scope, g: g, dtype: first.DType()}
		var nodes []*graph.Node
		names, nodes = b.kernels()
		return nodes
	})
	if err != nil {
		return fmt.Errorf("compute the kernels of %s: %w", d.Name, err)
	}
	defer exec.Finalize()
	values, err := exec.Call()
	if err != nil {
		return fmt.Errorf("compute the kernels of %s: %w", d.Name, err)
	}
	for i, t := range values {
		host, err := t.LocalClone() // a tensor belongs to the backend that made it
		if err != nil {
			return fmt.Errorf("keep kernel %s: %w", names[i], err)
		}
		if err := setVariable(store, names[i], host, false); err != nil {
			return fmt.Errorf("keep kernel %s: %w", names[i], err)
		}
	}
	return nil
}

// kernelParameters copies what the kernels are computed from to a store of its own: values in store
// may belong to another backend.
func (d Description) kernelParameters(store *model.Store) (*model.Store, error) {
	own := model.NewStore()
	for _, p := range d.Parameters() {
		if !strings.Contains(p.Name, ".dog.") && !strings.Contains(p.Name, ".norm.") {
			continue
		}
		v := store.GetVariable(model.ScopeSeparator + p.Name)
		if v == nil {
			return nil, fault.Invalidf("parameter %q has no value: initialise or load the parameters first", p.Name)
		}
		t, err := v.Value()
		if err != nil {
			return nil, err
		}
		host, err := t.LocalClone()
		if err != nil {
			return nil, err
		}
		if err := setVariable(own, p.Name, host, false); err != nil {
			return nil, err
		}
	}
	return own, nil
}

// hasKernels tells whether a block has kernels that follow from few parameters.
func hasKernels(b Block) bool { return b.Conv == PlainDoG || b.Norm != NoNorm }

// kernels computes all kernels that Freeze keeps.
func (b *builder) kernels() (names []string, nodes []*graph.Node) {
	add := func(name string, node *graph.Node) {
		names, nodes = append(names, name), append(nodes, node)
	}
	if b.d.Pool == Polar {
		add(polarKernel, b.polarMatrix())
	}
	for k, spec := range b.d.V1 {
		dog, norm := fmt.Sprintf("layer1.%d.dog.", k), fmt.Sprintf("layer1.%d.norm.", k)
		if spec.Conv == PlainDoG {
			add(dog+"kernel", b.dogKernel(dog))
		}
		switch spec.Norm {
		case Tuned:
			add(norm+"kernel", b.tunedKernel(norm))
		case Divisive:
			add(norm+"kernel", b.divisiveKernel(norm))
			add(norm+"offset", b.divisiveOffset(norm))
		}
	}
	return names, nodes
}

// constant is a fixed tensor in the type of the images.
func (b *builder) constant(values []float64, dims ...int) *graph.Node {
	t, err := tensorOf(values, b.dtype, dims)
	if err != nil {
		panic(err)
	}
	return graph.ConstTensor(b.g, t)
}

package network

import (
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/model"
)

// Components gives tests the components of d one by one, on variables of scope under the prefix "c.".
type Components struct{ b *builder }

func NewComponents(d Description, scope *model.Scope, x *graph.Node) Components {
	return Components{&builder{d: d, scope: scope, g: x.Graph(), dtype: x.DType()}}
}

func (c Components) DoG(x *graph.Node) *graph.Node      { return c.b.dog(x, "c.") }
func (c Components) DoGKernel() *graph.Node             { return c.b.dogKernel("c.") }
func (c Components) Divisive(x *graph.Node) *graph.Node { return c.b.divisive(x, "c.") }
func (c Components) Tuned(x *graph.Node) *graph.Node    { return c.b.tuned(x, "c.") }
func (c Components) TunedKernel() *graph.Node           { return c.b.tunedKernel("c.") }
func (c Components) Polar(x *graph.Node) *graph.Node    { return c.b.polar(x) }
func (c Components) Local(x *graph.Node) *graph.Node {
	return c.b.local(x, c.b.variable("c.weight"))
}

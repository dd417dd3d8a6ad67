package battery

import (
	"fmt"

	"striate/internal/provenance"
	"striate/serve/engine"
)

// SetLayer makes a layer of an engine the network that is measured, and says so in key and
// provenance.
func (o *Options) SetLayer(e *engine.Engine, layer *engine.Layer) {
	m := layer.Model()
	device := e.Device()
	o.Network, o.Model, o.Layer = layer, m.Name, layer.Name()
	o.Key = Key{
		ModelDigest: m.Digest, Layer: layer.Name(), Device: device.Chosen, Runtime: device.Runtime.String(),
		Preprocessing: fmt.Sprintf("mean %v std %v order %s", m.Card.Mean, m.Card.Std, m.Card.ChannelOrder),
	}
	o.Made.Version = provenance.Version()
	o.Made.ModelDigest, o.Made.Device, o.Made.Runtime = m.Digest, device.Chosen, device.Runtime.String()
}

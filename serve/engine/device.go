package engine

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"striate/internal/fault"
	"striate/internal/ortlib"
)

// Device says what sessions run on.
type Device struct {
	Asked   string         `json:"asked"`            // auto, cpu or cuda[:N]
	Chosen  string         `json:"chosen"`           // cpu or cuda:N
	Reason  string         `json:"reason,omitempty"` // why auto chose it
	Runtime ortlib.Library `json:"runtime"`

	ordinal int // of the GPU, -1 for the CPU
	strict  bool
}

var cudaPattern = regexp.MustCompile(`^cuda(?::([0-9]{1,3}))?$`)

// resolveDevice decides what to run on. try attempts to attach the CUDA provider of a GPU. A GPU
// that was asked for and cannot be had is an error: the work never goes to the CPU unasked.
func resolveDevice(asked string, try func(ordinal int) error) (Device, error) {
	if asked == "" {
		asked = "auto"
	}
	d := Device{Asked: asked, Chosen: "cpu", ordinal: -1}
	switch {
	case asked == "cpu":
		return d, nil
	case asked == "auto":
		if err := try(0); err != nil {
			d.Reason = "no CUDA device: " + oneLine(err)
			return d, nil
		}
		d.Chosen, d.Reason, d.ordinal = "cuda:0", "a CUDA device was found", 0
		return d, nil
	}
	m := cudaPattern.FindStringSubmatch(asked)
	if m == nil {
		return Device{}, fault.Misusef("device %q is not known: give auto, cpu, cuda or cuda:N", asked)
	}
	d.ordinal, _ = strconv.Atoi("0" + m[1])
	if err := try(d.ordinal); err != nil {
		return Device{}, fault.Unavailablef("device %s was asked for, but ONNX Runtime has no use of it (%s): install the GPU build of ONNX Runtime %s with its providers beside it, or ask for cpu or auto",
			asked, oneLine(err), ortlib.Wanted)
	}
	d.Chosen, d.strict = fmt.Sprintf("cuda:%d", d.ordinal), true
	return d, nil
}

// tryCUDA attaches the CUDA provider to options that are thrown away.
func tryCUDA(ordinal int) error {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return err
	}
	defer options.Destroy() //nolint:errcheck // nothing to do about it
	return appendCUDA(options, ordinal)
}

// appendCUDA attaches the CUDA provider with settings for measurement: no TF32 (a relative error of
// 1e-3), no exhaustive search for algorithms (results that differ between runs).
func appendCUDA(options *ort.SessionOptions, ordinal int) error {
	cuda, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer cuda.Destroy() //nolint:errcheck // nothing to do about it
	err = cuda.Update(map[string]string{
		"device_id": strconv.Itoa(ordinal), "use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC",
		"arena_extend_strategy": "kSameAsRequested",
	})
	if err != nil {
		return err
	}
	return options.AppendExecutionProviderCUDA(cuda)
}

// options returns session options for the device.
func (d Device) options(threads int) (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*ort.SessionOptions, error) {
		o.Destroy() //nolint:errcheck // the first error counts
		return nil, err
	}
	if err := o.SetIntraOpNumThreads(threads); err != nil {
		return fail(err)
	}
	if d.ordinal < 0 {
		return o, nil
	}
	if err := appendCUDA(o, d.ordinal); err != nil {
		return fail(err)
	}
	if d.strict { // refuse a graph of which a part would run on the CPU
		if err := o.AddSessionConfigEntry("session.disable_cpu_ep_fallback", "1"); err != nil {
			return fail(err)
		}
	}
	return o, nil
}

// reports is how ONNX Runtime begins its errors: the place in its source, a number and a name.
var reports = regexp.MustCompile(`^.*\[ONNXRuntimeError\] : [0-9]+ : [A-Z_]+ : `)

// oneLine is an error of ONNX Runtime on one line, without the place in its source.
func oneLine(err error) string {
	return reports.ReplaceAllString(strings.Join(strings.Fields(err.Error()), " "), "")
}

package onnx

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"striate/export/onnx/onnxpb"
	"striate/internal/fault"
)

// Limits of what is decoded. They are far above any vision network, and hold before anything is
// allocated: a few bytes of a hostile file can otherwise stand for a message of hundreds.
const (
	// MaxBytes is the length of the longest file: the limit of Protocol Buffers themselves.
	MaxBytes = math.MaxInt32
	// maxDepth is how deeply messages may nest; a branch within a branch takes three levels.
	maxDepth = 100
	// maxParts is how many messages and strings a file may have.
	maxParts = 8 << 20
)

// Model is an ONNX model. Values that its methods return share memory with it and are not to be
// changed; [Tap] and [Cut] leave their argument as it is.
type Model struct {
	pb *onnxpb.ModelProto
}

// Decode reads an ONNX file. Every tensor that the graph mentions exists, none is made twice and
// constants are as long as their shapes say, or the error, an Invalid or TooLarge fault, says in
// one line what is wrong. data may be reused afterwards.
func Decode(data []byte) (*Model, error) {
	if len(data) == 0 {
		return nil, fault.Invalidf("not an ONNX file: it is empty")
	}
	if len(data) > MaxBytes {
		return nil, fault.TooLargef("ONNX file of %d bytes: at most %d can be read; keep large constants as external data", len(data), MaxBytes)
	}
	pb := &onnxpb.ModelProto{}
	s := scan{parts: maxParts}
	if err := s.message(data, pb.ProtoReflect().Descriptor(), maxDepth); err != nil {
		return nil, err
	}
	if err := (proto.UnmarshalOptions{RecursionLimit: maxDepth}).Unmarshal(data, pb); err != nil {
		return nil, fault.Invalidf("not an ONNX file, or a truncated one: its bytes do not parse as Protocol Buffers")
	}
	return FromProto(pb)
}

// FromProto returns the model of a message, which it keeps. Errors are as of [Decode].
func FromProto(pb *onnxpb.ModelProto) (*Model, error) {
	m := &Model{pb}
	if err := m.check(); err != nil {
		return nil, err
	}
	return m, nil
}

// Encode returns the bytes of the model's file: the same bytes for the same model.
func (m *Model) Encode() ([]byte, error) {
	if n := proto.Size(m.pb); n > MaxBytes {
		return nil, fault.TooLargef("the model takes %d bytes: an ONNX file without external data holds at most %d", n, MaxBytes)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m.pb)
	if err != nil {
		return nil, fmt.Errorf("encoding ONNX model: %w", err)
	}
	return data, nil
}

// Proto returns the model's message.
func (m *Model) Proto() *onnxpb.ModelProto { return m.pb }

// scan walks over the bytes of a message without allocating, to hold its limits.
type scan struct {
	parts int // messages and strings still allowed
}

var errBroken = errors.New("broken wire format")

func (s *scan) message(b []byte, desc protoreflect.MessageDescriptor, depth int) error {
	if depth == 0 {
		return fault.TooLargef("not a usable ONNX file: its messages nest more than %d deep", maxDepth)
	}
	fields := desc.Fields()
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return broken()
		}
		b = b[n:]
		n = protowire.ConsumeFieldValue(num, typ, b)
		if n < 0 {
			return broken()
		}
		value := b[:n]
		b = b[n:]
		fd := fields.ByNumber(num)
		if fd == nil || typ != protowire.BytesType || fd.IsPacked() {
			continue
		}
		if s.parts--; s.parts < 0 {
			return fault.TooLargef("not a usable ONNX file: it has more than %d parts", maxParts)
		}
		if fd.Kind() == protoreflect.MessageKind {
			inner, _ := protowire.ConsumeBytes(value)
			if err := s.message(inner, fd.Message(), depth-1); err != nil {
				return err
			}
		}
	}
	return nil
}

func broken() error {
	return fault.Invalidf("not an ONNX file, or a truncated one: %w", errBroken)
}

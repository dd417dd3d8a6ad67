// Package api is the contract of the server: openapi.yaml, and the types, strict handlers and Go
// client that are generated from it.
package api

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strconv"
)

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config generate.yaml openapi.yaml
// The generator declares one field Body for each kind of raw body; the second command keeps one.
//go:generate sh -c "awk '/^type /{n=0} /^\\tBody +io\\.Reader$/{if(n++)next} {print}' api.gen.go > api.gen.tmp && mv api.gen.tmp api.gen.go && gofmt -w api.gen.go"

// Spec is the text of openapi.yaml.
//
//go:embed openapi.yaml
var Spec []byte

// Label is the class of an image: a name or, when Name is empty, the index of an output.
type Label struct {
	Name  string
	Index int
}

// String returns the label as it is written in JSON, without quotes.
func (l Label) String() string {
	if l.Name != "" {
		return l.Name
	}
	return strconv.Itoa(l.Index)
}

// MarshalJSON writes text for a name and a number for an index.
func (l Label) MarshalJSON() ([]byte, error) {
	if l.Name != "" {
		return json.Marshal(l.Name)
	}
	return json.Marshal(l.Index)
}

// UnmarshalJSON reads text or a number.
func (l *Label) UnmarshalJSON(text []byte) error {
	if *l = (Label{}); json.Unmarshal(text, &l.Name) == nil && l.Name != "" {
		return nil
	}
	index, err := strconv.ParseUint(string(text), 10, 31)
	if err != nil {
		return fmt.Errorf("label %s: give the name of a class or the index of an output", text)
	}
	l.Index = int(index)
	return nil
}

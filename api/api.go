// Package api is the contract of the server: openapi.yaml, and the types, strict handlers and Go
// client that are generated from it.
package api

import _ "embed"

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config generate.yaml openapi.yaml
// The generator declares one field Body for each kind of raw body; the second command keeps one.
//go:generate sh -c "awk '/^type /{n=0} /^\\tBody +io\\.Reader$/{if(n++)next} {print}' api.gen.go > api.gen.tmp && mv api.gen.tmp api.gen.go && gofmt -w api.gen.go"

// Spec is the text of openapi.yaml.
//
//go:embed openapi.yaml
var Spec []byte

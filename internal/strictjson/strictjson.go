// Package strictjson reads JSON that people write: a field that does not exist is an error, for it is
// a misspelt one, and what is wrong is said in JSON's words, not in Go's.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Decode reads text, which holds one JSON value, into v. The error says what is wrong where; the
// caller says of which text.
func Decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return Plain(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind the end of the JSON value")
	}
	return nil
}

// Plain says in JSON's words what an error of encoding/json says in Go's.
func Plain(err error) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON ends early")
	case errors.As(err, &syntax):
		return fmt.Errorf("no JSON: %w (byte %d)", err, syntax.Offset)
	case errors.As(err, &kind):
		where := ""
		if kind.Field != "" {
			where = "field " + kind.Field + ": "
		}
		return fmt.Errorf("%s%s is needed, not %s", where, name(kind.Type), article(kind.Value))
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no field %s", field)
	}
	return err
}

// name is what JSON calls a type.
func name(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Array:
		return fmt.Sprintf("a list of %d", t.Len())
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Pointer:
		return name(t.Elem())
	}
	return "a whole number"
}

// article puts encoding/json's name of a value ("number", "number 1.5", "array") into a sentence.
func article(value string) string {
	switch value {
	case "string":
		return "text"
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	}
	if digits, ok := strings.CutPrefix(value, "number "); ok {
		return digits
	}
	return "a " + value
}

package strictjson

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type sample struct {
	Size  [2]int    `json:"size"`
	Mean  []float64 `json:"mean"`
	Name  string    `json:"name"`
	Flag  bool      `json:"flag"`
	Count *int      `json:"count"`
	Inner struct {
		Deep float64 `json:"deep"`
	} `json:"inner"`
}

func TestDecode(t *testing.T) {
	var got sample
	require.NoError(t, Decode([]byte(` {"size": [64, 32], "mean": [0.5], "inner": {"deep": 1}} `), &got))
	require.Equal(t, [2]int{64, 32}, got.Size)
	require.Equal(t, 1.0, got.Inner.Deep)
	for text, says := range map[string]string{
		``:                             "it is empty",
		`{"size": `:                    "the JSON ends early",
		`{size: 3}`:                    "no JSON: invalid character 's' looking for beginning of object key string (byte 2)",
		`{"size": 64}`:                 "field size: a list of 2 is needed, not a number",
		`{"mean": "0.5"}`:              "field mean: a list is needed, not text",
		`{"mean": ["0.5"]}`:            "field mean: a number is needed, not text",
		`{"name": [1]}`:                "field name: text is needed, not a list",
		`{"flag": {}}`:                 "field flag: true or false is needed, not an object",
		`{"count": 1.5}`:               "field count: a whole number is needed, not 1.5",
		`{"inner": {"deep": true}}`:    "field inner.deep: a number is needed, not true or false",
		`{"inner": []}`:                "field inner: an object is needed, not a list",
		`[]`:                           "an object is needed, not a list",
		`{"men": [0.5]}`:               `there is no field "men"`,
		`{"name": "a"} {"name": "b"}`:  "there is more behind the end of the JSON value",
		`{"name": "a"} trailing words`: "there is more behind the end of the JSON value",
	} {
		require.EqualError(t, Decode([]byte(text), new(sample)), says, text)
	}
}

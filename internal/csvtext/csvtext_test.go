package csvtext

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReaderTakesWhatSpreadsheetsWrite(t *testing.T) {
	want := [][]string{{"name", "value"}, {"a, b", "1"}}
	for _, text := range []string{
		"name,value\n\"a, b\",1\n",
		"\ufeffname,value\r\n\"a, b\",1\r\n",
		"\ufeff\"name\",\"value\"\r\n\"a, b\", 1",
	} {
		rows, err := NewReader(strings.NewReader(text)).ReadAll()
		require.NoError(t, err, "%q", text)
		require.Equal(t, want, rows, "%q", text)
	}
}

func TestReaderTakesShortText(t *testing.T) {
	for _, text := range []string{"", "\xef", "\xef\xbb", "\ufeff"} {
		_, err := NewReader(strings.NewReader(text)).ReadAll()
		require.NoError(t, err, "%q", text)
	}
}

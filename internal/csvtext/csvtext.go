// Package csvtext reads CSV text as spreadsheets and other programs write it.
package csvtext

import (
	"bufio"
	"encoding/csv"
	"io"
)

// mark is the byte order mark that spreadsheets put before UTF-8 text.
const mark = "\xef\xbb\xbf"

// SkipMark returns r without the byte order mark that may be in front of it.
func SkipMark(r io.Reader) io.Reader {
	b := bufio.NewReader(r)
	if head, err := b.Peek(len(mark)); err == nil && string(head) == mark {
		b.Discard(len(mark)) //nolint:errcheck // they are there
	}
	return b
}

// NewReader returns a reader of CSV text, with or without a byte order mark, that passes over the
// blanks in front of a field.
func NewReader(r io.Reader) *csv.Reader {
	c := csv.NewReader(SkipMark(r))
	c.TrimLeadingSpace = true
	return c
}

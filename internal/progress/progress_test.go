package progress

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLinesWithoutTerminal(t *testing.T) {
	var out bytes.Buffer
	b := New(&out, "images", 100, false)
	clock := b.begun
	b.now = func() time.Time { return clock }
	clock = clock.Add(5 * time.Second)
	b.Add(10)
	require.Empty(t, out.String(), "a line before its time")
	clock = clock.Add(5 * time.Second)
	b.Add(10)
	require.Equal(t, "images: 20 of 100, 2.0/s, 40s left\n", out.String())
	out.Reset()
	clock = clock.Add(10 * time.Second)
	b.Add(80)
	b.Close()
	require.Contains(t, out.String(), "100 of 100")
}

func TestQuiet(t *testing.T) {
	var out bytes.Buffer
	b := New(&out, "images", 100, true)
	b.Add(1)
	b.Describe("x")
	b.Close()
	require.Empty(t, out.String())
}

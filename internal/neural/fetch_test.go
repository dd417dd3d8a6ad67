package neural

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"striate/internal/fault"
)

func sum(text string) string {
	h := sha1.Sum([]byte(text))
	return hex.EncodeToString(h[:])
}

func TestFetch(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		switch r.URL.Path {
		case "/assy.nc":
			w.Write([]byte("assembly")) //nolint:errcheck // a test's server
		case "/cut.nc":
			w.Header().Set("Content-Length", "100")
			w.Write([]byte("assem")) //nolint:errcheck
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	ctx, dir := context.Background(), t.TempDir()
	fetch := func(path, text string) (string, error) {
		p, err := Find(server.URL+path, sum(text))
		require.NoError(t, err)
		return p.Fetch(ctx, dir, func(int64) {}, func(int) {})
	}
	for range 2 { // the second time it is there
		file, err := fetch("/assy.nc", "assembly")
		require.NoError(t, err)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, "assembly", string(data))
	}
	require.Equal(t, 1, requests)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "assy.nc"), []byte("older"), 0o644))
	_, err := fetch("/assy.nc", "something else")
	require.ErrorContains(t, err, "is not the published file")
	require.Equal(t, fault.Invalid, fault.CodeOf(err))
	data, err := os.ReadFile(filepath.Join(dir, "assy.nc"))
	require.NoError(t, err)
	require.Equal(t, "older", string(data), "a wrong download replaces nothing")

	_, err = fetch("/none.nc", "x")
	require.ErrorContains(t, err, "404")
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))
	_, err = fetch("/cut.nc", "x")
	require.ErrorContains(t, err, "ended after 5 bytes")
	require.NoFileExists(t, filepath.Join(dir, "cut.nc"))
	server.Close()
	_, err = fetch("/gone.nc", "x")
	require.Equal(t, fault.Unavailable, fault.CodeOf(err))

	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = Published{"x", server.URL + "/x.nc", sum("x"), "", 0}.Fetch(cancelled, dir, func(int64) {}, func(int) {})
	require.ErrorIs(t, err, context.Canceled)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no half-written file is left")
}

func TestFind(t *testing.T) {
	p, err := Find("Ringach2002", "")
	require.NoError(t, err)
	require.Len(t, p.SHA1, 40)
	for says, c := range map[string][2]string{
		"Ringach2002":     {"Ringach200", ""},
		"--sha1, so that": {"https://example.org/a.nc", ""},
		"40 hexadecimal":  {"https://example.org/a.nc", "12"},
		"names no file":   {"https://example.org", sum("")},
	} {
		_, err := Find(c[0], c[1])
		require.ErrorContains(t, err, says)
	}
	for _, p := range PublishedFiles() {
		digest, err := hex.DecodeString(p.SHA1)
		require.NoError(t, err)
		require.Len(t, digest, 20)
		require.Contains(t, p.URL, "https://")
	}
}

package neural

import (
	"context"
	"crypto/sha1" //nolint:gosec // the digests that are published
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"striate/internal/atomicfile"
	"striate/internal/fault"
	"striate/internal/nearest"
)

// Published is a file that Brain-Score publishes.
type Published struct {
	Name        string `json:"name"`
	URL         string `json:"url"`
	SHA1        string `json:"sha1"`
	StimulusSet string `json:"stimulus_set"`
	Neurons     int    `json:"neurons"`
}

//go:embed published.json
var published []byte

// PublishedFiles lists the files that can be fetched by name.
func PublishedFiles() []Published {
	var list []Published
	if err := json.Unmarshal(published, &list); err != nil {
		panic(fmt.Sprintf("neural: embedded list of files: %v", err))
	}
	return list
}

// Find returns the published file of the name, or the file at a http(s) address with the digest sha1,
// which may be empty only when the caller accepts whatever comes.
func Find(name, sha1 string) (Published, error) {
	if u, err := url.Parse(name); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" {
		base := path.Base(u.Path)
		if base == "/" || base == "." {
			return Published{}, fault.Invalidf("%s names no file", name)
		}
		if sha1 == "" {
			return Published{}, fault.Misusef("give the digest of %s with --sha1, so that what comes can be verified", name)
		}
		if digest, err := hex.DecodeString(sha1); err != nil || len(digest) != 20 {
			return Published{}, fault.Misusef("--sha1 %s: 40 hexadecimal digits are needed", sha1)
		}
		return Published{Name: base, URL: name, SHA1: strings.ToLower(sha1)}, nil
	}
	var names []string
	for _, p := range PublishedFiles() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Published{}, fault.NotFoundf("no published file is called %q%s; other files need their address and --sha1",
		name, nearest.Phrase(name, names))
}

// maxDownload bounds a file: the largest assemblies have some gigabytes.
const maxDownload = 16 << 30

// Fetch downloads the file to the folder and verifies its digest; nothing is written when it is not
// what was published. A file that is there and has the digest is not downloaded again. progress is
// called with the size (-1 when unknown) before, step with the bytes as they come.
func (p Published) Fetch(ctx context.Context, dir string, progress func(total int64), step func(int)) (file string, err error) {
	u, err := url.Parse(p.URL)
	if err != nil {
		return "", fault.Invalidf("address of %s: %v", p.Name, err)
	}
	file = filepath.Join(dir, path.Base(u.Path))
	if have, err := digest(file); err == nil && have == p.SHA1 {
		return file, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL, nil)
	if err != nil {
		return "", fault.Invalidf("address of %s: %v", p.Name, err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = time.Minute
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fault.Unavailablef("download %s: %w", p.Name, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fault.Unavailablef("download %s: %s answers %s", p.Name, u.Host, answer.Status)
	}
	if answer.ContentLength > maxDownload {
		return "", fault.TooLargef("%s has %d bytes, over the limit of %d", p.Name, answer.ContentLength, int64(maxDownload))
	}
	progress(answer.ContentLength)
	err = atomicfile.Write(file, func(w io.Writer) error { return p.copy(ctx, w, answer.Body, step) })
	return file, err
}

func (p Published) copy(ctx context.Context, w io.Writer, body io.Reader, step func(int)) error {
	h := sha1.New() //nolint:gosec // as above
	n, err := io.Copy(io.MultiWriter(w, h, counter(step)), io.LimitReader(body, maxDownload+1))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fault.Unavailablef("download %s: the connection ended after %d bytes: try again", p.Name, n)
	case err != nil:
		return fmt.Errorf("download %s: %w", p.Name, err)
	case n > maxDownload:
		return fault.TooLargef("%s has more than %d bytes", p.Name, int64(maxDownload))
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != p.SHA1 {
		return fault.Invalidf("%s is not the published file: its SHA-1 is %s, not %s; nothing was kept", p.URL, got, p.SHA1)
	}
	return nil
}

type counter func(int)

func (c counter) Write(b []byte) (int, error) { c(len(b)); return len(b), nil }

func digest(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha1.New() //nolint:gosec // as above
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// PublishedNames lists what can be fetched by name.
func PublishedNames() []string {
	var names []string
	for _, p := range PublishedFiles() {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names
}

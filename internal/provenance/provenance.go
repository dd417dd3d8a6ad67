// Package provenance says what a result was made with.
package provenance

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

// Number is the version of this program.
const Number = "0.1.0"

// commit is set at link time by make build; a plain go build reads it from what Go embeds.
var commit = ""

// Version returns the number and, where it is known, the commit that the program was built from.
func Version() string {
	if c := builtFrom(); c != "" {
		return Number + "+" + c
	}
	return Number
}

func builtFrom() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(7, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "-dirty"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + changed
}

// Record goes into every result file.
type Record struct {
	Version     string         `json:"version"`                // of striate
	ModelDigest string         `json:"model_digest,omitempty"` // sha256 of the model file
	Parameters  map[string]any `json:"parameters,omitempty"`
	Seed        *uint64        `json:"seed,omitempty"`
	Device      string         `json:"device,omitempty"`
	Runtime     string         `json:"runtime,omitempty"` // the library that ran the model and its version
}

// Digest is the lowercase hexadecimal SHA-256 of data, with its scheme in front.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// DigestFile is the Digest of a file's content, read once without holding it.
func DigestFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("digest %s: %w", path, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("digest %s: %w", path, err)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

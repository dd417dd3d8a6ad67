// Package progress shows how far long work has come: a bar on a terminal, plain lines elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// lineEvery is the time between two lines where there is no terminal.
const lineEvery = 10 * time.Second

// Bar counts work that is done. Its methods may be called by several goroutines, and on nil.
type Bar struct {
	mu    sync.Mutex
	w     io.Writer
	label string
	bar   *progressbar.ProgressBar // nil without a terminal
	total int64
	done  int64
	begun time.Time
	last  time.Time
	now   func() time.Time
}

// New starts a bar of total steps on w, with a label in front; a total of -1 is not known. It is
// silent when quiet.
func New(w io.Writer, label string, total int64, quiet bool) *Bar {
	if quiet || w == nil {
		return nil
	}
	b := &Bar{w: w, label: label, total: total, now: time.Now}
	b.begun = b.now()
	b.last = b.begun
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		b.bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(label),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
	}
	return b
}

// Add counts n more steps.
func (b *Bar) Add(n int) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done += int64(n)
	if b.bar != nil {
		b.bar.Add(n) //nolint:errcheck // a bar that cannot be drawn stops nothing
		return
	}
	if now := b.now(); now.Sub(b.last) >= lineEvery {
		b.last = now
		b.line(now)
	}
}

// Describe changes the label, say to the latest loss.
func (b *Bar) Describe(label string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.label = label
	if b.bar != nil {
		b.bar.Describe(label)
	}
}

// Close ends the bar; without a terminal it writes a last line.
func (b *Bar) Close() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bar != nil {
		b.bar.Finish() //nolint:errcheck // as in Add
		return
	}
	b.line(b.now())
}

func (b *Bar) line(now time.Time) {
	spent := now.Sub(b.begun)
	rate := float64(b.done) / max(spent.Seconds(), 1e-9)
	if b.total < 0 {
		fmt.Fprintf(b.w, "%s: %d, %.1f/s\n", b.label, b.done, rate)
		return
	}
	text := fmt.Sprintf("%s: %d of %d, %.1f/s", b.label, b.done, b.total, rate)
	if left := b.total - b.done; left > 0 && b.done > 0 {
		text += fmt.Sprintf(", %s left", (time.Duration(float64(left)/rate) * time.Second).Round(time.Second))
	}
	fmt.Fprintln(b.w, text)
}

package validation

import (
	"fmt"
	"io"
	"sync"
	"time"

	"numhook/server/terminal"
)

// Progress tells on a terminal how far a long run has come, on one line that it takes away again. Its methods do
// nothing on a nil Progress.
type Progress struct {
	out   io.Writer
	now   func() time.Time
	last  time.Time
	shown bool

	mu   sync.Mutex // the feed names the file, the run tells
	name string
	in   *stream
}

// How long a run is before it is long, and how often it tells.
const (
	progressPatience = time.Second
	progressInterval = 200 * time.Millisecond
)

// NewProgress tells on out, which is a terminal.
func NewProgress(out io.Writer, now func() time.Time) *Progress {
	return &Progress{out: out, now: now, last: now().Add(progressPatience - progressInterval)}
}

func (p *Progress) file(name string, in *stream) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.in = name, in
}

// tell is called after each block, with what was counted in files before and in this one.
func (p *Progress) tell(s Summary, payloads int) {
	if p == nil {
		return
	}
	now := p.now()
	if now.Sub(p.last) < progressInterval {
		return
	}
	p.last, p.shown = now, true
	p.mu.Lock()
	name, share := p.name, ""
	if p.in != nil && p.in.size > 0 {
		share = fmt.Sprintf(" %d%%", min(100, 100*p.in.read.Load()/p.in.size))
	}
	p.mu.Unlock()
	text := fmt.Sprintf("%s payloads, %s; %s%s", thousands(s.Payloads+payloads), amount(s.Errors+s.Warnings, "finding"),
		terminal.Escape(name), share)
	if letters := []rune(text); len(letters) > progressWidth {
		text = string(letters[:progressWidth-1]) + ellipsis
	}
	fmt.Fprintf(p.out, "\r\x1b[K%s", text)
}

// progressWidth keeps the line from wrapping on a terminal of the usual width.
const progressWidth = 78

// clear takes the line away, so that something else can be written.
func (p *Progress) clear() {
	if p == nil || !p.shown {
		return
	}
	p.shown = false
	fmt.Fprint(p.out, "\r\x1b[K")
}

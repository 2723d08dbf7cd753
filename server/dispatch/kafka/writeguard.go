package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// errOver wraps net.ErrClosed because the client then tries again on another connection, as after any connection that
// was lost.
var errOver = fmt.Errorf("the time of an attempt is over: %w", net.ErrClosed)

// inflight is a change that the client has, and has not given back.
type inflight struct {
	ctx     context.Context //nolint:containedctx // the attempt's; an inflight request ends with it
	until   time.Time
	bounded bool
	written atomic.Bool // since it was given to the client, something that may hold it was written to a broker
}

// over reports whether the attempt has no time left. The clock is read, because a timer may be late.
func (p *inflight) over() bool {
	return p.ctx.Err() != nil || p.bounded && !time.Now().Before(p.until)
}

// writeGuard keeps produce requests from being written while they may hold a change whose time is over.
type writeGuard struct {
	mu       sync.Mutex
	inflight map[*inflight]struct{} // guarded by mu
	shut     bool                   // for ever; guarded by mu
}

func (g *writeGuard) bind(ctx context.Context) *inflight {
	p := &inflight{ctx: ctx}
	p.until, p.bounded = ctx.Deadline()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inflight == nil {
		g.inflight = map[*inflight]struct{}{}
	}
	g.inflight[p] = struct{}{}
	return p
}

func (g *writeGuard) release(p *inflight) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.inflight, p)
}

func (g *writeGuard) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
}

// open reports whether a produce request may be written, and notes whose changes it may hold.
func (g *writeGuard) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	for p := range g.inflight {
		if p.over() {
			return false
		}
	}
	for p := range g.inflight {
		p.written.Store(true)
	}
	return true
}

// wire is one connection to a broker.
type wire struct {
	net.Conn          // what the client speaks to: the one below, or TLS on it
	below    net.Conn // the network's
	guard    *writeGuard
}

// Write writes a request, which the client hands over as a whole, unless it is a produce request and the write guard is
// not open.
func (w *wire) Write(p []byte) (int, error) {
	if isProduce(p) && !w.guard.open() {
		_ = w.Close() // errOver says what matters
		return 0, errOver
	}
	return w.Conn.Write(p)
}

// isProduce reads the key of a request, which comes after its length.
func isProduce(p []byte) bool {
	return len(p) >= 6 && kmsg.Key(binary.BigEndian.Uint16(p[4:])) == kmsg.Produce
}

// Close resets the connection: the kernel is to forget what it has not delivered, and TLS is not to wait for the other
// side to hear of it.
func (w *wire) Close() error {
	if tcp, ok := w.below.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0) // the close below is what counts
	}
	return w.below.Close()
}

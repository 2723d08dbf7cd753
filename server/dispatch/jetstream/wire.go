package jetstream

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

var errOver = errors.New("the time of an attempt is over")

// wire is the network connection below one connection to the server. While attempts are handing their changes over, it
// looks at their time before each write.
type wire struct {
	net.Conn
	release func() bool // ends the watch that resets it when the sender closes

	wasReset atomic.Bool

	mu    sync.Mutex
	hands map[*time.Time]context.Context // attempts that are handing over, by the end of their time; guarded by mu
}

// hand announces an attempt that is about to hand its change over, until the function that it returns is called.
func (w *wire) hand(ctx context.Context) (handed func()) {
	until := &time.Time{}
	*until, _ = ctx.Deadline()
	w.mu.Lock()
	w.hands[until] = ctx
	w.mu.Unlock()
	stop := context.AfterFunc(ctx, w.reset) // a write that the other side does not take would hold everybody up
	return func() {
		stop()
		w.mu.Lock()
		delete(w.hands, until)
		w.mu.Unlock()
	}
}

// over reports whether an attempt that is handing over has no time left. The clock is read, because a timer may be
// late.
func (w *wire) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for until, ctx := range w.hands {
		if ctx.Err() != nil || !until.IsZero() && !time.Now().Before(*until) {
			return true
		}
	}
	return false
}

// Write writes, unless the time of an attempt whose change may be in p is over.
func (w *wire) Write(p []byte) (int, error) {
	if w.over() {
		w.reset()
		return 0, errOver
	}
	return w.Conn.Write(p)
}

// reset closes the connection and has the kernel forget what it has not delivered.
func (w *wire) reset() {
	w.wasReset.Store(true)
	if tcp, ok := w.Conn.(interface{ SetLinger(seconds int) error }); ok {
		_ = tcp.SetLinger(0) // the close below is what counts
	}
	_ = w.Close() // the other side may have been faster
}

// dialer makes wires for the client, and keeps the last one and what last went wrong.
type dialer struct {
	sender context.Context //nolint:containedctx // the client's interface has no place for it
	dial   func(ctx context.Context, network, address string) (net.Conn, error)

	last *wire // read and written by the goroutine that connects
	err  error
}

// Dial is what the client calls.
func (d *dialer) Dial(network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(d.sender, connectTime)
	defer cancel()
	conn, err := d.dial(ctx, network, address)
	if d.err = err; err != nil {
		return nil, err
	}
	if d.last != nil {
		d.last.release()
	}
	d.last = &wire{Conn: conn, hands: map[*time.Time]context.Context{}}
	d.last.release = context.AfterFunc(d.sender, d.last.reset)
	return d.last, nil
}

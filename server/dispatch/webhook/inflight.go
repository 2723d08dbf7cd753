package webhook

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// inflight is one request on its way, and until when it may be written.
type inflight struct {
	ctx     context.Context // of the attempt
	until   time.Time
	bounded bool

	connected bool // a connection was got; written and read by the goroutine that sends
	reused    bool // and had been used before
	on        *conn
	wrote     atomic.Bool // a part of the request may have gone out
	answered  atomic.Bool // the first byte of an answer has come
}

// over reports whether the time for writing has passed. The wall clock is looked at, too: the monotonic one stands
// still while a machine is suspended.
func (t *inflight) over() bool {
	return t.ctx.Err() != nil || t.late()
}

// late reports whether the attempt's deadline has passed, whether or not its timer has run.
func (t *inflight) late() bool {
	now := time.Now()
	return t.bounded && (!now.Before(t.until) || !now.Round(0).Before(t.until.Round(0)))
}

// conn is a connection that only lets an inflight request through whose time is not over.
type conn struct {
	net.Conn

	mu       sync.Mutex // guards bound, and the deadline that belongs to it
	inflight *inflight  // nil while the connection waits for the next
}

// connOf finds the connection that net/http was given, below TLS or not.
func connOf(c net.Conn) *conn {
	found, _ := below(c).(*conn)
	return found
}

// bind makes the connection the request's: from now on nothing is written to it once the request's time is over.
func (c *conn) bind(t *inflight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inflight = t
	_ = c.SetDeadline(time.Time{}) // a connection that is gone says so at the write
	if t.bounded {
		_ = c.SetWriteDeadline(t.until)
		boundKernel(c.Conn, time.Until(t.until))
	}
}

// release ends that, unless the connection is bound to another request already.
func (c *conn) release(t *inflight) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.inflight == t {
		c.inflight = nil
		_ = c.SetWriteDeadline(time.Time{})
	}
}

func (c *conn) bound() *inflight {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inflight
}

// Write looks at the clock first: a write deadline alone is a timer, which a process that goes on after a stop may not
// have run yet.
func (c *conn) Write(p []byte) (int, error) {
	if t := c.bound(); t != nil {
		if t.over() {
			return 0, os.ErrDeadlineExceeded
		}
		t.wrote.Store(true)
	}
	return c.Conn.Write(p)
}

// Close resets a connection whose request got no answer: whatever the kernel still has to send is not sent.
func (c *conn) Close() error {
	if t := c.bound(); t != nil && !t.answered.Load() {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	return c.Conn.Close()
}

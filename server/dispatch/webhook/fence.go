package webhook

import (
	"context"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// trip is one request on its way, and until when it may be written.
type trip struct {
	ctx     context.Context // of the attempt
	until   time.Time
	bounded bool

	connected bool // a connection was got; written and read by the goroutine that sends
	reused    bool // and had been used before
	on        *conn
	wrote     atomic.Bool // a part of the request may have gone out
	answered  atomic.Bool // the first byte of an answer has come
}

// over reports whether the time for writing has passed. The wall clock is looked at, too: the monotonic one stands still while a machine is suspended.
func (t *trip) over() bool {
	return t.ctx.Err() != nil || t.late()
}

// late reports whether the attempt's deadline has passed, whether or not its timer has run.
func (t *trip) late() bool {
	now := time.Now()
	return t.bounded && (!now.Before(t.until) || !now.Round(0).Before(t.until.Round(0)))
}

// conn is a connection that only lets a trip through whose time is not over.
type conn struct {
	net.Conn

	mu   sync.Mutex // guards carries, and the deadline that belongs to it
	trip *trip      // nil while the connection waits for the next
}

// carried finds the connection that net/http was given, below TLS or not.
func carried(c net.Conn) *conn {
	found, _ := below(c).(*conn)
	return found
}

// carry makes the connection the trip's: from now on nothing is written to it once the trip's time is over.
func (c *conn) carry(t *trip) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trip = t
	_ = c.SetDeadline(time.Time{}) // a connection that is gone says so at the write
	if t.bounded {
		_ = c.SetWriteDeadline(t.until)
		boundKernel(c.Conn, time.Until(t.until))
	}
}

// release ends that, unless the connection carries another trip already.
func (c *conn) release(t *trip) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.trip == t {
		c.trip = nil
		_ = c.SetWriteDeadline(time.Time{})
	}
}

func (c *conn) carries() *trip {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trip
}

// Write looks at the clock first: a write deadline alone is a timer, which a process that goes on after a stop may not have run yet.
func (c *conn) Write(p []byte) (int, error) {
	if t := c.carries(); t != nil {
		if t.over() {
			return 0, os.ErrDeadlineExceeded
		}
		t.wrote.Store(true)
	}
	return c.Conn.Write(p)
}

// Close resets a connection whose trip got no answer: whatever the kernel still has to send is not sent.
func (c *conn) Close() error {
	if t := c.carries(); t != nil && !t.answered.Load() {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
	}
	return c.Conn.Close()
}

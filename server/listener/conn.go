package listener

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is one connection. A server reads and writes it, in plain text whether there is TLS or not.
type Conn struct {
	net.Conn            // the connection itself, below TLS
	secure   *tls.Conn  // nil without TLS
	first    *beginning // of what came, below TLS
	listener *Listener
	remote   netip.Prefix
	proxy    bool // it comes from a trusted proxy
	position position

	shake  sync.Once
	shaken error // the handshake's, once it is over

	served  atomic.Bool // it has been idle after a request
	begun   atomic.Bool // bytes of a request have come
	handled atomic.Bool // the request has come to the handler
	signed  atomic.Bool
	bytes   atomic.Int64 // of the request that have come
	told    atomic.Bool  // why it ended was told
}

type connKey struct{}

func newConn(l *Listener, raw net.Conn) *Conn {
	address, _ := addressOf(raw.RemoteAddr().String())
	c := &Conn{Conn: raw, listener: l, remote: remoteOf(address), proxy: l.trusted.trust(address),
		first: &beginning{Conn: raw}}
	if l.tls != nil {
		c.secure = tls.Server(c.first, l.tls)
	}
	return c
}

// Read reads what the client sent, after the handshake. What a server cannot know of how it ends is told here.
func (c *Conn) Read(p []byte) (n int, err error) {
	if c.secure != nil {
		if c.shake.Do(c.handshake); c.shaken != nil {
			return 0, io.EOF // why was told, and there is nothing that could be answered
		}
		n, err = c.secure.Read(p)
	} else {
		n, err = c.first.Read(p)
	}
	c.came(n)
	if err != nil && !c.handled.Load() {
		c.cut(err)
	}
	return n, err
}

// came notes that bytes of a request have come.
func (c *Conn) came(n int) {
	if n > 0 && c.begun.CompareAndSwap(false, true) {
		c.listener.connections.change(c, func(p *position) { p.active = true })
	}
	if all := c.bytes.Add(int64(n)); all > Large && all-int64(n) <= Large {
		c.listener.connections.change(c, func(p *position) { p.large = true })
	}
}

// cut tells how a connection ended before a request came to the handler. That an idle one ends is nothing to tell, and
// neither is one that ends before its first byte, as a balancer's checks do.
func (c *Conn) cut(err error) {
	begun := c.begun.Load()
	switch {
	case errors.Is(err, net.ErrClosed):
	case errors.Is(err, os.ErrDeadlineExceeded):
		if begun || !c.served.Load() {
			c.tell(HeaderTimeout)
		}
	case begun:
		c.tell(HeaderCut)
	}
}

// Write writes an answer. What is written before a handler has run is net/http's own.
func (c *Conn) Write(p []byte) (int, error) {
	if !c.handled.Load() {
		if kind, ok := kindOfAnswer(p); ok {
			c.tell(kind)
		}
	}
	if c.secure != nil {
		return c.secure.Write(p)
	}
	return c.Conn.Write(p)
}

// SetReadDeadline bounds the time that a stranger may be idle, whatever the server grants.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.served.Load() && !c.begun.Load() && !c.signed.Load() && !c.proxy {
		if soon := time.Now().Add(StrangerIdle); t.IsZero() || t.After(soon) {
			t = soon
		}
	}
	return c.Conn.SetReadDeadline(t)
}

// Close ends the connection.
func (c *Conn) Close() error {
	c.listener.connections.leave(c)
	if c.secure != nil {
		return c.secure.Close()
	}
	return c.Conn.Close()
}

// CloseWrite ends what is written, so that a client that still sends can read its answer.
func (c *Conn) CloseWrite() error {
	if c.secure != nil {
		return c.secure.CloseWrite()
	}
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// letGo ends a connection that has left the connections, without a word to the client, who may not read.
func (c *Conn) letGo(why Kind) {
	c.tell(why)
	c.Conn.Close()
}

// handle notes that a request has come to the handler.
func (c *Conn) handle() {
	c.handled.Store(true)
	if c.begun.CompareAndSwap(false, true) { // it came in the same piece as the one before
		c.listener.connections.change(c, func(p *position) { p.active = true })
	}
}

// rest notes that a request has been answered and the next one may come.
func (c *Conn) rest() {
	c.served.Store(true)
	c.handled.Store(false)
	c.begun.Store(false)
	c.bytes.Store(0)
	c.listener.connections.change(c, func(p *position) { p.active, p.large = false, false })
}

// tell tells why the connection ends, once. A PROXY header at its beginning is the reason for whatever else it failed
// of.
func (c *Conn) tell(kind Kind) {
	if c.told.Swap(true) {
		return
	}
	if kind == Malformed || kind == TLSFailed || kind == TLSUnfinished {
		if c.first.isProxyHeader() {
			kind = ProxyHeader
		}
	}
	c.listener.refused(kind, c.RemoteAddr().String())
}

// handshake is TLS's, at the first read.
func (c *Conn) handshake() {
	_ = c.Conn.SetWriteDeadline(time.Now().Add(handshakeWrite)) // a connection that is closed says so below
	c.shaken = c.secure.Handshake()
	if c.shaken == nil {
		_ = c.Conn.SetWriteDeadline(time.Time{})
		return
	}
	var remote *net.OpError
	var header tls.RecordHeaderError
	switch err := c.shaken; {
	case errors.Is(err, net.ErrClosed):
	case errors.As(err, &header) && c.first.isPlainHTTP():
		c.tell(TLSPlain)
		_, _ = io.WriteString(c.Conn, "HTTP/1.0 400 Bad Request\r\nConnection: close\r\n\r\nthis port speaks HTTPS\n")
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.tell(TLSUnfinished)
	case errors.As(err, &remote) && remote.Op == "remote error":
		c.tell(TLSAlert)
	case errors.As(err, &remote) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		if c.first.length() > 0 {
			c.tell(TLSUnfinished)
		}
	default:
		c.tell(TLSFailed)
	}
}

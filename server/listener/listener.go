package listener

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// StrangerIdle is how long a connection that never carried a signed delivery may be idle between two requests. One that
// never sent any is held to the server's time-out for headers.
const StrangerIdle = 5 * time.Second

// handshakeWrite bounds how long a client may take to read this side's part of the handshake. For reading, the server's
// time-out for headers counts: it bounds handshake and headers together, as the sender's patience does.
const handshakeWrite = 3 * time.Second

// Config is what a Listener needs. Most is required.
type Config struct {
	Most     int         // connections at a time
	MostEach int         // strangers of one remote address at a time; 0 for any number
	TLS      *tls.Config // nil for none
	Trusted  Proxies     // whose connections are kept, and not held to MostEach
	// is told of each connection that ends below the handler; must not block; nil for nobody
	Refused func(kind Kind, remote string)
}

// Listener hands out connections, each of them a *Conn. It is safe for concurrent use.
type Listener struct {
	net.Listener
	connections connections
	tls         *tls.Config
	trusted     Proxies
	refused     func(kind Kind, remote string)
}

// New keeps the connections that come to inner. Attach it to the server that serves it.
func New(inner net.Listener, cfg Config) *Listener {
	l := &Listener{
		Listener: inner, tls: cfg.TLS, trusted: cfg.Trusted, refused: cfg.Refused,
		connections: connections{most: max(1, cfg.Most), mostEach: cfg.MostEach, left: make(chan struct{}, 1),
			remotes: map[netip.Prefix]*remote{}},
	}
	if l.refused == nil {
		l.refused = func(Kind, string) {}
	}
	if l.tls != nil {
		// HTTP/2 is off on purpose: the sender does not speak it, and many requests on one connection would make a stranger
		// of one of them the others' neighbour.
		l.tls = l.tls.Clone()
		l.tls.NextProtos = []string{"http/1.1"}
	}
	return l
}

// Attach makes a server tell the listener what its connections do. It wraps the handler, which has to be set before.
func (l *Listener) Attach(server *http.Server) {
	handler := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if c, ok := r.Context().Value(connKey{}).(*Conn); ok {
			c.handle()
		}
		handler.ServeHTTP(w, r)
	})
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, connKey{},
			c)
	}
	server.ConnState = func(c net.Conn, state http.ConnState) {
		if conn, ok := c.(*Conn); ok && state == http.StateIdle {
			conn.rest()
		}
	}
}

// Signed notes that the connection of a request, whose context this is, carried a signed delivery.
func Signed(ctx context.Context) {
	if c, ok := ctx.Value(connKey{}).(*Conn); ok && c.signed.CompareAndSwap(false, true) {
		c.listener.connections.change(c, func(p *position) { p.signed = true })
	}
}

// Open is how many connections are open.
func (l *Listener) Open() int { return l.connections.count() }

// Accept waits for a connection. It does not wait for room: it makes some, after Grace at the latest.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		raw, err := l.Listener.Accept()
		if err != nil {
			if noDescriptor(err) {
				if leaver := l.connections.spare(); leaver != nil {
					leaver.letGo(Descriptors)
					continue
				}
			}
			return nil, err
		}
		if c := newConn(l, raw); l.admit(c) {
			return c, nil
		}
	}
}

// admit takes a connection in, and lets another one go for it where it must.
func (l *Listener) admit(c *Conn) bool {
	for {
		leaver, why, wait := l.connections.enter(c, time.Now())
		if leaver != nil {
			leaver.letGo(why)
		}
		if wait == 0 {
			return leaver != c
		}
		soon := time.NewTimer(wait)
		select {
		case <-soon.C:
		case <-l.connections.left:
		}
		soon.Stop()
	}
}

func noDescriptor(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

package postgres_test

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server/store/postgres/postgrestest"
)

// wire stands between a store and its database, and can do what networks do.
type wire struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	pairs map[*pair]bool
	down  bool // no new connection gets through

	delay  atomic.Int64 // nanoseconds that every piece takes, in either direction
	silent atomic.Bool  // nothing passes, and nobody is told
	// Armed once: the next bytes of that direction are thrown away, and the connection is reset.
	resetRequest, resetAnswer atomic.Bool
	cutOnReset                atomic.Bool // and nothing gets through afterwards, until mend
	resets                    atomic.Int64
}

// pair is one connection through the wire.
type pair struct{ client, server *net.TCPConn }

func newWire(t *testing.T, server *postgrestest.Server) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: listener, target: server.Address(), pairs: map[*pair]bool{}}
	go w.accept()
	t.Cleanup(func() {
		listener.Close()
		w.cut()
	})
	return w
}

// through is the URL by way of the wire.
func (w *wire) through(url string) string {
	return strings.Replace(url, w.target, w.listener.Addr().String(), 1)
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		go w.connect(client.(*net.TCPConn))
	}
}

func (w *wire) connect(client *net.TCPConn) {
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		client.Close()
		return
	}
	p := &pair{client, server.(*net.TCPConn)}
	w.mu.Lock()
	if w.down {
		w.mu.Unlock()
		p.reset()
		return
	}
	w.pairs[p] = true
	w.mu.Unlock()
	go w.carry(p, p.client, p.server, &w.resetRequest)
	w.carry(p, p.server, p.client, &w.resetAnswer)
}

// carry moves bytes one way until the connection ends.
func (w *wire) carry(p *pair, from, to *net.TCPConn, reset *atomic.Bool) {
	defer func() {
		w.mu.Lock()
		delete(w.pairs, p)
		w.mu.Unlock()
		p.client.Close()
		p.server.Close()
	}()
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		if err != nil {
			return
		}
		if reset.CompareAndSwap(true, false) {
			if w.cutOnReset.Load() {
				w.cut()
			}
			p.reset()
			w.resets.Add(1)
			return
		}
		if d := time.Duration(w.delay.Load()); d > 0 {
			<-time.After(d)
		}
		for w.silent.Load() {
			<-time.After(10 * time.Millisecond)
		}
		if _, err := to.Write(piece[:n]); err != nil {
			return
		}
	}
}

func (p *pair) reset() {
	_ = p.client.SetLinger(0)
	p.client.Close()
	p.server.Close()
}

// cut resets every connection, and lets no new one through until mend.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for p := range w.pairs {
		p.reset()
	}
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}

package main

import (
	"net"
	"sync"
	"testing"
	"time"
)

// proxy is a stretch of network before a server. What it does to the connections over it can be changed at any time,
// and holds for those that are open, too.
type proxy struct {
	testing.TB
	listener net.Listener
	server   string

	mu      sync.Mutex
	does    conduct
	changed chan struct{} // closed when does changes
	links   map[*link]struct{}
	harmed  int // how often it did something to a connection
	group   sync.WaitGroup
}

// conduct is what a proxy does; the zero value passes everything on.
type conduct struct {
	refuse bool          // closes all connections, and new ones at once
	hold   time.Duration // holds whatever comes for this long
	budget int           // resets a connection after so many bytes to the server; 0 means never
	// passes none of the server's bytes on, and resets the connection this long after the first of them
	mute time.Duration
}

// link is one connection over the proxy.
type link struct {
	near, far net.Conn // to the receiver, to the server
	budget    int      // its reader's
	ends      sync.Once
}

func newProxy(t testing.TB, server string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{TB: t, listener: listener, server: server, changed: make(chan struct{}), links: map[*link]struct{}{}}
	p.group.Go(p.accept)
	t.Cleanup(func() {
		listener.Close()
		p.do(conduct{refuse: true})
		p.group.Wait()
	})
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// do changes what the proxy does.
func (p *proxy) do(c conduct) {
	p.mu.Lock()
	p.does = c
	close(p.changed)
	p.changed = make(chan struct{})
	var open []*link
	for l := range p.links {
		open = append(open, l)
	}
	p.mu.Unlock()
	for _, l := range open {
		if c.refuse {
			p.reset(l)
		}
	}
}

func (p *proxy) now() (conduct, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.does, p.changed
}

// harm is how often a connection was cut, held up or reset so far.
func (p *proxy) harm() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.harmed
}

func (p *proxy) count() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.harmed++
}

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		does, _ := p.now()
		far, err := net.Dial("tcp", p.server)
		if err != nil || does.refuse {
			near.Close()
			if err == nil {
				far.Close()
			}
			continue
		}
		l := &link{near: near, far: far, budget: does.budget}
		p.mu.Lock()
		p.links[l] = struct{}{}
		p.mu.Unlock()
		p.group.Go(func() { p.pass(l, near, far, true) })
		p.group.Go(func() { p.pass(l, far, near, false) })
	}
}

// pass carries bytes one way until either side closes or the proxy resets the connection.
func (p *proxy) pass(l *link, from, to net.Conn, toServer bool) {
	defer p.end(l)
	buffer := make([]byte, 4<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.carry(l, to, buffer[:n], toServer) || err != nil {
			return
		}
	}
}

// carry passes bytes on as the proxy is told to, and reports whether the connection lives.
func (p *proxy) carry(l *link, to net.Conn, chunk []byte, toServer bool) bool {
	does, changed := p.now()
	wait := does.hold
	if does.mute > 0 && !toServer {
		wait = does.mute
	}
	if does.hold > 0 {
		p.count()
	}
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-changed:
		}
	}
	if does.mute > 0 && !toServer {
		p.reset(l)
		return false
	}
	if does.budget > 0 && toServer {
		if l.budget == 0 || l.budget > does.budget {
			l.budget = does.budget
		}
		if l.budget -= len(chunk); l.budget <= 0 {
			_, _ = to.Write(chunk[:len(chunk)+l.budget])
			p.reset(l)
			return false
		}
	}
	_, err := to.Write(chunk)
	return err == nil
}

// reset ends a connection in a way that both sides take for a failure.
func (p *proxy) reset(l *link) {
	p.count()
	for _, conn := range []net.Conn{l.near, l.far} {
		_ = conn.(*net.TCPConn).SetLinger(0) // it may be closed already
	}
	p.end(l)
}

func (p *proxy) end(l *link) {
	l.ends.Do(func() {
		l.near.Close()
		l.far.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	})
}

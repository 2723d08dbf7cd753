package listener

import (
	"container/list"
	"net/netip"
	"sync"
)

// rank says how soon a connection is let go; the order is the package comment's.
type rank int

const (
	strangerIdle rank = iota
	strangerActive
	keptIdle
	proxyActive
	ranks                  // how many there are of whom some may be let go
	signedActive rank = -1 // never let go
)

// crowd is all connections that are open, in the order in which they are let go. Each step takes the same time however many there are.
type crowd struct {
	most     int // connections
	mostEach int // strangers of one remote; 0 for any number

	mu      sync.Mutex // guards what follows, and each connection's place
	open    int
	queues  [ranks]list.List // of *Conn; the front has been there longest
	remotes map[netip.Prefix]*remote
}

// remote is the strangers of one remote.
type remote struct {
	queues [strangerActive + 1]list.List // of *Conn
}

func (r *remote) strangers() int {
	return r.queues[strangerIdle].Len() + r.queues[strangerActive].Len()
}

// place is where a connection stands; the crowd's mutex guards it.
type place struct {
	in      bool // the crowd; false before it came and after it went
	active  bool
	signed  bool
	rank    rank
	element *list.Element // in the crowd's queue
	own     *list.Element // in its remote's, while it is a stranger's
}

// enter takes a connection in, and returns the one that has to be let go for that, with the reason; that one has left already. When it is the new one itself, it
// was not taken in.
func (w *crowd) enter(c *Conn) (leaver *Conn, why Kind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.remotes[c.remote]; !c.proxy && w.mostEach > 0 && r != nil && r.strangers() >= w.mostEach {
		leaver, why = firstOf(r.queues[:]), CrowdedRemote
	} else if w.open >= w.most {
		if leaver, why = firstOf(w.queues[:]), Crowded; leaver == nil {
			return c, Full
		}
	}
	if leaver != nil {
		w.remove(leaver)
	}
	w.open++
	c.place.in = true
	w.stand(c)
	return leaver, why
}

// spare lets one connection go, if there is one that may.
func (w *crowd) spare() *Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := firstOf(w.queues[:])
	if c != nil {
		w.remove(c)
	}
	return c
}

// change notes that a connection is active or idle from now on, or that it was signed.
func (w *crowd) change(c *Conn, how func(*place)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !c.place.in {
		return
	}
	w.unstand(c)
	how(&c.place)
	w.stand(c)
}

// leave takes a connection out, however often it is called.
func (w *crowd) leave(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.place.in {
		w.remove(c)
	}
}

func (w *crowd) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open
}

// What follows is called with mu held.

func (w *crowd) remove(c *Conn) {
	w.unstand(c)
	c.place.in = false
	w.open--
}

// stand puts a connection at the end of its queues.
func (w *crowd) stand(c *Conn) {
	p := &c.place
	switch kept := p.signed || c.proxy; {
	case !kept && !p.active:
		p.rank = strangerIdle
	case !kept:
		p.rank = strangerActive
	case !p.active:
		p.rank = keptIdle
	case !p.signed:
		p.rank = proxyActive
	default:
		p.rank = signedActive
		return
	}
	p.element = w.queues[p.rank].PushBack(c)
	if p.rank > strangerActive {
		return
	}
	r := w.remotes[c.remote]
	if r == nil {
		r = &remote{}
		w.remotes[c.remote] = r
	}
	p.own = r.queues[p.rank].PushBack(c)
}

func (w *crowd) unstand(c *Conn) {
	p := &c.place
	if p.element != nil {
		w.queues[p.rank].Remove(p.element)
		p.element = nil
	}
	if p.own == nil {
		return
	}
	r := w.remotes[c.remote]
	r.queues[p.rank].Remove(p.own)
	p.own = nil
	if r.strangers() == 0 {
		delete(w.remotes, c.remote)
	}
}

// firstOf is the connection that goes first; nil when there is none.
func firstOf(queues []list.List) *Conn {
	for i := range queues {
		if e := queues[i].Front(); e != nil {
			return e.Value.(*Conn)
		}
	}
	return nil
}

package listener

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// Grace is how long a connection is left alone after it came, or after its request began: by then the bytes of an
// honest client have come, and its delivery has been verified. Where nobody else can be let go, accepting waits for so
// long at most.
const Grace = 50 * time.Millisecond

// Large is how many bytes of one request make a stranger's upload large. The sender's deliveries come to some 10 KB
// with their headers.
const Large = 64 << 10

// rank says how soon a connection is let go; the order is the package comment's.
type rank int

const (
	strangerIdle rank = iota
	strangerLarge
	strangerActive
	keptIdle
	proxyActive
	ranks                  // how many there are of whom some may be let go
	signedActive rank = -1 // never let go
)

// connections is all connections that are open, in the order in which they are let go. Each step takes the same time
// however many there are.
type connections struct {
	most     int           // connections
	mostEach int           // strangers of one remote; 0 for any number
	left     chan struct{} // has room for one: a connection has left

	mu      sync.Mutex // guards what follows, and each connection's position
	open    int
	queues  [ranks]list.List // of *Conn; the front has been there longest
	remotes map[netip.Prefix]*remote
}

// remote is the strangers of one remote.
type remote struct {
	queues [strangerActive + 1]list.List // of *Conn; the front has been there longest
}

func (r *remote) strangers() int {
	return r.queues[strangerIdle].Len() + r.queues[strangerLarge].Len() + r.queues[strangerActive].Len()
}

// position is where a connection stands; the connections' mutex guards it.
type position struct {
	in      bool // the connections; false before it came and after it went
	active  bool
	large   bool // what it sends
	signed  bool
	rank    rank
	since   time.Time     // when it came to that rank
	element *list.Element // in the connections' queue
	own     *list.Element // in its remote's, while it is a stranger's
}

// enter takes a connection in, and returns the one that has to be let go for that, with the reason; that one has left
// already. When it is the new one itself, it was not taken in. When nobody can be let go yet, it was not taken in
// either, and wait says when to ask again.
func (cs *connections) enter(c *Conn, now time.Time) (leaver *Conn, why Kind, wait time.Duration) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if r := cs.remotes[c.remote]; !c.proxy && cs.mostEach > 0 && r != nil && r.strangers() >= cs.mostEach {
		leaver, _ = cs.stranger(r.queues[:], now) // when they are all new, there may be some more for a moment
		why = CrowdedRemote
	}
	if leaver == nil && cs.open >= cs.most {
		why = Crowded
		if leaver, wait = cs.anybody(now); wait > 0 {
			return nil, "", wait
		}
		if leaver == nil {
			return c, Full, 0
		}
	}
	if leaver != nil {
		cs.remove(leaver)
	}
	cs.open++
	c.position.in = true
	cs.stand(c, now)
	return leaver, why, 0
}

// spare lets one connection go at once, if there is one that may.
func (cs *connections) spare() *Conn {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for i := range cs.queues {
		if e := cs.queues[i].Front(); e != nil {
			c := e.Value.(*Conn)
			cs.remove(c)
			return c
		}
	}
	return nil
}

// change notes that a connection is active or idle from now on, or that it was signed.
func (cs *connections) change(c *Conn, how func(*position)) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !c.position.in {
		return
	}
	cs.unstand(c)
	how(&c.position)
	cs.stand(c, time.Now())
}

// leave takes a connection out, however often it is called.
func (cs *connections) leave(c *Conn) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.position.in {
		cs.remove(c)
	}
}

func (cs *connections) count() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.open
}

// What follows is called with mu held.

// anybody is who goes first of all. When that is somebody who has just come, wait says how long to leave them alone.
func (cs *connections) anybody(now time.Time) (leaver *Conn, wait time.Duration) {
	if leaver, wait = cs.stranger(cs.queues[:strangerActive+1], now); leaver != nil || wait > 0 {
		return leaver, wait
	}
	if e := cs.queues[keptIdle].Front(); e != nil {
		return e.Value.(*Conn), 0
	}
	return first(&cs.queues[proxyActive], now)
}

// stranger is who goes first of some strangers, whose queues are given.
func (cs *connections) stranger(queues []list.List, now time.Time) (leaver *Conn, wait time.Duration) {
	idle := &queues[strangerIdle]
	if leaver, wait = first(idle, now); leaver != nil {
		for leaver != nil && leaver.unread() { // it is no longer idle, and only nobody has come to read it
			cs.unstand(leaver)
			leaver.position.active = true
			cs.stand(leaver, now)
			leaver, wait = first(idle, now)
		}
		if leaver != nil {
			return leaver, 0
		}
	}
	if e := queues[strangerLarge].Front(); e != nil {
		return e.Value.(*Conn), 0
	}
	leaver, soon := first(&queues[strangerActive], now)
	switch {
	case leaver != nil:
		return leaver, 0
	case wait > 0 && soon > 0:
		return nil, min(wait, soon)
	}
	return nil, max(wait, soon)
}

// first is the connection that has been in a queue longest, if that is long enough; if not, wait says when it will be.
func first(queue *list.List, now time.Time) (c *Conn, wait time.Duration) {
	e := queue.Front()
	if e == nil {
		return nil, 0
	}
	c = e.Value.(*Conn)
	if wait = Grace - now.Sub(c.position.since); wait > 0 {
		return nil, wait
	}
	return c, 0
}

func (cs *connections) remove(c *Conn) {
	cs.unstand(c)
	c.position.in = false
	cs.open--
	select {
	case cs.left <- struct{}{}:
	default:
	}
}

// stand puts a connection at the end of its queues.
func (cs *connections) stand(c *Conn, now time.Time) {
	p := &c.position
	p.since = now
	switch kept := p.signed || c.proxy; {
	case !kept && !p.active:
		p.rank = strangerIdle
	case !kept && p.large:
		p.rank = strangerLarge
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
	p.element = cs.queues[p.rank].PushBack(c)
	if p.rank > strangerActive {
		return
	}
	r := cs.remotes[c.remote]
	if r == nil {
		r = &remote{}
		cs.remotes[c.remote] = r
	}
	p.own = r.queues[p.rank].PushBack(c)
}

func (cs *connections) unstand(c *Conn) {
	p := &c.position
	if p.element != nil {
		cs.queues[p.rank].Remove(p.element)
		p.element = nil
	}
	if p.own == nil {
		return
	}
	r := cs.remotes[c.remote]
	r.queues[p.rank].Remove(p.own)
	p.own = nil
	if r.strangers() == 0 {
		delete(cs.remotes, c.remote)
	}
}

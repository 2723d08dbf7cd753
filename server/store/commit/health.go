package commit

import "sync"

// health counts the writers that are well, and remembers what was wrong last.
type health struct {
	mu      sync.Mutex
	well    int
	last    error         // what went wrong since the last batch that became durable; nil when nothing did
	changed chan struct{} // closed, and made again, whenever the last one goes down or the first one comes back
}

func (h *health) start(writers int) {
	h.well, h.changed = writers, make(chan struct{})
}

// look reports whether any writer is well, and gives what is closed when that changes.
func (h *health) look() (well bool, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.well > 0, h.changed
}

// failure is what a caller is told whose patience has ended: what is wrong, or nil when it is nothing but slowness.
func (h *health) failure() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

func (h *health) down(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = err
	if h.well--; h.well == 0 {
		h.announce()
	}
}

// note keeps what became of a batch or of an attempt to revive a writer, when that leaves the number of those that are
// well as it is.
func (h *health) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = err
}

func (h *health) up() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = nil
	if h.well++; h.well == 1 {
		h.announce()
	}
}

func (h *health) announce() {
	close(h.changed)
	h.changed = make(chan struct{})
}

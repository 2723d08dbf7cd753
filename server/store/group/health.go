package group

import "sync"

// health counts the writers that are well.
type health struct {
	mu      sync.Mutex
	well    int
	last    error         // the newest trouble
	changed chan struct{} // closed, and made anew, whenever the last one goes down or the first one comes back
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

// trouble is why no writer is well, or nil when one is.
func (h *health) trouble() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.well > 0 {
		return nil
	}
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

func (h *health) still(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = err
}

func (h *health) up() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.well++; h.well == 1 {
		h.announce()
	}
}

func (h *health) announce() {
	close(h.changed)
	h.changed = make(chan struct{})
}

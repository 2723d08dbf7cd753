package server

import (
	"sync/atomic"
	"time"

	"numhook/server/event"
)

// Bounds of the bodies in memory, over all connections: whoever can reach the port can send a body, whoever holds the
// secret or not. The sender's bodies are small, so small ones have a budget of their own, which a larger one leaves for
// a slot among a few: strangers with large uploads, however many and however fast, take nothing that an ordinary
// delivery needs.
const (
	SmallBody     = 16 << 10 // the largest published event of the sender is under 10 KB
	maxSmall      = 64 << 20 // of all small bodies together
	maxLarge      = 32 << 20 // of all larger ones together: as many slots as fit in, each of the largest body
	mostLarge     = 8        // slots at most: more would have the processors busy with strangers' signatures
	largePatience = time.Second
)

// firstBuffer holds every event of the sender but the largest without growing.
const firstBuffer = 4 << 10

// buffers bounds the bodies in memory.
type buffers struct {
	small atomic.Int64  // bytes of bodies that have no slot
	large chan struct{} // holds one for each place that is taken
	bytes atomic.Int64  // of all bodies, for the metric
}

func newBuffers(maxBody int64) *buffers {
	return &buffers{large: make(chan struct{}, min(mostLarge, max(1, maxLarge/maxBody)))}
}

// share is what one delivery holds of the buffers. It is given back as a whole, by release.
type share struct {
	of    *buffers
	bytes int64
	large bool // it has a slot
}

// reserve makes the share so many bytes large.
func (h *share) reserve(size int64) error {
	more := size - h.bytes
	if !h.large {
		if h.of.small.Add(more) > maxSmall {
			h.of.small.Add(-more)
			return &refusal{kind: event.Unavailable, reason: "buffers_full"}
		}
	}
	h.of.bytes.Add(more)
	h.bytes = size
	return nil
}

// enlarge takes a slot for a body that is no longer small; it waits for one, but not long.
func (h *share) enlarge() error {
	select {
	case h.of.large <- struct{}{}:
	default:
		patience := time.NewTimer(largePatience)
		defer patience.Stop()
		select {
		case h.of.large <- struct{}{}:
		case <-patience.C:
			return &refusal{kind: event.Crowded}
		}
	}
	h.of.small.Add(-h.bytes)
	h.large = true
	return nil
}

// release gives back all that the share holds.
func (h *share) release() {
	if h.large {
		<-h.of.large
	} else {
		h.of.small.Add(-h.bytes)
	}
	h.of.bytes.Add(-h.bytes)
	h.bytes, h.large = 0, false
}

// Ready says whether a delivery could have its share of the buffers now; the error says why not.
func (s *Server) Ready() error {
	held := share{of: s.buffers}
	defer held.release()
	if err := held.reserve(firstBuffer); err != nil {
		return &event.Error{
			Kind: event.Unavailable, Text: "no room for the body of a delivery",
			Hint: "too many uploads are under way; look at numhook_buffered_bytes and numhook_deliveries_total by kind",
		}
	}
	return nil
}

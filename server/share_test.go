package server

import (
	"testing"
	"testing/synctest"
	"time"

	"numhook/server/event"
)

// Where small bodies take up all room, what comes is to come again and readyz says so; what is given back is room
// again.
func TestSharesOfTheBuffers(t *testing.T) {
	s := &Server{buffers: newBuffers(DefaultMaxBody)}
	var shares []*share
	for range maxSmall / (SmallBody + 1) {
		held := &share{of: s.buffers}
		if err := held.reserve(firstBuffer); err != nil {
			t.Fatal(err)
		}
		if err := held.reserve(SmallBody + 1); err != nil {
			t.Fatal(err)
		}
		shares = append(shares, held)
	}
	late := &share{of: s.buffers}
	if err := late.reserve(SmallBody + 1); event.KindOf(err) != event.Unavailable || late.bytes != 0 {
		t.Errorf("beyond the budget: %v, and %d bytes are held", err, late.bytes)
	}
	if err := shares[0].enlarge(); err != nil { // it leaves the budget of the small ones
		t.Error(err)
	}
	if err := late.reserve(SmallBody + 1); err != nil {
		t.Errorf("after one has left: %v", err)
	}
	rest := &share{of: s.buffers}
	if err := rest.reserve(maxSmall - s.buffers.small.Load()); err != nil {
		t.Errorf("the rest: %v", err)
	}
	if err := s.Ready(); event.KindOf(err) != event.Unavailable {
		t.Errorf("Ready without room: %v", err)
	}
	for _, held := range append(shares, late, rest) {
		held.release()
		held.release() // a second time gives back nothing
	}
	if err := s.Ready(); err != nil {
		t.Error(err)
	}
	if s.buffers.small.Load() != 0 || s.buffers.bytes.Load() != 0 || len(s.buffers.large) != 0 {
		t.Errorf("%d and %d bytes and %d places are still held",
			s.buffers.small.Load(), s.buffers.bytes.Load(), len(s.buffers.large))
	}
}

// A large body waits for a slot, and not longer than it may.
func TestSlotsForLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBuffers(DefaultMaxBody)
		var shares []*share
		for range mostLarge {
			held := &share{of: b}
			if err := held.enlarge(); err != nil {
				t.Fatal(err)
			}
			shares = append(shares, held)
		}
		began, late := time.Now(), &share{of: b}
		if err := late.enlarge(); event.KindOf(err) != event.Crowded || time.Since(began) != largePatience {
			t.Errorf("without a place: %v after %v", err, time.Since(began))
		}
		late.release()
		time.AfterFunc(largePatience/2, shares[0].release)
		began = time.Now()
		if err := late.enlarge(); err != nil || time.Since(began) != largePatience/2 {
			t.Errorf("with a place in time: %v after %v", err, time.Since(began))
		}
	})
	for maxBody, want := range map[int64]int{1: mostLarge, DefaultMaxBody: mostLarge, 8 << 20: 4, 1 << 30: 1} {
		if got := cap(newBuffers(maxBody).large); got != want {
			t.Errorf("with bodies of %d bytes there are %d places, want %d", maxBody, got, want)
		}
	}
}

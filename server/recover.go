package server

import (
	"context"
	"crypto/sha256"

	"numhook/server/contract"
	"numhook/server/event"
)

// Kept says what a store holds already.
type Kept interface {
	// Event fails with kind NotFound when there is none.
	Event(ctx context.Context, id event.ID) (event.Stored, error)
	// QuarantineOf is the number of the entry with these bytes and this PathEvent, or 0 when there is none.
	QuarantineOf(ctx context.Context, body []byte, pathEvent string) (int64, error)
}

// Recovery takes in what was found in the sender's log: all the steps of a delivery from the strict parse on. It is for
// one goroutine.
type Recovery struct {
	server *Server
	kept   Kept
	dryRun bool
	seen   map[[sha256.Size]byte]bool // what a dry run would have kept
}

// Recovery begins one. A dry run says what would become of a delivery, and keeps nothing.
func (s *Server) Recovery(kept Kept, dryRun bool) *Recovery {
	return &Recovery{server: s, kept: kept, dryRun: dryRun, seen: map[[sha256.Size]byte]bool{}}
}

// Has reports whether the contract has the event.
func (r *Recovery) Has(name string) bool { return r.server.contract.Has(name) }

// Recover takes a delivery in, unless it is kept already. An error is trouble of ours, and passing: the delivery is to
// be recovered again.
func (r *Recovery) Recover(ctx context.Context, found event.Delivery) (event.Recovered, error) {
	s := r.server
	d := &deliveryState{began: s.now(), delivery: found, document: contract.Parse(found.Body), found: true}
	if canonical, ok := d.document.Canonical(); ok {
		id := event.Identify(canonical)
		_, err := r.kept.Event(ctx, id)
		if err == nil || r.seen[id] {
			return event.RecoveredKnown, nil
		}
		if event.KindOf(err) != event.NotFound {
			return "", err
		}
	}
	pathEvent := s.contract.EventOf(found.Path)
	entry, err := r.kept.QuarantineOf(ctx, found.Body, pathEvent)
	if err != nil {
		return "", err
	}
	if entry != 0 || r.seen[sha256.Sum256(found.Body)] {
		return event.RecoveredHeld, nil
	}
	if r.dryRun {
		return r.judge(ctx, d)
	}
	err = s.guarded(func() error { return s.quarantine(ctx, d, s.admit(ctx, nil, d)) })
	switch {
	case isRefusal(err):
		return event.RecoveredRefused, nil
	case err != nil:
		return "", err
	case d.receipt == nil || d.receipt.Duplicate: // it came by itself meanwhile
		return event.RecoveredKnown, nil
	}
	return event.RecoveredNew, nil
}

// judge says what would become of the delivery.
func (r *Recovery) judge(ctx context.Context, d *deliveryState) (event.Recovered, error) {
	err := r.server.WouldAccept(event.Quarantined{Delivery: d.delivery})
	switch {
	case isRefusal(err):
		r.seen[sha256.Sum256(d.delivery.Body)] = true
		return event.RecoveredRefused, nil
	case err != nil:
		return "", err
	}
	canonical, _ := d.document.Canonical()
	r.seen[event.Identify(canonical)] = true
	return event.RecoveredNew, ctx.Err()
}

// isRefusal reports whether a delivery broke the contract, and whatever broke it stays so.
func isRefusal(err error) bool {
	if err == nil {
		return false
	}
	switch event.KindOf(err) {
	case event.Malformed, event.Invalid, event.UnknownEvent:
		return true
	}
	return false
}

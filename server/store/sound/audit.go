package sound

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"numhook/server/event"
)

// Audit is one look at all that a store keeps.
type Audit struct {
	Half   bool                          // takes at most half of one processor: it rests for as long as each step took
	Report func(p Passed)                // is told of each finding
	Step   func(what string, done int64) // is told how far it is; may be nil
}

// Rest is called after each step, with when that began.
func (a Audit) Rest(ctx context.Context, began time.Time) error {
	if !a.Half {
		return ctx.Err()
	}
	timer := time.NewTimer(time.Since(began))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Tell tells how far the audit is.
func (a Audit) Tell(what string, done int64) {
	if a.Step != nil {
		a.Step(what, done)
	}
}

// Find reports a finding.
func (a Audit) Find(what, key string, why error) {
	a.Report(Passed{What: what, Key: key, Why: why.Error()})
}

// What an audit finds beside what a Check does.
var (
	ErrNoChange   = errors.New("an event's change of a number is not there")
	ErrNoSource   = errors.New("a change comes from no event that says so")
	ErrSuperseded = errors.New("a change is marked as superseded where it is not, or the other way round")
	ErrNotNewest  = errors.New("what is owed is no change, or not the newest one")
)

// Latch closes a store: what is damaged acknowledges nothing and hands on nothing. The zero value is open. It is safe
// for concurrent use.
type Latch struct{ why atomic.Pointer[string] }

// Close closes the latch.
func (l *Latch) Close(why string) { l.why.CompareAndSwap(nil, &why) }

// Open opens it again: a disk that could not be read for a while can be.
func (l *Latch) Open() { l.why.Store(nil) }

// Shut is the answer to whoever asks for anything; nil while the latch is open.
func (l *Latch) Shut(verb string) error {
	why := l.why.Load()
	if why == nil {
		return nil
	}
	return &event.Error{Kind: event.Unavailable, Text: "cannot " + verb, Err: errors.New("the store is damaged: " + *why),
		Hint: WayOn}
}

// WayOn is what to do with a damaged store.
const WayOn = "numhook store check says what is damaged; stop numhook, and restore a backup or save what is whole " +
	"with numhook store check --repair"

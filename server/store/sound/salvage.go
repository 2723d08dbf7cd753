package sound

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"numhook/server/event"
)

// Salvage is how a damaged store is saved.
type Salvage struct {
	Check   Check     // of what was saved
	Now     time.Time // names what is moved away
	Restore Restore
	Step    func(what string, done int64) // may be nil
}

// Restore derives what is kept of an event from its body again; ok is false when the body is not that of the identity.
type Restore func(e event.Event) (_ event.Event, ok bool)

// Mend is the event as its body says it, or why it cannot be kept.
func (s Salvage) Mend(e event.Event) (event.Event, error) {
	mended, ok := s.Restore(e)
	if !ok {
		return e, ErrNotItsBody
	}
	if s.Check.On() {
		return mended, s.Check.Event(mended)
	}
	return mended, nil
}

// Salvaged is what became of a damaged store.
type Salvaged struct {
	Events     int64       `json:"events"`
	Quarantine int64       `json:"quarantine"`
	Outbox     int64       `json:"owed"`
	OutboxAnew int64       `json:"owed_anew"` // rows that could not be saved, and are enqueued as if they had just come
	Lost       []LostPiece `json:"lost"`
	Moved      string      `json:"moved_to"` // where the damaged things are now; empty when nothing was moved
}

// LostPiece is what could not be saved.
type LostPiece struct {
	What string `json:"what"`
	Key  string `json:"key"`
	Why  string `json:"why"`
}

// Lose notes what could not be saved.
func (s *Salvaged) Lose(p Passed) {
	const most = 1000
	if len(s.Lost) < most {
		s.Lost = append(s.Lost, LostPiece(p))
	}
}

// LoseRow notes a row that could not be saved.
func (s *Salvaged) LoseRow(what string, key int64, why error) {
	s.Lose(Passed{What: what, Key: strconv.FormatInt(key, 10), Why: why.Error()})
}

// Write says it to people.
func (s *Salvaged) Write(out io.Writer) {
	fmt.Fprintf(out, "saved %d events, %d quarantined deliveries and %d rows of what is owed; %d rows are owed anew\n",
		s.Events, s.Quarantine, s.Outbox, s.OutboxAnew)
	for _, l := range s.Lost {
		fmt.Fprintf(out, "lost: %s %s: %s\n", l.What, l.Key, l.Why)
	}
	if s.Moved != "" {
		fmt.Fprintf(out, "what is damaged is in %s\n", s.Moved)
	}
}

// Halve has all of (after, until] read: what fails as damage is read in halves, down to the single key, and the rest is
// read nevertheless. read takes all of its piece or nothing.
func Halve(
	after, until int64, read func(after, until int64) error, damage func(error) bool, lost func(key int64, why error),
) error {
	err := read(after, until)
	switch {
	case err == nil, !damage(err):
		return err
	case until-after == 1:
		lost(until, err)
		return nil
	}
	middle := after + (until-after)/2
	if err := Halve(after, middle, read, damage, lost); err != nil {
		return err
	}
	return Halve(middle, until, read, damage, lost)
}

// Wanted are the changes of an event that a downstream is to get since it is known, or from its start on, as far as
// there is no row of them.
func Wanted(d event.DownstreamStatus, e event.Stored) (changes []event.Change) {
	switch {
	case !d.Filled: // whoever serves it next fills it
		return nil
	case !d.Wants(e.Name), d.Start == event.FromNow && e.Delivery.Received.Before(d.Registered), d.Mode == event.Latest &&
		!e.Changes():
		return nil
	}
	numbers := e.Numbers
	if len(numbers) == 0 && d.Mode == event.Every {
		numbers = []string{""}
	}
	for _, number := range numbers {
		changes = append(changes, event.Change{
			Number: number, Attribute: e.Attribute, Value: e.Value, TS: e.TS, EventID: e.ID, EventName: e.Name,
			AccountID: e.AccountID, CarrierCode: e.CarrierCode, Received: e.Delivery.Received,
		})
	}
	return changes
}

// Enqueue has every downstream get what it wants and has no row of. events lists events behind a place, and enqueue
// tells how many rows came of changes.
func (s *Salvaged) Enqueue(ctx context.Context, downstreams []event.DownstreamStatus,
	events func(ctx context.Context, after int64) ([]event.Stored, error),
	enqueue func(ctx context.Context, downstream string, changes []event.Change) (int, error),
) error {
	for after := int64(0); ; {
		page, err := events(ctx, after)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].Seq
		for _, d := range downstreams {
			var changes []event.Change
			for _, e := range page {
				changes = append(changes, Wanted(d, e)...)
			}
			if len(changes) == 0 {
				continue
			}
			n, err := enqueue(ctx, d.Name, changes)
			s.OutboxAnew += int64(n)
			if err != nil {
				return err
			}
		}
	}
}

// Confirm has an audit look at what was saved: its first finding is an error.
func (s Salvage) Confirm(ctx context.Context, audit func(ctx context.Context, a Audit) error) error {
	var first error
	err := audit(ctx, Audit{Step: s.Step, Report: func(p Passed) {
		if first == nil {
			first = fmt.Errorf("what was saved is not good: %s %s: %s", p.What, p.Key, p.Why)
		}
	}})
	if err != nil {
		return err
	}
	return first
}

// Tell tells how far the salvage is.
func (s Salvage) Tell(what string, done int64) { Audit{Step: s.Step}.Tell(what, done) }

package event

import (
	"math"
	"slices"
	"time"
)

// EventsLookedAt is how many events a search looks at for one page, at most: what it takes is bounded, whatever it
// finds.
const EventsLookedAt = 20_000

// Filter narrows a list of events; zero values let everything pass.
type Filter struct {
	Name    string // the sender's
	Account string
	Number  string    // one that it speaks of
	Since   time.Time // received then or later
	Until   time.Time // received earlier
	TSSince *int64    // its event_ts is this or a later one; milliseconds since the epoch
	TSUntil *int64    // its event_ts is an earlier one

	Newest bool // the newest first, in place of the order of storing
}

// Passes reports whether the event passes.
func (f Filter) Passes(e Event) bool {
	from, until := f.Received()
	received := e.Delivery.Received.UnixMicro()
	tsFrom, tsUntil := f.TS()
	return (f.Name == "" || e.Name == f.Name) && (f.Account == "" || e.AccountID == f.Account) &&
		(f.Number == "" || slices.Contains(e.Numbers, f.Number)) && received >= from && received <= until &&
		e.TS >= tsFrom && e.TS <= tsUntil
}

// Received are the bounds of the receipt, both included, in microseconds since the epoch.
func (f Filter) Received() (from, until int64) {
	from, until = math.MinInt64, math.MaxInt64
	if !f.Since.IsZero() {
		from = ceil(f.Since)
	}
	if !f.Until.IsZero() {
		until = ceil(f.Until) - 1
	}
	return from, until
}

// ceil is the first microsecond that is not before the time.
func ceil(at time.Time) int64 {
	micros := at.UnixMicro()
	if at.After(time.UnixMicro(micros)) {
		micros++
	}
	return micros
}

// TS are the bounds of the event_ts, both included.
func (f Filter) TS() (from, until int64) {
	from, until = math.MinInt64, math.MaxInt64
	if f.TSSince != nil {
		from = *f.TSSince
	}
	if f.TSUntil != nil {
		if until = *f.TSUntil - 1; *f.TSUntil == math.MinInt64 {
			from, until = 0, -1 // nothing is before the first of all times
		}
	}
	return from, until
}

// Window are the seqs that a search looks at for a page which begins after the seq given, both included: newest is the
// last one there is. The last of them that was looked at is where the next page begins; 0 where there is nothing more.
func (f Filter) Window(after, newest int64) (from, until, next int64) {
	if !f.Newest {
		from = min(max(after, 0), newest) + 1
		if until = min(from-1+EventsLookedAt, newest); until < newest {
			next = until
		}
		return from, until, next
	}
	if until = newest; after > 0 {
		until = min(after-1, newest)
	}
	if from = max(until-EventsLookedAt+1, 1); from > 1 {
		next = from
	}
	return from, until, next
}

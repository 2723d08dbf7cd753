package dispatch

import (
	"math"
	"sync"
	"time"

	"numhook/server/event"
)

// When a breaker opens, and for how long.
const (
	BreakAfter  = 5 // failures in a row
	FirstOpen   = time.Second
	LongestOpen = time.Minute
	// of a Retry-After: one trial in that time asks too much of nobody, and a slip of the downstream's costs no day
	LongestAsked = 10 * time.Minute
)

// BreakerState is how a breaker stands.
type BreakerState string

// The states of a breaker. A failure is a Retry without a sign of life: no connection, no answer in time, an answer
// that speaks of the downstream as a whole (overloaded, not there). A failure that may be about the one change (status
// 500) is a sign of life: it must not hold up the others. A sign of life is a confirmation, or whatever the sender says
// is one. A refusal that is none (what could not be put into an envelope) says nothing about the downstream; a 410
// does.
//
//	closed    -> (failures in a row)                -> open
//	open      -> (its time is up, an attempt begins) -> half-open
//	half-open -> (the trial fails)                  -> open, for longer
//	half-open -> (the trial says nothing)           -> open, its time is up
//	open, half-open -> (a sign of life)             -> closed
const (
	Closed   BreakerState = "closed"
	Open     BreakerState = "open"
	HalfOpen BreakerState = "half-open" // one trial attempt is under way
)

// breaker keeps a worker from asking a downstream that does not live. It is safe for concurrent use.
type breaker struct {
	random func() float64 // of [0, 1)

	mu       sync.Mutex
	state    BreakerState
	failures int       // in a row, while closed
	openings int       // in a row, without a sign of life
	until    time.Time // open: when a trial may begin
}

func newBreaker(random func() float64) *breaker { return &breaker{random: random, state: Closed} }

// room is how many attempts may begin now, at most free; and when there is none, after what time to ask again (0 when
// an attempt's end decides).
func (b *breaker) room(free int, now time.Time) (int, time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.state == Closed:
		return free, 0
	case b.state == HalfOpen:
		return 0, 0
	case now.Before(b.until):
		return 0, b.until.Sub(now)
	}
	return min(1, free), 0
}

// begin notes that an attempt begins, and reports whether it is the trial.
func (b *breaker) begin(now time.Time) (trial bool, state BreakerState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == Open && !now.Before(b.until) {
		b.state = HalfOpen
		return true, b.state
	}
	return false, b.state
}

// end notes what an attempt came to, and returns the states before and after.
func (b *breaker) end(trial bool, o Outcome, now time.Time) (before, after BreakerState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before = b.state
	switch {
	case o.Alive || o.Pause || o.Verdict == event.Confirmed:
		b.state, b.failures, b.openings = Closed, 0, 0
	case o.Verdict == event.Refused:
		if trial && b.state == HalfOpen {
			b.state, b.until = Open, now
		}
	case b.state == Closed:
		if b.failures++; b.failures >= BreakAfter {
			b.open(o, now)
		}
	case trial && b.state == HalfOpen:
		b.open(o, now)
	}
	return before, b.state
}

// open opens the breaker for half of a span at least, which doubles with each opening in a row, or for what the
// downstream asked.
func (b *breaker) open(o Outcome, now time.Time) {
	span := min(float64(FirstOpen)*math.Pow(2, float64(b.openings)), float64(LongestOpen))
	stay := time.Duration(span/2 + b.random()*span/2)
	b.state, b.failures = Open, 0
	b.openings++
	b.until = now.Add(max(stay, min(o.After, LongestAsked)))
}

package dispatch

import (
	"errors"
	"fmt"
	"math"
	"time"

	"numhook/server/event"
)

// The backoff of a worker that does not say.
const (
	DefaultFirst  = time.Second
	DefaultFactor = 2
	DefaultMax    = time.Hour
)

// Wait is how long to wait after the try given (from 1): random, of [0, 1), of the span that has grown to it, and no
// less than the downstream asked for. It is never longer than Max, whatever was asked for, nor than event.LongestWait.
func (b Backoff) Wait(try int, random float64, asked time.Duration) time.Duration {
	longest := float64(min(b.Max, event.LongestWait))
	span := min(float64(b.First)*math.Pow(b.Factor, float64(max(try, 1)-1)), longest)
	return max(time.Duration(random*span), min(asked, b.Max, event.LongestWait))
}

// gaveUp reports whether a row that was enqueued then is no longer tried. The two are wall clocks, perhaps of two
// machines: GiveUpAfter is not exact.
func (b Backoff) gaveUp(since, now time.Time) bool {
	return b.GiveUpAfter > 0 && now.Sub(since) >= b.GiveUpAfter
}

// withDefaults fills in what is zero, or says what cannot be.
func (b Backoff) withDefaults() (Backoff, error) {
	if b.First == 0 {
		b.First = DefaultFirst
	}
	if b.Factor == 0 {
		b.Factor = DefaultFactor
	}
	if b.Max == 0 {
		b.Max = max(DefaultMax, b.First)
	}
	switch {
	case b.First < 0 || b.Max < 0 || b.GiveUpAfter < 0:
		return b, errors.New("a wait cannot be negative")
	case !(b.Factor >= 1) || math.IsInf(b.Factor, 0): // so that NaN does not pass
		return b, errors.New("the factor is at least 1")
	case b.Max > event.LongestWait:
		return b, fmt.Errorf("the longest wait is at most %s", event.LongestWait)
	case b.First > b.Max:
		return b, errors.New("the first wait is at most the longest")
	}
	return b, nil
}

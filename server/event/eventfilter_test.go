package event_test

import (
	"math"
	"testing"
	"time"

	"numhook/server/event"
)

// The windows of a search that finds nothing lie beside each other, and cover all there is.
func TestWindowsCoverEverything(t *testing.T) {
	for _, newest := range []int64{0, 1, event.EventsLookedAt, event.EventsLookedAt + 1, 5*event.EventsLookedAt + 7} {
		for _, backwards := range []bool{false, true} {
			f, after, seen := event.Filter{Newest: backwards}, int64(0), int64(0)
			for range 10 {
				from, until, next := f.Window(after, newest)
				if until-from+1 > event.EventsLookedAt {
					t.Fatalf("of %d: %d to %d", newest, from, until)
				}
				if backwards && until != newest-seen || !backwards && from != seen+1 {
					t.Fatalf("of %d, after %d: %d to %d", newest, seen, from, until)
				}
				seen += max(until-from+1, 0)
				if after = next; next == 0 {
					break
				}
			}
			if seen != newest || after != 0 {
				t.Errorf("backwards %v: %d of %d are looked at", backwards, seen, newest)
			}
		}
	}
	if from, until, next := (event.Filter{}).Window(math.MaxInt64, 5); from <= until || next != 0 {
		t.Errorf("behind all: %d to %d, %d", from, until, next)
	}
}

func TestBoundsOfAFilter(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000, time.UTC)
	ts := func(n int64) *int64 { return &n }
	e := event.Event{TS: 7, Delivery: event.Delivery{Received: at}}
	for _, c := range []struct {
		filter event.Filter
		want   bool
	}{
		{event.Filter{}, true},
		{event.Filter{Since: at}, true}, {event.Filter{Since: at.Add(1)}, false},
		{event.Filter{Until: at}, false}, {event.Filter{Until: at.Add(1)}, true},
		{event.Filter{TSSince: ts(7)}, true}, {event.Filter{TSSince: ts(8)}, false},
		{event.Filter{TSUntil: ts(7)}, false}, {event.Filter{TSUntil: ts(8)}, true},
		{event.Filter{TSUntil: ts(math.MinInt64)}, false}, {event.Filter{TSSince: ts(math.MinInt64)}, true},
	} {
		if got := c.filter.Passes(e); got != c.want {
			t.Errorf("%+v passes: %v", c.filter, got)
		}
	}
}

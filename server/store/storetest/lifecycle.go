package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"numhook/server/event"
)

func reopening(t TB, location Location) {
	s := open(t, location)
	for i := range 30 {
		appendNew(t, s, address(int64(i*37%30), fmt.Sprint(i), alice, bob), cnam(int64(i), fmt.Sprint(i), carol))
		if _, err := s.Quarantine(t.Context(), refusal(i%7)); err != nil {
			t.Fatalf("cannot quarantine: %v", err)
		}
	}
	if err := s.RecordChallenge(t.Context(), someTime); err != nil {
		t.Fatalf("cannot record challenge: %v", err)
	}
	before := contentsOf(t, s)
	for range 3 {
		s = reopen(t, s, location)
		wantContents(t, s, before)
	}
	closeStore(t, s)
}

func nothingAfterClose(t TB, location Location) {
	s := open(t, location)
	e := cnam(1, "A", alice)
	appendNew(t, s, e)
	closeStore(t, s)
	ctx := t.Context()
	_, err := s.Append(ctx, cnam(2, "B", alice))
	wantKind(t, "append", err, event.Unavailable)
	_, err = s.Append(ctx, e)
	wantKind(t, "append of what is there", err, event.Unavailable)
	_, err = s.Quarantine(ctx, refusal(1))
	wantKind(t, "quarantine", err, event.Unavailable)
	_, err = s.Redrive(ctx, 1, cnam(2, "B", alice))
	wantKind(t, "redrive", err, event.Unavailable)
	wantKind(t, "challenge", s.RecordChallenge(ctx, someTime), event.Unavailable)
	wantKind(t, "ready", s.Ready(ctx), event.Unavailable)
	_, err = s.Number(ctx, alice)
	wantKind(t, "number", err, event.Unavailable)
	_, err = s.Events(ctx, 0, 1)
	wantKind(t, "events", err, event.Unavailable)
	closeStore(t, s) // closing twice is no error
	s = open(t, location)
	defer closeStore(t, s)
	wantHistory(t, s, alice, change(e, alice, event.Current))
	same(t, "events", len(contentsOf(t, s).Events), 1)
}

// closeFinishes: what was acknowledged while the store was closing is there, and what was refused is there whole or not
// at all.
func closeFinishes(t TB, location Location) {
	s := open(t, location)
	const writers = 32
	var acknowledged, refused sync.Map
	var stored atomic.Int64
	enough := make(chan struct{})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range 10_000 {
				e := cnam(int64(i), fmt.Sprint(w), fmt.Sprint(w), fmt.Sprint(w+1000))
				if _, err := s.Append(context.WithoutCancel(t.Context()), e); err != nil {
					wantKind(t, "append while closing", err, event.Unavailable)
					refused.Store(e.ID, e)
					return
				}
				acknowledged.Store(e.ID, e)
				if stored.Add(1) == 4*writers {
					close(enough)
				}
			}
		})
	}
	<-enough
	closeStore(t, s)
	wg.Wait()
	s = open(t, location)
	defer closeStore(t, s)
	acknowledged.Range(func(_, v any) bool {
		wantWhole(t, s, v.(event.Event), true)
		return true
	})
	refused.Range(func(_, v any) bool {
		wantWhole(t, s, v.(event.Event), false)
		return true
	})
}

func callerGone(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Append(ctx, cnam(1, "A", alice))
	wantKind(t, "append", err, event.Unavailable)
	_, err = s.Quarantine(ctx, refusal(1))
	wantKind(t, "quarantine", err, event.Unavailable)
	wantKind(t, "challenge", s.RecordChallenge(ctx, someTime), event.Unavailable)
	same(t, "contents", contentsOf(t, s), contents{Challenge: time.Time{}.String()})
	past, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	_, err = s.Append(past, cnam(1, "A", alice))
	wantKind(t, "append past its deadline", err, event.Unavailable)
	same(t, "contents", contentsOf(t, s), contents{Challenge: time.Time{}.String()})
}

// callersLeave: whatever a caller sees that leaves at a random moment, its event is there whole or not at all, and it
// is there when it was acknowledged.
func callersLeave(t TB, location Location) {
	s := open(t, location)
	const writers, rounds = 16, 50
	events := make([][]event.Event, writers)
	acknowledged := make([][]bool, writers)
	var wg sync.WaitGroup
	for w := range writers {
		random := rand.New(rand.NewPCG(7, uint64(w)))
		wg.Go(func() {
			for i := range rounds {
				build := func() event.Event {
					return address(int64(i), fmt.Sprint(w), fmt.Sprint("a", w, i), fmt.Sprint("b", w, i), fmt.Sprint("c", w, i))
				}
				e := build()
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(2000))*time.Microsecond)
				_, err := s.Append(ctx, e)
				cancel()
				if err != nil {
					wantKind(t, "append", err, event.Unavailable)
				}
				// its memory is used for something else, even while it is written
				e.Delivery.Body[0], e.Numbers[0], e.Value[0] = 'X', "changed", 'X'
				events[w] = append(events[w], build())
				acknowledged[w] = append(acknowledged[w], err == nil)
			}
		})
	}
	wg.Wait()
	s = reopen(t, s, location)
	defer closeStore(t, s)
	for w := range writers {
		for i, e := range events[w] {
			wantWhole(t, s, e, acknowledged[w][i])
		}
	}
}

// noAliases: what the caller does with its memory afterwards is its own affair.
func noAliases(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	given, kept := fullEvent(), fullEvent()
	appendNew(t, s, given)
	given.Numbers[0], given.Value[2], given.Delivery.Body[0], given.Drift[0].Rule = "changed", 'X', 'X', "changed"
	q, keptQ := refusal(1), refusal(1)
	id, err := s.Quarantine(t.Context(), q)
	same(t, "error", err, nil)
	q.Delivery.Body[0], q.Violations[0].Rule = 'X', "changed"
	for range 2 {
		got, err := s.Event(t.Context(), kept.ID)
		same(t, "error", err, nil)
		same(t, "event", got.Event, copyEvent(kept))
		got.Numbers[0], got.Value[2], got.Delivery.Body[0] = "changed", 'X', 'X'
		n, err := s.Number(t.Context(), alice)
		same(t, "error", err, nil)
		same(t, "number", n, event.Number{Number: alice, Values: []event.Change{change(kept, alice, event.Current)}})
		n.Values[0].Value[2] = 'X'
		entry, err := s.QuarantineEntry(t.Context(), id)
		same(t, "error", err, nil)
		same(t, "body", string(entry.Delivery.Body), string(keptQ.Delivery.Body))
		same(t, "violations", entry.Violations, keptQ.Violations)
		entry.Delivery.Body[0] = 'X'
	}
}

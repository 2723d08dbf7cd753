package storetest

import (
	"time"

	"numhook/server/event"
)

func retriesWait(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly)
	wantNext(t, s, "newest", time.Time{})
	wantNext(t, s, "unknown", time.Time{})
	appendNew(t, s, cnam(1, "A", alice, bob))
	list := claim(t, s, "newest", 10, 2)
	at := kept(clock.Now())
	record(t, s, list[0], event.Retry, event.LongestWait, true)
	record(t, s, list[1], event.Retry, time.Minute, true)
	wantNext(t, s, "newest", at.Add(time.Minute))
	clock.Move(time.Minute - time.Microsecond)
	wantNext(t, s, "newest", at.Add(time.Minute))
	clock.Move(time.Microsecond)
	got, next, err := s.Claim(t.Context(), "newest", 10)
	same(t, "error", err, nil)
	same(t, "rows claimed", len(got), 1)
	same(t, "number", got[0].Number, bob)
	same(t, "next", next.Equal(at.Add(event.LongestWait)), true)
	clock.Move(event.LongestWait - time.Minute - time.Microsecond)
	wantNext(t, s, "newest", at.Add(event.LongestWait))
	clock.Move(time.Microsecond)
	a := claim(t, s, "newest", 10, 1)[0]
	same(t, "number", a.Number, alice)
	record(t, s, a, event.Retry, 0, true)
	claim(t, s, "newest", 10, 1)
}

func clockSet(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt)
	appendNew(t, s, cnam(1, "A", alice, bob))
	list := claim(t, s, "newest", 10, 2)
	record(t, s, list[0], event.Retry, time.Hour, true)
	record(t, s, list[1], event.Retry, time.Minute, true)
	written := kept(clock.Now())
	rewind := func(want int, longest, back time.Duration) {
		t.Helper()
		got, err := s.Rewind(t.Context(), "newest", longest, back)
		same(t, "error", err, nil)
		same(t, "rows mended", got, want)
	}
	rewind(0, time.Hour, 0) // a wait of the longest kind is no sign of anything
	clock.Move(-event.ClockSlack)
	rewind(0, time.Hour, 0)
	clock.Move(event.ClockSlack - 10*time.Minute)
	wantNext(t, s, "newest", written.Add(time.Minute))
	at := kept(clock.Now())
	reading, err := s.Downstreams(t.Context())
	same(t, "error", err, nil)
	same(t, "reading", []time.Time{reading[1].At, reading[1].Newest, reading[1].LastDue},
		[]time.Time{at, written, written.Add(time.Hour)})
	rewind(2, time.Hour, 15*time.Minute) // one is due too late, both are enqueued since too late
	for _, o := range allOutbox(t, s, event.OutboxFilter{Downstream: "newest"}) {
		same(t, "owed since", o.Since, written.Add(-15*time.Minute))
	}
	for _, o := range allOutbox(t, s, event.OutboxFilter{Downstream: "all"}) { // somebody else's
		same(t, "owed since", o.Since, written)
	}
	rewind(0, time.Hour, 0)
	record(t, s, claim(t, s, "newest", 10, 1)[0], event.Retry, time.Hour, true)
	wantNext(t, s, "newest", written.Add(time.Minute))
	rewind(1, 20*time.Minute, 0) // of a downstream that waits less
	clock.Move(-10_000 * time.Hour)
	wantNext(t, s, "newest", at)
	rewind(2, event.LongestWait, 0)
	for _, o := range allOutbox(t, s, event.OutboxFilter{Downstream: "newest"}) {
		same(t, "owed since", o.Since, kept(clock.Now()))
	}
	list = claim(t, s, "newest", 10, 2)
	clock.Move(-time.Hour)
	rewind(2, event.LongestWait, time.Hour) // under way
	// And forth again: everything is due.
	record(t, s, list[0], event.Retry, event.LongestWait, true)
	record(t, s, list[1], event.Retry, 0, true)
	clock.Move(20_000 * time.Hour)
	rewind(0, time.Minute, 0)
	confirm(t, s, claim(t, s, "newest", 10, 2)...)
	confirm(t, s, claim(t, s, "all", 10, 2)...)
	wantNext(t, s, "newest", time.Time{})
	wantNext(t, s, "all", time.Time{})
}

func longestDueFirst(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt)
	for i, number := range []string{carol, alice, bob} {
		appendNew(t, s, cnam(int64(i), "A", number))
		clock.Move(time.Second)
	}
	for _, name := range []string{"newest", "all"} {
		first := claim(t, s, name, 1, 1)[0]
		same(t, "first", first.Number, carol)
		record(t, s, first, event.Retry, 0, true) // due now: behind the others
		at := onlyNumber(t, s, name, bob).Due
		got, next, err := s.Claim(t.Context(), name, 1)
		same(t, "error", err, nil)
		same(t, "second", got[0].Number, alice)
		same(t, "next is due already", next, at)
		clock.Move(time.Second)
		same(t, "third", claim(t, s, name, 1, 1)[0].Number, bob)
		same(t, "fourth", claim(t, s, name, 1, 1)[0].Number, carol)
		claim(t, s, name, 1, 0)
	}
}

// busyKeepsItsTurn: a newer value of a row that is due already does not send it to the end.
func busyKeepsItsTurn(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly)
	appendNew(t, s, cnam(1, "1", alice))
	clock.Move(time.Second)
	appendNew(t, s, cnam(2, "2", bob))
	clock.Move(time.Second)
	appendNew(t, s, cnam(3, "3", alice))
	for _, want := range []string{`"3"`, `"2"`} {
		first := claim(t, s, newestOnly.Name, 1, 1)[0]
		same(t, "value claimed first", string(first.Value), want)
		confirm(t, s, first)
	}
	appendNew(t, s, cnam(4, "4", alice))
	record(t, s, claimOne(t, s, newestOnly.Name, `"4"`), event.Retry, time.Hour, true)
	appendNew(t, s, cnam(5, "5", alice)) // the older one was not due yet: the newer is at once
	confirm(t, s, claimOne(t, s, newestOnly.Name, `"5"`))
}

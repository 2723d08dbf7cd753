package storetest

import (
	"fmt"
	"math"
	"slices"
	"time"

	"numhook/server/event"
)

// lineCases: mode every, in which the events of a number stand in line by event_ts and place.
func lineCases() []OutboxCase {
	return []OutboxCase{
		{"in line by number", inLine},
		{"a late event goes first", lateGoesFirst},
		{"a late event waits for who is attempting", lateDuringAttempt},
		{"ties stand in the order of storing", tiesInLine},
		{"attributes stand in one line", attributesInOneLine},
		{"dead and skipped leave the line", leavingTheLine},
		{"retry goes back into the line", backIntoLine},
		{"release in line", releaseInLine},
		{"an absurd event_ts is owed in its place", absurdInLine},
		{"next of a line", nextOfLine},
		{"lines of downstreams are their own", linesAreTheirOwn},
	}
}

// wantLine claims and confirms one after the other, and nothing is to be left.
func wantLine(t TB, s Outbox, downstream string, values ...string) {
	t.Helper()
	for _, value := range values {
		confirm(t, s, claimOne(t, s, downstream, value))
	}
	wantNext(t, s, downstream, time.Time{})
}

func inLine(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, allOfIt)
	appendNew(t, s, cnam(1, "1", alice), cnam(2, "2", alice, bob), cnam(3, "3", alice, carol), cnam(4, "4", bob))
	list := claim(t, s, "all", 10, 3)
	for i, want := range []string{alice + `"1"`, bob + `"2"`, carol + `"3"`} {
		same(t, "first in line", list[i].Number+string(list[i].Value), want)
	}
	confirm(t, s, list[1])
	second := claimOne(t, s, "all", `"4"`)
	same(t, "who is not held up", second.Number, bob)
	record(t, s, list[0], event.Retry, time.Hour, true) // alice's line stands
	wantNext(t, s, "all", kept(clock.Now()).Add(time.Hour))
	clock.Move(time.Hour)
	wantLine(t, s, "all", `"1"`, `"2"`, `"3"`)
	confirm(t, s, second, list[2])
	wantCounts(t, s, "all", 0, 0, 0)
	appendNew(t, s, cnam(5, "5", alice))
	wantLine(t, s, "all", `"5"`)
}

func lateGoesFirst(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, allOfIt)
	for _, ts := range []int64{50, 20, 40, -10, 30} {
		appendNew(t, s, cnam(ts, fmt.Sprint(ts), alice))
	}
	wantLine(t, s, "all", `"-10"`, `"20"`, `"30"`, `"40"`, `"50"`)
	appendNew(t, s, cnam(60, "60", alice), cnam(10, "10", alice)) // newer ones were delivered already
	wantLine(t, s, "all", `"10"`, `"60"`)
}

func lateDuringAttempt(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, allOfIt)
	for i, end := range []event.Verdict{event.Confirmed, event.Retry, event.Refused} {
		ts := int64(100 * i)
		appendNew(t, s, cnam(ts+50, "50", alice), cnam(ts+60, "60", alice))
		a := claimOne(t, s, "all", `"50"`)
		appendNew(t, s, cnam(ts+55, "55", alice), cnam(ts+40, "40", alice), cnam(ts+45, "45", alice))
		late := claimOne(t, s, "all", `"40"`) // older than what is under way: nothing holds it up
		wantNext(t, s, "all", time.Time{})
		record(t, s, a, end, 0, true)
		wantNext(t, s, "all", time.Time{})
		confirm(t, s, late)
		if end == event.Retry {
			wantLine(t, s, "all", `"45"`, `"50"`, `"55"`, `"60"`)
		} else {
			wantLine(t, s, "all", `"45"`, `"55"`, `"60"`)
		}
		clock.Move(time.Minute)
	}
}

func tiesInLine(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, allOfIt)
	appendNew(t, s, cnam(7, "C", alice), cnam(7, "A", alice), cnam(7, "B", alice), cnam(6, "LATE", alice))
	wantLine(t, s, "all", `"LATE"`, `"C"`, `"A"`, `"B"`)
}

func attributesInOneLine(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, allOfIt, newestOnly)
	appendNew(t, s, cnam(3, "3", alice), silent("", 2, alice), address(1, "1", alice), silent(event.CNAM, 4, alice))
	claim(t, s, "newest", 10, 2) // where each attribute goes its own way
	wantLine(t, s, "all", `{"address_line1":"1"}`, "", `"3"`, "")
}

func leavingTheLine(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, allOfIt)
	appendNew(t, s, cnam(1, "1", alice), cnam(2, "2", alice), cnam(3, "3", alice), cnam(4, "4", alice),
		cnam(5, "5", alice))
	record(t, s, claimOne(t, s, "all", `"1"`), event.Refused, 0, true)
	skip := func(ts int64) {
		t.Helper()
		for _, o := range allOutbox(t, s, event.OutboxFilter{Downstream: "all"}) {
			if o.TS == ts {
				if err := s.Skip(t.Context(), o.ID); err != nil {
					t.Fatalf("cannot skip: %v", err)
				}
			}
		}
	}
	skip(4) // from the middle: those behind it stay held up
	a := claimOne(t, s, "all", `"2"`)
	skip(3)
	wantNext(t, s, "all", time.Time{})
	confirm(t, s, a)
	wantLine(t, s, "all", `"5"`)
	skip(1)
	wantOutbox(t, s, "all", row{alice, `"1"`, event.Skipped, 1}, row{alice, `"2"`, event.Delivered, 1},
		row{alice, `"3"`, event.Skipped, 0},
		row{alice, `"4"`, event.Skipped, 0}, row{alice, `"5"`, event.Delivered, 1})
	// The first in line is skipped.
	appendNew(t, s, cnam(6, "6", alice), cnam(7, "7", alice))
	skip(6)
	wantLine(t, s, "all", `"7"`)
}

func backIntoLine(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, allOfIt)
	appendNew(t, s, cnam(1, "1", alice), cnam(2, "2", alice))
	first := claimOne(t, s, "all", `"1"`)
	record(t, s, first, event.Refused, 0, true)
	confirm(t, s, claimOne(t, s, "all", `"2"`))
	appendNew(t, s, cnam(3, "3", alice), cnam(4, "4", alice))
	retry := func(row int64) {
		t.Helper()
		if err := s.Retry(t.Context(), row); err != nil {
			t.Fatalf("cannot retry: %v", err)
		}
	}
	retry(first.Row)
	wantLine(t, s, "all", `"1"`, `"3"`, `"4"`)
	// What comes back while another is under way waits for nobody but older ones.
	appendNew(t, s, cnam(5, "5", alice), cnam(6, "6", alice))
	a := claimOne(t, s, "all", `"5"`)
	retry(first.Row)
	b := claimOne(t, s, "all", `"1"`)
	record(t, s, a, event.Retry, 0, true)
	wantNext(t, s, "all", time.Time{})
	confirm(t, s, b)
	wantLine(t, s, "all", `"5"`, `"6"`)
	// Retry of one that is held up makes it due, not first.
	appendNew(t, s, cnam(7, "7", alice), cnam(8, "8", alice))
	for _, o := range allOutbox(t, s, event.OutboxFilter{State: event.Waiting}) {
		if o.TS == 8 {
			retry(o.ID)
		}
	}
	wantLine(t, s, "all", `"7"`, `"8"`)
}

// absurdInLine: an event_ts far ahead of its receipt counts as the receipt in the outbox, and is handed on as the
// sender wrote it.
func absurdInLine(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	register(t, s, newestOnly, allOfIt)
	at := someTime.UnixMilli()
	absurd, next, before := cnam(math.MaxInt64, "ABSURD", alice), cnam(at+5, "NEXT", alice), cnam(at-1, "BEFORE", alice)
	absurd.Delivery.Received, next.Delivery.Received = someTime, someTime.Add(6*time.Millisecond)
	appendNew(t, s, absurd)
	a := claimOne(t, s, "newest", `"ABSURD"`)
	same(t, "event_ts handed on", a.TS, int64(math.MaxInt64))
	same(t, "event_ts shown", onlyRow(t, s, "newest").TS, int64(math.MaxInt64))
	confirm(t, s, a)
	appendNew(t, s, next, before)
	a = claimOne(t, s, "newest", `"NEXT"`)
	same(t, "the value before", string(a.Previous), `"ABSURD"`)
	confirm(t, s, a)
	wantNext(t, s, "newest", time.Time{})
	for i, want := range []event.Event{before, absurd, next} {
		a := claimOne(t, s, "all", string(want.Value))
		same(t, "event_ts and whether it is superseded", []any{a.TS, a.Superseded}, []any{want.TS, i == 0})
		confirm(t, s, a)
	}
	// The outbox again is enqueued in the same order.
	register(t, s, narrow(allOfIt, "later", event.Only{}), narrow(newestOnly, "latest", event.Only{}))
	for _, d := range []struct {
		name string
		rows int
	}{{"later", 3}, {"latest", 1}} {
		n, err := s.Enqueue(t.Context(), d.name, slices.Concat(said(next), said(absurd), said(before)), false, false)
		same(t, "error", err, nil)
		same(t, "owed", n, d.rows)
	}
	s = outbox(t, reopen(t, s, location))
	defer closeStore(t, s)
	wantLine(t, s, "later", `"BEFORE"`, `"ABSURD"`, `"NEXT"`)
	claimOne(t, s, "latest", `"NEXT"`)
}

func releaseInLine(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, allOfIt)
	appendNew(t, s, cnam(5, "5", alice), cnam(6, "6", alice))
	a := claimOne(t, s, "all", `"5"`)
	appendNew(t, s, cnam(4, "4", alice))
	n, err := s.Release(t.Context(), "all", []event.Claimed{{Row: a.Row, Claim: a.Claim}})
	same(t, "error", err, nil)
	same(t, "released", n, 1)
	wantLine(t, s, "all", `"4"`, `"5"`, `"6"`)
}

func nextOfLine(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, allOfIt)
	appendNew(t, s, cnam(1, "1", alice), cnam(2, "2", alice), cnam(1, "1", bob))
	list := claim(t, s, "all", 10, 2)
	at := kept(clock.Now())
	record(t, s, list[0], event.Retry, 2*time.Hour, true)
	record(t, s, list[1], event.Retry, 3*time.Hour, true)
	wantNext(t, s, "all", at.Add(2*time.Hour)) // of those that are due, each is held up
	clock.Move(2 * time.Hour)
	got, next, err := s.Claim(t.Context(), "all", 1)
	same(t, "error", err, nil)
	same(t, "rows claimed", len(got), 1)
	same(t, "next", next.Equal(at.Add(3*time.Hour)), true)
	confirm(t, s, got...)
	claimOne(t, s, "all", `"2"`)
}

func linesAreTheirOwn(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	other := narrow(allOfIt, "other", event.Only{}, eventNames[event.CNAM])
	register(t, s, allOfIt, other, newestOnly)
	appendNew(t, s, address(1, "1", alice), cnam(2, "2", alice), cnam(3, "3", alice))
	claimOne(t, s, "all", `{"address_line1":"1"}`)
	claim(t, s, "newest", 10, 2)
	wantLine(t, s, "other", `"2"`, `"3"`)
	wantNext(t, s, "all", time.Time{})
}

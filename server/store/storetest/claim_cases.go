package storetest

import (
	"strings"
	"time"

	"numhook/server/event"
)

// claimCases: rules 9 and 10, a row in one hand at a time, and what becomes of it.
func claimCases() []OutboxCase {
	return []OutboxCase{
		{"a busy number keeps its place", busyKeepsItsTurn},
		{"an attempt carries everything", attemptCarriesAll},
		{"verdicts", verdicts},
		{"what an attempt printed", outputKept},
		{"a newer value while attempting", newerWhileAttempting},
		{"the fence", staleClaim},
		{"release", release},
		{"retries wait", retriesWait},
		{"a clock that is set", clockSet},
		{"the longest due go first", longestDueFirst},
		{"retry and skip", retryAndSkip},
		{"retry and skip of what waits", retryWaiting},
	}
}

func attemptCarriesAll(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt)
	a, b, late := cnam(10, "A", alice), cnam(30, "B", alice), cnam(20, "LATE", alice)
	for _, e := range []*event.Event{&a, &b, &late} {
		e.AccountID, e.CarrierCode = "account "+string(e.Value), int32(e.TS)
		appendNew(t, s, *e)
	}
	seqs := map[event.ID]int64{}
	stored, err := s.Events(t.Context(), 0, 10)
	same(t, "error", err, nil)
	for _, e := range stored {
		seqs[e.ID] = e.Seq
	}
	since := kept(clock.Now())
	check := func(downstream string, e event.Event, previous *event.Event, superseded bool) {
		t.Helper()
		clock.Move(time.Second)
		got := claimOne(t, s, downstream, string(e.Value))
		same(t, "a fence that is none", got.Claim == 0 || got.Row == 0, false)
		want := event.Attempt{Row: got.Row, Claim: got.Claim, Seq: seqs[e.ID], Downstream: downstream, Number: alice,
			Attribute: event.CNAM, Value: e.Value,
			Superseded: superseded, TS: e.TS, EventID: e.ID, EventName: e.Name, AccountID: e.AccountID,
			CarrierCode: e.CarrierCode,
			Received:    kept(e.Delivery.Received), Try: 1, Since: since}
		if previous != nil {
			want.Previous = previous.Value
		}
		same(t, "attempt", got, want)
		confirm(t, s, got)
	}
	check("newest", b, &late, false)
	check("all", a, nil, false)
	check("all", late, &a, true) // a newer one had been stored
	check("all", b, &late, false)
}

// outputKept: what an attempt's program printed stays until the next attempt's takes its place, and no list shows it.
func outputKept(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	register(t, s, newestOnly, allOfIt)
	appendNew(t, s, cnam(1, "A", alice))
	for _, d := range []event.Downstream{newestOnly, allOfIt} {
		same(t, "output before an attempt", onlyRow(t, s, d.Name).Output, "")
		for _, c := range []struct {
			verdict event.Verdict
			output  string
		}{
			{event.Retry, strings.Repeat("\\x1b 'é' %s\n", event.LongestOutput/15)},
			{event.Retry, ""},
			{event.Refused, "no such number"},
			{event.Confirmed, "a warning"},
		} {
			r := result(claimOne(t, s, d.Name, `"A"`), c.verdict, 0)
			r.Output = c.output
			held, err := s.Record(t.Context(), r)
			same(t, "error", err, nil)
			same(t, "held", held, true)
			o := onlyRow(t, s, d.Name)
			same(t, "output and reason", []string{o.Output, o.Reason}, []string{c.output, r.Reason})
			if c.verdict == event.Refused {
				same(t, "error", s.Retry(t.Context(), o.ID), nil)
				same(t, "output of a row that begins anew", onlyRow(t, s, d.Name).Output, c.output)
			}
			r.Output = "from the past"
			held, err = s.Record(t.Context(), r)
			same(t, "error", err, nil)
			same(t, "held again", held, false)
		}
	}
	s = outbox(t, reopen(t, s, location))
	defer closeStore(t, s)
	same(t, "output after a restart", onlyRow(t, s, newestOnly.Name).Output, "a warning")
}

func verdicts(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	for i, d := range []event.Downstream{newestOnly, allOfIt} {
		register(t, s, d)
		appendNew(t, s, cnam(int64(10*i), "A", alice))
		before := onlyRow(t, s, d.Name)
		a := claimOne(t, s, d.Name, `"A"`)
		got := onlyRow(t, s, d.Name)
		want := before
		want.State, want.Tries, want.Due = event.Attempting, 1, time.Time{}
		same(t, "attempting", got, want)
		wantNext(t, s, d.Name, time.Time{}) // it is in somebody's hand

		at := kept(clock.Move(time.Second))
		record(t, s, a, event.Retry, 90*time.Second, true)
		want.State, want.Due, want.Attempted, want.Reason = event.Waiting, at.Add(90*time.Second), at, "retry by the test"
		same(t, "to be retried", onlyRow(t, s, d.Name), want)
		record(t, s, a, event.Confirmed, 0, false) // once is enough
		same(t, "recorded again", onlyRow(t, s, d.Name), want)

		clock.Move(90 * time.Second)
		a = claimOne(t, s, d.Name, `"A"`)
		same(t, "try", a.Try, 2)
		at = kept(clock.Move(time.Second))
		record(t, s, a, event.Refused, 0, true)
		want.State, want.Tries, want.Due, want.Attempted, want.Reason = event.Dead, 2, time.Time{}, at, "refused by the test"
		same(t, "refused", onlyRow(t, s, d.Name), want)
		clock.Move(1000 * time.Hour)
		wantNext(t, s, d.Name, time.Time{})

		if err := s.Retry(t.Context(), want.ID); err != nil {
			t.Fatalf("cannot retry: %v", err)
		}
		now := kept(clock.Now())
		want.State, want.Tries, want.Due, want.Since = event.Waiting, 0, now, now
		same(t, "begun anew", onlyRow(t, s, d.Name), want)
		a = claimOne(t, s, d.Name, `"A"`)
		same(t, "since", a.Since, now)
		confirm(t, s, a)
		want.State, want.Tries, want.Due, want.Attempted, want.Reason = event.Delivered, 1, time.Time{}, now, ""
		same(t, "confirmed", onlyRow(t, s, d.Name), want)
		if err := s.Remove(t.Context(), d.Name); err != nil {
			t.Fatalf("cannot remove: %v", err)
		}
	}
	held, err := s.Record(t.Context(), event.Result{Row: 1 << 40, Claim: 1, Seq: 1, Verdict: event.Confirmed})
	same(t, "error", err, nil)
	same(t, "a row that is not there is held", held, false)
}

func newerWhileAttempting(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly)
	ts := int64(0)
	for _, c := range []struct {
		verdict event.Verdict
		after   time.Duration
	}{{event.Confirmed, 0}, {event.Retry, 0}, {event.Retry, time.Minute}, {event.Refused, 0}} {
		ts += 10
		appendNew(t, s, cnam(ts, "OLD", alice))
		since := onlyRow(t, s, "newest").Since
		old := claimOne(t, s, "newest", `"OLD"`)
		clock.Move(time.Second)
		appendNew(t, s, cnam(ts+1, "NEW", alice), cnam(ts-1, "LATE", alice))
		got := onlyRow(t, s, "newest")
		same(t, "state", got.State, event.Attempting) // it waits its turn
		same(t, "value", string(got.Value), `"NEW"`)
		same(t, "tries", got.Tries, 0)
		same(t, "since", got.Since, since)
		wantNext(t, s, "newest", time.Time{})
		at := kept(clock.Move(time.Second))
		record(t, s, old, c.verdict, c.after, true)
		got = onlyRow(t, s, "newest")
		same(t, "state", got.State, event.Waiting)
		same(t, "due", got.Due, at.Add(c.after))
		same(t, "tries", got.Tries, 0)
		same(t, "since", got.Since, since)
		same(t, "attempted", got.Attempted, at)
		record(t, s, old, event.Confirmed, 0, false)
		if c.after > 0 {
			wantNext(t, s, "newest", at.Add(c.after))
			clock.Move(c.after)
		}
		a := claimOne(t, s, "newest", `"NEW"`)
		same(t, "try", a.Try, 1)
		same(t, "previous value", string(a.Previous), `"OLD"`)
		same(t, "the same row", a.Row, old.Row)
		same(t, "the same claim", a.Claim == old.Claim, false)
		same(t, "a version that is not newer", a.Seq > old.Seq, true)
		record(t, s, old, event.Refused, 0, false)
		confirm(t, s, a)
		wantOutbox(t, s, "newest", row{alice, `"NEW"`, event.Delivered, 1})
	}
}

func staleClaim(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	for i, d := range []event.Downstream{newestOnly, allOfIt} {
		register(t, s, d)
		appendNew(t, s, cnam(int64(10*i), "A", alice))
		stuck := claimOne(t, s, d.Name, `"A"`)
		guess := stuck
		guess.Claim = -guess.Claim
		record(t, s, guess, event.Confirmed, 0, false)
		n, err := s.Release(t.Context(), d.Name, []event.Claimed{{Row: stuck.Row, Claim: stuck.Claim}})
		same(t, "error", err, nil)
		same(t, "released", n, 1)
		record(t, s, stuck, event.Confirmed, 0, false)
		wantOutbox(t, s, d.Name, row{alice, `"A"`, event.Waiting, 1})
		second := claimOne(t, s, d.Name, `"A"`)
		same(t, "try", second.Try, 2)
		same(t, "the same claim", second.Claim == stuck.Claim, false)
		for _, v := range []event.Verdict{event.Confirmed, event.Refused, event.Retry} {
			record(t, s, stuck, v, 0, false)
			wantOutbox(t, s, d.Name, row{alice, `"A"`, event.Attempting, 2})
		}
		confirm(t, s, second)
		record(t, s, stuck, event.Refused, 0, false)
		record(t, s, second, event.Refused, 0, false)
		wantOutbox(t, s, d.Name, row{alice, `"A"`, event.Delivered, 2})
		if err := s.Remove(t.Context(), d.Name); err != nil {
			t.Fatalf("cannot remove: %v", err)
		}
	}
}

// wantHeld compares what is claimed with the attempts.
func wantHeld(t TB, s Outbox, downstream string, want ...event.Attempt) {
	t.Helper()
	got, err := s.Held(t.Context(), downstream)
	same(t, "error", err, nil)
	claims := map[event.Claimed]bool{}
	for _, c := range got {
		claims[c] = true
	}
	same(t, "rows that are held", len(claims), len(got))
	expected := map[event.Claimed]bool{}
	for _, a := range want {
		expected[event.Claimed{Row: a.Row, Claim: a.Claim}] = true
	}
	same(t, "held", claims, expected)
}

func release(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt)
	wantHeld(t, s, "newest")
	wantHeld(t, s, "unknown")
	appendNew(t, s, cnam(1, "A", alice, bob, carol))
	list, others := claim(t, s, "newest", 10, 3), claim(t, s, "all", 10, 3)
	wantHeld(t, s, "newest", list...)
	wantHeld(t, s, "all", others...)
	confirm(t, s, list[2])
	wantHeld(t, s, "newest", list[:2]...)
	clock.Move(time.Minute)
	held := []event.Claimed{
		{Row: list[0].Row, Claim: list[0].Claim},
		{Row: list[1].Row, Claim: -list[1].Claim},    // claimed again meanwhile
		{Row: list[2].Row, Claim: list[2].Claim},     // recorded meanwhile
		{Row: 1 << 40, Claim: 7},                     // removed meanwhile
		{Row: others[0].Row, Claim: others[0].Claim}, // another downstream's
		{Row: list[0].Row, Claim: list[0].Claim},     // twice
	}
	n, err := s.Release(t.Context(), "newest", held)
	same(t, "error", err, nil)
	same(t, "released", n, 1)
	wantOutbox(t, s, "newest", row{alice, `"A"`, event.Waiting, 1}, row{bob, `"A"`, event.Attempting, 1},
		row{carol, `"A"`, event.Delivered, 1})
	wantHeld(t, s, "all", others...)
	n, err = s.Release(t.Context(), "unknown", held)
	same(t, "error", err, nil)
	same(t, "released for nobody", n, 0)
	n, err = s.Release(t.Context(), "newest", nil)
	same(t, "error", err, nil)
	same(t, "released of nothing", n, 0)
	again := claim(t, s, "newest", 10, 1)[0]
	same(t, "due at once", again.Number, alice)
	same(t, "try", again.Try, 2)
	// A newer value came while it was attempting.
	appendNew(t, s, cnam(2, "B", bob))
	n, err = s.Release(t.Context(), "newest", []event.Claimed{{Row: list[1].Row, Claim: list[1].Claim}})
	same(t, "error", err, nil)
	same(t, "released", n, 1)
	b := claimOne(t, s, "newest", `"B"`)
	same(t, "try", b.Try, 1)
}

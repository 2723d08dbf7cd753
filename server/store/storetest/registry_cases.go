package storetest

import (
	"context"
	"time"

	"numhook/server/event"
)

// registryCases: which downstreams there are, and how they stand.
func registryCases() []OutboxCase {
	return []OutboxCase{
		{"register", registering},
		{"register anew", registerAnew},
		{"another mode", anotherMode},
		{"how downstreams stand", howTheyStand},
		{"pause and resume", pauseAndResume},
		{"remove", removing},
		{"an unknown downstream", unknownDownstream},
		{"reopening keeps what is owed", reopeningKeepsOutbox},
		{"nothing is owed after close", nothingOutboxAfterClose},
	}
}

func registering(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	list, err := s.Downstreams(t.Context())
	same(t, "error", err, nil)
	same(t, "downstreams of an empty store", list == nil, true)
	var want []event.DownstreamStatus
	for _, d := range []event.Downstream{
		{Name: "a", Mode: event.Latest, Start: event.FromSnapshot, Events: []string{"x.y", "\u00e9"},
			Only: event.Only{CarrierCodes: []int32{-1 << 31, 0, 1<<31 - 1},
				Countries: []string{"US", "'"}, Prefixes: []string{"+1", "+"}}},
		{Name: "b", Mode: event.Every, Start: event.FromBeginning, Only: event.Only{Prefixes: []string{"+1"}}},
		{Name: "\u00e4 c", Mode: event.Every, Start: event.FromNow, Events: []string{}},
	} {
		got, err := s.Register(t.Context(), d)
		same(t, "error", err, nil)
		d.Events = copyList(d.Events)
		want = append(want, event.DownstreamStatus{Downstream: d, Registered: kept(clock.Now()),
			Filled: d.Start == event.FromNow})
		same(t, "standing", plain(got), want[len(want)-1])
		clock.Move(time.Minute)
	}
	wantAll := func() {
		t.Helper()
		list, err := s.Downstreams(t.Context())
		same(t, "error", err, nil)
		for i := range list {
			same(t, "the time of it", list[i].At, kept(clock.Now()))
			list[i] = plain(list[i])
		}
		same(t, "downstreams", list, want)
	}
	wantAll()
	same(t, "error", s.Filled(t.Context(), "b"), nil)
	same(t, "error", s.Filled(t.Context(), "b"), nil)
	want[1].Filled = true
	wantAll()
	s = outbox(t, reopen(t, s, location))
	defer closeStore(t, s)
	wantAll()
}

func registerAnew(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	d := event.Downstream{Name: "d", Mode: event.Latest, Start: event.FromSnapshot,
		Only: event.Only{Prefixes: []string{alice}}}
	first, err := s.Register(t.Context(), d)
	same(t, "error", err, nil)
	appendNew(t, s, cnam(1, "A", alice, bob))
	wantOutbox(t, s, "d", row{alice, `"A"`, event.Waiting, 0})
	same(t, "error", s.Pause(t.Context(), "d", "for the test"), nil)
	clock.Move(time.Hour)
	d.Start, d.Events, d.Only = event.FromNow, []string{eventNames[event.CNAM]}, event.Only{Prefixes: []string{bob}}
	got, err := s.Register(t.Context(), d)
	same(t, "error", err, nil)
	want := event.DownstreamStatus{Downstream: d, Registered: first.Registered, Paused: first.Registered,
		PausedWhy: "for the test", Waiting: 1, Oldest: first.Registered}
	want.Start = event.FromSnapshot
	same(t, "standing", plain(got), want)
	same(t, "standing as listed", status(t, s, "d"), want)
	appendNew(t, s, cnam(2, "B", bob, carol), address(3, "C", bob))
	// what was in the outbox stays enqueued
	wantOutbox(t, s, "d", row{alice, `"A"`, event.Waiting, 0}, row{bob, `"B"`, event.Waiting, 0})
}

func anotherMode(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly)
	appendNew(t, s, cnam(1, "A", alice))
	before := status(t, s, "newest")
	d := newestOnly
	d.Mode, d.Events = event.Every, []string{"x"}
	_, err := s.Register(t.Context(), d)
	wantKind(t, "register under another mode", err, event.Invalid)
	same(t, "standing", status(t, s, "newest"), before)
	if err := s.Remove(t.Context(), "newest"); err != nil {
		t.Fatalf("cannot remove: %v", err)
	}
	register(t, s, d)
	same(t, "mode", status(t, s, "newest").Mode, event.Every)
}

func howTheyStand(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt)
	at := kept(clock.Now())
	for i, number := range []string{alice, bob, carol, "+1", "+2"} {
		appendNew(t, s, cnam(int64(i), "A", number))
		clock.Move(time.Minute)
	}
	look := func(waiting, attempting, dead int64, oldest time.Time) {
		t.Helper()
		wantCounts(t, s, "newest", waiting, attempting, dead)
		same(t, "oldest", status(t, s, "newest").Oldest, oldest)
	}
	look(5, 0, 0, at)
	list := claim(t, s, "newest", 3, 3)
	look(2, 3, 0, at)
	for i, a := range list { // in the order of numbers: alice, bob, carol
		switch i {
		case 0:
			record(t, s, a, event.Refused, 0, true)
			look(2, 2, 1, at.Add(time.Minute))
		case 1:
			confirm(t, s, a)
			look(2, 1, 1, at.Add(2*time.Minute))
		case 2:
			record(t, s, a, event.Retry, time.Hour, true)
			look(3, 0, 1, at.Add(2*time.Minute))
		}
	}
	confirm(t, s, claim(t, s, "newest", 10, 2)...)
	look(1, 0, 1, at.Add(2*time.Minute))
	appendNew(t, s, cnam(100, "B", carol)) // carol is enqueued something since then
	look(1, 0, 1, at.Add(2*time.Minute))
	confirm(t, s, claimOne(t, s, "newest", `"B"`))
	look(0, 0, 1, time.Time{})
	wantCounts(t, s, "all", 6, 0, 0)
}

func pauseAndResume(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	register(t, s, newestOnly, allOfIt)
	appendNew(t, s, cnam(1, "A", alice, bob))
	under := claim(t, s, "newest", 1, 1)[0]
	at := kept(clock.Now())
	same(t, "error", s.Pause(t.Context(), "newest", "it answered 410"), nil)
	wantNext(t, s, "newest", time.Time{})
	confirm(t, s, under) // what was under way ends
	clock.Move(time.Minute)
	same(t, "error", s.Pause(t.Context(), "newest", "for the night"), nil)
	got := status(t, s, "newest")
	same(t, "paused since", got.Paused, at)
	same(t, "why", got.PausedWhy, "for the night")
	appendNew(t, s, cnam(2, "B", alice))
	wantOutbox(t, s, "newest", row{alice, `"B"`, event.Waiting, 0}, row{bob, `"A"`, event.Waiting, 0})
	wantNext(t, s, "newest", time.Time{})
	claim(t, s, "all", 10, 2) // another one's pause
	s = outbox(t, reopen(t, s, location))
	defer closeStore(t, s)
	same(t, "standing", status(t, s, "newest").Paused, at)
	wantNext(t, s, "newest", time.Time{})
	for range 2 {
		same(t, "error", s.Resume(t.Context(), "newest"), nil)
	}
	got = status(t, s, "newest")
	same(t, "paused", got.Paused.IsZero() && got.PausedWhy == "", true)
	claim(t, s, "newest", 10, 2)
}

func removing(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	register(t, s, newestOnly, allOfIt)
	appendNew(t, s, cnam(1, "A", alice, bob), cnam(2, "B", alice))
	a := claim(t, s, "newest", 1, 1)[0]
	same(t, "error", s.Remove(t.Context(), "newest"), nil)
	wantKind(t, "remove again", s.Remove(t.Context(), "newest"), event.NotFound)
	list, err := s.Downstreams(t.Context())
	same(t, "error", err, nil)
	same(t, "downstreams", len(list), 1)
	record(t, s, a, event.Confirmed, 0, false)
	wantNext(t, s, "newest", time.Time{})
	wantHeld(t, s, "newest")
	wantOutbox(t, s, "newest")
	_, err = s.OutboxRow(t.Context(), a.Row)
	wantKind(t, "a row of a removed downstream", err, event.NotFound)
	wantKind(t, "retry of a row of a removed downstream", s.Retry(t.Context(), a.Row), event.NotFound)
	wantCounts(t, s, "all", 3, 0, 0)
	appendNew(t, s, cnam(3, "C", carol))
	wantCounts(t, s, "all", 4, 0, 0)
	register(t, s, newestOnly)
	wantOutbox(t, s, "newest")
	appendNew(t, s, cnam(4, "D", carol))
	wantOutbox(t, s, "newest", row{carol, `"D"`, event.Waiting, 0})
	s = outbox(t, reopen(t, s, location))
	defer closeStore(t, s)
	wantOutbox(t, s, "newest", row{carol, `"D"`, event.Waiting, 0})
	wantHistory(t, s, bob, change(cnam(1, "A", alice, bob), bob, event.Current)) // what was stored stays
}

func unknownDownstream(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	ctx := t.Context()
	wantKind(t, "filled", s.Filled(ctx, "nobody"), event.NotFound)
	wantKind(t, "pause", s.Pause(ctx, "nobody", "why not"), event.NotFound)
	wantKind(t, "resume", s.Resume(ctx, "nobody"), event.NotFound)
	wantKind(t, "remove", s.Remove(ctx, "nobody"), event.NotFound)
	for _, dry := range []bool{false, true} {
		_, err := s.Enqueue(ctx, "nobody", nil, false, dry)
		wantKind(t, "owe", err, event.NotFound)
	}
	wantNext(t, s, "nobody", time.Time{})
}

func reopeningKeepsOutbox(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	register(t, s, newestOnly, allOfIt)
	appendNew(t, s, cnam(1, "A", alice, bob, carol, "+1"), cnam(2, "B", alice, bob))
	list := claim(t, s, "newest", 10, 4) // in the order of numbers
	record(t, s, list[0], event.Retry, time.Hour, true)
	record(t, s, list[1], event.Refused, 0, true)
	confirm(t, s, list[2])
	held := list[3]
	before := allOutbox(t, s, event.OutboxFilter{})
	clock.Move(time.Second)
	for range 2 {
		s = outbox(t, reopen(t, s, location))
		after := allOutbox(t, s, event.OutboxFilter{})
		same(t, "rows", len(after), len(before))
		for i := range after {
			// What nobody can hold any more, an engine may release at once.
			if before[i].State == event.Attempting && after[i].State == event.Waiting {
				before[i].State, before[i].Due = event.Waiting, kept(clock.Now())
			}
		}
		same(t, "what is owed", after, before)
	}
	defer closeStore(t, s)
	if o := onlyNumber(t, s, "newest", held.Number); o.State == event.Attempting {
		confirm(t, s, held)
	} else {
		record(t, s, held, event.Confirmed, 0, false)
		confirm(t, s, claim(t, s, "newest", 10, 1)...)
	}
	same(t, "state", onlyNumber(t, s, "newest", held.Number).State, event.Delivered)
}

func nothingOutboxAfterClose(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	register(t, s, newestOnly)
	appendNew(t, s, cnam(1, "A", alice))
	a := claimOne(t, s, "newest", `"A"`)
	wantRefused := func(ctx context.Context, reads bool) {
		t.Helper()
		_, err := s.Register(ctx, allOfIt)
		wantKind(t, "register", err, event.Unavailable)
		wantKind(t, "filled", s.Filled(ctx, "newest"), event.Unavailable)
		_, err = s.Enqueue(ctx, "newest", nil, false, false)
		wantKind(t, "owe", err, event.Unavailable)
		_, _, err = s.Claim(ctx, "newest", 1)
		wantKind(t, "claim", err, event.Unavailable)
		_, err = s.Record(ctx, result(a, event.Confirmed, 0))
		wantKind(t, "record", err, event.Unavailable)
		_, err = s.Release(ctx, "newest", []event.Claimed{{Row: a.Row, Claim: a.Claim}})
		wantKind(t, "release", err, event.Unavailable)
		wantKind(t, "pause", s.Pause(ctx, "newest", "why not"), event.Unavailable)
		wantKind(t, "resume", s.Resume(ctx, "newest"), event.Unavailable)
		wantKind(t, "remove", s.Remove(ctx, "newest"), event.Unavailable)
		wantKind(t, "retry", s.Retry(ctx, a.Row), event.Unavailable)
		wantKind(t, "skip", s.Skip(ctx, a.Row), event.Unavailable)
		if reads {
			_, err = s.Held(ctx, "newest")
			wantKind(t, "held", err, event.Unavailable)
			_, err = s.Downstreams(ctx)
			wantKind(t, "downstreams", err, event.Unavailable)
			_, err = s.OutboxRows(ctx, event.OutboxFilter{}, 0, 1)
			wantKind(t, "owed", err, event.Unavailable)
			_, err = s.OutboxRow(ctx, a.Row)
			wantKind(t, "owed row", err, event.Unavailable)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	wantRefused(gone, false)
	wantOutbox(t, s, "newest", row{alice, `"A"`, event.Attempting, 1})
	closeStore(t, s)
	wantRefused(t.Context(), true)
}

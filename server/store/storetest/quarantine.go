package storetest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"numhook/server/event"
)

func quarantineKeeps(t TB, location Location) {
	s := open(t, location)
	first := refusal(1)
	first.Violations = append(first.Violations, event.Finding{Kind: event.Violation, Rule: "type",
		Pointer: "/payload/object", Message: "not a string", Line: 2, Column: 7,
		Spec: "/paths"})
	first.Delivery.Header = event.Header{RequestID: "request", Signature: "v0=00"}
	first.Delivery.Body = []byte("{\xff\x00 not JSON\r\n")
	first.ID, first.Times, first.State = 77, 9, event.Redriven // the store's to say
	unknown := event.Quarantined{Reason: event.UnknownEvent, EventName: "some.event",
		Delivery: event.Delivery{Received: someTime, Path: "/", Body: []byte(`{}`)}}
	// even nothing can be signed
	bare := event.Quarantined{Reason: event.Malformed, Delivery: event.Delivery{Received: someTime, Path: "/"}}
	m := NewModel()
	for _, q := range []event.Quarantined{first, unknown, bare} {
		if _, err := s.Quarantine(t.Context(), q); err != nil {
			t.Fatalf("cannot quarantine: %v", err)
		}
		id := m.Quarantine(copyQuarantined(q))
		for _, path := range []string{q.PathEvent, "another.event"} {
			want := id
			if path != q.PathEvent {
				want = 0
			}
			if got, err := s.QuarantineOf(t.Context(), q.Delivery.Body, path); err != nil || (got != 0) != (want != 0) {
				t.Errorf("the entry of %q at %q is %d: %v", q.Delivery.Body, path, got, err)
			}
		}
	}
	wantContents(t, s, m.contents())
	s = reopen(t, s, location)
	defer closeStore(t, s)
	wantContents(t, s, m.contents())
}

func quarantineCounts(t TB, location Location) {
	s := open(t, location)
	first := refusal(1)
	retry := first
	retry.Delivery.Received = first.Delivery.Received.Add(5 * time.Minute)
	retry.Delivery.Header.TrackingID = "another"
	retry.Reason, retry.Violations = event.UnknownEvent, nil
	arrived, path, body := first, first, first
	arrived.PathEvent, arrived.Delivery.Path = eventNames[event.CNAM], "/prefix/"+eventNames[event.CNAM]
	path.Delivery.Path = "/other" // of no event, and so the same as the first
	body.Delivery.Body = append([]byte(" "), first.Delivery.Body...)
	m := NewModel()
	ids := map[int64]int64{} // ours, by the model's
	for i, q := range []event.Quarantined{first, retry, arrived, body, path, arrived} {
		if i == 3 {
			s = reopen(t, s, location)
		}
		id, err := s.Quarantine(t.Context(), q)
		if err != nil {
			t.Fatalf("cannot quarantine: %v", err)
		}
		modelID := m.Quarantine(copyQuarantined(q))
		if _, ok := ids[modelID]; !ok {
			ids[modelID] = id
		}
		same(t, "entry", id, ids[modelID])
	}
	defer closeStore(t, s)
	want := m.contents()
	same(t, "how often they came", []int{want.Entries[0].Times, want.Entries[1].Times, want.Entries[2].Times},
		[]int{3, 2, 1})
	wantContents(t, s, want)
}

// quarantineReplays: a path is not signed, so one delivery that was captured can come to any number of paths, of any
// length. It is one entry all the same.
func quarantineReplays(t TB, location Location) {
	s := open(t, location)
	m := NewModel()
	q := refusal(1)
	q.Reason, q.EventName = event.UnknownEvent, strings.Repeat("\u00e9", 1000)
	const replays = 300
	for i := range replays {
		q.Delivery.Path = fmt.Sprintf("/%d/%s", i, strings.Repeat("\xff\U0001f6a8", i*50))
		if i%2 == 1 {
			q.PathEvent = eventNames[event.CNAM]
			q.Delivery.Path += "/" + q.PathEvent + "/"
		}
		if _, err := s.Quarantine(t.Context(), q); err != nil {
			t.Fatalf("cannot quarantine: %v", err)
		}
		m.Quarantine(copyQuarantined(q))
		q.PathEvent = ""
	}
	list, err := s.Quarantines(t.Context(), event.Held, 0, 1000)
	same(t, "error", err, nil)
	same(t, "entries", len(list), 2)
	for _, q := range list {
		same(t, "times", q.Times, replays/2)
		same(t, "bytes of the path and the name are bounded", len(q.Delivery.Path) <= 256 && len(q.EventName) == 256, true)
	}
	s = reopen(t, s, location)
	defer closeStore(t, s)
	wantContents(t, s, m.contents())
}

// quarantineDiscard: what is discarded is kept, and not counted, until it comes again or fits the contract.
func quarantineDiscard(t TB, location Location) {
	s := open(t, location)
	m := NewModel()
	q := refusal(1)
	hold := func() int64 {
		id, err := s.Quarantine(t.Context(), q)
		if err != nil {
			t.Fatalf("cannot quarantine: %v", err)
		}
		m.Quarantine(copyQuarantined(q))
		return id
	}
	id := hold()
	for range 2 { // as often as one likes
		same(t, "error", s.Discard(t.Context(), id), nil)
		m.Discard(1)
		wantContents(t, s, m.contents())
	}
	s = reopen(t, s, location)
	defer func() { closeStore(t, s) }()
	for state, want := range map[event.QuarantineState]int{event.Held: 0, event.Discarded: 1, event.Redriven: 0, "": 1} {
		list, err := s.Quarantines(t.Context(), state, 0, 10)
		same(t, "error", err, nil)
		same(t, "entries in state "+string(state), len(list), want)
	}
	same(t, "the entry of what comes again", hold(), id)
	entry, err := s.QuarantineEntry(t.Context(), id)
	same(t, "error", err, nil)
	same(t, "state and times", []any{entry.State, entry.Times}, []any{event.Held, 2})
	same(t, "error", s.Discard(t.Context(), id), nil)
	m.Discard(1)
	e := cnam(10, "A", alice)
	r, err := s.Redrive(t.Context(), id, e)
	same(t, "error", err, nil)
	same(t, "receipt of what was discarded", r, event.Receipt{ID: e.ID})
	m.Redrive(1, copyEvent(e))
	wantContents(t, s, m.contents())
	wantKind(t, "to discard what is redriven", s.Discard(t.Context(), id), event.Invalid)
	wantKind(t, "to discard what is not there", s.Discard(t.Context(), id+1), event.NotFound)
	wantKind(t, "to discard what cannot be there", s.Discard(t.Context(), -1), event.NotFound)
	wantContents(t, s, m.contents())
}

func redrive(t TB, location Location) {
	s := open(t, location)
	m := NewModel()
	appendBoth := func(e event.Event) {
		appendNew(t, s, e)
		m.Append(copyEvent(e))
	}
	newer := cnam(20, "NEWER", alice)
	appendBoth(newer)
	q := refusal(1)
	id, err := s.Quarantine(t.Context(), q)
	if err != nil {
		t.Fatalf("cannot quarantine: %v", err)
	}
	m.Quarantine(copyQuarantined(q))
	e := cnam(10, "REDRIVEN", alice, bob)
	e.Delivery = q.Delivery
	r, err := s.Redrive(t.Context(), id, e)
	same(t, "error", err, nil)
	same(t, "receipt", r, event.Receipt{ID: e.ID})
	m.Redrive(1, copyEvent(e))
	// in its place by event_ts
	wantHistory(t, s, alice, change(e, alice, event.Superseded), change(newer, alice, event.Current))
	wantHistory(t, s, bob, change(e, bob, event.Current))
	entry, err := s.QuarantineEntry(t.Context(), id)
	same(t, "error", err, nil)
	same(t, "state", entry.State, event.Redriven)
	same(t, "became", entry.RedrivenAs, e.ID)
	stored, err := s.Event(t.Context(), e.ID)
	same(t, "error", err, nil)
	same(t, "came from", stored.Quarantine, id)
	wantContents(t, s, m.contents())
	s = reopen(t, s, location)
	defer closeStore(t, s)
	wantContents(t, s, m.contents())
}

// redriveDuplicate: the sender sent the event again before the entry was redriven, and that one was good.
func redriveDuplicate(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	e := cnam(10, "A", alice)
	q := refusal(1)
	id, err := s.Quarantine(t.Context(), q)
	if err != nil {
		t.Fatalf("cannot quarantine: %v", err)
	}
	appendNew(t, s, e)
	r, err := s.Redrive(t.Context(), id, again(e, 1))
	same(t, "error", err, nil)
	same(t, "receipt", r, event.Receipt{ID: e.ID, Duplicate: true})
	stored, err := s.Event(t.Context(), e.ID)
	same(t, "error", err, nil)
	same(t, "came from", stored.Quarantine, int64(0))
	same(t, "delivery", stored.Delivery, copyEvent(e).Delivery)
	entry, err := s.QuarantineEntry(t.Context(), id)
	same(t, "error", err, nil)
	same(t, "state", entry.State, event.Redriven)
	same(t, "became", entry.RedrivenAs, e.ID)
	wantHistory(t, s, alice, change(e, alice, event.Current))
}

func redriveAgain(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	m := NewModel()
	q := refusal(1)
	id, err := s.Quarantine(t.Context(), q)
	if err != nil {
		t.Fatalf("cannot quarantine: %v", err)
	}
	m.Quarantine(copyQuarantined(q))
	e := cnam(10, "A", alice)
	for i := range 3 {
		r, err := s.Redrive(t.Context(), id, e)
		same(t, "error", err, nil)
		same(t, "receipt", r, event.Receipt{ID: e.ID, Duplicate: i > 0})
		m.Redrive(1, copyEvent(e))
	}
	// What comes again is still counted, and stays redriven.
	again, err := s.Quarantine(t.Context(), q)
	same(t, "error", err, nil)
	same(t, "entry", again, id)
	m.Quarantine(copyQuarantined(q))
	wantContents(t, s, m.contents())
	_, err = s.Redrive(t.Context(), id+1, cnam(11, "B", alice))
	wantKind(t, "an entry that is not there", err, event.NotFound)
	wantContents(t, s, m.contents())
}

func challenge(t TB, location Location) {
	s := open(t, location)
	// the last one told, even after the clock was set back
	for _, at := range []time.Time{someTime, someTime.Add(72 * time.Hour), someTime.Add(time.Hour)} {
		if err := s.RecordChallenge(t.Context(), at); err != nil {
			t.Fatalf("cannot record challenge: %v", err)
		}
		last, err := s.LastChallenge(t.Context())
		same(t, "error", err, nil)
		same(t, "challenge", last, at)
	}
	s = reopen(t, s, location)
	defer closeStore(t, s)
	last, err := s.LastChallenge(t.Context())
	same(t, "error", err, nil)
	same(t, "challenge after reopening", last, someTime.Add(time.Hour))
}

func quarantineAtOnce(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	const writers, rounds = 16, 20
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range rounds {
				if _, err := s.Quarantine(t.Context(), refusal(i)); err != nil {
					t.Errorf("cannot quarantine: %v", err)
				}
			}
		})
	}
	wg.Wait()
	list, err := s.Quarantines(t.Context(), event.Held, 0, 1000)
	same(t, "error", err, nil)
	same(t, "entries", len(list), rounds)
	for _, q := range list {
		same(t, "times", q.Times, writers)
	}
}

package storetest

import (
	"time"

	"numhook/server/event"
)

// onlyNumber is the one row of the downstream and the number.
func onlyNumber(t TB, s Outbox, downstream, number string) event.OutboxRow {
	t.Helper()
	list := allOutbox(t, s, event.OutboxFilter{Downstream: downstream, Number: number})
	if len(list) != 1 {
		t.Fatalf("%d rows are owed to %s for the number, want 1", len(list), downstream)
	}
	return list[0]
}

// inState gives the downstream one row in the state.
func inState(t TB, s Outbox, d event.Downstream, state event.OutboxState) event.OutboxRow {
	t.Helper()
	register(t, s, d)
	e := cnam(1, d.Name, alice)
	appendNew(t, s, e)
	id := onlyRow(t, s, d.Name).ID
	switch state {
	case event.Attempting:
		claimOne(t, s, d.Name, string(e.Value))
	case event.Delivered:
		confirm(t, s, claimOne(t, s, d.Name, string(e.Value)))
	case event.Dead:
		record(t, s, claimOne(t, s, d.Name, string(e.Value)), event.Refused, 0, true)
	case event.Skipped:
		if err := s.Skip(t.Context(), id); err != nil {
			t.Fatalf("cannot skip: %v", err)
		}
	}
	o := onlyRow(t, s, d.Name)
	same(t, "state", o.State, state)
	return o
}

func retryAndSkip(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	for _, c := range []struct {
		state       event.OutboxState
		retry, skip bool
	}{{event.Waiting, true, true}, {event.Attempting, false, false}, {event.Delivered, true, false},
		{event.Dead, true, true}, {event.Skipped, true, false}} {
		for _, d := range []event.Downstream{newestOnly, allOfIt} {
			for _, verb := range []string{"retry", "skip"} {
				before := inState(t, s, narrow(d, string(d.Mode)+" "+string(c.state)+" "+verb, event.Only{}), c.state)
				clock.Move(time.Second)
				want, do, allowed := before, s.Retry, c.retry
				if verb == "skip" {
					do, allowed = s.Skip, c.skip
					want.State, want.Due = event.Skipped, time.Time{}
				} else {
					want.State, want.Due = event.Waiting, kept(clock.Now())
					if c.state != event.Waiting {
						want.Tries, want.Since = 0, want.Due
					}
				}
				err := do(t.Context(), before.ID)
				if !allowed {
					wantKind(t, verb+" of what is "+string(c.state), err, event.Invalid)
					want = before
				} else if err != nil {
					t.Errorf("%s of what is %s: %v", verb, c.state, err)
				}
				same(t, verb+" of what was "+string(c.state), onlyRow(t, s, before.Downstream), want)
				claim(t, s, before.Downstream, 10, map[bool]int{true: 1}[want.State == event.Waiting])
				if err := s.Remove(t.Context(), before.Downstream); err != nil {
					t.Fatalf("cannot remove: %v", err)
				}
			}
		}
	}
	wantKind(t, "retry of what is not there", s.Retry(t.Context(), 1<<40), event.NotFound)
	wantKind(t, "skip of what is not there", s.Skip(t.Context(), 1<<40), event.NotFound)
}

// retryWaiting: what waits for its next try keeps its tries, and since when it is enqueued.
func retryWaiting(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly)
	appendNew(t, s, cnam(1, "A", alice))
	record(t, s, claimOne(t, s, "newest", `"A"`), event.Retry, time.Hour, true)
	want := onlyRow(t, s, "newest")
	want.Due = kept(clock.Move(time.Minute))
	if err := s.Retry(t.Context(), want.ID); err != nil {
		t.Fatalf("cannot retry: %v", err)
	}
	same(t, "row", onlyRow(t, s, "newest"), want)
	a := claimOne(t, s, "newest", `"A"`)
	same(t, "try", a.Try, 2)
	record(t, s, a, event.Retry, time.Hour, true)
	if err := s.Skip(t.Context(), want.ID); err != nil {
		t.Fatalf("cannot skip: %v", err)
	}
	clock.Move(2 * time.Hour)
	wantNext(t, s, "newest", time.Time{})
	appendNew(t, s, cnam(2, "B", alice)) // skipped was the value, not the number
	claimOne(t, s, "newest", `"B"`)
}

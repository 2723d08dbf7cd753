package storetest

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"numhook/server/event"
	"numhook/server/store"
)

// wantWhole demands the event with all that it causes, or, where it need not be there, all or nothing.
func wantWhole(t TB, s store.Reader, e event.Event, must bool) {
	t.Helper()
	stored, err := s.Event(t.Context(), e.ID)
	if event.KindOf(err) == event.NotFound && !must {
		for _, number := range e.Numbers {
			list, err := s.History(t.Context(), number)
			same(t, "error", err, nil)
			same(t, "a change without its event",
				slices.ContainsFunc(list, func(c event.Change) bool { return c.EventID == e.ID }), false)
		}
		return
	}
	if err != nil {
		t.Errorf("an acknowledged event cannot be read: %v", err)
		return
	}
	same(t, "event", stored.Event, copyEvent(e))
	for _, number := range e.Numbers {
		list, err := s.History(t.Context(), number)
		same(t, "error", err, nil)
		times := 0
		for _, c := range list {
			if c.EventID == e.ID {
				times++
			}
		}
		same(t, "changes of an event, for one of its numbers", times, 1)
	}
}

func duplicatesAtOnce(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	const writers, rounds = 16, 40
	var first [rounds]atomic.Int64
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				e := address(int64(i), "A", alice, fmt.Sprint(i))
				r, err := s.Append(t.Context(), again(e, w))
				if err != nil {
					t.Errorf("cannot append: %v", err)
				} else if r.ID != e.ID {
					t.Errorf("a receipt names another event")
				} else if !r.Duplicate {
					first[i].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for i := range rounds {
		same(t, "receipts that are not duplicates", first[i].Load(), int64(1))
	}
	all := contentsOf(t, s)
	same(t, "events", len(all.Events), rounds)
	wantModel(t, s)
}

// writersAtOnce: many writers, few numbers.
func writersAtOnce(t TB, location Location) {
	s := open(t, location)
	const writers, rounds = 16, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				e := cnam(int64((i*writers+w)*37%97), fmt.Sprintf("%d.%d", w, i), []string{alice, bob, carol}[w%3], "shared")
				if r, err := s.Append(t.Context(), e); err != nil || r.Duplicate {
					t.Errorf("append: %v %v", r.Duplicate, err)
				}
			}
		})
	}
	wg.Wait()
	same(t, "events", len(contentsOf(t, s).Events), writers*rounds)
	wantModel(t, s)
	s = reopen(t, s, location)
	defer closeStore(t, s)
	wantModel(t, s)
}

// wantModel takes the order in which the store says that it stored the events, and demands everything else to follow
// from it.
func wantModel(t TB, s store.Reader) *Model {
	t.Helper()
	got := contentsOf(t, s)
	m := NewModel()
	for _, e := range got.Events {
		if r := m.Append(e.Event); r.Duplicate {
			t.Errorf("an event is there twice")
		}
		m.events[len(m.events)-1].Quarantine = e.Quarantine
	}
	m.entries = got.Entries
	want := m.contents()
	want.Challenge = got.Challenge
	same(t, "numbers", got.Numbers, want.Numbers)
	same(t, "histories", got.Histories, want.Histories)
	for _, number := range m.Numbers() {
		wantAsOf(t, s, m, number)
	}
	return m
}

// seenWhole: whoever reads while others write sees all of an event or nothing of it.
func seenWhole(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	const rounds = 60
	var numbers []string
	for i := range 50 {
		numbers = append(numbers, fmt.Sprintf("+1555%07d", i))
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(done)
		for i := range rounds {
			if _, err := s.Append(t.Context(), cnam(int64(i), fmt.Sprint(i), numbers...)); err != nil {
				t.Errorf("cannot append: %v", err)
			}
		}
	})
	for range 2 {
		wg.Go(func() {
			for running := true; running; {
				select {
				case <-done:
					running = false
				default:
				}
				list, err := s.Numbers(t.Context(), "", 1000)
				if err != nil {
					t.Errorf("cannot list numbers: %v", err)
					return
				}
				if len(list) == 0 {
					continue
				}
				same(t, "numbers of one event", len(list), len(numbers))
				for _, n := range list {
					if !same(t, "the event of its numbers", n.Values[0].EventID, list[0].Values[0].EventID) {
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"

	"numhook/server/event"
	"numhook/server/store"
)

func twoSeeEachOther(t TB, one, other store.Store) {
	a, b := cnam(10, "A", alice), cnam(5, "B", alice)
	appendNew(t, one, a)
	appendNew(t, other, b)
	appendAgain(t, other, again(a, 1))
	appendAgain(t, one, again(b, 1))
	for _, s := range []store.Store{one, other} {
		wantHistory(t, s, alice, change(b, alice, event.Superseded), change(a, alice, event.Current))
	}
	first, err := one.Quarantine(t.Context(), refusal(1))
	same(t, "error", err, nil)
	second, err := other.Quarantine(t.Context(), refusal(1))
	same(t, "error", err, nil)
	same(t, "entry", second, first)
	wantContents(t, other, contentsOf(t, one))
}

func twoSameEvents(t TB, one, other store.Store) {
	const callers, rounds = 4, 40
	var first [rounds]atomic.Int64
	var wg sync.WaitGroup
	for _, s := range []store.Store{one, other} {
		for caller := range callers {
			wg.Go(func() {
				for i := range rounds {
					r, err := s.Append(t.Context(), again(address(int64(i), "A", alice, bob), caller))
					if err != nil {
						t.Errorf("cannot append: %v", err)
					} else if !r.Duplicate {
						first[i].Add(1)
					}
				}
			})
		}
	}
	wg.Wait()
	for i := range rounds {
		same(t, "receipts that are not duplicates", first[i].Load(), int64(1))
	}
	same(t, "events", len(wantModel(t, one).events), rounds)
	wantContents(t, other, contentsOf(t, one))
}

// twoSameNumbers: two receivers get two events for one number at the same moment.
func twoSameNumbers(t TB, one, other store.Store) {
	const callers, rounds = 4, 30
	var wg sync.WaitGroup
	for i, s := range []store.Store{one, other} {
		for caller := range callers {
			wg.Go(func() {
				for round := range rounds {
					ts := int64((round*callers + caller) * 31 % 23)
					numbers := []string{alice, bob, carol}
					if caller%2 == 0 { // locks taken in another order must not meet
						numbers = []string{carol, bob, alice}
					}
					if _, err := s.Append(t.Context(), cnam(ts, fmt.Sprint(i, caller, round), numbers...)); err != nil {
						t.Errorf("cannot append: %v", err)
					}
				}
			})
		}
	}
	wg.Wait()
	same(t, "events", len(wantModel(t, one).events), 2*callers*rounds)
	wantContents(t, other, contentsOf(t, one))
}

func twoRedrive(t TB, one, other store.Store) {
	const rounds = 20
	var ids []int64
	for i := range rounds {
		id, err := one.Quarantine(t.Context(), refusal(i))
		if err != nil {
			t.Fatalf("cannot quarantine: %v", err)
		}
		ids = append(ids, id)
	}
	var first [rounds]atomic.Int64
	var wg sync.WaitGroup
	for _, s := range []store.Store{one, other} {
		wg.Go(func() {
			for i, id := range ids {
				r, err := s.Redrive(t.Context(), id, cnam(int64(i), "A", alice))
				if err != nil {
					t.Errorf("cannot redrive: %v", err)
				} else if !r.Duplicate {
					first[i].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for i := range rounds {
		same(t, "redrives that were the first", first[i].Load(), int64(1))
	}
	same(t, "events", len(wantModel(t, one).events), rounds)
	held, err := other.Quarantines(t.Context(), event.Held, 0, 100)
	same(t, "error", err, nil)
	same(t, "entries that are still held", len(held), 0)
}

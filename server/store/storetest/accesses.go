package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"numhook/server/event"
)

// access is one of an operator's.
func access(i int) event.Access {
	return event.Access{
		At: someTime.Add(time.Duration(i) * time.Second), Who: []string{"alice", "bob"}[i%2], Role: "reader",
		From: "192.0.2.7", Action: "numbers show", Object: fmt.Sprintf("+1202555%04d", i%3), Result: event.AccessShown,
	}
}

func keepAccess(t TB, s interface {
	RecordAccess(ctx context.Context, a event.Access) (int64, error)
}, a event.Access) event.Access {
	t.Helper()
	id, err := s.RecordAccess(t.Context(), a)
	if err != nil {
		t.Fatalf("cannot record access: %v", err)
	}
	a = a.Cut()
	a.ID = id
	return a
}

func accesses(t TB, location Location) {
	s := open(t, location)
	list, err := s.Accesses(t.Context(), event.AccessFilter{}, 0, 10)
	same(t, "error", err, nil)
	same(t, "accesses of an empty store", len(list), 0)
	looked := keepAccess(t, s, access(1))
	act := access(2)
	act.Result, act.Action = event.AccessBegun, "deliveries retry"
	act.Object, act.Detail = "a\x00b\xffc\u202e", string(make([]byte, 2*event.LongestKept))
	act = keepAccess(t, s, act)
	other := access(3)
	other.Result, other.Object = event.AccessBegun, ""
	other = keepAccess(t, s, other)
	for _, result := range []event.AccessResult{event.AccessRefused, event.AccessDone} { // the first one stands
		same(t, "error", s.ConcludeAccess(t.Context(), act.ID, result), nil)
	}
	act.Result = event.AccessRefused
	wantKind(t, "conclusion of no access", s.ConcludeAccess(t.Context(), other.ID+1, event.AccessDone), event.NotFound)
	same(t, "error", s.ConcludeAccess(t.Context(), looked.ID, event.AccessFailed), nil)
	s = reopen(t, s, location)
	defer closeStore(t, s)
	list, err = s.Accesses(t.Context(), event.AccessFilter{}, 0, 10)
	same(t, "error", err, nil)
	same(t, "accesses", list, []event.Access{other, act, looked})
}

func pagesOfAccesses(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	var all []event.Access
	for i := range 12 {
		all = append(all, keepAccess(t, s, access(i)))
	}
	slices.Reverse(all)
	for _, f := range []event.AccessFilter{
		{}, {Who: "alice"}, {Object: "+12025550001"}, {Who: "bob", Object: "+12025550002"}, {Who: "carol"}, {Object: "+1"},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(a event.Access) bool {
			return f.Who != "" && a.Who != f.Who || f.Object != "" && a.Object != f.Object
		})
		for _, limit := range pageSizes {
			var got []event.Access
			before := int64(0)
			for {
				page, err := s.Accesses(t.Context(), f, before, limit)
				if err != nil {
					t.Fatalf("cannot list accesses: %v", err)
				}
				if len(page) > limit || len(got) > len(all) {
					t.Fatalf("a page of %d has %d rows, behind %d others", limit, len(page), len(got))
				}
				if len(page) == 0 {
					break
				}
				got, before = append(got, page...), page[len(page)-1].ID
			}
			same(t, fmt.Sprintf("accesses by %+v in pages of %d", f, limit), len(got), len(want))
			same(t, fmt.Sprintf("accesses by %+v in pages of %d", f, limit), copyList(got), copyList(want))
		}
	}
	for _, limit := range []int{0, -1} {
		page, err := s.Accesses(t.Context(), event.AccessFilter{}, 0, limit)
		same(t, "error", err, nil)
		same(t, "rows of no page", len(page), 0)
	}
}

func accessesAtOnce(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	const writers, rounds = 8, 20
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range rounds {
				if _, err := s.RecordAccess(t.Context(), access(i)); err != nil {
					t.Errorf("cannot record access: %v", err)
				}
			}
		})
	}
	wg.Wait()
	list, err := s.Accesses(t.Context(), event.AccessFilter{}, 0, 1000)
	same(t, "error", err, nil)
	same(t, "accesses", len(list), writers*rounds)
	seen := map[int64]bool{}
	for _, a := range list {
		if seen[a.ID] {
			t.Errorf("two accesses have the number %d", a.ID)
		}
		seen[a.ID] = true
	}
}

// RecordAccess implements store.Writer.
func (f *Fake) RecordAccess(ctx context.Context, a event.Access) (int64, error) {
	f.require(a.Who != "" && a.Role != "" && a.Action != "" && a.Result != "" && !a.At.IsZero(),
		"an access that does not say who did what: %+v", a)
	if err := f.use(ctx, "record access", true); err != nil {
		return 0, err
	}
	defer f.mu.Unlock()
	a = a.Cut()
	a.ID = int64(len(f.model.accesses) + 1)
	f.model.accesses = append(f.model.accesses, a)
	return a.ID, nil
}

// ConcludeAccess implements store.Writer.
func (f *Fake) ConcludeAccess(ctx context.Context, id int64, result event.AccessResult) error {
	if err := f.use(ctx, "conclude access", true); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if id < 1 || id > int64(len(f.model.accesses)) {
		return notFound("conclude access %d", id)
	}
	if a := &f.model.accesses[id-1]; a.Result == event.AccessBegun {
		a.Result = result
	}
	return nil
}

// Accesses implements store.Reader.
func (f *Fake) Accesses(
	ctx context.Context, filter event.AccessFilter, before int64, limit int,
) (list []event.Access, err error) {
	if err := f.use(ctx, "list accesses", false); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	for _, a := range slices.Backward(f.model.accesses) {
		if (before <= 0 || a.ID < before) && (filter.Who == "" || a.Who == filter.Who) &&
			(filter.Object == "" || a.Object == filter.Object) && len(list) < limit {
			list = append(list, a)
		}
	}
	return list, nil
}

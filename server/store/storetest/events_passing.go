package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"numhook/server/event"
)

// eventsThatPass: whatever the filter, the order and the pages, those that pass are listed, each once.
func eventsThatPass(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	var all []event.Event
	for i := range 12 {
		e := cnam(int64(i), "A", []string{alice, bob, `+1"5`, "+1"}[i%4])
		if i%3 == 0 {
			e = address(int64(i), "A", alice, carol)
		}
		if i%5 == 0 {
			e.AccountID = "account-2"
			e.ID[0]++
		}
		e.Delivery.Received = someTime.Add(time.Duration(11-i) * time.Second)
		all = append(all, e)
	}
	appendNew(t, s, all...)
	at, few := func(i int) time.Time { return someTime.Add(time.Duration(i) * time.Second) }, int64(4)
	for _, f := range []event.Filter{
		{}, {Name: eventNames[event.CNAM]}, {Name: "none"}, {Account: "account-2"}, {Number: alice}, {Number: carol},
		{Number: "+1"}, {Number: `+1"5`}, {Number: "5"}, {Number: "none"}, {Since: at(5)}, {Until: at(5)},
		{Since: at(5).Add(time.Nanosecond)}, {Since: at(3), Until: at(7)}, {Since: at(7), Until: at(3)}, {TSSince: &few},
		{TSUntil: &few}, {TSSince: &few, TSUntil: &few}, {Name: eventNames[event.CNAM], Account: "account-2", Number: bob},
	} {
		for _, newest := range []bool{false, true} {
			f.Newest = newest
			want := []event.ID{}
			for _, e := range all {
				if f.Passes(e) {
					want = append(want, e.ID)
				}
			}
			if newest {
				slices.Reverse(want)
			}
			for _, limit := range pageSizes {
				same(t, fmt.Sprintf("events by %+v in pages of %d", f, limit), passing(t, s, f, limit), want)
			}
		}
	}
	for _, limit := range []int{0, -1} {
		list, next, err := s.EventsPassing(t.Context(), event.Filter{}, 0, limit)
		same(t, "error", err, nil)
		same(t, "events on no page", len(list)+int(next), 0)
	}
}

// passing follows the pages to their end.
func passing(t TB, s interface {
	EventsPassing(context.Context, event.Filter, int64, int) ([]event.Stored, int64, error)
}, f event.Filter, limit int) []event.ID {
	t.Helper()
	got := []event.ID{}
	after := int64(0)
	for range 50 {
		page, next, err := s.EventsPassing(t.Context(), f, after, limit)
		if err != nil || len(page) > limit {
			t.Fatalf("%d events on a page of %d: %v", len(page), limit, err)
		}
		for _, e := range page {
			same(t, "body in a list", e.Delivery.Body == nil, true)
			got = append(got, e.ID)
		}
		if next == 0 {
			return got
		}
		after = next
	}
	t.Fatalf("the pages of %d have no end", limit)
	return nil
}

// EventsPassing implements store.Reader.
func (f *Fake) EventsPassing(
	ctx context.Context, filter event.Filter, after int64, limit int,
) (list []event.Stored, next int64, err error) {
	if err := f.use(ctx, "list events", false); err != nil {
		return nil, 0, err
	}
	defer f.mu.Unlock()
	if limit <= 0 {
		return nil, 0, nil
	}
	events := slices.Clone(f.model.events)
	if filter.Newest {
		slices.Reverse(events)
	}
	for _, e := range events {
		passed := filter.Newest && after > 0 && e.Seq >= after || !filter.Newest && e.Seq <= after
		if passed || !filter.Passes(e.Event) {
			continue
		}
		if len(list) >= limit {
			return list, list[limit-1].Seq, nil
		}
		e.Event = copyEvent(e.Event)
		e.Delivery.Body = nil
		list = append(list, e)
	}
	return list, 0, nil
}

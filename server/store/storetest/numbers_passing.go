package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"numhook/server/event"
)

// numbersThatPass: whatever the filter and the pages, those that pass are listed, each once, in their order.
func numbersThatPass(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	if _, err := s.Register(t.Context(), event.Downstream{Name: "a", Mode: event.Latest, Start: event.FromNow,
		Only: event.Only{Prefixes: []string{"+1555"}}}); err != nil {
		t.Fatalf("cannot register: %v", err)
	}
	numbers := []string{"+1", "+1555", "+15550", "+15551", "+1556", "+16", "a\x00", "a\x00b", "é"}
	for i, number := range numbers {
		e := cnam(int64(i), "A", number)
		if i%3 == 0 {
			e.AccountID = "account-2"
		}
		newer := cnam(int64(100+i), "B", number)
		appendNew(t, s, e, address(int64(i), "A", numbers[i/2*2]))
		if i%2 == 0 {
			appendNew(t, s, newer)
		}
	}
	all := func(...string) bool { return true }
	has := func(list ...string) func(...string) bool {
		return func(n ...string) bool { return slices.Contains(list, n[0]) }
	}
	for _, c := range []struct {
		filter event.NumberFilter
		passes func(...string) bool
	}{
		{event.NumberFilter{}, all}, {event.NumberFilter{Prefix: "+1555"}, all}, {event.NumberFilter{Prefix: "+2"}, all},
		{event.NumberFilter{Prefix: "a\x00"}, all}, {event.NumberFilter{Prefix: "é"}, all},
		{event.NumberFilter{Prefix: "+"}, all},
		{event.NumberFilter{Attribute: event.CNAM}, all},
		{event.NumberFilter{Attribute: event.EmergencyAddress}, has("+1", "+15550", "+1556", "a\x00", "é")},
		{event.NumberFilter{Account: "account-2"}, has("+15551")}, // of "+1" and "a\x00" another account has set it since
		{event.NumberFilter{Account: "none"}, has()},
		{event.NumberFilter{Unconfirmed: true}, has("+1555", "+15550", "+15551")},
		{event.NumberFilter{Unconfirmed: true, Attribute: event.EmergencyAddress, Prefix: "+15"}, has("+15550")},
	} {
		want := []string{}
		for _, number := range numbers {
			if c.passes(number) && strings.HasPrefix(number, c.filter.Prefix) {
				want = append(want, number)
			}
		}
		for _, limit := range pageSizes {
			got, after := []string{}, ""
			for range 50 {
				page, next, err := s.NumbersPassing(t.Context(), c.filter, after, limit)
				if err != nil || len(page) > limit {
					t.Fatalf("%d numbers on a page of %d: %v", len(page), limit, err)
				}
				got = append(got, page...)
				if after = next; next == "" {
					break
				}
			}
			same(t, fmt.Sprintf("numbers by %+v in pages of %d", c.filter, limit), got, want)
		}
	}
	page, next, err := s.NumbersPassing(t.Context(), event.NumberFilter{}, "", 0)
	same(t, "error", err, nil)
	same(t, "numbers on no page", len(page)+len(next), 0)
}

// NumbersPassing implements store.Reader.
func (f *Fake) NumbersPassing(
	ctx context.Context, filter event.NumberFilter, after string, limit int,
) ([]string, string, error) {
	if err := f.use(ctx, "list numbers", false); err != nil {
		return nil, "", err
	}
	defer f.mu.Unlock()
	search := event.NumberSearch{Filter: filter, Limit: limit}
	looked := 0
	for _, number := range f.model.Numbers() {
		if looked == event.NumbersLookedAt {
			break
		}
		if number > filter.Begin(after) {
			looked++
			search.Look(number, f.model.numberPasses(number, filter))
		}
	}
	numbers, next := search.Page()
	return numbers, next, nil
}

// numberPasses is event.NumberFilter but for the prefix.
func (m *Model) numberPasses(number string, f event.NumberFilter) bool {
	n, _ := m.Number(number, 1<<62)
	attribute, account := f.Attribute == "", f.Account == ""
	for _, v := range n.Values {
		attribute = attribute || v.Attribute == f.Attribute
		account = account || v.AccountID == f.Account
	}
	open := !f.Unconfirmed
	for _, o := range m.rows {
		open = open || o.Number == number &&
			(o.State == event.Waiting || o.State == event.Attempting || o.State == event.Dead)
	}
	return attribute && account && open
}

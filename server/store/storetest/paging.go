package storetest

import (
	"fmt"
	"math"
	"slices"

	"numhook/server/event"
)

// pageSizes are tried on the lists: the smallest, ones that do and do not divide the length, and more than there is.
var pageSizes = []int{1, 2, 5, 7, 10, 1000}

func pagesOfNumbers(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	var want []event.Number
	for i := range 10 {
		number := fmt.Sprintf("+1555000%04d", 9-i)
		old, e, street := cnam(int64(i), "OLD", number), cnam(int64(100+i), "NEW", number),
			address(int64(i), "STREET", number)
		appendNew(t, s, e, street, old)
		want = append(want, event.Number{Number: number, Values: []event.Change{change(e, number, event.Current),
			change(street, number, event.Current)}})
	}
	slices.Reverse(want)
	for _, limit := range pageSizes {
		var got []event.Number
		after := ""
		for {
			page, err := s.Numbers(t.Context(), after, limit)
			if err != nil {
				t.Fatalf("cannot list numbers: %v", err)
			}
			if len(page) == 0 {
				break
			}
			if len(page) > limit || len(got) > 10 {
				t.Fatalf("a page of %d has %d rows, behind %d others", limit, len(page), len(got))
			}
			got = append(got, page...)
			after = page[len(page)-1].Number
		}
		same(t, fmt.Sprintf("numbers in pages of %d", limit), got, want)
	}
	for _, p := range []struct {
		after string
		limit int
		want  []event.Number
	}{{"+15550000003", 2, want[4:6]}, {"+15550000003x", 2, want[4:6]}, {"", 0, nil}, {"", -1, nil},
		{"+15550000009", 5, nil}, {"~", 5, nil}} {
		page, err := s.Numbers(t.Context(), p.after, p.limit)
		same(t, "error", err, nil)
		same(t, fmt.Sprintf("page of %d after %q", p.limit, p.after), copyList(page), copyList(p.want))
	}
}

func pagesOfEvents(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	var want []event.ID
	for i := range 10 {
		e := cnam(int64(100-i), "A", alice)
		appendNew(t, s, e)
		want = append(want, e.ID)
	}
	var seqs []int64
	for _, limit := range pageSizes {
		var got []event.ID
		after := int64(0)
		for {
			page, err := s.Events(t.Context(), after, limit)
			if err != nil {
				t.Fatalf("cannot list events: %v", err)
			}
			if len(page) == 0 {
				break
			}
			if len(page) > limit || len(got) > 10 {
				t.Fatalf("a page of %d has %d rows, behind %d others", limit, len(page), len(got))
			}
			for _, e := range page {
				same(t, "body in a list", e.Delivery.Body == nil, true)
				got = append(got, e.ID)
				if limit == 1 {
					seqs = append(seqs, e.Seq)
				}
			}
			after = page[len(page)-1].Seq
		}
		same(t, fmt.Sprintf("events in pages of %d", limit), got, want)
	}
	whole, err := s.EventBodies(t.Context(), seqs[3], 3)
	same(t, "error", err, nil)
	same(t, "events with their bodies", len(whole), 3)
	for _, e := range whole {
		one, err := s.Event(t.Context(), e.ID)
		same(t, "error", err, nil)
		same(t, "event with its body", e, one)
	}
	same(t, "places are in ascending order", slices.IsSorted(seqs), true)
	for _, p := range []struct {
		after int64
		limit int
		want  int
	}{{math.MinInt64, 100, 10}, {seqs[3], 100, 6}, {seqs[9], 100, 0}, {math.MaxInt64, 100, 0}, {0, 0, 0}, {0, -1, 0}} {
		page, err := s.Events(t.Context(), p.after, p.limit)
		same(t, "error", err, nil)
		same(t, fmt.Sprintf("events after %d", p.after), len(page), p.want)
	}
}

func pagesOfQuarantine(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	var ids []int64
	for i := range 10 {
		id, err := s.Quarantine(t.Context(), refusal(i))
		if err != nil {
			t.Fatalf("cannot quarantine: %v", err)
		}
		ids = append(ids, id)
	}
	same(t, "entries are in ascending order", slices.IsSorted(ids), true)
	redriven := []int64{ids[2], ids[3], ids[7]}
	for _, id := range redriven {
		if _, err := s.Redrive(t.Context(), id, cnam(id, "A", alice)); err != nil {
			t.Fatalf("cannot redrive: %v", err)
		}
	}
	held := slices.DeleteFunc(slices.Clone(ids), func(id int64) bool { return slices.Contains(redriven, id) })
	for state, want := range map[event.QuarantineState][]int64{"": ids, event.Held: held, event.Redriven: redriven} {
		for _, limit := range pageSizes {
			var got []int64
			after := int64(0)
			for {
				page, err := s.Quarantines(t.Context(), state, after, limit)
				if err != nil {
					t.Fatalf("cannot list quarantine: %v", err)
				}
				if len(page) == 0 {
					break
				}
				if len(page) > limit || len(got) > 10 {
					t.Fatalf("a page of %d has %d rows, behind %d others", limit, len(page), len(got))
				}
				for _, q := range page {
					same(t, "body in a list", q.Delivery.Body == nil, true)
					got = append(got, q.ID)
				}
				after = page[len(page)-1].ID
			}
			same(t, fmt.Sprintf("entries in state %q in pages of %d", state, limit), got, want)
		}
		page, err := s.Quarantines(t.Context(), state, 0, 0)
		same(t, "error", err, nil)
		same(t, "a page of none", len(page), 0)
	}
}

func identitiesByPrefix(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	var ids []event.ID
	for i := range 64 {
		e := cnam(int64(i), "A", alice)
		// Identities that agree in their first 31 or 8 bytes, next to ordinary ones.
		switch {
		case i < 4:
			e.ID = event.ID{0xab, 0xcd, 30: 0xff, 31: byte(i)}
		case i < 8:
			e.ID = event.ID{0xab, 0xcd, 8: byte(i)}
		}
		appendNew(t, s, e)
		ids = append(ids, e.ID)
	}
	slices.SortFunc(ids, func(a, b event.ID) int { return slices.Compare(a[:], b[:]) })
	first := ids[0].String()
	prefixes := []string{"", "0", "a", "A", "ab", "abc", "ABCD", "abcd000000000000", "abcd0000000000000",
		"abcd00000000000004", first, first[:63], first + "0", "g", "abcg",
		"x'ab'", "%", "zz"}
	for _, prefix := range prefixes {
		var want []event.ID
		for _, id := range ids {
			if len(prefix) <= 64 && equalFold(id.String()[:len(prefix)], prefix) {
				want = append(want, id)
			}
		}
		got, err := s.EventsByPrefix(t.Context(), prefix, 100)
		same(t, "error", err, nil)
		same(t, fmt.Sprintf("identities that begin with %q", prefix), copyList(got), want)
		got, err = s.EventsByPrefix(t.Context(), prefix, 2)
		same(t, "error", err, nil)
		same(t, "as many as asked for", len(got), min(2, len(want)))
		for _, id := range got {
			same(t, "begins with the digits", slices.Contains(want, id), true)
		}
		same(t, "each once", len(slices.Compact(got)), len(got))
	}
}

// equalFold compares hex digits.
func equalFold(a, b string) bool {
	lower := func(s string) string {
		digits := []byte(s)
		for i, d := range digits {
			if 'A' <= d && d <= 'F' {
				digits[i] = d + 'a' - 'A'
			}
		}
		return string(digits)
	}
	return lower(a) == lower(b)
}

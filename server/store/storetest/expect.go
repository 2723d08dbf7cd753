package storetest

import (
	"fmt"
	"math"
	"reflect"

	"numhook/server/event"
	"numhook/server/store"
)

// same fails the test unless both are equal. Values of the samples may be shown: they are nobody's.
func same(t TB, what string, got, want any) bool {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return true
	}
	g, w := reflect.ValueOf(got), reflect.ValueOf(want)
	for i := 0; g.IsValid() && w.IsValid() && g.Kind() == reflect.Slice && w.Kind() == reflect.Slice &&
		i < min(g.Len(), w.Len()); i++ {
		if one, other := g.Index(i).Interface(), w.Index(i).Interface(); !reflect.DeepEqual(one, other) {
			t.Errorf("%s: of %d and %d, the first difference is at %d:\n got %s\nwant %s", what, g.Len(), w.Len(), i, show(one),
				show(other))
			return false
		}
	}
	t.Errorf("%s:\n got %s\nwant %s", what, show(got), show(want))
	return false
}

func show(v any) string {
	const enough = 1000
	text := fmt.Sprintf("%+v", v)
	if len(text) > enough {
		text = fmt.Sprintf("%s... (%d characters)", text[:enough], len(text))
	}
	return text
}

// wantKind fails the test unless err is of the kind.
func wantKind(t TB, what string, err error, kind event.Kind) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want one of kind %s", what, kind)
	} else if got := event.KindOf(err); got != kind {
		t.Errorf("%s: error of kind %s (%v), want %s", what, got, err, kind)
	}
}

// appendNew appends an event that is new.
func appendNew(t TB, s store.Writer, events ...event.Event) {
	t.Helper()
	for _, e := range events {
		r, err := s.Append(t.Context(), e)
		if err != nil {
			t.Fatalf("cannot append: %v", err)
		}
		same(t, "receipt", r, event.Receipt{ID: e.ID})
	}
}

// appendAgain appends an event that is there already.
func appendAgain(t TB, s store.Writer, e event.Event) {
	t.Helper()
	r, err := s.Append(t.Context(), e)
	if err != nil {
		t.Fatalf("cannot append: %v", err)
	}
	same(t, "receipt", r, event.Receipt{ID: e.ID, Duplicate: true})
}

// wantHistory compares the number's history, and its current values, which are the changes of the history that are
// current.
func wantHistory(t TB, s store.Reader, number string, want ...event.Change) {
	t.Helper()
	got, err := s.History(t.Context(), number)
	if err != nil {
		t.Fatalf("cannot read history: %v", err)
	}
	same(t, "history", got, want)
	current := event.Number{Number: number}
	for _, c := range want {
		if c.State == event.Current {
			current.Values = append(current.Values, c)
		}
	}
	n, err := s.Number(t.Context(), number)
	if len(want) == 0 {
		wantKind(t, "a number without changes", err, event.NotFound)
		return
	}
	if err != nil {
		t.Fatalf("cannot read number: %v", err)
	}
	same(t, "number", n, current)
}

// contents is all that a store shows. The numbers that the store itself gives (places, entries) are replaced by ranks,
// so that two stores with the same contents are equal.
type contents struct {
	Numbers   []event.Number
	Histories [][]event.Change
	Events    []event.Stored
	Entries   []event.Quarantined
	Held      [2]int64 // entries that are held, and their bytes
	Challenge string
}

// contentsOf reads everything, page by page.
func contentsOf(t TB, s store.Reader) (all contents) {
	t.Helper()
	ctx := t.Context()
	const page = 100
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("cannot read the store: %v", err)
		}
	}
	for after := ""; ; {
		list, err := s.Numbers(ctx, after, page)
		must(err)
		if len(list) == 0 {
			break
		}
		for _, n := range list {
			if n.Number <= after {
				t.Fatalf("numbers are not in ascending order")
			}
			after = n.Number
			all.Numbers = append(all.Numbers, n)
		}
	}
	for _, n := range all.Numbers {
		list, err := s.History(ctx, n.Number)
		must(err)
		all.Histories = append(all.Histories, list)
	}
	rank := map[int64]int64{}
	for after := int64(0); ; {
		list, err := s.Quarantines(ctx, "", after, page)
		must(err)
		if len(list) == 0 {
			break
		}
		for _, q := range list {
			if q.ID <= after {
				t.Fatalf("entries are not in ascending order: %d after %d", q.ID, after)
			}
			after = q.ID
			q, err := s.QuarantineEntry(ctx, q.ID)
			must(err)
			rank[q.ID] = int64(len(all.Entries) + 1)
			q.ID = rank[q.ID]
			all.Entries = append(all.Entries, q)
		}
	}
	for after := int64(math.MinInt64); ; {
		list, err := s.Events(ctx, after, page)
		must(err)
		if len(list) == 0 {
			break
		}
		for _, e := range list {
			if e.Seq <= after {
				t.Fatalf("events are not in ascending order: %d after %d", e.Seq, after)
			}
			after = e.Seq
			e, err := s.Event(ctx, e.ID)
			must(err)
			e.Seq, e.Quarantine = int64(len(all.Events)+1), rank[e.Quarantine]
			all.Events = append(all.Events, e)
		}
	}
	var err error
	all.Held[0], all.Held[1], err = s.QuarantineHeld(ctx)
	must(err)
	at, err := s.LastChallenge(ctx)
	must(err)
	all.Challenge = at.String()
	return all
}

// contents of the model, in the same form.
func (m *Model) contents() (all contents) {
	for _, number := range m.Numbers() {
		if number == "" {
			continue // it is before every page
		}
		n, _ := m.Number(number, math.MaxInt64)
		all.Numbers = append(all.Numbers, copyNumber(n))
		all.Histories = append(all.Histories, copyNumber(event.Number{Values: m.History(number)}).Values)
	}
	for _, q := range m.entries {
		all.Entries = append(all.Entries, copyQuarantined(q))
	}
	for _, e := range m.events {
		e.Event = copyEvent(e.Event)
		all.Events = append(all.Events, e)
	}
	all.Held[0], all.Held[1] = m.QuarantineHeld()
	all.Challenge = m.challenge.String()
	return all
}

// wantContents compares the store with the right answer, part by part.
func wantContents(t TB, s store.Reader, want contents) {
	t.Helper()
	got := contentsOf(t, s)
	same(t, "events", got.Events, want.Events)
	same(t, "numbers", got.Numbers, want.Numbers)
	same(t, "histories", got.Histories, want.Histories)
	same(t, "quarantine", got.Entries, want.Entries)
	same(t, "what is held", got.Held, want.Held)
	same(t, "challenge", got.Challenge, want.Challenge)
}

// wantAsOf compares the number at every time that matters, and around it.
func wantAsOf(t TB, s store.Reader, m *Model, number string) {
	t.Helper()
	times := map[int64]bool{math.MinInt64: true, math.MaxInt64: true}
	for _, c := range m.History(number) {
		for _, ts := range []int64{c.TS, m.ordered(c)} {
			times[ts] = true
			if ts > math.MinInt64 {
				times[ts-1] = true
			}
			if ts < math.MaxInt64 {
				times[ts+1] = true
			}
		}
	}
	for at := range times {
		got, err := s.NumberAsOf(t.Context(), number, at)
		if err != nil && event.KindOf(err) != event.NotFound {
			t.Fatalf("cannot read number as of %d: %v", at, err)
		}
		want, ok := m.Number(number, at)
		if same(t, fmt.Sprintf("number found as of %d", at), err == nil, ok) && ok {
			same(t, fmt.Sprintf("number as of %d", at), got, copyNumber(want))
		}
	}
}

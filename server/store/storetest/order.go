package storetest

import (
	"math"
	"time"

	"numhook/server/event"
)

func newestWins(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	a, b, c, d := address(2000, "A", alice), address(1000, "B", alice), address(3000, "C", alice),
		address(2500, "D", alice)
	appendNew(t, s, a)
	wantHistory(t, s, alice, change(a, alice, event.Current))
	appendNew(t, s, b)
	wantHistory(t, s, alice, change(b, alice, event.Superseded), change(a, alice, event.Current))
	appendNew(t, s, c)
	wantHistory(t, s, alice, change(b, alice, event.Superseded), change(a, alice, event.Replaced),
		change(c, alice, event.Current))
	appendNew(t, s, d)
	wantHistory(t, s, alice, change(b, alice, event.Superseded), change(a, alice, event.Replaced),
		change(d, alice, event.Superseded),
		change(c, alice, event.Current))
	appendAgain(t, s, again(a, 1))
	wantHistory(t, s, alice, change(b, alice, event.Superseded), change(a, alice, event.Replaced),
		change(d, alice, event.Superseded),
		change(c, alice, event.Current))
}

func tieGoesToLater(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	a, b, c, late := cnam(50, "A", alice), cnam(50, "B", alice), cnam(50, "C", alice), cnam(49, "LATE", alice)
	appendNew(t, s, a, b)
	wantHistory(t, s, alice, change(a, alice, event.Replaced), change(b, alice, event.Current))
	appendNew(t, s, c, late)
	appendAgain(t, s, again(a, 1)) // seen again is not stored later
	wantHistory(t, s, alice, change(late, alice, event.Superseded), change(a, alice, event.Replaced),
		change(b, alice, event.Replaced),
		change(c, alice, event.Current))
	got, err := s.NumberAsOf(t.Context(), alice, 50)
	same(t, "number as of the tie", got,
		event.Number{Number: alice, Values: []event.Change{change(c, alice, event.Current)}})
	same(t, "error", err, nil)
}

// absurdTime: an event_ts that lies a day or more after its receipt is ordered as the receipt, and shown as the sender
// wrote it.
func absurdTime(t TB, location Location) {
	s := open(t, location)
	m := NewModel()
	at := someTime.UnixMilli()
	add := func(ts int64, received time.Duration, name string) event.Event {
		e := cnam(ts, name, alice)
		e.Delivery.Received = someTime.Add(received)
		appendNew(t, s, e)
		m.Append(copyEvent(e))
		return e
	}
	const day, ms = 24 * 60 * 60 * 1000, time.Millisecond
	absurd := add(math.MaxInt64, 0, "ABSURD")
	wantHistory(t, s, alice, change(absurd, alice, event.Current))
	next := add(at+10, 20*ms, "NEXT")
	wantHistory(t, s, alice, change(absurd, alice, event.Replaced), change(next, alice, event.Current))
	edge := add(at+30+day, 30*ms+987*time.Microsecond, "A DAY AHEAD") // receipts count in whole milliseconds
	wantHistory(t, s, alice, change(absurd, alice, event.Replaced), change(next, alice, event.Replaced),
		change(edge, alice, event.Current))
	before, tie := add(at-1, 40*ms, "BEFORE"), add(at+30, 50*ms, "TIE")
	want := []event.Change{change(before, alice, event.Superseded), change(absurd, alice, event.Replaced),
		change(next, alice, event.Replaced),
		change(edge, alice, event.Replaced), change(tie, alice, event.Current)}
	wantHistory(t, s, alice, want...)
	below := add(at+40+day-1, 40*ms, "LESS THAN A DAY AHEAD")
	want[4].State = event.Replaced
	want = append(want, change(below, alice, event.Current))
	s = reopen(t, s, location)
	defer closeStore(t, s)
	wantHistory(t, s, alice, want...)
	for _, c := range []struct {
		at   int64
		want event.Event
	}{{at - 1, before}, {at, absurd}, {at + 9, absurd}, {at + 10, next}, {at + 30, tie}, {at + day, tie},
		{below.TS, below}, {math.MaxInt64, below}} {
		n, err := s.NumberAsOf(t.Context(), alice, c.at)
		same(t, "error", err, nil)
		same(t, "value as of the time", string(n.Values[0].Value), string(c.want.Value))
	}
	wantContents(t, s, m.contents())
	wantAsOf(t, s, m, alice)
}

// absurdRedriven: it is the original receipt that counts.
func absurdRedriven(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	q := refusal(1)
	id, err := s.Quarantine(t.Context(), q)
	if err != nil {
		t.Fatalf("cannot quarantine: %v", err)
	}
	newer := cnam(q.Delivery.Received.UnixMilli()+1, "NEWER", alice)
	newer.Delivery.Received = q.Delivery.Received.Add(time.Hour)
	appendNew(t, s, newer)
	e := cnam(math.MaxInt64, "ABSURD", alice)
	e.Delivery = q.Delivery
	r, err := s.Redrive(t.Context(), id, e)
	same(t, "error", err, nil)
	same(t, "receipt", r, event.Receipt{ID: e.ID})
	wantHistory(t, s, alice, change(e, alice, event.Superseded), change(newer, alice, event.Current))
}

func attributesAreIndependent(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	name, street := cnam(10, "NAME", alice), address(20, "STREET", alice)
	older := cnam(15, "NEWER NAME", alice)
	appendNew(t, s, street, name, older)
	wantHistory(t, s, alice, change(name, alice, event.Replaced), change(older, alice, event.Current),
		change(street, alice, event.Current))
	got, err := s.NumberAsOf(t.Context(), alice, 19)
	same(t, "number before its address", got,
		event.Number{Number: alice, Values: []event.Change{change(older, alice, event.Current)}})
	same(t, "error", err, nil)
}

func asOf(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	m := NewModel()
	for _, e := range []event.Event{address(2000, "A", alice), address(1000, "B", alice), address(3000, "C", alice),
		address(2500, "D", alice),
		cnam(1500, "N", alice), cnam(1500, "M", alice), cnam(-5, "L", alice)} {
		appendNew(t, s, e)
		m.Append(e)
	}
	for _, want := range []struct {
		at    int64
		value string // of the emergency address; empty when it had none
	}{{math.MinInt64, ""}, {999, ""}, {1000, "B"}, {1001, "B"}, {1999, "B"}, {2000, "A"}, {2499, "A"}, {2500, "D"},
		{2999, "D"}, {3000, "C"}, {math.MaxInt64, "C"}} {
		got, err := s.NumberAsOf(t.Context(), alice, want.at)
		if err != nil && event.KindOf(err) != event.NotFound {
			t.Fatalf("cannot read number as of %d: %v", want.at, err)
		}
		value := ""
		for _, c := range got.Values {
			if c.Attribute == event.EmergencyAddress {
				value = string(c.Value)
			}
		}
		expected := ""
		if want.value != "" {
			expected = `{"address_line1":"` + want.value + `"}`
		}
		same(t, "address", value, expected)
	}
	wantAsOf(t, s, m, alice)
	_, err := s.NumberAsOf(t.Context(), bob, 5000)
	wantKind(t, "another number", err, event.NotFound)
}

func absence(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	a := address(10, "A", alice)
	appendNew(t, s, a, silent(event.EmergencyAddress, 20, alice, bob), silent("", 30, alice))
	wantHistory(t, s, alice, change(a, alice, event.Current))
	wantHistory(t, s, bob)
	same(t, "numbers", len(contentsOf(t, s).Numbers), 1)
	stored, err := s.Event(t.Context(), silent(event.EmergencyAddress, 20, alice, bob).ID)
	same(t, "error", err, nil)
	same(t, "event without a value", stored.Event, copyEvent(silent(event.EmergencyAddress, 20, alice, bob)))
	// An empty name and a null are values.
	empty, null := cnam(40, "", alice), sample(event.CNAM, 50, "null", bob)
	appendNew(t, s, empty, null)
	wantHistory(t, s, alice, change(empty, alice, event.Current), change(a, alice, event.Current))
	wantHistory(t, s, bob, change(null, bob, event.Current))
}

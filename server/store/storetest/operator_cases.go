package storetest

import (
	"fmt"
	"slices"
	"time"

	"numhook/server/event"
)

// operatorCases: what an operator, or a downstream that is new, enqueues and looks at.
func operatorCases() []OutboxCase {
	return []OutboxCase{
		{"owe what is stored", enqueueStored},
		{"owe again", enqueueAgain},
		{"owe an old page", enqueueOldPage},
		{"owe passes the filters", enqueueFilters},
		{"owe every event", enqueueEvery},
		{"owe thousands", enqueueThousands},
		{"pages of what is owed", pagesOfOutbox},
	}
}

// enqueue enqueues changes, first dry, and wants so many.
func enqueue(t TB, s Outbox, downstream string, changes []event.Change, again bool, want int) {
	t.Helper()
	before, stands := allOutbox(t, s, event.OutboxFilter{}), status(t, s, downstream)
	n, err := s.Enqueue(t.Context(), downstream, changes, again, true)
	same(t, "error", err, nil)
	same(t, "would be owed", n, want)
	same(t, "what is owed after a dry run", allOutbox(t, s, event.OutboxFilter{}), before)
	same(t, "standing after a dry run", status(t, s, downstream), stands)
	n, err = s.Enqueue(t.Context(), downstream, changes, again, false)
	same(t, "error", err, nil)
	same(t, "owed", n, want)
}

// currents are the current values of the numbers.
func currents(t TB, s Outbox, numbers ...string) (list []event.Change) {
	t.Helper()
	for _, number := range numbers {
		n, err := s.Number(t.Context(), number)
		if err != nil {
			t.Fatalf("cannot read number: %v", err)
		}
		list = append(list, n.Values...)
	}
	return list
}

func enqueueStored(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	appendNew(t, s, cnam(1, "OLD", alice), cnam(2, "A", alice, bob), address(3, "B", bob))
	d := newestOnly
	d.Start = event.FromSnapshot
	register(t, s, d)
	wantOutbox(t, s, "newest")
	clock.Move(time.Hour)
	snapshot := currents(t, s, alice, bob)
	enqueue(t, s, "newest", nil, false, 0)
	enqueue(t, s, "newest", snapshot, false, 3)
	at := kept(clock.Now())
	for _, o := range allOutbox(t, s, event.OutboxFilter{}) {
		same(t, "since and due", []time.Time{o.Since, o.Due}, []time.Time{at, at})
	}
	want := []row{{alice, `"A"`, event.Waiting, 0}, {bob, `"A"`, event.Waiting, 0},
		{bob, `{"address_line1":"B"}`, event.Waiting, 0}}
	wantOutbox(t, s, "newest", want...)
	clock.Move(time.Hour)
	enqueue(t, s, "newest", snapshot, false, 0)
	enqueue(t, s, "newest", snapshot, true, 0) // it waits already
	wantOutbox(t, s, "newest", want...)
	same(t, "oldest", status(t, s, "newest").Oldest, at)
	a := claim(t, s, "newest", 1, 1)
	enqueue(t, s, "newest", snapshot, true, 0) // and who is under way is under way
	confirm(t, s, a...)
}

func enqueueAgain(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly)
	numbers := []string{alice, bob, carol}
	appendNew(t, s, cnam(2, "A", numbers...))
	list := claim(t, s, "newest", 10, 3)
	confirm(t, s, list[0])
	record(t, s, list[1], event.Refused, 0, true)
	record(t, s, list[2], event.Retry, time.Hour, true)
	if err := s.Skip(t.Context(), list[2].Row); err != nil {
		t.Fatalf("cannot skip: %v", err)
	}
	changes := currents(t, s, numbers...)
	enqueue(t, s, "newest", changes, false, 0)
	wantOutbox(t, s, "newest", row{alice, `"A"`, event.Delivered, 1}, row{bob, `"A"`, event.Dead, 1},
		row{carol, `"A"`, event.Skipped, 1})
	before := allOutbox(t, s, event.OutboxFilter{})
	at := kept(clock.Move(time.Hour))
	enqueue(t, s, "newest", slices.Concat(changes, changes[:1]), true, 3) // one of them twice
	for i := range before {
		before[i].State, before[i].Tries, before[i].Since, before[i].Due = event.Waiting, 0, at, at
	}
	same(t, "begun anew", allOutbox(t, s, event.OutboxFilter{}), before)
	for i, a := range claim(t, s, "newest", 10, 3) {
		same(t, "the same row", a.Row, list[i].Row)
		same(t, "the same version", a.Seq, list[i].Seq)
		same(t, "try", a.Try, 1)
		confirm(t, s, a)
	}
}

func enqueueOldPage(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	appendNew(t, s, cnam(5, "A", alice, bob), cnam(5, "B", carol))
	page := currents(t, s, alice, bob, carol)
	register(t, s, newestOnly)
	appendNew(t, s, cnam(6, "NEW", alice), cnam(5, "TIE", carol)) // between the reading of the page and its use
	confirm(t, s, claim(t, s, "newest", 10, 2)...)
	for _, again := range []bool{true, false, true} {
		enqueue(t, s, "newest", page, again,
			map[bool]int{true: 1}[len(allOutbox(t, s, event.OutboxFilter{Number: bob})) == 0])
		wantOutbox(t, s, "newest", row{alice, `"NEW"`, event.Delivered, 1}, row{bob, `"A"`, event.Waiting, 0},
			row{carol, `"TIE"`, event.Delivered, 1})
	}
	history, err := s.History(t.Context(), alice)
	same(t, "error", err, nil)
	enqueue(t, s, "newest", history, true, 1) // the older one of the two is passed over
	wantOutbox(t, s, "newest", row{alice, `"NEW"`, event.Waiting, 0}, row{bob, `"A"`, event.Waiting, 0},
		row{carol, `"TIE"`, event.Delivered, 1})
}

func enqueueFilters(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	us, ca := inCountry(1, `"US"`, alice, bob), inCountry(1, `"CA"`, carol)
	appendNew(t, s, us, ca, cnam(1, "N", alice))
	changes := currents(t, s, alice, bob, carol)
	d := narrow(newestOnly, "d", event.Only{Countries: []string{"US"}}, us.Name)
	register(t, s, d,
		narrow(newestOnly, "carrier", event.Only{CarrierCodes: []int32{1}}),
		narrow(newestOnly, "bob", event.Only{Prefixes: []string{bob}}))
	enqueue(t, s, "carrier", changes, true, 0)
	enqueue(t, s, "bob", changes, true, 1)
	enqueue(t, s, "d", changes, true, 2)
	wantOutbox(t, s, "d", row{alice, string(us.Value), event.Waiting, 0}, row{bob, string(us.Value), event.Waiting, 0})
	// Once told, always told: a number that has a row passes Only.
	moved := inCountry(2, `"CA"`, alice)
	appendNew(t, s, moved)
	confirm(t, s, claim(t, s, "d", 10, 2)...)
	enqueue(t, s, "d", currents(t, s, alice, carol), true, 1)
	wantOutbox(t, s, "d", row{alice, string(moved.Value), event.Waiting, 0}, row{bob, string(us.Value), event.Delivered,
		1})
	// A value that it did not subscribe to, and now does.
	names := narrow(newestOnly, "d", event.Only{Prefixes: []string{alice}}, us.Name, eventNames[event.CNAM])
	register(t, s, names)
	enqueue(t, s, "d", currents(t, s, alice, bob), false, 1)
	wantOutbox(t, s, "d", row{alice, `"N"`, event.Waiting, 0}, row{alice, string(moved.Value), event.Waiting, 0},
		row{bob, string(us.Value), event.Delivered, 1})
}

// said is what the event says about each of its numbers, as somebody finds it who goes through the events.
func said(e event.Event) (list []event.Change) {
	for _, number := range subjects(e) {
		list = append(list, change(e, number, ""))
	}
	return list
}

func enqueueEvery(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	events := []event.Event{cnam(3, "3", alice, bob), cnam(1, "1", alice), silent(event.CNAM, 2, alice), silent("", 4),
		cnam(5, "5", alice)}
	appendNew(t, s, events[:4]...)
	d := allOfIt
	d.Start = event.FromBeginning
	register(t, s, d, newestOnly)
	appendNew(t, s, events[4])
	var all []event.Change
	for _, e := range events {
		all = append(all, said(e)...)
	}
	enqueue(t, s, "all", all, false, 5)
	enqueue(t, s, "newest", all, false, 1) // bob's; what is no value is enqueued for nobody who wants values
	wantOutbox(t, s, "newest", row{alice, `"5"`, event.Waiting, 0}, row{bob, `"3"`, event.Waiting, 0})
	confirm(t, s, claim(t, s, "all", 10, 3)...) // nobody's, alice's first, bob's
	wantLine(t, s, "all", "", `"3"`, `"5"`)
	enqueue(t, s, "all", all, false, 0)
	enqueue(t, s, "all", all[:3], true, 3)
	enqueue(t, s, "all", all, true, 3)
	confirm(t, s, claim(t, s, "all", 10, 3)...)
	wantLine(t, s, "all", "", `"3"`, `"5"`)
	same(t, "error", s.Filled(t.Context(), "all"), nil)
	same(t, "filled", status(t, s, "all").Filled, true)
}

func enqueueThousands(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	const count = 3000
	var numbers []string
	for i := range count {
		numbers = append(numbers, fmt.Sprintf("+1555%07d", i))
	}
	e := cnam(1, "A", numbers...)
	appendNew(t, s, e)
	register(t, s, newestOnly, allOfIt)
	for _, name := range []string{"newest", "all"} {
		outbox := 0
		for page := range slices.Chunk(said(e), 500) {
			n, err := s.Enqueue(t.Context(), name, page, false, false)
			same(t, "error", err, nil)
			outbox += n
		}
		same(t, "owed", outbox, count)
		wantCounts(t, s, name, count, 0, 0)
		n, err := s.Enqueue(t.Context(), name, said(e), true, false)
		same(t, "error", err, nil)
		same(t, "owed once more", n, 0)
		claim(t, s, name, count+1, count)
	}
}

func pagesOfOutbox(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	list, err := s.OutboxRows(t.Context(), event.OutboxFilter{}, 0, 10)
	same(t, "error", err, nil)
	same(t, "a page of nothing", list == nil, true)
	register(t, s, newestOnly, allOfIt)
	var numbers []string
	for i := range 23 {
		numbers = append(numbers, fmt.Sprintf("+1555%07d", i))
	}
	appendNew(t, s, cnam(1, "A", numbers...), address(2, "B", numbers[:5]...))
	for i, a := range claim(t, s, "newest", 11, 11) {
		if i < 4 {
			record(t, s, a, event.Refused, 0, true)
		}
	}
	all := allOutbox(t, s, event.OutboxFilter{})
	same(t, "rows", len(all), 56)
	for _, f := range []event.OutboxFilter{
		{}, {Downstream: "newest"}, {Downstream: "unknown"}, {Number: numbers[3]}, {Number: "unknown"},
		{State: event.Waiting}, {State: event.Attempting},
		{State: event.Dead}, {State: event.Delivered}, {Downstream: "newest", Number: numbers[3]},
		{Downstream: "all", State: event.Waiting},
		{Downstream: "newest", State: event.Dead}, {Downstream: "all", State: event.Dead},
		{Downstream: "newest", Number: numbers[3], State: event.Waiting},
		{Number: numbers[3], State: event.Waiting},
		{Until: all[20].ID}, {State: event.Dead, Until: all[20].ID}, {Number: numbers[3], Until: all[3].ID}, {Until: -1},
	} {
		var want []event.OutboxRow
		for _, o := range all {
			if (f.Downstream == "" || o.Downstream == f.Downstream) && (f.Number == "" || o.Number == f.Number) &&
				(f.State == "" || o.State == f.State) && (f.Until == 0 || o.ID <= f.Until) {
				want = append(want, o)
			}
		}
		for _, size := range []int{1, 7, 1000} {
			var got []event.OutboxRow
			for after := int64(0); ; after = got[len(got)-1].ID {
				page, err := s.OutboxRows(t.Context(), f, after, size)
				same(t, "error", err, nil)
				if len(page) == 0 {
					break
				}
				same(t, "a page that is too large", len(page) > size, false)
				got = append(got, page...)
			}
			same(t, fmt.Sprintf("pages of %d of %+v", size, f), got, want)
		}
	}
	list, err = s.OutboxRows(t.Context(), event.OutboxFilter{}, 0, 0)
	same(t, "error", err, nil)
	same(t, "an empty page", len(list), 0)
}

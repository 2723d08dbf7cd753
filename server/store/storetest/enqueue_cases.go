package storetest

import (
	"fmt"
	"time"

	"numhook/server/event"
)

// enqueueCases: rules 7 and 8, the outbox when an event is stored.
func enqueueCases() []OutboxCase {
	return []OutboxCase{
		{"owed with the event", outboxWithEvent},
		{"filters", filters},
		{"a filter holds in every mode", filtersOfEvery},
		{"nobody is owed what came before", nothingFromBefore},
		{"a repetition owes nothing", repetitionEnqueuesNothing},
		{"a redrive owes", redriveEnqueues},
		{"only the newest is owed", onlyNewestOutbox},
		{"a tie owes the later", tieEnqueuesLater},
		{"a newer value does not wait", newerDoesNotWait},
		{"once told, always told", onceTold},
		{"an event without numbers is owed", noNumbersOutbox},
		{"an event without a value is owed", noValueOutbox},
		{"null is handed on as null", nullOutbox},
		{"strange numbers are owed", strangeNumbersOutbox},
		{"ten thousand numbers are owed", tenThousandOutbox},
	}
}

func outboxWithEvent(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt)
	at := kept(clock.Now())
	a, b := address(20, "A", alice), cnam(10, "B", alice)
	appendNew(t, s, a)
	clock.Move(time.Minute)
	appendNew(t, s, b)
	for _, d := range []event.Downstream{newestOnly, allOfIt} {
		list := byNumber(allOutbox(t, s, event.OutboxFilter{Downstream: d.Name}))
		same(t, "rows", len(list), 2)
		for i, want := range []event.OutboxRow{
			{Attribute: event.CNAM, EventID: b.ID, EventName: b.Name, TS: 10, Value: b.Value, Since: at.Add(time.Minute),
				Due: at.Add(time.Minute)},
			{Attribute: event.EmergencyAddress, EventID: a.ID, EventName: a.Name, TS: 20, Value: a.Value, Since: at, Due: at},
		} {
			want.ID, want.Downstream, want.Number, want.State = list[i].ID, d.Name, alice, event.Waiting
			same(t, "row", list[i], want)
			one, err := s.OutboxRow(t.Context(), want.ID)
			same(t, "error", err, nil)
			same(t, "row alone", one, want)
		}
	}
	_, err := s.OutboxRow(t.Context(), 1<<40)
	wantKind(t, "a row that is not there", err, event.NotFound)
}

// inCountry is an emergency address in a country.
func inCountry(ts int64, country string, numbers ...string) event.Event {
	return sample(event.EmergencyAddress, ts, `{"city":"Somewhere","country":`+country+`}`, numbers...)
}

func filters(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly,
		narrow(newestOnly, "names", event.Only{}, eventNames[event.CNAM], "another.event"),
		narrow(newestOnly, "carrier", event.Only{CarrierCodes: []int32{-1, 3457}}),
		narrow(newestOnly, "other carrier", event.Only{CarrierCodes: []int32{34570}}),
		narrow(newestOnly, "us", event.Only{Countries: []string{"US", "PR"}}),
		narrow(newestOnly, "prefix", event.Only{Prefixes: []string{"+1555010000", "+49"}}),
		narrow(newestOnly, "us names", event.Only{Countries: []string{"US"}, Prefixes: []string{bob}},
			eventNames[event.EmergencyAddress]),
	)
	name, us, ca := cnam(1, "N", alice, "+4930"), inCountry(2, `"US"`, alice, bob, "+3322"), inCountry(3, `"CA"`, carol)
	// What names no country passes: no member of exactly that name, or no text.
	lower, upper, null := inCountry(4, `"us"`, "+491"), sample(event.EmergencyAddress, 5,
		`{"COUNTRY":"CA","Country":"CA"}`, "+492"), inCountry(6, `null`, "+493")
	appendNew(t, s, name, us, ca, lower, upper, null)
	w := func(number string, e event.Event) row { return row{number, string(e.Value), event.Waiting, 0} }
	wantOutbox(t, s, "newest", w(alice, name), w(alice, us), w(bob, us), w(carol, ca), w("+3322", us), w("+491", lower),
		w("+492", upper), w("+493", null),
		w("+4930", name))
	wantOutbox(t, s, "names", w(alice, name), w("+4930", name))
	wantOutbox(t, s, "carrier", w(alice, name), w(alice, us), w(bob, us), w(carol, ca), w("+3322", us), w("+491", lower),
		w("+492", upper), w("+493", null),
		w("+4930", name))
	wantOutbox(t, s, "other carrier")
	wantOutbox(t, s, "us", w(alice, name), w(alice, us), w(bob, us), w("+3322", us), w("+492", upper), w("+493", null),
		w("+4930", name))
	wantOutbox(t, s, "prefix", w(alice, name), w(alice, us), w(bob, us), w(carol, ca), w("+491", lower), w("+492", upper),
		w("+493", null), w("+4930", name))
	wantOutbox(t, s, "us names", w(bob, us))
}

func filtersOfEvery(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, allOfIt,
		narrow(allOfIt, "names", event.Only{}, eventNames[event.CNAM]),
		narrow(allOfIt, "us", event.Only{Countries: []string{"US"}}),
		narrow(allOfIt, "alice", event.Only{Prefixes: []string{alice}}))
	name, us, ca := cnam(3, "N", alice), inCountry(2, `"US"`, alice, bob), inCountry(1, `"CA"`, alice, bob)
	appendNew(t, s, name, us, ca)
	w := func(number string, e event.Event) row { return row{number, string(e.Value), event.Waiting, 0} }
	wantOutbox(t, s, "all", w(alice, name), w(alice, ca), w(alice, us), w(bob, ca), w(bob, us))
	wantOutbox(t, s, "names", w(alice, name))
	// told once is not always told: each event is a subject of its own
	wantOutbox(t, s, "us", w(alice, name), w(alice, us), w(bob, us))
	wantOutbox(t, s, "alice", w(alice, name), w(alice, ca), w(alice, us))
}

func nothingFromBefore(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	a, b := cnam(10, "A", alice, bob), cnam(11, "B", alice)
	appendNew(t, s, a)
	register(t, s, newestOnly, allOfIt)
	appendAgain(t, s, again(a, 1))
	for _, d := range []event.Downstream{newestOnly, allOfIt} {
		wantOutbox(t, s, d.Name)
	}
	appendNew(t, s, b)
	for _, d := range []event.Downstream{newestOnly, allOfIt} {
		wantOutbox(t, s, d.Name, row{alice, `"B"`, event.Waiting, 0})
	}
}

func repetitionEnqueuesNothing(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt)
	a := cnam(10, "A", alice)
	appendNew(t, s, a)
	appendAgain(t, s, again(a, 1))
	for _, d := range []event.Downstream{newestOnly, allOfIt} {
		attempt := claimOne(t, s, d.Name, `"A"`)
		appendAgain(t, s, again(a, 2))
		confirm(t, s, attempt)
		appendAgain(t, s, again(a, 3))
		wantOutbox(t, s, d.Name, row{alice, `"A"`, event.Delivered, 1})
		wantNext(t, s, d.Name, time.Time{})
	}
}

func redriveEnqueues(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt)
	id, err := s.Quarantine(t.Context(), refusal(1))
	same(t, "error", err, nil)
	a, b := cnam(10, "A", alice), cnam(5, "B", alice, bob)
	appendNew(t, s, a)
	for range 2 { // the second time it is redriven already
		if _, err = s.Redrive(t.Context(), id, b); err != nil {
			t.Fatalf("cannot redrive: %v", err)
		}
		wantOutbox(t, s, "newest", row{alice, `"A"`, event.Waiting, 0}, row{bob, `"B"`, event.Waiting, 0})
		wantOutbox(t, s, "all", row{alice, `"B"`, event.Waiting, 0}, row{alice, `"A"`, event.Waiting, 0},
			row{bob, `"B"`, event.Waiting, 0})
	}
	_, err = s.Redrive(t.Context(), id+1000, cnam(99, "C", alice))
	wantKind(t, "redrive of what is not there", err, event.NotFound)
	wantOutbox(t, s, "newest", row{alice, `"A"`, event.Waiting, 0}, row{bob, `"B"`, event.Waiting, 0})
}

func onlyNewestOutbox(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly)
	appendNew(t, s, cnam(2000, "A", alice))
	before := onlyRow(t, s, "newest")
	clock.Move(time.Hour)
	appendNew(t, s, cnam(1000, "LATE", alice))
	same(t, "the row after a late event", onlyRow(t, s, "newest"), before)
	appendNew(t, s, cnam(3000, "B", alice))
	after := onlyRow(t, s, "newest")
	same(t, "id", after.ID, before.ID)
	same(t, "value", string(after.Value), `"B"`)
	same(t, "since", after.Since, before.Since) // a newer value is enqueued for it since then
	same(t, "due", after.Due, before.Due)       // it keeps its place before what became due since
	confirm(t, s, claimOne(t, s, "newest", `"B"`))
	appendNew(t, s, cnam(2500, "LATE", alice))
	wantOutbox(t, s, "newest", row{alice, `"B"`, event.Delivered, 1})
	clock.Move(time.Hour)
	appendNew(t, s, cnam(3001, "C", alice), address(1, "ADDRESS", alice))
	list := byNumber(allOutbox(t, s, event.OutboxFilter{}))
	same(t, "rows", len(list), 2)
	same(t, "id", list[0].ID, before.ID)
	same(t, "since", list[0].Since, kept(clock.Now()))
	wantOutbox(t, s, "newest", row{alice, `"C"`, event.Waiting, 0}, row{alice, `{"address_line1":"ADDRESS"}`,
		event.Waiting, 0})
}

func tieEnqueuesLater(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly)
	appendNew(t, s, cnam(50, "A", alice), cnam(50, "B", alice))
	wantOutbox(t, s, "newest", row{alice, `"B"`, event.Waiting, 0})
	confirm(t, s, claimOne(t, s, "newest", `"B"`))
	appendNew(t, s, cnam(50, "AB", alice))
	wantOutbox(t, s, "newest", row{alice, `"AB"`, event.Waiting, 0})
}

// newerDoesNotWait: the wait was for the older value, and so were its tries.
func newerDoesNotWait(t TB, location Location, clock *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly)
	for i, end := range []event.Verdict{event.Retry, event.Refused} {
		appendNew(t, s, cnam(int64(10*i+1), fmt.Sprint(i), alice))
		record(t, s, claimOne(t, s, "newest", fmt.Sprintf(`"%d"`, i)), end,
			map[bool]time.Duration{true: time.Hour}[end == event.Retry], true)
		clock.Move(time.Minute)
		value := fmt.Sprintf(`"newer %d"`, i)
		appendNew(t, s, cnam(int64(10*i+2), fmt.Sprint("newer ", i), alice))
		o := onlyRow(t, s, "newest")
		same(t, "tries", o.Tries, 0)
		same(t, "due", o.Due, kept(clock.Now()))
		a := claimOne(t, s, "newest", value)
		same(t, "try", a.Try, 1)
		confirm(t, s, a)
	}
}

func onceTold(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	d := narrow(newestOnly, "us", event.Only{Countries: []string{"US"}, CarrierCodes: []int32{3457}},
		eventNames[event.EmergencyAddress])
	register(t, s, d)
	us, ca := inCountry(10, `"US"`, alice), inCountry(20, `"CA"`, alice, bob)
	appendNew(t, s, us)
	confirm(t, s, claimOne(t, s, "us", string(us.Value)))
	appendNew(t, s, ca)
	// or 911 would keep the old address for ever; of bob it knows nothing
	wantOutbox(t, s, "us", row{alice, string(ca.Value), event.Waiting, 0})
	confirm(t, s, claimOne(t, s, "us", string(ca.Value)))
	other := inCountry(30, `"MX"`, alice)
	other.CarrierCode = 1
	other.Delivery.Body = append(other.Delivery.Body, ' ')
	appendNew(t, s, other)
	wantOutbox(t, s, "us", row{alice, string(other.Value), event.Waiting, 0})
	if err := s.Skip(t.Context(), onlyRow(t, s, "us").ID); err != nil {
		t.Fatalf("cannot skip: %v", err)
	}
	late, name := inCountry(15, `"US"`, alice), cnam(50, "N", alice)
	appendNew(t, s, late, name) // superseded, and of another attribute
	wantOutbox(t, s, "us", row{alice, string(other.Value), event.Skipped, 0})
	// The names of events are no such filter: what it does not subscribe to it is never told.
	d.Events = []string{"another.event"}
	register(t, s, d)
	appendNew(t, s, inCountry(60, `"US"`, alice))
	wantOutbox(t, s, "us", row{alice, string(other.Value), event.Skipped, 0})
}

func noNumbersOutbox(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt, narrow(allOfIt, "prefix", event.Only{Prefixes: []string{"+1"}}))
	appendNew(t, s, cnam(1, "NOBODY"), silent("", 2))
	wantOutbox(t, s, "newest")
	wantOutbox(t, s, "prefix")
	wantOutbox(t, s, "all", row{"", "", event.Waiting, 0}, row{"", `"NOBODY"`, event.Waiting, 0})
	a := claimOne(t, s, "all", `"NOBODY"`)
	same(t, "no previous value", a.Previous == nil, true)
	confirm(t, s, a)
	confirm(t, s, claimOne(t, s, "all", ""))
}

func noValueOutbox(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt, narrow(allOfIt, "us", event.Only{Countries: []string{"US"}}))
	appendNew(t, s, cnam(1, "A", alice), silent(event.CNAM, 2, alice, bob), silent(event.EmergencyAddress, 3, alice),
		silent("", 4, alice))
	wantOutbox(t, s, "newest", row{alice, `"A"`, event.Waiting, 0})
	for _, name := range []string{"all", "us"} {
		wantOutbox(t, s, name, row{alice, "", event.Waiting, 0}, row{alice, `"A"`, event.Waiting, 0},
			row{alice, "", event.Waiting, 0},
			row{alice, "", event.Waiting, 0}, row{bob, "", event.Waiting, 0})
	}
	confirm(t, s, claim(t, s, "all", 10, 2)...)
	a := claim(t, s, "all", 10, 1)[0]
	same(t, "attribute", a.Attribute, event.CNAM)
	same(t, "no value", a.Value == nil, true)
	same(t, "no previous value", a.Previous == nil, true) // what has no value follows none
	same(t, "superseded", a.Superseded, false)
}

// nullOutbox: an event whose value is null sets nothing. In mode every it says so, be its body short or long; one in
// which there is no value says nothing.
func nullOutbox(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt)
	many := []string{alice}
	for i := range 500 {
		many = append(many, fmt.Sprintf("+1312555%04d", i))
	}
	short, long := sample(event.CNAM, 2, "null", alice), sample(event.CNAM, 3, "null", many...)
	short.Value, long.Value = nil, nil
	appendNew(t, s, cnam(1, "A", alice), short, long, silent(event.CNAM, 4, alice))
	wantOutbox(t, s, "newest", row{alice, `"A"`, event.Waiting, 0})
	number, err := s.Number(t.Context(), alice)
	if err != nil {
		t.Fatalf("number: %v", err)
	}
	same(t, "value", string(number.Values[0].Value), `"A"`)
	counts := map[string]int{}
	for _, rows := range []int{len(many), 1, 1, 1} { // a number's events one after the other
		attempts := claim(t, s, "all", 1000, rows)
		for _, a := range attempts {
			counts[fmt.Sprintf("%d %s", a.TS, a.Value)]++
			same(t, "damaged", a.Damaged, "")
		}
		confirm(t, s, attempts...)
	}
	for what, want := range map[string]int{`1 "A"`: 1, "2 null": 1, "3 null": len(many), "4 ": 1} {
		same(t, what, counts[what], want)
	}
}

func strangeNumbersOutbox(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	register(t, s, newestOnly, allOfIt, narrow(newestOnly, "nul", event.Only{Prefixes: []string{"a\x00"}}),
		narrow(allOfIt, "'\u00e9", event.Only{Prefixes: []string{"\u00e9"}}))
	m := NewModel()
	for i, text := range strangeTexts {
		e := cnam(int64(i), text, text)
		appendNew(t, s, e, silent(event.CNAM, int64(1000+i), text))
		m.Append(copyEvent(e))
	}
	s = outbox(t, reopen(t, s, location))
	defer closeStore(t, s)
	var want []row
	for _, number := range m.Numbers() {
		want = append(want, row{number, string(m.changes[number][0].Value), event.Waiting, 0})
	}
	wantOutbox(t, s, "newest", want...)
	wantOutbox(t, s, "nul", row{"a\x00b", quote("a\x00b"), event.Waiting, 0})
	wantOutbox(t, s, "'\u00e9", row{"\u00e9", quote("\u00e9"), event.Waiting, 0}, row{"\u00e9", "", event.Waiting, 0})
	for _, number := range m.Numbers() {
		if number == "" {
			continue // stands for all in a filter
		}
		list := byNumber(allOutbox(t, s, event.OutboxFilter{Number: number, Downstream: "all"}))
		same(t, "rows of a number", len(list), 2)
		same(t, "number", list[1].Number, number)
	}
	for range 2 {
		list := claim(t, s, "all", 1000, len(want))
		for i, a := range list {
			same(t, "number claimed", a.Number, want[i].number)
		}
		confirm(t, s, list...)
	}
}

func tenThousandOutbox(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, narrow(allOfIt, "all", event.Only{Prefixes: []string{"+15550001"}}))
	const count = 10_000
	numbers := make([]string, count)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("+1555%07d", i)
	}
	appendNew(t, s, cnam(5, "ACME", numbers...), cnam(4, "LATE", numbers...), cnam(6, "ONE", numbers[7]))
	wantCounts(t, s, "newest", count, 0, 0)
	wantCounts(t, s, "all", 2*1000, 0, 0)
	list := claim(t, s, "newest", count+1, count)
	for i, a := range list {
		want := `"ACME"`
		if i == 7 {
			want = `"ONE"`
		}
		if !same(t, "number", a.Number, numbers[i]) || !same(t, "value", string(a.Value), want) {
			return
		}
	}
	for _, a := range claim(t, s, "all", count, 1000) {
		if !same(t, "value", string(a.Value), `"LATE"`) { // the sender's clock is the order
			return
		}
	}
}

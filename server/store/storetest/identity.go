package storetest

import (
	"encoding/json"
	"time"

	"numhook/server/event"
)

func emptyStore(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	ctx := t.Context()
	if err := s.Ready(ctx); err != nil {
		t.Errorf("an empty store is not ready: %v", err)
	}
	same(t, "contents", contentsOf(t, s), contents{Challenge: time.Time{}.String()})
	wantHistory(t, s, alice)
	_, err := s.NumberAsOf(ctx, alice, 1)
	wantKind(t, "number", err, event.NotFound)
	_, err = s.Event(ctx, cnam(1, "A", alice).ID)
	wantKind(t, "event", err, event.NotFound)
	_, err = s.QuarantineEntry(ctx, 1)
	wantKind(t, "entry", err, event.NotFound)
	_, err = s.Redrive(ctx, 1, cnam(1, "A", alice))
	wantKind(t, "redrive", err, event.NotFound)
	list, err := s.EventsByPrefix(ctx, "", 10)
	same(t, "identities", len(list), 0)
	same(t, "error", err, nil)
	same(t, "contents after what was not found", contentsOf(t, s), contents{Challenge: time.Time{}.String()})
}

func fullEvent() event.Event {
	e := address(1_764_000_000_123, "1 Example Street", alice, bob)
	e.CarrierCode = -42
	e.Drift = []event.Finding{{Kind: event.Drift, Rule: "unknown-member", Pointer: "/payload/county~1",
		Message: `a member <that> is & unknown`, Line: 3, Column: 9,
		Spec: "/components/schemas/EmergencyAddress"}}
	e.Lint = []event.Finding{
		{Kind: event.Lint, Rule: "number-not-e164", Pointer: "/payload/object/phone_numbers/0",
			Message: "a number is not E.164", Line: 1, Column: 1},
		{Kind: event.Lint, Rule: "event-name", Pointer: "/event", Message: "the name is another one"},
	}
	e.Delivery.Path = "/number_management.peering_number_emergency_address_updated"
	e.Delivery.Header = event.Header{RequestID: "request", TrackingID: "tracking", Timestamp: "1764000000",
		Signature: "v0=00", ContentType: "application/json",
		UserAgent: "agent/1.0 <\"&é>", Traceparent: "00-1-2-03"}
	e.Delivery.Body = append([]byte("\xef\xbb\xbf \r\n"), e.Delivery.Body...)
	return e
}

func eventComesBack(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	e := fullEvent()
	appendNew(t, s, e)
	got, err := s.Event(t.Context(), e.ID)
	if err != nil {
		t.Fatalf("cannot read event: %v", err)
	}
	if got.Seq == 0 {
		t.Errorf("the event has no place")
	}
	want := event.Stored{Event: copyEvent(e), Seq: got.Seq}
	same(t, "event", got, want)
	want.Delivery.Body = nil
	list, err := s.Events(t.Context(), got.Seq-1, 10)
	same(t, "list", list, []event.Stored{want})
	same(t, "error", err, nil)
	wantHistory(t, s, alice, change(e, alice, event.Current))
	wantHistory(t, s, bob, change(e, bob, event.Current))
}

// bareEvent: the sender's own example has empty strings everywhere and no number.
func bareEvent(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	e := cnam(1, "")
	e.AccountID, e.CarrierCode = "", 0
	appendNew(t, s, e)
	plain := event.Event{ID: event.Identify([]byte("{}")), Name: "some.event", Delivery: event.Delivery{Received: someTime,
		Path: "/", Body: []byte("{}")}}
	appendNew(t, s, plain)
	all := contentsOf(t, s)
	same(t, "events", all.Events, []event.Stored{{Event: copyEvent(e), Seq: 1}, {Event: copyEvent(plain), Seq: 2}})
	same(t, "numbers", len(all.Numbers), 0)
}

func identity(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	e := cnam(10, "ACME", alice)
	appendNew(t, s, e)
	for times := range 3 {
		appendAgain(t, s, again(e, times+1))
	}
	all := contentsOf(t, s)
	same(t, "events", all.Events, []event.Stored{{Event: copyEvent(e), Seq: 1}})
	wantHistory(t, s, alice, change(e, alice, event.Current))
}

// identityIsNotBytes: one body can be written in many ways, and two events can come in equal bytes only if they are
// equal.
func identityIsNotBytes(t TB, location Location) {
	s := open(t, location)
	defer closeStore(t, s)
	first, second := cnam(10, "ACME", alice), cnam(10, "ACME", bob)
	second.Delivery = first.Delivery
	appendNew(t, s, first, second)
	spaced := again(first, 1)
	spaced.Delivery.Body, _ = json.MarshalIndent(json.RawMessage(first.Delivery.Body), "", "\t")
	appendAgain(t, s, spaced)
	same(t, "number of events", len(contentsOf(t, s).Events), 2)
	wantHistory(t, s, bob, change(second, bob, event.Current))
}

func identityForEver(t TB, location Location) {
	s := open(t, location)
	old, newer := cnam(10, "OLD", alice), cnam(20, "NEW", alice)
	appendNew(t, s, old, newer)
	s = reopen(t, s, location)
	appendAgain(t, s, again(old, 1))
	appendAgain(t, s, again(newer, 1))
	s = reopen(t, s, location)
	defer closeStore(t, s)
	appendAgain(t, s, again(old, 2))
	same(t, "number of events", len(contentsOf(t, s).Events), 2)
	wantHistory(t, s, alice, change(old, alice, event.Replaced), change(newer, alice, event.Current))
}

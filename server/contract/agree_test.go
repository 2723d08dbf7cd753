package contract

import (
	"testing"

	"numhook/server/event"
)

// stored is an event as the receiver makes it of a body.
func stored(body string) event.Event {
	d := Parse([]byte(body))
	canonical, _ := d.Canonical()
	value, _ := d.Canonical("payload", "object", "cnam")
	return event.Event{
		ID: event.Identify(canonical), Name: "a.b", TS: 1000, AccountID: "acct", CarrierCode: 7,
		Numbers: []string{"+1", "+2"}, Attribute: event.CNAM, Value: value,
		Delivery: event.Delivery{Path: "/", Body: []byte(body)},
	}
}

const told = `{"event":"a.b", "event_ts":1e3, "payload":{"account_id":"acct","object":{"carrier_code":7.0,"cnam":"A",` +
	`"phone_numbers":["+1","+2","+1"]}}}`

// Each column that is kept of a body is held against it, and so is the body against the identity.
func TestAgrees(t *testing.T) {
	if err := Agrees(stored(told)); err != nil {
		t.Fatal(err)
	}
	absent := stored(`{"event":"a.b","event_ts":1000,"payload":{"account_id":"acct","object":{"carrier_code":7,` +
		`"phone_numbers":["+1","+2"]}}}`)
	if err := Agrees(absent); err != nil {
		t.Errorf("without a value: %v", err)
	}
	byPath := stored(`{"event":"other","event_ts":1000,"payload":{"account_id":"acct","object":{"carrier_code":7,` +
		`"cnam":"A","phone_numbers":["+1","+2"]}}}`)
	byPath.Delivery.Path = "/proxy/a.b/"
	if err := Agrees(byPath); err != nil {
		t.Errorf("named by the path: %v", err)
	}
	for what, alter := range map[string]func(*event.Event){
		"identity":      func(e *event.Event) { e.ID[3] ^= 1 },
		"body":          func(e *event.Event) { e.Delivery.Body[len(e.Delivery.Body)/2] ^= 1 },
		"no body":       func(e *event.Event) { e.Delivery.Body = nil },
		"name":          func(e *event.Event) { e.Name = "a.c" },
		"event_ts":      func(e *event.Event) { e.TS++ },
		"account":       func(e *event.Event) { e.AccountID = "acct2" },
		"carrier":       func(e *event.Event) { e.CarrierCode++ },
		"number":        func(e *event.Event) { e.Numbers[1] = "+3" },
		"a number less": func(e *event.Event) { e.Numbers = e.Numbers[:1] },
		"a number more": func(e *event.Event) { e.Numbers = append(e.Numbers, "+3") },
		"order":         func(e *event.Event) { e.Numbers[0], e.Numbers[1] = e.Numbers[1], e.Numbers[0] },
		"value":         func(e *event.Event) { e.Value[1] ^= 1 },
		"no value":      func(e *event.Event) { e.Value = nil },
		"attribute":     func(e *event.Event) { e.Attribute = event.EmergencyAddress },
		"no attribute":  func(e *event.Event) { e.Attribute = "" },
	} {
		e := stored(told)
		alter(&e)
		if Agrees(e) == nil {
			t.Errorf("another %s agrees", what)
		}
	}
	e := stored(told)
	if err := Sets(e.ID, e.Attribute, e.Value, e.Delivery.Body); err != nil {
		t.Error(err)
	}
	if Sets(e.ID, e.Attribute, []byte(`"B"`), e.Delivery.Body) == nil || Sets(event.ID{}, e.Attribute, e.Value,
		e.Delivery.Body) == nil {
		t.Error("another value, or identity, agrees")
	}
}

func BenchmarkAgrees(b *testing.B) {
	e := stored(told)
	b.ReportAllocs()
	for b.Loop() {
		if err := Agrees(e); err != nil {
			b.Fatal(err)
		}
	}
}

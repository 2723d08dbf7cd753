package sound

import (
	"errors"
	"testing"

	"numhook/server/event"
)

// What was found good is looked at once; whatever differs from it in anything that is looked at is looked at anew, and
// what was found bad always.
func TestRemembering(t *testing.T) {
	looks, wrong := 0, error(nil)
	c := Remembering(Check{
		Event: func(event.Event) error { looks++; return wrong },
		Value: func(event.ID, event.Attribute, []byte, []byte) error { looks++; return wrong },
	})
	good := func() event.Event {
		e := event.Event{ID: event.ID{1}, Name: "a", TS: 2, AccountID: "b", CarrierCode: 3, Numbers: []string{"+1", "+2"},
			Attribute: event.CNAM, Value: []byte(`""`)}
		e.Delivery.Path, e.Delivery.Body = "/a", []byte(`{"a":1}`)
		return e
	}
	look := func(e event.Event) int {
		before := looks
		if err := c.Event(e); !errors.Is(err, wrong) {
			t.Errorf("%v, want %v", err, wrong)
		}
		return looks - before
	}
	wrong = errors.New("wrong")
	for range 2 {
		if look(good()) != 1 {
			t.Error("what was found bad was not looked at again")
		}
	}
	wrong = nil
	if first, second := look(good()), look(good()); first != 1 || second != 0 {
		t.Error("what was found good was looked at again")
	}
	e, before := good(), looks
	if err := c.Value(e.ID, e.Attribute, e.Value, e.Delivery.Body); err != nil || looks != before {
		t.Error("the value of a good event was looked at again")
	}
	wrong = errors.New("wrong")
	for what, alter := range map[string]func(*event.Event){
		"identity":      func(e *event.Event) { e.ID[31] ^= 1 },
		"name":          func(e *event.Event) { e.Name = "c" },
		"event_ts":      func(e *event.Event) { e.TS++ },
		"account":       func(e *event.Event) { e.AccountID = "c" },
		"carrier":       func(e *event.Event) { e.CarrierCode++ },
		"number":        func(e *event.Event) { e.Numbers[1] = "+3" },
		"cut number":    func(e *event.Event) { e.Numbers = []string{"+", "1+2"} },
		"a number less": func(e *event.Event) { e.Numbers = e.Numbers[:1] },
		"attribute":     func(e *event.Event) { e.Attribute = event.EmergencyAddress },
		"value":         func(e *event.Event) { e.Value[0] ^= 1 },
		"no value":      func(e *event.Event) { e.Value = nil },
		"empty value":   func(e *event.Event) { e.Value = []byte{} },
		"path":          func(e *event.Event) { e.Delivery.Path = "/b" },
		"body":          func(e *event.Event) { e.Delivery.Body[3] ^= 1 },
		"no body":       func(e *event.Event) { e.Delivery.Body = nil },
	} {
		e := good()
		alter(&e)
		if look(e) != 1 {
			t.Errorf("another %s was not looked at", what)
		}
		if what == "value" || what == "body" || what == "no value" || what == "attribute" || what == "identity" {
			if err := c.Value(e.ID, e.Attribute, e.Value, e.Delivery.Body); err == nil {
				t.Errorf("a value with another %s was not looked at", what)
			}
		}
	}
}

func BenchmarkRemembering(b *testing.B) {
	c := Remembering(Check{Event: func(event.Event) error { return nil }, Value: func(event.ID, event.Attribute, []byte,
		[]byte) error {
		return nil
	}})
	e := event.Event{ID: event.ID{1}, Name: "number_management.peering_number_cnam_updated",
		Numbers: []string{"+12025550143"}, Value: make([]byte, 100)}
	e.Delivery.Body = make([]byte, 500)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Event(e); err != nil {
			b.Fatal(err)
		}
	}
}

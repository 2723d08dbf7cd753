package event_test

import (
	"testing"

	"numhook/server/event"
)

func TestCountry(t *testing.T) {
	for _, c := range []struct {
		attribute   event.Attribute
		value, want string
	}{
		{event.EmergencyAddress, `{"country":"US","city":"x"}`, "US"},
		{event.EmergencyAddress, `{"COUNTRY":"CA","country":"US"}`, "US"},
		{event.EmergencyAddress, `{"country":"US","COUNTRY":"CA"}`, "US"},
		{event.EmergencyAddress, `{"Country":"CA"}`, ""},
		{event.EmergencyAddress, `{"country":null}`, ""},
		{event.EmergencyAddress, `{"country":7}`, ""},
		{event.EmergencyAddress, `{"country":["US"]}`, ""},
		{event.EmergencyAddress, `{"country":""}`, ""},
		{event.EmergencyAddress, `{"at":{"country":"US"}}`, ""},
		{event.EmergencyAddress, `"US"`, ""},
		{event.EmergencyAddress, `null`, ""},
		{event.EmergencyAddress, ``, ""},
		{event.CNAM, `{"country":"US"}`, ""},
		{"", `{"country":"US"}`, ""},
	} {
		if got := event.Country(c.attribute, []byte(c.value)); got != c.want {
			t.Errorf("country of %s %s: %q, want %q", c.attribute, c.value, got, c.want)
		}
	}
}

func TestOnlyPasses(t *testing.T) {
	type only = event.Only
	for _, c := range []struct {
		only            event.Only
		carrier         int32
		country, number string
		want            bool
	}{
		{only{}, 1, "US", "+1", true},
		{only{CarrierCodes: []int32{1, 2}}, 2, "US", "+1", true},
		{only{CarrierCodes: []int32{1, 2}}, 3, "US", "+1", false},
		{only{Countries: []string{"US", "CA"}}, 3, "CA", "+1", true},
		{only{Countries: []string{"US", "CA"}}, 3, "MX", "+1", false},
		{only{Countries: []string{"US"}}, 3, "us", "+1", false},
		{only{Countries: []string{"US"}}, 3, "", "+1", true},
		{only{Prefixes: []string{"+1555", "+49"}}, 3, "", "+4930", true},
		{only{Prefixes: []string{"+1555", "+49"}}, 3, "", "+1556", false},
		{only{Prefixes: []string{"+1555"}}, 3, "", "+155", false},
		{only{Prefixes: []string{"+1555"}}, 3, "", "", false},
		{only{Prefixes: []string{"a\x00b"}}, 3, "", "a\x00c", false},
		{only{CarrierCodes: []int32{1}, Countries: []string{"US"}, Prefixes: []string{"+1"}}, 1, "US", "+1", true},
		{only{CarrierCodes: []int32{1}, Countries: []string{"US"}, Prefixes: []string{"+1"}}, 1, "US", "+2", false},
	} {
		if got := c.only.Passes(c.carrier, c.country, c.number); got != c.want {
			t.Errorf("%+v passes %d %q %q: %v", c.only, c.carrier, c.country, c.number, got)
		}
	}
	if d := (event.Downstream{Events: []string{"a", "b"}}); !d.Wants("b") || d.Wants("c") ||
		!(event.Downstream{}).Wants("c") {
		t.Error("a downstream wants other events than it names")
	}
}

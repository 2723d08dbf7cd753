package dispatch

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/spec"
)

// FuzzWrap: whatever the store holds, the envelope fits its document, and the values are in it as they are.
func FuzzWrap(f *testing.F) {
	for _, name := range spec.Examples() {
		body, _ := spec.Example(name)
		f.Add(body, "+13125550142", "A", int64(1), int32(1), 1, false)
	}
	f.Add([]byte(`{"payload":{"object":{"cnam":"\ud83d\ude00\u2028<>&"}}}`), "", "\u2028", int64(-1), int32(-1), 9, true)
	f.Add([]byte(`{"payload":{"object":{"emergency_address":{"address_line1":"","x":[1e400,{"a":null}]}}}}`), "\x00", "",
		int64(1<<62), int32(0), 1, true)
	sent := downstreams(f)
	doc, err := spec.Load()
	if err != nil {
		f.Fatal(err)
	}
	received, err := contract.New(doc)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte, number, accountID string, ts int64, code int32, try int, superseded bool) {
		if !utf8.ValidString(number) || !utf8.ValidString(accountID) || try < 1 {
			t.Skip("no store gives it out")
		}
		d := contract.Parse(body)
		for _, attribute := range []event.Attribute{event.CNAM, event.EmergencyAddress} {
			a := attempt()
			a.Number, a.AccountID, a.TS, a.CarrierCode, a.Try, a.Superseded, a.Attribute = number, accountID, ts, code, try,
				superseded, attribute
			a.Value, _ = d.Canonical("payload", "object", string(attribute))
			a.Previous = a.Value
			e, err := Wrap(a)
			if err != nil { // for a value that the sender's contract does not allow
				if fits(received, attribute, a.Value) {
					t.Fatalf("%s: %v", a.Value, err)
				}
				continue
			}
			if !fits(received, attribute, a.Value) {
				continue
			}
			for _, one := range findings(sent, e.Body) {
				if one != "event-ts-implausible /event_ts" {
					t.Fatalf("%s: %s", e.Body, one)
				}
			}
			for _, member := range []string{"value", "previous_value"} {
				if got, ok := contract.Parse(e.Body).Canonical(member); !bytes.Equal(got, a.Value) || ok != (a.Value != nil) {
					t.Fatalf("%s of %s is %s, want %s", member, e.Body, got, a.Value)
				}
			}
			if !bytes.Contains(e.Body, a.Value) || bytes.ContainsRune(e.Body, '\n') {
				t.Fatalf("%s does not hold %s as it is, or not on one line", e.Body, a.Value)
			}
		}
	})
}

// fits reports whether the sender's contract allows the value for the attribute. An absent one it always does.
func fits(c *contract.Contract, attribute event.Attribute, value json.RawMessage) bool {
	if value == nil {
		return true
	}
	name := map[event.Attribute]string{
		event.CNAM:             "number_management.peering_number_cnam_updated",
		event.EmergencyAddress: "number_management.peering_number_emergency_address_updated",
	}[attribute]
	body := `{"event":"` + name + `","event_ts":1,"payload":{"account_id":"","object":{"carrier_code":1,` +
		`"phone_numbers":[],"` + string(attribute) + `":` + string(value) + `}}}`
	return len(c.Check(name, contract.Parse([]byte(body)), 0).Violations) == 0
}

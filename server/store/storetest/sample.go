package storetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"numhook/server/event"
)

// The numbers that most cases use.
const (
	alice = "+15550100001"
	bob   = "+15550100002"
	carol = "+15550100003"
)

// Names of the sender's events, by what they change.
var eventNames = map[event.Attribute]string{
	event.CNAM:             "number_management.peering_number_cnam_updated",
	event.EmergencyAddress: "number_management.peering_number_emergency_address_updated",
}

// someTime is when the first sample was received; each case counts on from there.
var someTime = time.Date(2026, 2, 3, 4, 5, 6, 789_012_000, time.UTC)

// cnam is an event that sets the caller-ID name of the numbers.
func cnam(ts int64, name string, numbers ...string) event.Event {
	return sample(event.CNAM, ts, quote(name), numbers...)
}

// address is an event that sets the emergency address of the numbers.
func address(ts int64, line string, numbers ...string) event.Event {
	return sample(event.EmergencyAddress, ts, `{"address_line1":`+quote(line)+`}`, numbers...)
}

// silent is an event that speaks of the numbers, and has no value.
func silent(attribute event.Attribute, ts int64, numbers ...string) event.Event {
	return sample(attribute, ts, "", numbers...)
}

// sample builds an event as the server does: its identity follows from its content alone.
func sample(attribute event.Attribute, ts int64, value string, numbers ...string) event.Event {
	list, err := json.Marshal(numbers)
	if err != nil {
		panic(err)
	}
	member := ""
	if value != "" {
		member = fmt.Sprintf(`,%q:%s`, attribute, value)
	}
	body := fmt.Sprintf(`{"event":%q,"event_ts":%d,"payload":{"account_id":"account-1","object":{"carrier_code":3457%s,`+
		`"phone_numbers":%s}}}`,
		eventNames[attribute], ts, member, list)
	e := event.Event{
		ID: event.Identify([]byte(body)), Name: cmp.Or(eventNames[attribute], "some.event"), TS: ts, AccountID: "account-1",
		CarrierCode: 3457, Numbers: numbers,
		Attribute: attribute,
		Delivery: event.Delivery{Received: someTime.Add(time.Duration(ts%1000) * time.Millisecond), Path: "/",
			Body: []byte(body)},
	}
	if value != "" {
		e.Value = json.RawMessage(value)
	}
	return e
}

// again is the same event in another delivery: later, signed again, with other white space and through the other path.
func again(e event.Event, times int) event.Event {
	e.Delivery.Received = e.Delivery.Received.Add(time.Duration(times) * 5 * time.Minute)
	e.Delivery.Path = "/" + e.Name
	e.Delivery.Header.TrackingID = fmt.Sprintf("tracking-%d", times)
	e.Delivery.Header.Signature = fmt.Sprintf("v0=%064x", times)
	e.Delivery.Body = []byte(strings.Repeat(" ", times) + string(e.Delivery.Body) + "\r\n")
	return e
}

// refusal is a signed delivery that broke the contract.
func refusal(n int) event.Quarantined {
	return event.Quarantined{
		Reason: event.Invalid, EventName: eventNames[event.CNAM],
		Violations: []event.Finding{{Kind: event.Violation, Rule: "required", Pointer: "/payload",
			Message: "a required member is missing"}},
		Delivery: event.Delivery{Received: someTime.Add(time.Duration(n) * time.Second), Path: "/",
			Body: fmt.Appendf(nil, `{"event_ts":%d}`, n)},
	}
}

func quote(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// change is what History shows of the event for one of its numbers.
func change(e event.Event, number string, state event.State) event.Change {
	return event.Change{Number: number, Attribute: e.Attribute, Value: e.Value, State: state, TS: e.TS, EventID: e.ID,
		EventName: e.Name, AccountID: e.AccountID,
		CarrierCode: e.CarrierCode, Received: kept(e.Delivery.Received)}
}

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// What downstreams get can be validated as it is: every envelope names its operation itself, and no custom of the
// sender's events is looked for in it.
func TestValidateEnvelopes(t *testing.T) {
	s := newSite(t)
	document, err := filepath.Abs("../../spec/downstream.json")
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Abs("../../spec/examples-downstream")
	if err != nil {
		t.Fatal(err)
	}
	var envelopes []string
	for _, a := range []event.Attempt{
		{Attribute: event.CNAM, Number: "lobby", Value: json.RawMessage(`"A NAME THAT NO TELEPHONE NETWORK HAS: ÄÖÜ"`),
			Previous: json.RawMessage(`""`), Superseded: true, Try: 1},
		{Attribute: event.EmergencyAddress, Number: "+1", Value: json.RawMessage(`{"address_line1":"","country":"usa",` +
			`"county":[1e400]}`), Try: 12},
		{Attribute: event.EmergencyAddress, Value: json.RawMessage(`{"address_line1":""}`), Try: 1},
		{Number: "+1", Try: 1},
	} {
		a.TS, a.Received = 1739927164902, time.Date(2025, 2, 19, 1, 6, 5, 0, time.UTC)
		e, err := dispatch.Wrap(a)
		if err != nil {
			t.Fatal(err)
		}
		envelopes = append(envelopes, string(e.Body))
	}
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(s.folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("good.ndjson", strings.Join(envelopes, "\n"))
	if got := s.run("validate", "--strict", "--spec", document, examples, "good.ndjson"); got.code != exitGood ||
		got.stdout != "no findings in 7 payloads of 4 files\n" {
		t.Errorf("good envelopes: exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
	put("bad.json", strings.NewReplacer(`"value":"A`, `"value":["A`, `","version":1`, `"],"version":2`, `"attempt":1`,
		`"attempt":0`, `"event_ts":1739927164902`, `"event_ts":1739927164`,
		`"number":"lobby",`, ``).Replace(envelopes[0]))
	got := s.run("validate", "--spec", document, "bad.json")
	for _, want := range []string{
		"bad.json:1:28: error: the number must be at least 1 (minimum)", `error: the member "number" is required`,
		"error: the value must be a string, not an array (type)",
		"error: the value must be the one that the contract gives (const)",
		"warning: the time is before 2010 in milliseconds, as the sender counts; it may be in seconds (event-ts-implausible)",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("it does not say %q: %s", want, got.stdout)
		}
	}
	if got.code != exitNo || strings.Count(got.stdout, ": error: ") != 4 {
		t.Errorf("a bad envelope: exit code %d: %s%s", got.code, got.stdout, got.stderr)
	}
}

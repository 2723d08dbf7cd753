package dispatch

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	gen "numhook/gen/downstream"
	"numhook/server/contract"
	"numhook/server/event"
	"numhook/spec"
	"numhook/spec/compose"
)

// downstreams is the contract of what is sent, as numhook validate --spec spec/downstream.json reads it.
func downstreams(t testing.TB) *contract.Contract {
	t.Helper()
	composed, err := compose.Compose(spec.Downstream(), spec.Overlay())
	if err != nil {
		t.Fatal(err)
	}
	doc, err := compose.Load(composed.JSON)
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// findings are what a check of the envelope finds, by rule and place.
func findings(c *contract.Contract, body []byte) (list []string) {
	d := contract.Parse(body)
	name, violations := contract.Operation(d)
	if len(violations) == 0 {
		r := c.Check(name, d, 0)
		violations = slices.Concat(r.Violations, r.Drift, r.Lint)
	}
	for _, one := range violations {
		list = append(list, one.Rule+" "+one.Pointer)
	}
	return list
}

func attempt() event.Attempt {
	return event.Attempt{
		Row: 7, Claim: 9, Seq: 11, Downstream: "e911", Number: "+13125550142", Attribute: event.CNAM,
		Value: json.RawMessage(`"EXAMPLE DENTAL"`),
		TS:    1739927164902, EventID: event.Identify([]byte("one")),
		EventName: "number_management.peering_number_cnam_updated",
		AccountID: "Fq7cXl2sT5-nEJc3bVzP1w", CarrierCode: 3457, Received: time.Date(2025, 2, 19, 1, 6, 5, 113204000,
			time.UTC), Try: 1,
		Since: time.Date(2025, 2, 19, 1, 6, 5, 0, time.UTC),
	}
}

func wrap(t testing.TB, a event.Attempt) Envelope {
	t.Helper()
	e, err := Wrap(a)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestWrapGivesTheseBytes(t *testing.T) {
	const (
		start = `{"account_id":"Fq7cXl2sT5-nEJc3bVzP1w","attempt":1,`
		id    = `"event_id":"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed","event_ts":1739927164902,`
		cnam  = `"sender_event":"number_management.peering_number_cnam_updated",`
	)
	address := func(a *event.Attempt) {
		a.Attribute, a.EventName = event.EmergencyAddress, "number_management.peering_number_emergency_address_updated"
		a.Value = json.RawMessage(`{"address_line1":"<1> & O'Hara \u0001","county":{"n":12345678901234567890.5e400},` +
			`"zip":"é💩` + "\u2028" + `"}`)
	}
	for name, test := range map[string]struct {
		change func(a *event.Attempt)
		want   string
	}{
		"a first name": {func(*event.Attempt) {}, start + `"attribute":"cnam","carrier_code":3457,` +
			`"event":"numhook.cnam_changed",` + id +
			`"id":"chg_ID","number":"+13125550142","received":"2025-02-19T01:06:05.113204Z",` + cnam +
			`"superseded":false,"value":"EXAMPLE DENTAL","version":1}`},
		"an empty name after another, from elsewhere, later": {func(a *event.Attempt) {
			a.Value, a.Previous, a.Superseded, a.Try = json.RawMessage(`""`), json.RawMessage(`"<b>&"`), true, 1<<31
			a.Received = a.Received.In(time.FixedZone("", -7200)).Truncate(time.Second)
		}, `{"account_id":"Fq7cXl2sT5-nEJc3bVzP1w","attempt":2147483648,"attribute":"cnam","carrier_code":3457,` +
			`"event":"numhook.cnam_changed",` + id +
			`"id":"chg_ID","number":"+13125550142","previous_value":"<b>&","received":"2025-02-19T01:06:05Z",` + cnam +
			`"superseded":true,"value":"","version":1}`},
		"an address that nothing may change in": {address, start +
			`"attribute":"emergency_address","carrier_code":3457,"event":"numhook.emergency_address_changed",` + id +
			`"id":"chg_ID","number":"+13125550142","received":"2025-02-19T01:06:05.113204Z",` +
			`"sender_event":"number_management.peering_number_emergency_address_updated","superseded":false,` +
			`"value":{"address_line1":"<1> & O'Hara \u0001","county":{"n":12345678901234567890.5e400},"zip":"é💩` + "\u2028" +
			`"},"version":1}`},
		"no number": {func(a *event.Attempt) { a.Number = "" }, start + `"attribute":"cnam","carrier_code":3457,` +
			`"event":"numhook.event_received",` + id +
			`"id":"chg_ID","received":"2025-02-19T01:06:05.113204Z",` + cnam + `"superseded":false,"value":"EXAMPLE DENTAL",` +
			`"version":1}`},
		"no value": {func(a *event.Attempt) { a.Value, a.Previous = nil, json.RawMessage(`"A"`) }, start +
			`"attribute":"cnam","carrier_code":3457,"event":"numhook.event_received",` + id +
			`"id":"chg_ID","number":"+13125550142","previous_value":"A","received":"2025-02-19T01:06:05.113204Z",` + cnam +
			`"superseded":false,"version":1}`},
		"nothing, with the extremes of all numbers": {func(a *event.Attempt) {
			*a = event.Attempt{TS: -1 << 63, CarrierCode: -1 << 31, Try: 1<<63 - 1, Received: time.Unix(0, 0),
				EventID: a.EventID}
		}, `{"account_id":"","attempt":9223372036854775807,"carrier_code":-2147483648,"event":"numhook.event_received",` +
			`"event_id":"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed","event_ts":-9223372036854775808,` +
			`"id":"chg_ID","received":"1970-01-01T00:00:00Z","sender_event":"","superseded":false,"version":1}`},
		"hostile text": {func(a *event.Attempt) {
			a.Number, a.AccountID = "+1\" \\\x00\x7f\ufeff\u202e", "</script>\u2028\U0010ffff"
		}, `{"account_id":"</script>\u2028` +
			"\U0010ffff" + `","attempt":1,"attribute":"cnam","carrier_code":3457,"event":"numhook.cnam_changed",` + id +
			`"id":"chg_ID","number":"+1\" \\\u0000` + "\x7f\ufeff\u202e" + `","received":"2025-02-19T01:06:05.113204Z",` + cnam +
			`"superseded":false,"value":"EXAMPLE DENTAL","version":1}`},
	} {
		t.Run(name, func(t *testing.T) {
			a := attempt()
			test.change(&a)
			e := wrap(t, a)
			if want := strings.Replace(test.want, "chg_ID", e.ID, 1); string(e.Body) != want {
				t.Errorf("the body is\n%s, want\n%s", e.Body, want)
			}
			if e.Number != a.Number {
				t.Errorf("the key is %q", e.Number)
			}
			found := findings(downstreams(t), e.Body)
			if a.TS < 0 {
				found = slices.DeleteFunc(found, func(one string) bool { return one == "event-ts-implausible /event_ts" })
			}
			if len(found) > 0 {
				t.Errorf("it does not fit its own document: %q", found)
			}
		})
	}
}

func TestWrapRefuses(t *testing.T) {
	const (
		uncounted = "cannot wrap the change: attempts are counted from 1"
		unknown   = "cannot wrap the change: the attribute is not known"
		otherType = "cannot wrap the change: the value is not of the attribute's type"
		unwritten = "cannot wrap the change: the value is not JSON, or the time cannot be written"
	)
	for _, test := range []struct {
		change func(a *event.Attempt)
		want   string
	}{
		{func(a *event.Attempt) { a.Try = 0 }, uncounted},
		{func(a *event.Attempt) { a.Attribute = "fax" }, unknown},
		{func(a *event.Attempt) { a.Attribute = "" }, otherType},
		{func(a *event.Attempt) { a.Value = json.RawMessage(`{"secret":1}`) }, otherType},
		{func(a *event.Attempt) { a.Attribute, a.Value = "", json.RawMessage(`null`) }, otherType},
		{func(a *event.Attempt) { a.Previous = json.RawMessage(`null`) }, otherType},
		{func(a *event.Attempt) { a.Value = json.RawMessage(`"secret`) }, unwritten},
		{func(a *event.Attempt) { a.Previous = json.RawMessage(`"secret""b"`) }, unwritten},
		{func(a *event.Attempt) { a.Received = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, unwritten},
	} {
		a := attempt()
		test.change(&a)
		if e, err := Wrap(a); err == nil || err.Error() != test.want || !reflect.DeepEqual(e, Envelope{}) {
			t.Errorf("got %q and %v, want %q", e.Body, err, test.want)
		}
	}
}

// TestNullIsHandedOn: what was said to be null is no change, and comes as null.
func TestNullIsHandedOn(t *testing.T) {
	a := attempt()
	for value, want := range map[string]string{"null": `"value":null`, "": ``} {
		if a.Value = json.RawMessage(value); value == "" {
			a.Value = nil
		}
		body := string(wrap(t, a).Body)
		if !strings.Contains(body, `"event":"numhook.event_received"`) || !strings.Contains(body, `"attribute":"cnam"`) ||
			want != "" && !strings.Contains(body, want) || want == "" && strings.Contains(body, `"value"`) {
			t.Errorf("the envelope of %q is %s", value, body)
		}
		if got := findings(downstreams(t), []byte(body)); len(got) > 0 {
			t.Errorf("the envelope of %q is none: %q", value, got)
		}
	}
}

func TestIdentityIsOfTheChangeAlone(t *testing.T) {
	const want = "chg_ad120fca14705e8c18d56727101711d6"
	same := attempt()
	same.Row, same.Claim, same.Seq, same.Downstream, same.Try = 1, 2, 3, "another", 44
	same.Value, same.Previous, same.Superseded = json.RawMessage(`"B"`), json.RawMessage(`"C"`), true
	same.Received, same.Since, same.TS, same.EventName, same.AccountID, same.CarrierCode = time.Now(), time.Now(), 5, "x",
		"y", 6
	for _, a := range []event.Attempt{attempt(), same} {
		if got := wrap(t, a).ID; got != want {
			t.Errorf("the identity is %s, want %s", got, want)
		}
	}
	seen := map[string]string{}
	for _, number := range []string{"", "+1", "+13125550142", "+13125550143", "cnam",
		"\x00\x00\x00\x00\x00\x00\x00\x04cnam"} {
		for _, attribute := range []event.Attribute{"", event.CNAM, event.EmergencyAddress} {
			for _, of := range []string{"one", "two"} {
				a := attempt()
				a.Number, a.Attribute, a.EventID, a.Value = number, attribute, event.Identify([]byte(of)), nil
				id := wrap(t, a).ID
				if before, again := seen[id]; again {
					t.Errorf("%q %q %q has the identity of %s", number, attribute, of, before)
				}
				seen[id] = number + " " + string(attribute) + " " + of
			}
		}
	}
	if len(seen) != 36 {
		t.Errorf("%d identities, want 36", len(seen))
	}
}

// The document's examples are real envelopes, and the files beside it are the same ones.
func TestExamplesAreEnvelopes(t *testing.T) {
	c := downstreams(t)
	var document struct {
		Info     struct{ Version string }
		Webhooks map[string]struct {
			Post struct {
				RequestBody struct {
					Content map[string]struct{ Example json.RawMessage }
				}
			}
		}
	}
	if err := json.Unmarshal(spec.Downstream(), &document); err != nil {
		t.Fatal(err)
	}
	if document.Info.Version != "1.0.0" || gen.EnvelopeVersionN1 != 1 || len(document.Webhooks) != 3 ||
		!slices.Equal(c.Events(), []string{
			"numhook.cnam_changed", "numhook.emergency_address_changed", "numhook.event_received"}) {
		t.Fatalf("version %s, webhooks %q", document.Info.Version, c.Events())
	}
	for name, webhook := range document.Webhooks {
		example := webhook.Post.RequestBody.Content["application/json"].Example
		file, err := os.ReadFile(filepath.Join("../../spec/examples-downstream", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		if string(compacted(t, file)) != string(compacted(t, example)) {
			t.Errorf("%s: the file is not the document's example", name)
		}
		if found := findings(c, file); len(found) > 0 {
			t.Errorf("%s: %q", name, found)
		}
		var e gen.Envelope
		if err := json.Unmarshal(file, &e); err != nil {
			t.Fatal(err)
		}
		a := event.Attempt{
			Attribute: event.Attribute(*e.Attribute), Number: *e.Number, Value: compactedIfAny(t, e.Value),
			Previous: e.PreviousValue, Superseded: e.Superseded, TS: e.EventTs,
			EventName: e.SenderEvent, AccountID: e.AccountId, CarrierCode: e.CarrierCode, Received: e.Received,
			Try: int(e.Attempt),
		}
		if a.EventID, err = event.ParseID(e.EventId); err != nil {
			t.Fatal(err)
		}
		if made := wrap(t, a); string(made.Body) != string(compacted(t, file)) {
			t.Errorf("%s: the example is not what is sent, which is\n%s", name, made.Body)
		}
	}
}

func compacted(t *testing.T, text []byte) []byte {
	t.Helper()
	var to bytes.Buffer
	if err := json.Compact(&to, text); err != nil {
		t.Fatal(err)
	}
	return to.Bytes()
}

func compactedIfAny(t *testing.T, text []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	return compacted(t, text)
}

// What is broken about an envelope is found, and what is a matter of the sender's events is not looked for in it.
func TestDocumentRefusesWhatIsNoEnvelope(t *testing.T) {
	c := downstreams(t)
	good := string(wrap(t, attempt()).Body)
	number := `"number":"+13125550142",`
	for _, test := range []struct {
		name, old, new string
		want           []string
	}{
		{"another version", `"version":1`, `"version":2`, []string{"const /version"}},
		{"an id of another form", `"id":"chg_`, `"id":"msg_`, []string{"pattern /id"}},
		{"an event id of another form", `"event_id":"76`, `"event_id":"7G`, []string{"pattern /event_id"}},
		{"no number", number, ``, []string{"required /number"}},
		{"a value of another type", `"value":"EXAMPLE DENTAL"`, `"value":null`, []string{"type /value"}},
		{"an attribute of the other event", `"attribute":"cnam"`, `"attribute":"emergency_address"`,
			[]string{"const /attribute"}},
		{"an address without its line", `numhook.cnam_changed`, `numhook.emergency_address_changed`,
			[]string{"const /attribute", "type /value"}},
		{"a change that says that it is none", `numhook.cnam_changed`, `numhook.event_received`, []string{"not "}},
		{"an event that is not in the document", `numhook.cnam_changed`, `numhook.gone`, []string{"operation "}},
		{"attempt 0", `"attempt":1`, `"attempt":0`, []string{"minimum /attempt"}},
		{"a time of another form", `2025-02-19T`, `19.2.2025 `, []string{"format /received"}},
		{"seconds", `1739927164902`, `1739927164`, []string{"event-ts-implausible /event_ts"}},
		{"beyond int64", `1739927164902`, `9223372036854775808`, []string{"format /event_ts", "event-ts-implausible " +
			"/event_ts"}},
		{"a member that is not known", `"version":1`, `"version":1,"more":1`, []string{"unknown-member /more"}},
		{"a number that is none, and a long name", number, `"number":"lobby",`, nil},
		{"a long name", `EXAMPLE DENTAL`, `EXAMPLE DENTAL OF SPRINGFIELD, ÄÖÜ`, nil},
	} {
		body := strings.Replace(good, test.old, test.new, 1)
		if body == good {
			t.Fatalf("%s: nothing was changed", test.name)
		}
		if got := findings(c, []byte(body)); !slices.Equal(got, test.want) {
			t.Errorf("%s: found %q, want %q", test.name, got, test.want)
		}
	}
}

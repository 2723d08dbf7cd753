package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"numhook/server"
	"numhook/server/event"
	"numhook/server/store/storetest"
	"numhook/spec"
)

func TestBothEventsComeInByBothPaths(t *testing.T) {
	for _, name := range spec.Examples() {
		for _, path := range []string{"/", "/" + name} {
			t.Run(name+" at "+path, func(t *testing.T) {
				r := newReceiver(t)
				example, _ := spec.Example(name)
				got := r.post(path, string(example))
				if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" {
					t.Fatalf("answer %d %s: %s", got.status, got.header.Get("Content-Type"), got.body)
				}
				sameJSON(t, got.body, string(example))
				events := r.events()
				if len(events) != 1 || events[0].Name != name || r.body(events[0].ID) != string(example) ||
					events[0].Delivery.Path != path {
					t.Errorf("stored %+v", events)
				}
				if len(events[0].Drift)+len(events[0].Lint) != 0 {
					t.Errorf("the example has findings: %v %v", events[0].Drift, events[0].Lint)
				}
			})
		}
	}
}

// The example of the published document: empty strings, event_ts 1, no numbers.
func TestThePublishedExampleIsAcceptedWithLint(t *testing.T) {
	r := newReceiver(t)
	body := `{"event":"","event_ts":1,"payload":{"account_id":"","object":{"emergency_address":{"country":"",` +
		`"address_line1":"","address_line2":"",` +
		`"city":"","zip":"","state_code":""},"carrier_code":1,"phone_numbers":[]}}}`
	if got := r.post("/"+addressEvent, body); got.status != http.StatusOK {
		t.Fatalf("answer %d: %s", got.status, got.body)
	}
	if events := r.events(); len(events) != 1 || len(events[0].Lint) == 0 || events[0].TS != 1 {
		t.Errorf("stored %+v", events)
	}
}

func TestOneEventHoweverOftenItComes(t *testing.T) {
	r := newReceiver(t)
	first := `{"event":"` + cnamEvent + `","event_ts":1,"payload":{"account_id":"a","object":{"carrier_code":1,` +
		`"phone_numbers":["+13125550100"],"cnam":"A"}}}`
	reordered := "{ \"payload\" : " +
		"{\"object\":{\"cnam\":\"\\u0041\",\"phone_numbers\":[\"+13125550100\"],\"carrier_code\":1.0}," +
		"\"account_id\":\"a\"},\r\n\t\"event_ts\":1,\"event\":\"" + cnamEvent + "\"}"
	if got := r.post("/", first); got.status != 200 {
		t.Fatalf("first: %d %s", got.status, got.body)
	}
	r.advance(time.Second) // the retry is signed afresh
	if got := r.post("/", first); got.status != 200 {
		t.Errorf("again: %d %s", got.status, got.body)
	}
	if got := r.post("/"+cnamEvent, reordered); got.status != 200 {
		t.Errorf("reordered: %d %s", got.status, got.body)
	}
	if events := r.events(); len(events) != 1 {
		t.Errorf("%d events, want 1", len(events))
	}
	eventually(t, "the log tells the duplicates",
		func() bool { return strings.Count(r.logs.String(), `"kind":"duplicate"`) == 2 })
}

func TestTheNewestValueStays(t *testing.T) {
	r := newReceiver(t)
	for _, body := range []string{address("2000", "A", "+13125550100"), address("1000", "B", "+13125550100")} {
		if got := r.post("/", body); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	number, err := r.store.Number(t.Context(), "+13125550100")
	if err != nil || len(number.Values) != 1 || string(number.Values[0].Value) != `{"address_line1":"A"}` {
		t.Errorf("number %+v, %v", number, err)
	}
	history, err := r.store.History(t.Context(), "+13125550100")
	if err != nil || len(history) != 2 || history[0].State != event.Superseded || history[1].State != event.Current {
		t.Errorf("history %+v, %v", history, err)
	}
}

func TestTwoHundredNumbers(t *testing.T) {
	r := newReceiver(t)
	var numbers []string
	for i := range 200 {
		numbers = append(numbers, fmt.Sprintf("+1312555%04d", i))
	}
	if got := r.post("/", cnam("5", "ACME", append(numbers, numbers[0])...)); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	for _, n := range numbers {
		if history, err := r.store.History(t.Context(), n); err != nil || len(history) != 1 ||
			history[0].EventID != r.events()[0].ID {
			t.Fatalf("%s: %+v, %v", n, history, err)
		}
	}
}

// The signature is over the raw bytes, and the raw bytes are what is kept.
func TestOddBytesStayAsTheyAre(t *testing.T) {
	for name, body := range map[string]string{
		"emoji":                  cnam("1", "Café ☎️ 😀", "+13125550100"),
		"escapes":                strings.Replace(cnam("1", "X", "+13125550100"), `"X"`, `"\u00e9\ud83d\ude00\/"`, 1),
		"byte order mark":        "\ufeff" + cnam("1", "X", "+13125550100"),
		"carriage returns":       strings.ReplaceAll(cnam("1", "X", "+13125550100"), ",", ",\r\n"),
		"white space around":     " \r\n\t" + cnam("1", "X", "+13125550100") + "\n\n ",
		"event_ts beyond 2^53":   cnam("9007199254740993", "X", "+13125550100"),
		"the largest event_ts":   cnam("9223372036854775807", "X", "+13125550100"),
		"a negative event_ts":    cnam("-9223372036854775808", "X", "+13125550100"),
		"an integer written 1e3": cnam("1e3", "X", "+13125550100"),
		"an integer written 1.0": cnam("1.0", "X", "+13125550100"),
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			got := r.post("/", body)
			if got.status != 200 {
				t.Fatalf("%d %s", got.status, got.body)
			}
			sameJSON(t, got.body, strings.TrimPrefix(body, "\ufeff"))
			if events := r.events(); len(events) != 1 || r.body(events[0].ID) != body {
				t.Errorf("stored %+v", events)
			}
		})
	}
	r := newReceiver(t)
	for ts, want := range map[string]int64{"9007199254740993": 9007199254740993, "1e3": 1000, "1.0": 1,
		"-9223372036854775808": -9223372036854775808} {
		r.post("/", cnam(ts, "X", "+13125550100"))
		events := r.events()
		if got := events[len(events)-1].TS; got != want {
			t.Errorf("event_ts %s was read as %d", ts, got)
		}
	}
}

func TestUnknownMembersAreDriftAndStay(t *testing.T) {
	r := newReceiver(t)
	body := `{"event":"` + addressEvent + `","event_ts":7,"extra":{"deep":[1.50]},"payload":{"account_id":"a",` +
		`"object":{"carrier_code":1,` +
		`"phone_numbers":["+13125550100"],"emergency_address":{"address_line1":"1 Main St","county":"Cook"}}}}`
	got := r.post("/", body)
	if got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	sameJSON(t, got.body, body)
	e := r.events()[0]
	var pointers []string
	for _, f := range e.Drift {
		pointers = append(pointers, f.Pointer)
	}
	if want := "/extra /payload/object/emergency_address/county"; strings.Join(pointers, " ") != want {
		t.Errorf("drift at %v, want %s", pointers, want)
	}
	if string(e.Value) != `{"address_line1":"1 Main St","county":"Cook"}` {
		t.Errorf("value %s", e.Value)
	}
}

func TestAbsenceChangesNothing(t *testing.T) {
	r := newReceiver(t)
	r.post("/", cnam("1", "ACME", "+13125550100"))
	absent := strings.Replace(cnam("2", "ACME", "+13125550100"), `,"cnam":"ACME"`, "", 1)
	if got := r.post("/", absent); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	number, err := r.store.Number(t.Context(), "+13125550100")
	if err != nil || len(number.Values) != 1 || string(number.Values[0].Value) != `"ACME"` {
		t.Errorf("number %+v, %v", number, err)
	}
	if events := r.events(); len(events) != 2 {
		t.Errorf("%d events, want 2", len(events))
	}
}

func TestAnyContentTypeCountsAsJSON(t *testing.T) {
	r := newReceiver(t)
	for i, contentType := range []string{"application/json; charset-utf-8", "text/plain", "",
		"multipart/form-data; boundary=x", "application/x-www-form-urlencoded"} {
		body := cnam(fmt.Sprint(i), "X", "+13125550100")
		header := r.headers(newSecret, body)
		header["Content-Type"] = []string{contentType}
		if got := r.postWith("/", body, header); got.status != 200 {
			t.Errorf("%q: %d %s", contentType, got.status, got.body)
		}
	}
}

// Our own trouble is always 503, whatever the store says, and nothing else is told.
func TestOurFailureIs503(t *testing.T) {
	r := newReceiver(t)
	r.store.Break(errors.New("disk full"))
	for name, body := range map[string]string{"accepting": cnam("1", "X", "+13125550100"),
		"quarantining": `{"event":"nobody.knows"}`} {
		got := r.post("/", body)
		if got.status != 503 || got.header.Get("Retry-After") == "" || strings.Contains(got.body, "disk") {
			t.Errorf("%s: %d %v %s", name, got.status, got.header, got.body)
		}
	}
	eventually(t, "the log says why", func() bool { return strings.Contains(r.logs.String(), "disk full") })
	r.store.Break(nil)
	r.nothingKept()
	r.server.Drain()
	if got := r.post("/", cnam("1", "X", "+13125550100")); got.status != 503 || got.header.Get("Retry-After") == "" {
		t.Errorf("draining: %d %s", got.status, got.body)
	}
	r.nothingKept()
}

// startled fails in ways that no store may.
type startled struct {
	server.Store
	panics bool
}

func (s startled) Append(context.Context, event.Event) (event.Receipt, error) {
	if s.panics {
		panic("+13125550100 in a panic")
	}
	return event.Receipt{}, errors.New("+13125550100 in an error")
}

func TestWhatNobodyThoughtOfIs500WithoutDetail(t *testing.T) {
	for _, panics := range []bool{false, true} {
		r := newReceiverOn(t, func(fake *storetest.Fake) server.Store { return startled{fake, panics} })
		got := r.post("/", cnam("1", "X", "+13125550100"))
		if got.status != 500 || got.problem(t).Type != "urn:numhook:problem:internal" {
			t.Errorf("%d %s", got.status, got.body)
		}
		eventually(t, "the log has the line", func() bool { return strings.Contains(r.logs.String(), `"answer":500`) })
		if text := got.body + r.logs.String(); strings.Contains(text, "5550100") {
			t.Errorf("the error's text got out: %s", text)
		}
	}
}

func TestARedrivenDeliveryIsAppliedInOrder(t *testing.T) {
	r := newReceiver(t)
	r.post("/", address("2000", "A", "+13125550100"))
	// As it would lie there after a document that did not know the event.
	id, err := r.store.Quarantine(t.Context(), event.Quarantined{
		Reason: event.UnknownEvent, EventName: addressEvent, Delivery: event.Delivery{Received: r.now, Path: "/",
			Body: []byte(address("1000", "B", "+13125550100"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	entry, err := r.store.QuarantineEntry(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.server.WouldAccept(entry); err != nil {
		t.Errorf("WouldAccept: %v", err)
	}
	receipt, err := r.server.Redrive(t.Context(), entry)
	if err != nil || receipt.Duplicate {
		t.Fatalf("Redrive: %+v, %v", receipt, err)
	}
	history, err := r.store.History(t.Context(), "+13125550100")
	if err != nil || len(history) != 2 || history[0].State != event.Superseded || history[0].EventID != receipt.ID {
		t.Errorf("history %+v, %v", history, err)
	}
	entry, err = r.store.QuarantineEntry(t.Context(), id)
	if err != nil || entry.State != event.Redriven || entry.RedrivenAs != receipt.ID {
		t.Errorf("entry %+v, %v", entry, err)
	}
}

func TestARedrivenDeliveryThatStillDoesNotFitStays(t *testing.T) {
	r := newReceiver(t)
	r.post("/", `{"event":"nobody.knows"}`)
	entry, err := r.store.QuarantineEntry(t.Context(), r.quarantined()[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.server.Redrive(t.Context(), entry); event.KindOf(err) != event.UnknownEvent {
		t.Errorf("Redrive: %v", err)
	}
	if err := r.server.WouldAccept(entry); event.KindOf(err) != event.UnknownEvent || server.Violations(err) != nil {
		t.Errorf("WouldAccept: %v", err)
	}
	if entries := r.quarantined(); len(entries) != 1 || entries[0].State != event.Held || entries[0].Times != 1 {
		t.Errorf("quarantine %+v", entries)
	}
}

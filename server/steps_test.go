package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/signature"
	"numhook/spec"
)

// The steps of the way in, each called as what it is: a function from values to values.

const (
	stepEvent  = "number_management.peering_number_cnam_updated"
	otherEvent = "number_management.peering_number_emergency_address_updated"
	stepBody   = `{"event":"` + stepEvent + `","event_ts":7,"payload":{"account_id":"acct",` +
		`"object":{"carrier_code":3457,` +
		`"phone_numbers":["+13125550100","+13125550101","+13125550100"],"cnam":"ACME"}}}`
	tokenBody   = `{"event":"endpoint.url_validation","payload":{"plainToken":"Kn5a3Wv7SP6YP5b4BWfZpg"}}`
	tokenAnswer = "2a41c3138d2187a756c51428f78d192e9b88dcf44dd62d1b081ace4ec2241e0a"
)

var stepTime = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func posted(path, body string) event.Delivery {
	return event.Delivery{Received: stepTime, Path: path, Body: []byte(body)}
}

// wantKind fails unless the error is of the kind; an empty kind stands for no error.
func wantKind(t *testing.T, err error, want event.Kind) {
	t.Helper()
	if want == "" && err != nil || want != "" && event.KindOf(err) != want {
		t.Errorf("error %v, want kind %q", err, want)
	}
}

func TestStepBody(t *testing.T) {
	const most = SmallBody + 100
	small, large := strings.Repeat("x", 500), strings.Repeat("y", most)
	for name, c := range map[string]struct {
		from     io.Reader
		declared int64
		want     string
		kind     event.Kind
		reason   string
	}{
		"small":               {strings.NewReader(small), 500, small, "", ""},
		"empty":               {strings.NewReader(""), 0, "", "", ""},
		"without a length":    {strings.NewReader(small), -1, small, "", ""},
		"a byte at a time":    {iotest.OneByteReader(strings.NewReader(small)), 500, small, "", ""},
		"the largest":         {strings.NewReader(large), most, large, "", ""},
		"declared too large":  {iotest.ErrReader(errors.New("must not be read")), most + 1, "", event.TooLarge, ""},
		"turns out too large": {strings.NewReader(large + "z"), -1, "", event.TooLarge, ""},
		"breaks off": {
			io.MultiReader(strings.NewReader(small), iotest.ErrReader(io.ErrUnexpectedEOF)), 600,
			"", event.BrokenUpload, "hung_up",
		},
		"comes too slowly":          {iotest.ErrReader(os.ErrDeadlineExceeded), 500, "", event.BrokenUpload, "timed_out"},
		"with chunks that are none": {iotest.ErrReader(errors.New("malformed")), -1, "", event.BrokenUpload, "bad_framing"},
	} {
		t.Run(name, func(t *testing.T) {
			room := newBuffers(most)
			held := share{of: room}
			raw, err := readBody(c.from, c.declared, most, &held)
			wantKind(t, err, c.kind)
			if string(raw) != c.want {
				t.Errorf("read %d bytes, want %d", len(raw), len(c.want))
			}
			if refused, ok := errors.AsType[*refusal](err); ok && refused.reason != c.reason {
				t.Errorf("reason %q, want %q", refused.reason, c.reason)
			}
			if held.bytes < int64(len(raw)) {
				t.Errorf("%d bytes are read on a share of %d", len(raw), held.bytes)
			}
			held.release()
			if room.small.Load() != 0 || room.bytes.Load() != 0 || len(room.large) != 0 {
				t.Errorf("%d and %d bytes are still held", room.small.Load(), room.bytes.Load())
			}
		})
	}
}

// renewed is a source that has newer secrets when it is asked.
type renewed struct{ now, then signature.Secrets }

func (r renewed) Current() signature.Secrets { return r.now }
func (r renewed) Newer(signature.Secrets) (signature.Secrets, bool) {
	return r.then, r.then != nil
}

func TestStepVerify(t *testing.T) {
	secret, other := signature.Secrets{[]byte("a")}, signature.Secrets{[]byte("b")}
	header := func(secret string, at time.Time) http.Header {
		timestamp := signature.Timestamp(at)
		return http.Header{
			signature.HeaderTimestamp: {timestamp},
			signature.HeaderSignature: {signature.Sign([]byte(secret), timestamp, []byte(stepBody))},
		}
	}
	for name, c := range map[string]struct {
		header http.Header
		source SecretSource
		body   string
		reason string // empty: verified
	}{
		"signed":                   {header("a", stepTime), secret, stepBody, ""},
		"signed by the second":     {header("b", stepTime), append(slices.Clone(secret), other...), stepBody, ""},
		"signed by a newer secret": {header("b", stepTime), renewed{secret, other}, stepBody, ""},
		"by none that is newer":    {header("c", stepTime), renewed{secret, other}, stepBody, "wrong"},
		"nothing newer":            {header("b", stepTime), renewed{secret, nil}, stepBody, "wrong"},
		"another body":             {header("a", stepTime), secret, stepBody + " ", "wrong"},
		"without headers":          {http.Header{}, secret, stepBody, "missing"},
		"stale":                    {header("a", stepTime.Add(-time.Hour)), secret, stepBody, "stale"},
		"twice": {
			http.Header{signature.HeaderTimestamp: {"1", "2"}, signature.HeaderSignature: {"v0="}}, secret, stepBody,
			"malformed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			claim, err := claimOf(c.header, stepTime, signature.DefaultTolerance)
			if err == nil {
				_, err = verify(c.source, claim, []byte(c.body))
			}
			refused, ok := errors.AsType[*refusal](err)
			if ok != (c.reason != "") || ok && (refused.kind != event.Unsigned || refused.reason != c.reason) {
				t.Errorf("%v, want reason %q", err, c.reason)
			}
		})
	}
}

func TestStepChallenge(t *testing.T) {
	secrets := signature.Secrets{[]byte("zoomwebhooksecret")}
	for body, want := range map[string]string{
		tokenBody: tokenAnswer,
		strings.Replace(tokenBody, `"Kn5a3Wv7SP6YP5b4BWfZpg"`, `"v0:1:{}"`, 1): "",
		strings.Replace(tokenBody, `"Kn5a3Wv7SP6YP5b4BWfZpg"`, `7`, 1):         "",
		strings.Replace(tokenBody, `"plainToken"`, `"token"`, 1):               "",
	} {
		document := contract.Parse([]byte(body))
		if !isChallenge(document) {
			t.Errorf("is no challenge: %s", body)
		}
		d := posted("/", body)
		d.Header.Timestamp = signature.Timestamp(stepTime)
		d.Header.Signature = signature.Sign(secrets[0], d.Header.Timestamp, d.Body)
		answer, err := challenge(document, d, secrets)
		if answer.EncryptedToken != want {
			t.Errorf("%s: answer %+v", body, answer)
		}
		wantKind(t, err, map[bool]event.Kind{true: event.BadChallenge}[want == ""])
	}
	for _, body := range []string{stepBody, tokenBody + tokenBody, `{"event":["endpoint.url_validation"]}`} {
		if isChallenge(contract.Parse([]byte(body))) {
			t.Errorf("is a challenge: %s", body)
		}
	}
}

// checks are the contract and the filters of the published document.
func checks(t *testing.T) (*contract.Contract, filters) {
	t.Helper()
	document, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract.New(document)
	if err != nil {
		t.Fatal(err)
	}
	return c, newFilters(document)
}

func TestStepValidate(t *testing.T) {
	c, by := checks(t)
	renamed := func(name string) string { return strings.Replace(stepBody, stepEvent, name, 1) }
	for name, v := range map[string]struct {
		path, body, operation string
		kind                  event.Kind
	}{
		"by the body's event":     {"/", stepBody, stepEvent, ""},
		"by the path":             {"/" + stepEvent, renamed(""), stepEvent, ""},
		"by the last segment":     {"/a/b/" + stepEvent + "//", stepBody, stepEvent, ""},
		"at any other path":       {"/" + stepEvent + "/v1", stepBody, stepEvent, ""},
		"on another event's path": {"/" + otherEvent, stepBody, otherEvent, event.Invalid},
		"an unknown event":        {"/", renamed("nobody.knows"), "nobody.knows", event.UnknownEvent},
		"a number that is a text": {"/", strings.Replace(stepBody, "3457", `"3457"`, 1), stepEvent, event.Invalid},
		"no strict JSON":          {"/", stepBody + ",", "", event.Malformed},
		"nothing":                 {"/", "", "", event.Malformed},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := validate(t.Context(), c, by, posted(v.path, v.body), contract.Parse([]byte(v.body)))
			wantKind(t, err, v.kind)
			if got.Operation != v.operation || (got.request != nil) != (v.kind == "") {
				t.Fatalf("operation %q, request %v", got.Operation, got.request)
			}
			if v.kind == "" && (got.request.Method != http.MethodPost || got.request.URL.Path != "/"+v.operation) {
				t.Errorf("routed as %s %s", got.request.Method, got.request.URL.Path)
			}
		})
	}
}

// The filter alone refuses what kin-openapi finds, and says nothing of what stands there.
func TestStepFilter(t *testing.T) {
	_, by := checks(t)
	for name, c := range map[string]struct{ raw, parsed, pointer string }{
		"what fits": {stepBody, stepBody, ""},
		"no body":   {"", stepBody, ""},
		"another value": {stepBody, `{"event":"x","event_ts":1,"payload":{"account_id":5,"object":{}}}`,
			"/payload/account_id"},
	} {
		request, err := by[stepEvent].admit(t.Context(), []byte(c.raw), contract.Parse([]byte(c.parsed)).Value())
		if name == "what fits" {
			if err != nil || request == nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		refused, ok := errors.AsType[*refusal](err)
		if !ok || refused.kind != event.Invalid || refused.event != stepEvent ||
			len(refused.violations) != 1 || refused.violations[0].Rule != "filter" ||
			refused.violations[0].Pointer != c.pointer {
			t.Errorf("%s: %#v", name, err)
		}
	}
}

func TestStepReceive(t *testing.T) {
	c, by := checks(t)
	d, document := posted("/", stepBody), contract.Parse([]byte(stepBody))
	v, err := validate(t.Context(), c, by, d, document)
	if err != nil {
		t.Fatal(err)
	}
	said := reading{ts: 7, accountID: "acct", carrierCode: 3457, numbers: []string{"+1", "+2", "+1"},
		attribute: event.CNAM}
	for present, value := range map[bool]string{true: `"ACME"`, false: ""} {
		said.present = present
		e := receive(d, document, v.Verdict, said)
		canonical, _ := document.Canonical()
		if e.ID != event.Identify(canonical) || e.Name != stepEvent || e.TS != 7 || e.AccountID != "acct" ||
			e.CarrierCode != 3457 || !slices.Equal(e.Numbers, []string{"+1", "+2"}) || e.Attribute != event.CNAM ||
			string(e.Value) != value || string(e.Delivery.Body) != stepBody {
			t.Errorf("present %t: %+v", present, e)
		}
	}
	if err := said.answer(nil); err == nil {
		t.Error("a reading without a receipt answers")
	}
	var model struct {
		Payload string `json:"payload"`
	}
	err = bind(validated{Verdict: v.Verdict, value: v.value}, &model)
	refused, ok := errors.AsType[*refusal](err)
	if !ok || refused.kind != event.Invalid || refused.event != stepEvent || refused.violations[0].Rule != "bind" {
		t.Errorf("a model that cannot hold the body: %v", err)
	}
}

func TestStepQuarantine(t *testing.T) {
	d := posted("/x", stepBody)
	violation := event.Finding{Kind: event.Violation, Rule: "type", Pointer: "/payload"}
	for kind, kept := range map[event.Kind]bool{
		event.Malformed: true, event.Invalid: true, event.UnknownEvent: true, event.Unsigned: false,
		event.BadChallenge: false, event.TooLarge: false, event.Unavailable: false, event.Internal: false,
	} {
		outcome := &refusal{kind: kind, event: "some.event", violations: []event.Finding{violation}}
		entry, refused := quarantined(d, stepEvent, outcome)
		if (refused != nil) != kept {
			t.Errorf("%s: kept is %t", kind, refused != nil)
		}
		if kept && (entry.Reason != kind || entry.EventName != "some.event" || entry.PathEvent != stepEvent ||
			len(entry.Violations) != 1 || string(entry.Delivery.Body) != stepBody || refused.keptAs(5).quarantine != 5) {
			t.Errorf("%s: entry %+v", kind, entry)
		}
	}
	for _, outcome := range []error{nil, errors.New("of the store"), &event.Error{Kind: event.Invalid}} {
		if _, refused := quarantined(d, "", outcome); refused != nil {
			t.Errorf("%v is kept", outcome)
		}
	}
}

// redriven is a store that knows of nothing but redrives.
type redriven struct {
	Store
	entry int64
	event event.Event
	err   error
	calls int
}

func (r *redriven) Redrive(_ context.Context, entry int64, e event.Event) (event.Receipt, error) {
	r.entry, r.event, r.calls = entry, e, r.calls+1
	return event.Receipt{ID: e.ID}, r.err
}

// A redrive takes the generated route and the same steps, and answers nobody.
func TestStepRedrive(t *testing.T) {
	document, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path, body string
		broken     error
		kind       event.Kind
		calls      int
	}{
		"fits":             {"/", stepBody, nil, "", 1},
		"fits at any path": {"/a/b", stepBody, nil, "", 1},
		"still unknown":    {"/", `{"event":"nobody.knows"}`, nil, event.UnknownEvent, 0},
		"still malformed":  {"/", `{`, nil, event.Malformed, 0},
		"no room":          {"/", stepBody, &event.Error{Kind: event.Unavailable}, event.Unavailable, 1},
	} {
		t.Run(name, func(t *testing.T) {
			store := &redriven{err: c.broken}
			s, err := New(Config{Document: document, Store: store})
			if err != nil {
				t.Fatal(err)
			}
			q := event.Quarantined{ID: 9, Delivery: posted(c.path, c.body)}
			fits := c.kind
			if c.broken != nil {
				fits = ""
			}
			wantKind(t, s.WouldAccept(q), fits)
			receipt, err := s.Redrive(t.Context(), q)
			wantKind(t, err, c.kind)
			if store.calls != c.calls {
				t.Fatalf("%d calls of the store, want %d", store.calls, c.calls)
			}
			if c.kind == "" && (store.entry != 9 || store.event.Name != stepEvent || store.event.TS != 7 ||
				receipt.ID != store.event.ID || string(store.event.Value) != `"ACME"`) {
				t.Errorf("redriven %d as %+v: %+v", store.entry, store.event, receipt)
			}
		})
	}
}

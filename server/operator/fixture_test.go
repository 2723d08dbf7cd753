package operator_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"numhook/server/event"
	"numhook/server/operator"
	"numhook/server/store/storetest"
	"numhook/spec"
)

// canary stands in everything that a viewer must not see; the number's middle digits do so, too.
const (
	canary       = "CANARY"
	canaryNumber = "+12025557143"
	canaryDigits = "2555" // of the hidden part, with one before it
	cnamEvent    = "number_management.peering_number_cnam_updated"
)

// fixture is an API with one of each thing, and a token for each role.
type fixture struct {
	testing.TB
	store    *storetest.Fake
	document *openapi3.T
	handler  http.Handler
	tokens   map[operator.Role]string
	log      *bytes.Buffer
	eventID  string
	now      time.Time

	redriven    operator.Redriven
	replays     int // rows that a replay finds
	replayed    []operator.ReplayFilter
	replayFails error

	duringReplay func()
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{TB: t, store: storetest.NewFake(t), tokens: map[operator.Role]string{}, log: new(bytes.Buffer),
		redriven: operator.Redriven{Result: "fits"},
		now:      time.Date(2026, 11, 28, 17, 0, 0, 0, time.UTC)}
	f.fill()
	var err error
	if f.document, err = openapi3.NewLoader().LoadFromData(spec.Operator()); err != nil {
		t.Fatal(err)
	}
	var tokens operator.Tokens
	for _, role := range operator.Roles {
		token, h := operator.NewToken(string(role)+"-1", role)
		f.tokens[role], tokens = token, append(tokens, h)
	}
	f.handler, err = operator.New(f.config(func() operator.Tokens { return tokens }))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) config(tokens func() operator.Tokens) operator.Config {
	return operator.Config{
		Document: spec.Operator(), Tokens: tokens, Store: f.store, Known: []string{cnamEvent},
		Remote: func(r *http.Request) string { return r.RemoteAddr },
		Log:    slog.New(slog.NewTextHandler(f.log, nil)),
		Now:    func() time.Time { return f.now },
		Redrive: func(ctx context.Context, q event.Quarantined, dryRun bool) (operator.Redriven, error) {
			return f.redriven, nil
		},
		Replay: func(ctx context.Context, to event.DownstreamStatus, filter operator.ReplayFilter) (int, error) {
			f.replayed = append(f.replayed, filter)
			if f.duringReplay != nil {
				f.duringReplay()
			}
			return f.replays, f.replayFails
		},
		Status: func(context.Context) (operator.Status, error) {
			return operator.Status{Version: "v1", Started: f.now, Engine: "sqlite", Ready: true,
				Checks: map[string]string{"store": "ok"}, Digest: "d"}, nil
		},
	}
}

// fill stores one of each thing.
func (f *fixture) fill() {
	ctx := f.Context()
	ali := event.Downstream{Name: "ali", Mode: event.Latest, Start: event.FromNow}
	if _, err := f.store.Register(ctx, ali); err != nil {
		f.Fatal(err)
	}
	delivery := func(body string) event.Delivery {
		return event.Delivery{Received: f.now, Path: "/" + canary, Body: []byte(body),
			Header: event.Header{RequestID: canary, UserAgent: canary, ContentType: canary}}
	}
	finding := func(kind event.FindingKind) []event.Finding {
		return []event.Finding{{Kind: kind, Rule: "rule", Pointer: "/" + canary, Message: "a sentence about " + canary}}
	}
	for i, number := range []string{canaryNumber, "+12025557144", canary} {
		body := fmt.Sprintf(`{"n":%d}`, i)
		e := event.Event{
			ID: event.Identify([]byte(body)), Name: cnamEvent, TS: 1_795_886_570_478 + int64(i), AccountID: canary,
			CarrierCode: 3457, Numbers: []string{number}, Attribute: event.CNAM, Value: []byte(`"` + canary + `"`),
			Drift: finding(event.Drift), Lint: finding(event.Lint), Delivery: delivery(body),
		}
		if _, err := f.store.Append(ctx, e); err != nil {
			f.Fatal(err)
		}
		if i == 0 {
			f.eventID = e.ID.String()
		}
	}
	for _, name := range []string{cnamEvent, canary} {
		if _, err := f.store.Quarantine(ctx, event.Quarantined{Reason: event.Invalid, EventName: name,
			Violations: finding(event.Violation), Delivery: delivery("{" + name)}); err != nil {
			f.Fatal(err)
		}
	}
	attempts, _, err := f.store.Claim(ctx, "ali", 1)
	if err != nil || len(attempts) != 1 {
		f.Fatal(attempts, err)
	}
	o := attempts[0]
	if held, err := f.store.Record(ctx, event.Result{Row: o.Row, Claim: o.Claim, Seq: o.Seq, Verdict: event.Refused,
		Reason: "answered 400", Output: canary}); err != nil || !held {
		f.Fatal(held, err)
	}
}

// call is one call of the document.
type call struct {
	path, method string
	operation    *openapi3.Operation
}

func (c call) String() string { return c.method + " " + c.path }

// calls are all of the document.
func (f *fixture) calls() (all []call) {
	for path, item := range f.document.Paths.Map() {
		for method, operation := range item.Operations() {
			all = append(all, call{path, method, operation})
		}
	}
	if len(all) < 15 {
		f.Fatalf("the document has only %d calls", len(all))
	}
	return all
}

// target is the call's URL for what the fixture holds.
func (f *fixture) target(c call) string {
	id := "1"
	switch {
	case strings.HasPrefix(c.path, "/events/"):
		id = f.eventID
	case strings.HasSuffix(c.path, "/discard"), strings.HasSuffix(c.path, "/skip"): // the first one is redriven, retried
		id = "2"
	}
	return operator.Path + strings.NewReplacer("{number}", url.PathEscape(canaryNumber), "{id}", id, "{name}",
		"ali").Replace(c.path)
}

// ask sends a request as the holder of the role's token; with no role it has no token.
func (f *fixture) ask(role operator.Role, method, target, body string) *httptest.ResponseRecorder {
	f.Helper()
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(f.Context(), method, target, content)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if role != "" {
		r.Header.Set("Authorization", "Bearer "+f.tokens[role])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

// fits holds an answer against the document.
func (f *fixture) fits(c call, target string, w *httptest.ResponseRecorder) {
	f.Helper()
	r := httptest.NewRequestWithContext(f.Context(), c.method, target, nil)
	err := openapi3filter.ValidateResponse(f.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: &routers.Route{Spec: f.document,
			Path: c.path, PathItem: f.document.Paths.Value(c.path), Method: c.method, Operation: c.operation}},
		Status: w.Code, Header: w.Header(), Body: io.NopCloser(bytes.NewReader(w.Body.Bytes())),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		f.Errorf("%s: the answer %d does not fit the document: %v", c, w.Code, err)
	}
}

// problem holds an answer to be a problem of the status.
func (f *fixture) problem(what string, w *httptest.ResponseRecorder, status int) {
	f.Helper()
	if w.Code != status || w.Header().Get("Content-Type") != "application/problem+json" ||
		!strings.Contains(w.Body.String(), fmt.Sprintf(`"status":%d`, status)) {
		f.Errorf("%s: %d %s %s, want a problem %d", what, w.Code, w.Header().Get("Content-Type"), w.Body, status)
	}
}

func (f *fixture) accesses() []event.Access {
	f.Helper()
	list, err := f.store.Accesses(f.Context(), event.AccessFilter{}, 0, 1000)
	if err != nil {
		f.Fatal(err)
	}
	return list
}

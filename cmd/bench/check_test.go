package bench

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"numhook/server"
	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/signature"
	"numhook/spec"
)

// The rows of the contract check, and of all that a receiver does between the socket and the store.
const (
	stockCheck   = "stock openapi3filter.ValidateRequest"
	visitorCheck = "the same under a 3.0 version number: no compile"
	ownCheck     = "contract: Parse, Check, Value"
	ownClean     = "contract: Reset, Clean"
	plainHandler = "plain receiver's handler, no socket, no store"
	ownHandler   = "receiver's handler, no socket, no store"
)

// competitor does the whole work for the i-th of the payloads.
type competitor struct {
	what, against string
	run           func(i int) error
}

// payload is an example body with its event's name.
type payload struct {
	name string
	body []byte
}

func payloads(t testing.TB) []payload {
	var all []payload
	for _, name := range spec.Examples() {
		body, _ := spec.Example(name)
		all = append(all, payload{name, body})
	}
	if len(all) == 0 {
		t.Fatal("no examples")
	}
	return all
}

// check measures one core: each competitor takes the examples in turn.
func (b *bench) check(t *testing.T) {
	document, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	walked := *document
	walked.OpenAPI = "3.0.3"
	all := payloads(t)
	competitors := []competitor{
		{stockCheck, "", filterCheck(document, all)},
		{visitorCheck, stockCheck, filterCheck(&walked, all)},
		{ownCheck, stockCheck, contractCheck(t, document, all)},
		{ownClean, stockCheck, cleanCheck(t, document, all)},
		{plainHandler, "", handlerCheck(newPlainHandler(t, document), all)},
		{ownHandler, plainHandler, handlerCheck(newOwnHandler(t, document), all)},
	}
	best := make([]row, len(competitors))
	b.turns(len(competitors), func(i int) {
		got := measureCheck(t, competitors[i])
		if best[i].NsPerOp == 0 || got.NsPerOp < best[i].NsPerOp { // what disturbs only ever makes it slower
			got.Turns, best[i].Turns = best[i].Turns, nil
			best[i] = got
		}
		best[i].Turns = append(best[i].Turns, got.PerSecond)
	})
	for i, line := range best {
		b.report.add(line, competitors[i].against)
	}
}

func measureCheck(t *testing.T, c competitor) row {
	var failed error
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if failed = c.run(i); failed != nil {
				b.FailNow()
			}
		}
	})
	if failed != nil || result.N == 0 {
		t.Fatalf("%s: %v", c.what, failed)
	}
	ns := float64(result.T.Nanoseconds()) / float64(result.N)
	return row{Part: "check", What: c.what, PerSecond: float64(time.Second) / ns, NsPerOp: ns,
		Bytes:  float64(result.AllocedBytesPerOp()),
		Allocs: float64(result.AllocsPerOp())}
}

// filterCheck is what a receiver does that follows the documentation of openapi3filter; finding the route is left out.
func filterCheck(document *openapi3.T, all []payload) func(int) error {
	header := http.Header{"Content-Type": {"application/json"}}
	routes := make([]*routers.Route, len(all))
	for i, p := range all {
		item := document.Paths.Value("/" + p.name)
		routes[i] = &routers.Route{Spec: document, Path: "/" + p.name, PathItem: item, Method: http.MethodPost,
			Operation: item.Post}
	}
	return func(i int) error {
		i %= len(all)
		r := &http.Request{Method: http.MethodPost, Header: header, Body: io.NopCloser(bytes.NewReader(all[i].body))}
		return openapi3filter.ValidateRequest(context.Background(), &openapi3filter.RequestValidationInput{Request: r,
			Route: routes[i]})
	}
}

// contractCheck is all that the server needs of the check for a valid delivery.
func contractCheck(t *testing.T, document *openapi3.T, all []payload) func(int) error {
	check, err := contract.New(document)
	if err != nil {
		t.Fatal(err)
	}
	return func(i int) error {
		p := all[i%len(all)]
		parsed := contract.Parse(p.body)
		found := check.Check(p.name, parsed, server.MaxFindings)
		if len(parsed.Malformed())+len(found.Violations) > 0 || parsed.Value() == nil {
			return errRefused
		}
		return nil
	}
}

// cleanCheck is the same for a stream of which only the bad ones are looked at.
func cleanCheck(t *testing.T, document *openapi3.T, all []payload) func(int) error {
	check, err := contract.New(document)
	if err != nil {
		t.Fatal(err)
	}
	parsed := new(contract.Document)
	return func(i int) error {
		p := all[i%len(all)]
		parsed.Reset(p.body)
		if !check.Clean(p.name, parsed) {
			return errRefused
		}
		return nil
	}
}

// handlerCheck gives signed requests to a handler whose store keeps nothing.
func handlerCheck(handler http.Handler, all []payload) func(int) error {
	timestamp := signature.Timestamp(time.Now())
	headers := make([]http.Header, len(all))
	for i, p := range all {
		headers[i] = http.Header{
			"Content-Type":            {"application/json; charset=utf-8"},
			signature.HeaderTimestamp: {timestamp},
			signature.HeaderSignature: {signature.Sign([]byte(secret), timestamp, p.body)},
			"X-Zm-Request-Id":         {"b2a9e8f4-1d8c-4f6e-9f43-6a1d3f2c7b10"},
			"X-Zm-Trackingid":         {"v=2.0;clid=aw1;rid=WEB_4bf92f3577b34da6a3ce929d0e0e4736"},
		}
	}
	answer := &discardedAnswer{header: http.Header{}}
	return func(i int) error {
		i %= len(all)
		r := &http.Request{Method: http.MethodPost, Host: "127.0.0.1", Header: headers[i], RemoteAddr: "127.0.0.1:1",
			URL:           &url.URL{Path: "/" + all[i].name},
			ContentLength: int64(len(all[i].body)), Body: io.NopCloser(bytes.NewReader(all[i].body))}
		answer.status = 0
		handler.ServeHTTP(answer, r)
		if answer.status != http.StatusOK {
			return errRefused
		}
		return nil
	}
}

type discardedAnswer struct {
	header http.Header
	status int
}

func (a *discardedAnswer) Header() http.Header         { return a.header }
func (a *discardedAnswer) WriteHeader(status int)      { a.status = status }
func (a *discardedAnswer) Write(b []byte) (int, error) { return len(b), nil }

func newOwnHandler(t *testing.T, document *openapi3.T) http.Handler {
	s, err := server.New(server.Config{Secrets: signature.Secrets{[]byte(secret)}, Document: document, Store: noStore{},
		Log: slog.New(slog.NewJSONHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s.Handler()
}

// noStore keeps nothing and says that it did.
type noStore struct{ server.Store }

func (noStore) Append(_ context.Context, e event.Event) (event.Receipt, error) {
	return event.Receipt{ID: e.ID}, nil
}

func newPlainHandler(t *testing.T, document *openapi3.T) http.Handler {
	handler, err := newPlain(document, func(context.Context, plainEvent) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

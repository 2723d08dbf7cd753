package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server"
	"numhook/server/event"
	"numhook/server/signature"
	"numhook/server/store/storetest"
	"numhook/spec"
)

const (
	cnamEvent    = "number_management.peering_number_cnam_updated"
	addressEvent = "number_management.peering_number_emergency_address_updated"
	oldSecret    = "the-older-secret"
	newSecret    = "the-newer-secret"
)

// receiver is a server under test, over real HTTP, on the strict fake store, with a clock that stands still.
type receiver struct {
	*testing.T
	url    string
	server *server.Server
	store  *storetest.Fake
	now    time.Time    // only the test's own goroutine looks at it; see advance
	clock  atomic.Int64 // the same for the server, in nanoseconds
	logs   *syncBuffer
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	return newReceiverOn(t, func(fake *storetest.Fake) server.Store { return fake })
}

// newReceiverOn lets the test stand between the server and the store.
func newReceiverOn(t *testing.T, store func(*storetest.Fake) server.Store) *receiver {
	t.Helper()
	document, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	r := &receiver{T: t, store: storetest.NewFake(t), now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
		logs: &syncBuffer{}}
	r.advance(0)
	r.server, err = server.New(server.Config{
		Secrets: signature.Secrets{[]byte(newSecret), []byte(oldSecret)}, Document: document, Store: store(r.store),
		Now: func() time.Time { return time.Unix(0, r.clock.Load()).UTC() }, Log: slog.New(slog.NewJSONHandler(r.logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(r.server.Handler())
	t.Cleanup(listening.Close)
	r.url = listening.URL
	return r
}

// advance lets time pass.
func (r *receiver) advance(by time.Duration) {
	r.now = r.now.Add(by)
	r.clock.Store(r.now.UnixNano())
}

// syncBuffer is a log that the server writes while the test reads.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// Reset forgets what was written.
func (b *syncBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}

// awaitLine is the log's newest line, once there is one; the line of a delivery is written after its answer. Then the
// log is forgotten.
func (r *receiver) awaitLine() (line map[string]any) {
	r.Helper()
	eventually(r, "the log has a line", func() bool { return strings.HasSuffix(r.logs.String(), "\n") })
	lines := strings.Split(strings.TrimSpace(r.logs.String()), "\n")
	r.logs.Reset()
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
		r.Fatal(err)
	}
	return line
}

// eventually waits until something holds, and fails the test when it does not in time.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline, again := time.NewTimer(30*time.Second), time.NewTicker(time.Millisecond)
	defer deadline.Stop()
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-deadline.C:
			t.Fatalf("it does not come to hold that %s", what)
		}
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	closes bool // the connection ends with it
}

// violation is one entry of a problem document.
type violation struct{ Pointer, Rule, Message string }

func (a answer) problem(t *testing.T) (p struct {
	Type       string
	Title      string
	Status     int
	Detail     string
	Violations []violation
	Quarantine int64
}) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type is %q, want application/problem+json", got)
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("the problem document is not JSON: %v: %s", err, a.body)
	}
	if p.Status != a.status {
		t.Errorf("the problem document says status %d under status %d", p.Status, a.status)
	}
	return p
}

// headers signs a body as the sender does.
func (r *receiver) headers(secret, body string) http.Header {
	timestamp := signature.Timestamp(r.now)
	return http.Header{
		"Content-Type":            {"application/json; charset=utf-8"},
		"X-Zm-Request-Id":         {"req-1"},
		"X-Zm-Trackingid":         {"track-1"},
		"Clientid":                {"a-client-id"},
		"Authorization":           {"Bearer a-credential"},
		signature.HeaderTimestamp: {timestamp},
		signature.HeaderSignature: {signature.Sign([]byte(secret), timestamp, []byte(body))},
	}
}

func (r *receiver) post(path, body string) answer {
	r.Helper()
	return r.postWith(path, body, r.headers(newSecret, body))
}

func (r *receiver) postWith(path, body string, header http.Header) answer {
	r.Helper()
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, r.url+path, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	request.Header = header
	return r.do(request)
}

func (r *receiver) do(request *http.Request) answer {
	r.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		r.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(body), response.Close}
}

func (r *receiver) events() []event.Stored {
	r.Helper()
	events, err := r.store.Events(r.Context(), 0, 1000)
	if err != nil {
		r.Fatal(err)
	}
	return events
}

// body is the stored body of an event; a list leaves it out.
func (r *receiver) body(id event.ID) string {
	r.Helper()
	e, err := r.store.Event(r.Context(), id)
	if err != nil {
		r.Fatal(err)
	}
	return string(e.Delivery.Body)
}

func (r *receiver) quarantined() []event.Quarantined {
	r.Helper()
	entries, err := r.store.Quarantines(r.Context(), "", 0, 1000)
	if err != nil {
		r.Fatal(err)
	}
	return entries
}

// nothingKept fails when the store holds anything.
func (r *receiver) nothingKept() {
	r.Helper()
	if e, q := r.events(), r.quarantined(); len(e) != 0 || len(q) != 0 {
		r.Errorf("the store holds %d events and %d quarantine entries, want none", len(e), len(q))
	}
}

func cnam(ts string, name string, numbers ...string) string {
	quoted, _ := json.Marshal(numbers)
	return fmt.Sprintf(`{"event":%q,"event_ts":%s,"payload":{"account_id":"acct","object":{"carrier_code":3457,`+
		`"phone_numbers":%s,"cnam":%q}}}`,
		cnamEvent, ts, quoted, name)
}

func address(ts, line1 string, numbers ...string) string {
	quoted, _ := json.Marshal(numbers)
	return fmt.Sprintf(`{"event":%q,"event_ts":%s,"payload":{"account_id":"acct","object":{"carrier_code":8801,`+
		`"phone_numbers":%s,"emergency_address":{"address_line1":%q}}}}`,
		addressEvent, ts, quoted, line1)
}

// sameJSON compares member by member, with exact numbers.
func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	decode := func(text string) string {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		var v any
		if err := decoder.Decode(&v); err != nil {
			t.Fatalf("not JSON: %v: %q", err, text)
		}
		out, _ := json.Marshal(v)
		return string(out)
	}
	if g, w := decode(got), decode(want); g != w {
		t.Errorf("got  %s\nwant %s", g, w)
	}
}

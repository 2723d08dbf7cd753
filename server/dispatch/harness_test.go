package dispatch

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"numhook/server/event"
	"numhook/server/store/storetest"
)

// sending is a sender made of a function.
type sending func(ctx context.Context, e Envelope) Outcome

func (s sending) Send(ctx context.Context, e Envelope) Outcome { return s(ctx, e) }
func (sending) Close() error                                   { return nil }

var (
	confirmed = Outcome{Verdict: event.Confirmed, Alive: true}
	failing   = Outcome{Verdict: event.Retry, Reason: "the connection failed"}
	refused   = Outcome{Verdict: event.Refused, Reason: "the answer was 422", Alive: true}
)

// receipt is one envelope that a downstream got, and when since the harness began.
type receipt struct {
	at   time.Duration
	body string
}

// downstream answers what it is told to, and remembers what it got.
type downstream struct {
	began time.Time
	send  func(ctx context.Context, nth int) Outcome // nil confirms; nth counts from 1

	mu  sync.Mutex
	got []receipt
}

func (d *downstream) Send(ctx context.Context, e Envelope) Outcome {
	d.mu.Lock()
	d.got = append(d.got, receipt{time.Since(d.began), string(e.Body)})
	nth, send := len(d.got), d.send
	d.mu.Unlock()
	if send == nil {
		return confirmed
	}
	return send(ctx, nth)
}

func (d *downstream) Close() error { return nil }

func (d *downstream) receipts() []receipt {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]receipt(nil), d.got...)
}

// harness is a way out in a synctest bubble, on a store in memory.
type harness struct {
	t     *testing.T
	store *storetest.Fake
	log   *lockedLog
	ended chan error
	stop  context.CancelFunc
	*Dispatch
}

// body is what a test's downstream gets: the number's last digit, the attribute's first letter and the value.
func plainWrap(a event.Attempt) (Envelope, error) {
	return Envelope{ID: a.EventID.String() + a.Number, Number: a.Number, Body: fmt.Appendf(nil, "%s=%s", a.Number,
		bytes.Trim(a.Value, `"`))}, nil
}

// newHarness registers the workers' downstreams. The jitter is the whole span, unless the test says otherwise.
func newHarness(t *testing.T, config Config, configs ...WorkerConfig) *harness {
	t.Helper()
	h := &harness{t: t, store: storetest.NewFake(t), log: new(lockedLog), ended: make(chan error, 1)}
	h.configure(config, configs...)
	return h
}

func (h *harness) configure(config Config, configs ...WorkerConfig) {
	h.t.Helper()
	for i := range configs {
		if configs[i].Downstream.Mode == "" {
			configs[i].Downstream.Mode = event.Latest
		}
		if configs[i].Downstream.Start == "" {
			configs[i].Downstream.Start = event.FromNow
		}
		if _, err := h.store.Register(h.t.Context(), configs[i].Downstream); err != nil {
			h.t.Fatal(err)
		}
	}
	if config.Queue == nil {
		config.Queue = h.store
	}
	if config.Wrap == nil {
		config.Wrap = plainWrap
	}
	if config.Random == nil {
		config.Random = func() float64 { return 0.999999 }
	}
	config.Workers = configs
	config.Log = slog.New(slog.NewJSONHandler(h.log, nil))
	var err error
	if h.Dispatch, err = New(config); err != nil {
		h.t.Fatal(err)
	}
}

// lockedLog is a log that a test may read while it is written.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start runs the way out until the test ends, or halt.
func (h *harness) start() {
	ctx, cancel := context.WithCancel(h.t.Context())
	h.stop = cancel
	go func() { h.ended <- h.Run(ctx) }()
	synctest.Wait()
}

// halt ends it and returns what Run returned, and after what time.
func (h *harness) halt() (time.Duration, error) {
	begun := time.Now()
	h.stop()
	err := <-h.ended
	return time.Since(begun), err
}

// enqueue stores an event that sets the caller-ID name of the number, without waking anybody.
func (h *harness) enqueue(number string, ts int64, value string) event.ID {
	h.t.Helper()
	e := cnam(ts, value, number)
	if _, err := h.store.Append(h.t.Context(), e); err != nil {
		h.t.Fatal(err)
	}
	return e.ID
}

func cnam(ts int64, value string, numbers ...string) event.Event {
	body := fmt.Appendf(nil, `{"ts":%d,"value":%q,"numbers":%q}`, ts, value, numbers)
	e := event.Event{
		ID: event.Identify(body), Name: "number_management.peering_number_cnam_updated", TS: ts, AccountID: "account",
		CarrierCode: 1, Numbers: numbers,
		Attribute: event.CNAM, Delivery: event.Delivery{Received: time.Now(), Path: "/", Body: body},
	}
	if value != "" {
		e.Value, _ = json.Marshal(value)
	}
	return e
}

// advance lets time pass.
func (h *harness) advance(d time.Duration) {
	timer := time.NewTimer(d)
	<-timer.C
	synctest.Wait()
}

// logLines are the log's log lines of the text, as key=value texts in the order of the keys given.
func (h *harness) logLines(text string, keys ...string) []string {
	h.t.Helper()
	var found []string
	for line := range strings.Lines(h.log.String()) {
		var members map[string]any
		if err := json.Unmarshal([]byte(line), &members); err != nil {
			h.t.Fatal(err)
		}
		if members["msg"] != text {
			continue
		}
		var shown []string
		for _, key := range keys {
			if value, ok := members[key]; ok {
				shown = append(shown, fmt.Sprintf("%s=%v", key, value))
			}
		}
		found = append(found, strings.Join(shown, " "))
	}
	return found
}

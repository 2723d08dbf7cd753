package server_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server"
	"numhook/server/event"
	"numhook/server/signature"
	"numhook/server/store/storetest"
	"numhook/spec"
)

// canary is what nobody but the sender may see: it stands for a number, a name, an address.
const canary = "5550199canary"

// canaries are the forms in which one is put into a body.
var canaries = []string{canary, "+1312" + canary, `"` + canary + `"`, `"` + canary + `":`, `"` + canary + `":1,`,
	`{"` + canary + `":{"a":1,"a":2}},`, `"` + canary + `",`,
	`\u0035550199canary`, `/` + canary + `~1`, `"event":"` + canary + `",`}

// swapped is a store whose store is another one for each body.
type swapped struct{ *storetest.Fake }

// FuzzProblem: whatever is signed and does not fit is kept and refused with a problem document, and neither that nor
// the log shows what is in the body.
func FuzzProblem(f *testing.F) {
	for _, name := range []string{cnamEvent, addressEvent} {
		raw, err := os.ReadFile("../spec/examples/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		for form := range canaries {
			for at := 3; at < len(raw); at += 37 {
				f.Add(raw, uint16(at), uint16(7*form), uint8(form), uint8(at))
			}
		}
	}
	document, err := spec.Load()
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	store, logs := &swapped{}, &bytes.Buffer{}
	receiver, err := server.New(server.Config{Secrets: signature.Secrets{[]byte(newSecret)}, Document: document,
		Store: store,
		Now:   func() time.Time { return now }, Log: slog.New(slog.NewJSONHandler(logs, nil))})
	if err != nil {
		f.Fatal(err)
	}
	paths := []string{"/", "/" + cnamEvent, "/" + addressEvent, "/" + canary}
	var busy atomic.Bool
	f.Fuzz(func(t *testing.T, raw []byte, at, cut uint16, form, path uint8) {
		if busy.Swap(true) {
			t.Fatal("two bodies at a time")
		}
		defer busy.Store(false)
		store.Fake = storetest.NewFake(t)
		logs.Reset()
		from := min(int(at), len(raw))
		to := min(from+int(cut)%16, len(raw))
		body := string(raw[:from]) + canaries[int(form)%len(canaries)] + string(raw[to:])
		request := httptest.NewRequest(http.MethodPost, paths[int(path)%len(paths)], strings.NewReader(body))
		timestamp := signature.Timestamp(now)
		request.Header.Set(signature.HeaderTimestamp, timestamp)
		request.Header.Set(signature.HeaderSignature, signature.Sign([]byte(newSecret), timestamp, []byte(body)))
		answer := httptest.NewRecorder()
		receiver.Handler().ServeHTTP(answer, request)
		judgeProblem(t, body, answer, store.Fake)
		if strings.Contains(strings.ToLower(logs.String()), canary) {
			t.Errorf("the log shows what is in the body: %s", logs)
		}
	})
}

func judgeProblem(t *testing.T, body string, got *httptest.ResponseRecorder, kept *storetest.Fake) {
	t.Helper()
	events, err := kept.Events(t.Context(), 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := kept.Quarantines(t.Context(), event.Held, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if got.Code == http.StatusOK {
		if len(entries) != 0 || len(events) > 1 {
			t.Errorf("answered 200, and %d events and %d entries are kept", len(events), len(entries))
		}
		return
	}
	problem := answer{status: got.Code, header: got.Header(), body: got.Body.String()}.problem(t)
	held := 1
	switch event.Kind(strings.TrimPrefix(problem.Type, "urn:numhook:problem:")) {
	case event.BadChallenge, event.TooLarge:
		held = 0
	case event.Malformed, event.Invalid, event.UnknownEvent:
	default:
		t.Errorf("%q is answered %d %s", body, got.Code, got.Body)
	}
	if len(entries) != held || len(events) != 0 {
		t.Errorf("answered %d, and %d events and %d entries are kept, want none and %d", got.Code, len(events), len(entries),
			held)
	}
	text := strings.ToLower(got.Body.String())
	for _, values := range got.Header() {
		text += strings.ToLower(strings.Join(values, " "))
	}
	if strings.Contains(text, canary) || strings.Contains(text, "5550199") {
		t.Errorf("the answer shows what is in the body: %s", got.Body)
	}
}

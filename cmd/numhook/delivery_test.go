package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"numhook/server/signature"
)

const (
	cnamEvent    = "number_management.peering_number_cnam_updated"
	addressEvent = "number_management.peering_number_emergency_address_updated"
)

// cnamBody is a canonical body: what identifies the event is the SHA-256 of just these bytes, as long as name and
// numbers need no escape.
func cnamBody(ts int64, name string, numbers ...string) string {
	return fmt.Sprintf(`{"event":%q,"event_ts":%d,"payload":{"account_id":"acct-1","object":{"carrier_code":3457,`+
		`"cnam":%q,"phone_numbers":%s}}}`,
		cnamEvent, ts, name, quoted(numbers))
}

// addressBody is a canonical body, likewise.
func addressBody(ts int64, line1 string, numbers ...string) string {
	return fmt.Sprintf(`{"event":%q,"event_ts":%d,"payload":{"account_id":"acct-1","object":{"carrier_code":8801,`+
		`"emergency_address":{"address_line1":%q},"phone_numbers":%s}}}`, addressEvent, ts, line1, quoted(numbers))
}

func quoted(numbers []string) string {
	text, _ := json.Marshal(numbers) // strings always can be written
	return string(text)
}

// signed are the headers with which the sender would deliver the body now.
func signed(secret, body string) http.Header { return signedAt(secret, body, time.Now()) }

func signedAt(secret, body string, at time.Time) http.Header {
	timestamp := signature.Timestamp(at)
	return http.Header{
		"Content-Type":            {"application/json; charset=utf-8"},
		"User-Agent":              {"Zoom Marketplace/1.0a"},
		"X-Zm-Request-Id":         {"b2a9e8f4-1d8c-4f6e-9f43-6a1d3f2c7b10"},
		"X-Zm-Trackingid":         {"track-" + timestamp},
		signature.HeaderTimestamp: {timestamp},
		signature.HeaderSignature: {signature.Sign([]byte(secret), timestamp, []byte(body))},
	}
}

// post delivers a body as the sender does.
func (r *receiver) post(path, body string) answer {
	r.Helper()
	return r.postWith(path, body, signed(testSecret, body))
}

func (r *receiver) postWith(path, body string, header http.Header) answer {
	r.Helper()
	got, err := r.deliver(path, body, header)
	if err != nil {
		r.Fatalf("cannot deliver: %v", err)
	}
	return got
}

// deliver is postWith for those who expect that it can fail.
func (r *receiver) deliver(path, body string, header http.Header) (answer, error) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, r.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header = header
	return r.do(request)
}

// problemDocument is what an answer other than 200 holds.
type problemDocument struct {
	Type       string
	Title      string
	Status     int
	Detail     string
	Violations []struct{ Pointer, Rule, Message string }
	Quarantine int64
}

// problem reads the answer's problem document and fails when it is not of the kind given.
func (a answer) problem(t testing.TB, status int, kind string) (p problemDocument) {
	t.Helper()
	if a.status != status {
		t.Fatalf("the answer is %v, want %d", a, status)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("the content type is %q", got)
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Fatalf("the problem document is not JSON: %v: %s", err, a.body)
	}
	if p.Status != status || p.Type != "urn:numhook:problem:"+kind || p.Title == "" || p.Detail == "" {
		t.Errorf("the problem document is %s, want kind %s", a.body, kind)
	}
	return p
}

// sameJSON compares two JSON values, with exact numbers.
func sameJSON(a, b []byte) bool {
	canonical := func(text []byte) string {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var value any
		if decoder.Decode(&value) != nil {
			return ""
		}
		out, _ := json.Marshal(value) // what was decoded can be encoded
		return string(out)
	}
	one := canonical(a)
	return one != "" && one == canonical(b)
}

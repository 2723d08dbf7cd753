package server_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"numhook/server"
	"numhook/server/event"
	"numhook/server/signature"
	"numhook/spec"
)

// instant takes every event at once: what is left is the way in.
type instant struct{ server.Store }

func (instant) Append(context.Context, event.Event) (event.Receipt, error) {
	return event.Receipt{}, nil
}

// BenchmarkDelivery is one accepted delivery from the handler to the answer, without connection, log and store.
func BenchmarkDelivery(b *testing.B) {
	document, err := spec.Load()
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	s, err := server.New(server.Config{
		Secrets: signature.Secrets{[]byte(newSecret)}, Document: document, Store: instant{},
		Now: func() time.Time { return now },
	})
	if err != nil {
		b.Fatal(err)
	}
	body, timestamp := address("2000", "1 Main St", "+13125550100"), signature.Timestamp(now)
	header := http.Header{
		"Content-Type":            {"application/json; charset=utf-8"},
		signature.HeaderTimestamp: {timestamp},
		signature.HeaderSignature: {signature.Sign([]byte(newSecret), timestamp, []byte(body))},
	}
	handler, sent := s.Handler(), strings.NewReader(body)
	request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/", sent)
	request.Header = header
	b.ReportAllocs()
	for b.Loop() {
		sent.Reset(body)
		answer := &status{header: http.Header{}}
		if handler.ServeHTTP(answer, request); answer.code != http.StatusOK {
			b.Fatalf("answer %d", answer.code)
		}
	}
}

// status is of an answer all that it keeps.
type status struct {
	header http.Header
	code   int
}

func (s *status) Header() http.Header         { return s.header }
func (s *status) WriteHeader(code int)        { s.code = code }
func (s *status) Write(p []byte) (int, error) { return len(p), nil }

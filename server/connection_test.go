package server_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"numhook/server"
	"numhook/server/signature"
	"numhook/server/store/storetest"
	"numhook/spec"
)

// Whoever keeps the connections learns which of them carried something signed, and says who is at their other end.
func TestTellsOfSignedRequests(t *testing.T) {
	document, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	signed, logs := 0, &syncBuffer{}
	s, err := server.New(server.Config{
		Secrets: signature.Secrets{[]byte(newSecret)}, Document: document, Store: storetest.NewFake(t),
		Log:    slog.New(slog.NewJSONHandler(logs, nil)),
		Remote: func(*http.Request) string { return "192.0.2.7" },
		Signed: func(context.Context) { signed++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []struct {
		secret string
		want   int
	}{{"a forger's", 0}, {newSecret, 1}} {
		body := `{"event":"what is not in the contract"}`
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		timestamp := signature.Timestamp(time.Now())
		r.Header.Set(signature.HeaderTimestamp, timestamp)
		r.Header.Set(signature.HeaderSignature, signature.Sign([]byte(one.secret), timestamp, []byte(body)))
		s.Handler().ServeHTTP(httptest.NewRecorder(), r)
		if signed != one.want {
			t.Errorf("signed with %q: %d requests were told of, want %d", one.secret, signed, one.want)
		}
	}
	if !strings.Contains(logs.String(), `"remote":"192.0.2.7"`) {
		t.Errorf("the log does not name the remote: %s", logs)
	}
}

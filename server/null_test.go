package server_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"numhook/server"
	"numhook/server/signature"
	"numhook/server/store/storetest"
	"numhook/spec"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestNullIsNoDeletion: under a document that allows null, an event with null is acknowledged, kept as it came, told
// of, and changes nothing.
func TestNullIsNoDeletion(t *testing.T) {
	document, err := spec.Load()
	if err != nil {
		t.Fatal(err)
	}
	object := document.Components.Schemas["PeeringNumberCnamUpdatedPayloadObject"].Value
	object.Properties["cnam"].Value.Type = &openapi3.Types{"string", "null"}
	r := &receiver{T: t, store: storetest.NewFake(t), now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
		logs: &syncBuffer{}}
	r.advance(0)
	r.server, err = server.New(server.Config{
		Secrets: signature.Secrets{[]byte(newSecret)}, Document: document, Store: r.store,
		Now: func() time.Time { return time.Unix(0, r.clock.Load()).UTC() }, Log: slog.New(slog.NewJSONHandler(r.logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewServer(r.server.Handler())
	t.Cleanup(listening.Close)
	r.url = listening.URL
	const body = `{"event":"` + cnamEvent + `","event_ts":1769860800000,"payload":{"account_id":"a","object":` +
		`{"carrier_code":1,"phone_numbers":["+13125550100"],"cnam":null}}}`
	if got := r.post("/", body); got.status != http.StatusOK {
		t.Fatalf("answer %d: %s", got.status, got.body)
	}
	events := r.events()
	if len(events) != 1 || events[0].Changes() || events[0].Value != nil || r.body(events[0].ID) != body ||
		len(events[0].Lint) != 1 || events[0].Lint[0].Rule != "value-null" {
		t.Errorf("stored %+v", events)
	}
}

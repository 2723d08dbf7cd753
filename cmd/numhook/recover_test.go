package main

import (
	"context"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"numhook/gen/senderlog/senderlogtest"
)

// logged is a sender with two rows in its log.
type logged struct {
	mu   sync.Mutex
	rows []senderlogtest.Row
}

// set gives the log its rows, and returns those that it had.
func (l *logged) set(rows []senderlogtest.Row) []senderlogtest.Row {
	l.mu.Lock()
	defer l.mu.Unlock()
	had := l.rows
	l.rows = rows
	return had
}

func (*logged) CreateToken(
	context.Context, senderlogtest.CreateTokenRequestObject,
) (senderlogtest.CreateTokenResponseObject, error) {
	return senderlogtest.CreateToken200JSONResponse{AccessToken: "t", ExpiresIn: 3600}, nil
}

func (l *logged) ListWebhookLogs(
	context.Context, senderlogtest.ListWebhookLogsRequestObject,
) (senderlogtest.ListWebhookLogsResponseObject, error) {
	return senderlogtest.ListWebhookLogs200JSONResponse{WebhookLogs: l.set([]senderlogtest.Row{})}, nil
}

// What the sender's log has is taken in beside a running receiver, once, and says where it comes from.
func TestRecover(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	name, request, answered := "number_management.peering_number_cnam_updated", "req-1", 503
	body := `{"event":"` + name + `","event_ts":1795886570478,"payload":{"account_id":"a","object":{"carrier_code":3457,` +
		`"phone_numbers":["+12025550143"],"cnam":"EXAMPLE DENTAL"}}}`
	cut := body[:90]
	rows := []senderlogtest.Row{{Event: &name, RequestBody: &body, RequestId: &request, Status: &answered},
		{Event: &name, RequestBody: &cut, RequestId: &request, Status: &answered}}
	from := &logged{}
	at := httptest.NewServer(senderlogtest.Handler(senderlogtest.NewStrictHandler(from, nil)))
	defer at.Close()
	const secret = "the-client-secret-of-the-tests"
	for file, text := range map[string]string{"client.secret": secret, "numhook.yaml": `downstreams: []
recovery: {app_id: a, account_id: b, client_id: c, client_secret_file: client.secret, allow_private: true,
  api_url: "` + at.URL + `", token_url: "` + at.URL + `"}
`} {
		if err := os.WriteFile(filepath.Join(r.folder, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(code int, want string, args ...string) {
		t.Helper()
		from.set(rows)
		got := r.run(append([]string{"recover", "--config", "numhook.yaml", "--from", "3h"}, args...)...)
		_, table, _ := strings.Cut(got.stdout, "\n")
		if got.code != code || got.stderr != "" || strings.Join(strings.Fields(table), " ") != want ||
			strings.Contains(got.stdout, secret) {
			t.Errorf("exit code %d, want %d: %s%s, want %s", got.code, code, got.stdout, got.stderr, want)
		}
	}
	run(exitNo, "rows seen 2 not of our events 0 ours already 0 would be taken in 1 would be refused into quarantine 1 "+
		"in quarantine already 0 cannot be read 0", "--dry-run")
	var listed []eventShown
	if r.read(&listed, "events", "list"); len(listed) != 0 {
		t.Errorf("a dry run stored %+v", listed)
	}
	run(exitNo, "rows seen 2 not of our events 0 ours already 0 taken in 1 refused into quarantine 1 "+
		"in quarantine already 0 cannot be read 0")
	run(exitGood, "rows seen 2 not of our events 0 ours already 1 taken in 0 refused into quarantine 0 "+
		"in quarantine already 1 cannot be read 0")
	r.read(&listed, "events", "list")
	if len(listed) != 1 || listed[0].Header.Origin.From != "sender-log" || listed[0].Header.Origin.Status != 503 ||
		listed[0].Header.RequestID != "req-1" || listed[0].Header.Signature != "" ||
		time.Since(listed[0].Received) > time.Hour {
		t.Fatalf("got %+v", listed)
	}
	for _, shown := range []ending{r.run("events", "show", listed[0].ID.String()), r.run("quarantine", "show", "1")} {
		if !strings.Contains(shown.stdout, "  origin        sender-log, not signed; the sender saw status 503\n") ||
			!strings.Contains(shown.stdout, "x-zm-request-id: req-1\n") {
			t.Errorf("shown as %s%s", shown.stdout, shown.stderr)
		}
	}
	if got := r.run("recover"); got.code != exitUse || !strings.Contains(got.stderr, "there is no configuration") {
		t.Errorf("got %+v", got)
	}
	if got := r.run("recover", "--config", "numhook.yaml", "--all", "--from", "1h"); got.code != exitUse {
		t.Errorf("got %+v", got)
	}
}

package recovery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"numhook/gen/senderlog/senderlogtest"
	"numhook/server/recovery"
)

const clientSecret = "the-client-secret-of-the-tests"

// sender is the sender's side, by the generated strict server. It answers as documented, and strictly: it refuses what
// the document refuses.
type sender struct {
	t   *testing.T
	url string

	mu     sync.Mutex
	now    time.Time // the sender's clock
	rows   []senderlogtest.Row
	tokens int // given so far
	uses   int // of the newest token
	lasts  int // calls that a token is good for; 0 for all
	calls  []string
	raw    []func(w http.ResponseWriter) // answers in the place of the next calls of the log; nil for its own
}

func newSender(t *testing.T, now time.Time) *sender {
	s := &sender{t: t, now: now}
	own := senderlogtest.Handler(senderlogtest.NewStrictHandler(s, nil))
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		w.Header().Set("Date", s.now.UTC().Format(http.TimeFormat))
		if strings.HasPrefix(r.URL.Path, "/oauth/") {
			id, secret, _ := r.BasicAuth()
			if id != "client" || secret != clientSecret {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
		} else if !s.admits(w, r) {
			return
		}
		own.ServeHTTP(w, r)
	}))
	t.Cleanup(at.Close)
	s.url = at.URL
	return s
}

// admits answers in the log's place where that is asked for, or where the token is not good.
func (s *sender) admits(w http.ResponseWriter, r *http.Request) bool {
	s.calls = append(s.calls, r.URL.RawQuery)
	if len(s.raw) > 0 {
		answer := s.raw[0]
		s.raw = s.raw[1:]
		if answer != nil {
			answer(w)
			return false
		}
	}
	s.uses++
	if r.Header.Get("Authorization") != fmt.Sprintf("Bearer token-%d", s.tokens) || s.lasts > 0 && s.uses > s.lasts {
		w.WriteHeader(http.StatusUnauthorized)
		return false
	}
	return true
}

func (s *sender) CreateToken(
	_ context.Context, r senderlogtest.CreateTokenRequestObject,
) (senderlogtest.CreateTokenResponseObject, error) {
	if r.Params.AccountId != "account" || !r.Params.GrantType.Valid() {
		return nil, fmt.Errorf("asked with %+v", r.Params)
	}
	s.tokens, s.uses = s.tokens+1, 0
	return senderlogtest.CreateToken200JSONResponse{AccessToken: fmt.Sprintf("token-%d", s.tokens), ExpiresIn: 3600}, nil
}

const timeForm = "2006-01-02T15:04:05Z"

func (s *sender) ListWebhookLogs(
	_ context.Context, r senderlogtest.ListWebhookLogsRequestObject,
) (senderlogtest.ListWebhookLogsResponseObject, error) {
	p := r.Params
	from, to := s.time(p.From), s.time(p.To)
	if r.AppId != "app" || *p.Type != senderlogtest.ListWebhookLogsParamsTypeN1 || *p.PageSize < 1 || *p.PageSize > 300 ||
		from.Before(s.now.Add(-recovery.Kept)) || to.Sub(from) > recovery.Kept || !from.Before(to) {
		s.t.Errorf("at %s asked for app %s, type %s, %d rows, from %s to %s", s.now, r.AppId, *p.Type, *p.PageSize, from, to)
		return refuse(http.StatusBadRequest), nil
	}
	begin := 0
	if p.NextPageToken != nil {
		var err error
		if begin, err = strconv.Atoi(*p.NextPageToken); err != nil {
			return refuse(http.StatusBadRequest), nil
		}
	}
	found := slices.DeleteFunc(append([]senderlogtest.Row{}, s.rows...), func(row senderlogtest.Row) bool {
		at := s.time(row.DateTime)
		return at.Before(from) || at.After(to)
	})
	end := min(begin+*p.PageSize, len(found))
	page := senderlogtest.ListWebhookLogs200JSONResponse{WebhookLogs: found[begin:end], PageSize: p.PageSize}
	if end < len(found) {
		next := strconv.Itoa(end)
		page.NextPageToken = &next
	}
	return page, nil
}

func refuse(status int) senderlogtest.ListWebhookLogsdefaultJSONResponse {
	return senderlogtest.ListWebhookLogsdefaultJSONResponse{StatusCode: status}
}

func (s *sender) time(text *string) time.Time {
	at, err := time.Parse(timeForm, *text)
	if err != nil {
		s.t.Errorf("a time is written as %q", *text)
	}
	return at
}

// status answers with a status, and a header.
func status(code int, header ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		if len(header) == 2 {
			w.Header().Set(header[0], header[1])
		}
		w.WriteHeader(code)
	}
}

func row(at time.Time, name, body, request string, answered int) senderlogtest.Row {
	date, endpoint := at.UTC().Format(timeForm), "https://hooks.example/in/"
	return senderlogtest.Row{Event: &name, RequestBody: &body, RequestId: &request, Status: &answered, DateTime: &date,
		Endpoint: &endpoint}
}

const cnam = "number_management.peering_number_cnam_updated"

func cnamBody(number string, ts int64, name string) string {
	body, _ := json.Marshal(map[string]any{"event": cnam, "event_ts": ts, "payload": map[string]any{"account_id": "a",
		"object": map[string]any{"carrier_code": 3457, "phone_numbers": []string{number}, "cnam": name}}})
	return string(body)
}

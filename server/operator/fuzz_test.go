package operator_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"numhook/server/operator"
)

// FuzzCalls: whatever is sent to whichever call, the answer is the call's or a problem of the caller's.
func FuzzCalls(f *testing.F) {
	for _, seed := range [][3]string{
		{"/numbers", "prefix=%2B1&limit=1", ""}, {"/numbers/%2B12025557143", "as_of=1", ""},
		{"/numbers/%41%2F/history", "", ""},
		{"/events", "order=newest&received_since=2026-01-01T00:00:00Z&event_ts_since=-1", ""}, {"/events/x", "", ""},
		{"/quarantine", "state=held&after=1", ""}, {"/quarantine/1/redrive", "dry_run=true", ""},
		{"/deliveries/1/retry", "again=true", ""}, {"/deliveries/retry", "", `{"state":"dead","expected":1}`},
		{"/downstreams/ali/pause", "", `{"why":"a"}`}, {"/activity", "step=hour&until=0001-01-01T00:00:00Z", ""},
		{"/replay", "", `{"downstream":"ali","since":"9999-12-31T23:59:59Z"}`}, {"/accesses", "who=%00&object=%ff", ""},
		{"//", ";", "{"}, {"/openapi.json", "x", "[]"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	x := newFixture(f) // is dear to make, and one for all inputs
	f.Fuzz(func(t *testing.T, path, query, body string) {
		target, err := url.Parse("http://127.0.0.1" + operator.Path + path)
		if err != nil || !strings.HasPrefix(target.Path, operator.Path+"/") {
			t.Skip()
		}
		method := http.MethodGet
		if body != "" || slices.ContainsFunc([]string{"/redrive", "/discard", "/retry", "/skip", "/pause", "/resume",
			"/replay"}, func(end string) bool { return strings.HasSuffix(path, end) }) {
			method = http.MethodPost
		}
		r := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(body))
		target.RawQuery = query
		r.URL = target
		r.Header.Set("Authorization", "Bearer "+x.tokens[operator.Operator])
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		x.handler.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError || w.Code != http.StatusOK &&
			w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s %q: %d %s", method, target, body, w.Code, w.Body)
		}
	})
}

package operator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/operator"
)

// page is any list.
type page struct {
	Items []map[string]any `json:"items"`
	Next  *string          `json:"next"`
}

func (f *fixture) list(target string) (p page) {
	f.Helper()
	w := f.ask(operator.Reader, http.MethodGet, operator.Path+target, "")
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusOK || p.Items == nil {
		f.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	return p
}

// all follows a list to its end.
func (f *fixture) all(target, member string) (values []string) {
	f.Helper()
	after := ""
	for range 100 {
		p := f.list(target + after)
		for _, item := range p.Items {
			values = append(values, fmt.Sprint(item[member]))
		}
		if p.Next == nil {
			return values
		}
		after = "&after=" + url.QueryEscape(*p.Next)
	}
	f.Fatalf("%s has no end", target)
	return nil
}

func TestPagesJoin(t *testing.T) {
	f := newFixture(t)
	for _, c := range []struct{ path, member, want string }{
		{"/numbers", "number", "[+12025557143 +12025557144 CANARY]"},
		{"/numbers?prefix=%2B1202555714", "number", "[+12025557143 +12025557144]"},
		{"/numbers?prefix=%2B12025557143", "number", "[+12025557143]"},
		{"/numbers?prefix=D", "number", "[]"},
		{"/numbers?attribute=cnam", "number", "[+12025557143 +12025557144 CANARY]"},
		{"/numbers?attribute=emergency_address", "number", "[]"},
		{"/numbers?account=CANARY&prefix=%2B1", "number", "[+12025557143 +12025557144]"},
		{"/numbers?account=none", "number", "[]"},
		{"/numbers?unconfirmed=true", "number", "[+12025557143 +12025557144 CANARY]"},
		{"/events", "seq", "[1 2 3]"},
		{"/events?number=%2B12025557144", "seq", "[2]"},
		{"/events?order=newest", "seq", "[3 2 1]"},
		{"/events?order=newest&account=CANARY&event_ts_since=1795886570479", "seq", "[3 2]"},
		{"/events?event=none", "seq", "[]"},
		{"/events?account=CANARY&event_ts_since=1795886570479", "seq", "[2 3]"},
		{"/events?event_ts_until=1795886570479", "seq", "[1]"},
		{"/events?received_until=2026-11-28T17:00:00Z", "seq", "[]"},
		{"/events?received_since=2026-11-28T17:00:00Z", "seq", "[1 2 3]"},
		{"/quarantine", "id", "[1 2]"},
		{"/quarantine?state=redriven", "id", "[]"},
		{"/deliveries", "id", "[1 2 3]"},
		{"/deliveries?state=dead", "id", "[1]"},
		{"/deliveries?downstream=none", "id", "[]"},
		{"/deliveries?number=CANARY", "id", "[3]"},
		{"/numbers/CANARY/history", "event_id", "[" + event.Identify([]byte(`{"n":2}`)).String() + "]"},
	} {
		for _, limit := range []int{1, 2, 3, 1000} {
			join := "?"
			if strings.Contains(c.path, "?") {
				join = "&"
			}
			target := fmt.Sprintf("%s%slimit=%d", c.path, join, limit)
			if got := fmt.Sprint(f.all(target, c.member)); got != c.want {
				t.Errorf("%s: %s, want %s", target, got, c.want)
			}
		}
	}
	f.list("/accesses?limit=1")
	ids := f.all("/accesses?limit=7&who=reader-1", "id")
	if len(ids) < 50 || ids[0] <= ids[1] && len(ids[0]) == len(ids[1]) {
		t.Errorf("accesses %v", ids)
	}
	if got := f.all("/accesses?limit=100&object=CANARY&who=viewer-1", "id"); len(got) != 0 {
		t.Errorf("accesses of a viewer: %v", got)
	}
}

// Which downstream has a value, since when, and which row says so.
func TestANumberSaysWhoHasItsValues(t *testing.T) {
	f := newFixture(t)
	attempts, _, err := f.store.Claim(t.Context(), "ali", 1)
	if err != nil || len(attempts) != 1 {
		t.Fatal(attempts, err)
	}
	o := attempts[0]
	if _, err := f.store.Record(t.Context(), event.Result{Row: o.Row, Claim: o.Claim, Seq: o.Seq,
		Verdict: event.Confirmed}); err != nil {
		t.Fatal(err)
	}
	states := map[string]bool{}
	for _, number := range []string{canaryNumber, "+12025557144", canary} {
		w := f.ask(operator.Reader, http.MethodGet, operator.Path+"/numbers/"+url.PathEscape(number), "")
		var shown struct {
			Confirmations []struct{ Downstream, State, Since, Confirmed string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &shown); err != nil || len(shown.Confirmations) != 1 {
			t.Fatalf("%s: %s", number, w.Body)
		}
		c := shown.Confirmations[0]
		states[c.State] = true
		if c.Downstream != "ali" || c.Since == "" || (c.Confirmed != "") != (c.State == "delivered") {
			t.Errorf("%s: %+v", number, c)
		}
	}
	if len(states) != 3 || !states["dead"] || !states["delivered"] || !states["waiting"] {
		t.Errorf("states %v", states)
	}
}

func TestActivityByStep(t *testing.T) {
	f := newFixture(t)
	for minute, counts := range map[time.Duration]map[string]int64{
		-2 * time.Hour: {"accepted": 1, "invalid": 2}, -time.Minute: {"accepted": 3, event.HandedOn: 4, event.Owed: 5},
		-26 * time.Hour: {"duplicate": 6, "challenge": 7, "unsigned": 8},
	} {
		if err := f.store.AddActivity(t.Context(), f.now.Add(minute), counts); err != nil {
			t.Fatal(err)
		}
	}
	for target, want := range map[string]string{
		"/activity":           "[2026-11-28T15:00:00Z 1 0 0 map[invalid:2] 0 0] [2026-11-28T16:59:00Z 3 0 0 map[] 4 5]",
		"/activity?step=hour": "[2026-11-28T15:00:00Z 1 0 0 map[invalid:2] 0 0] [2026-11-28T16:00:00Z 3 0 0 map[] 4 5]",
		"/activity?since=2026-11-27T14:59:30Z&until=2026-11-27T15:00:01Z": "[2026-11-27T15:00:00Z 0 6 7 map[unsigned:8] 0 0]",
		"/activity?since=2026-11-01T00:00:00Z&until=2026-11-02T00:00:00Z": "",
	} {
		var shown []string
		for _, o := range f.list(target).Items {
			shown = append(shown, fmt.Sprint([]any{o["at"], o["accepted"], o["duplicate"], o["challenge"], o["refused"],
				o["handed_on"], o["owed"]}))
		}
		if got := strings.Join(shown, " "); got != want {
			t.Errorf("%s: %s, want %s", target, got, want)
		}
	}
	for _, target := range []string{
		"/activity?since=2026-11-26T00:00:00Z&until=2026-11-28T00:00:00Z", "/activity?until=2026-01-01T00:00:00Z&step=day",
		"/activity?since=2026-11-28T00:00:00Z&until=2026-11-28T00:00:00Z", "/activity?since=2026-01-01T00:00:00Z&step=hour",
	} {
		f.problem(target, f.ask(operator.Viewer, http.MethodGet, operator.Path+target, ""), http.StatusBadRequest)
	}
}

package main

import (
	"bufio"
	"database/sql"
	"encoding/json"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"numhook/server/signature"
)

// metrics are the samples of /metrics: name and labels as they are written, and the value.
func (r *receiver) metrics() map[string]float64 {
	r.Helper()
	got, err := r.get("/metrics")
	if err != nil || got.status != http.StatusOK {
		r.Fatalf("metrics: %v, %v", got, err)
	}
	samples := map[string]float64{}
	for lines := bufio.NewScanner(strings.NewReader(got.body)); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			r.Fatalf("not a sample: %s", line)
		}
		samples[line[:at]] = value
	}
	return samples
}

func TestMetricsMove(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	before := r.metrics()
	for name, want := range map[string]float64{"numhook_queue_depth": 0, "numhook_delivery_seconds_count": 0} {
		if got, there := before[name]; !there || got != want {
			t.Errorf("at the start %s is %v (there: %v), want %v", name, got, there, want)
		}
	}
	odd := strings.Replace(addressBody(2, "1 Main St", "no number"), `"address_line1"`, `"county":"Cook","address_line1"`,
		1)
	r.post("/", cnamBody(1, "A", "+12025550100"))
	r.post("/", cnamBody(1, "A", "+12025550100"))
	r.post("/"+addressEvent, odd)
	r.post("/", `{"event":"`+cnamEvent+`"}`)
	r.post("/", `{"event":"nobody.knows"}`)
	r.post("/", `{`)
	r.post("/", challengeOf("abc"))
	r.post("/", challengeOf("a:b"))
	r.postWith("/", `{}`, http.Header{})
	r.postWith("/", `{}`, signed("another secret", `{}`))
	r.postWith("/", `{}`, signedAt(testSecret, `{}`, time.Now().Add(-time.Hour)))
	r.postWith("/", `{}`, with(signed(testSecret, `{}`), signature.HeaderSignature, "v1=00"))

	// Every delivery came alone, so each was a transaction of its own: two events, one of them again, three quarantine
	// entries, and a challenge, which nobody waits for.
	const transactions, deliveries = 3 + 3 + 1, 12
	eventually(t, startTime, "every transaction and every delivery is counted", func() bool {
		now := r.metrics()
		return now["numhook_batch_deliveries_count"]-before["numhook_batch_deliveries_count"] == transactions &&
			now["numhook_delivery_seconds_count"] == deliveries
	})
	after := r.metrics()
	for name, want := range map[string]float64{
		`numhook_deliveries_total{answer="200",event="` + cnamEvent + `",kind="accepted"}`:        1,
		`numhook_deliveries_total{answer="200",event="` + cnamEvent + `",kind="duplicate"}`:       1,
		`numhook_deliveries_total{answer="200",event="` + addressEvent + `",kind="accepted"}`:     1,
		`numhook_deliveries_total{answer="400",event="` + cnamEvent + `",kind="invalid"}`:         1,
		`numhook_deliveries_total{answer="404",event="unknown",kind="unknown_event"}`:             1,
		`numhook_deliveries_total{answer="400",event="unknown",kind="malformed"}`:                 1,
		`numhook_deliveries_total{answer="200",event="endpoint.url_validation",kind="challenge"}`: 1,
		`numhook_deliveries_total{answer="400",event="unknown",kind="bad_challenge"}`:             1,
		`numhook_deliveries_total{answer="401",event="unknown",kind="unsigned"}`:                  4,
		`numhook_unsigned_total{reason="missing"}`:                                                1,
		`numhook_unsigned_total{reason="wrong"}`:                                                  1,
		`numhook_unsigned_total{reason="stale"}`:                                                  1,
		`numhook_unsigned_total{reason="malformed"}`:                                              1,
		`numhook_delivery_seconds_count`:                                                          12,
		`numhook_queue_depth`:                                                                     0,
	} {
		if got := after[name]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if got := sum(after, `numhook_findings_total{kind="drift"`); got != 1 {
		t.Errorf("%v drift findings, want 1", got)
	}
	if got := sum(after, `numhook_findings_total{kind="lint"`); got < 1 {
		t.Errorf("%v lint findings, want some", got)
	}
	if sum := after["numhook_batch_deliveries_sum"] - before["numhook_batch_deliveries_sum"]; sum != transactions {
		t.Errorf("%v deliveries in %d transactions", sum, transactions)
	}
	if after["numhook_append_seconds_count"] != after["numhook_batch_deliveries_count"] ||
		after["numhook_append_seconds_sum"] <= before["numhook_append_seconds_sum"] {
		t.Errorf("append latency: %v in %v", after["numhook_append_seconds_sum"], after["numhook_append_seconds_count"])
	}
	if age := after["numhook_challenge_age_seconds"]; age < 0 || age > 20 {
		t.Errorf("the challenge is %v s old", age)
	}
}

func sum(samples map[string]float64, prefix string) (total float64) {
	for name, value := range samples {
		if strings.HasPrefix(name, prefix) {
			total += value
		}
	}
	return total
}

// The age of the last good challenge is that of the challenge, and not of the process.
func TestTheChallengeIsRememberedAfterARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.start()
	asked := time.Now()
	if got := r.post("/", challengeOf("abc")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	if code := r.stop(); code != exitGood { // it finishes writing the time before it ends
		t.Fatalf("exit code %d", code)
	}
	between := time.NewTimer(1200 * time.Millisecond)
	<-between.C
	r = s.start()
	want, got := time.Since(asked).Seconds(), r.metrics()["numhook_challenge_age_seconds"]
	if got < want-1 || got > want+1 || got < 1.2 {
		t.Errorf("after a restart the challenge is %v s old, want %v", got, want)
	}
}

func TestHealthAndReadiness(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	if got, err := r.get("/healthz"); err != nil || got.status != http.StatusOK || got.body != "ok\n" {
		t.Errorf("healthz: %v, %v", got, err)
	}
	var ready readiness
	eventually(t, endTime, "the store has been checked", func() bool { // which it says as a warning until then
		ready = readiness{}
		got := r.ready()
		if err := json.Unmarshal([]byte(got.body), &ready); err != nil ||
			got.header.Get("Content-Type") != "application/json" {
			t.Errorf("readyz: %v, %v", got, err)
		}
		return len(ready.Warnings) == 0
	})
	want := map[string]string{"buffers": "ok", "integrity": "ok", "secret": "ok", "serving": "ok", "store": "ok"}
	if !ready.Ready || !maps.Equal(ready.Checks, want) {
		t.Errorf("readyz says %+v", ready)
	}
	for _, path := range []string{"/", "/metricz"} {
		if got, err := r.get(path); err != nil || got.status != http.StatusNotFound {
			t.Errorf("%s: %v, %v", path, got, err)
		}
	}
	// The operator's paths are not the sender's: there they are deliveries like any other, and not signed.
	r.postWith("/metrics", "", http.Header{}).problem(t, http.StatusUnauthorized, "unsigned")
}

func TestNoOperatorListener(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	r := s.launch("--operator-listen", "")
	eventually(t, startTime, "it listens", func() bool { r.findAddresses(); return r.url != "" })
	if got := r.post("/", cnamBody(1, "A", "+12025550100")); got.status != http.StatusOK {
		t.Error(got)
	}
	if r.operator != "" || r.stop() != exitGood {
		t.Errorf("the operator's listener is %q", r.operator)
	}
}

// The keys of a real log and the names of real metrics are those that the pages explain, no more and no fewer.
func TestRealKeysAndMetricsAreThoseOfThePages(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	r.post("/", cnamBody(1, "A", "no number"))
	r.post("/", strings.Replace(cnamBody(2, "A", "+12025550100"), `"event_ts"`, `"more":1,"event_ts"`, 1))
	r.post("/", `{`)
	r.postWith("/", `{}`, http.Header{})
	r.postWith("/", `{}`, signedAt(testSecret, `{}`, time.Now().Add(-time.Hour)))
	r.post("/", challengeOf("abc"))
	db, err := sql.Open("sqlite", "file:"+r.file()+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, step := range []string{"BEGIN IMMEDIATE", "ROLLBACK"} {
		if _, err := db.ExecContext(t.Context(), step); err != nil {
			t.Fatal(err)
		}
		got, locked := r.post("/", cnamBody(3, "A", "+12025550100")), step == "BEGIN IMMEDIATE"
		if (got.status == http.StatusServiceUnavailable) != locked {
			t.Errorf("after %s: %v", step, got)
		}
	}
	samples := r.metrics()
	if code := r.stop(); code != exitGood {
		t.Errorf("exit code %d", code)
	}
	keys, names := map[string]bool{}, map[string]bool{}
	for _, entry := range r.log.deliveries() {
		for key := range entry {
			keys[key] = key != slog.TimeKey && key != slog.LevelKey && key != slog.MessageKey
		}
	}
	for sample := range samples {
		if name := regexp.MustCompile(`^numhook_[a-z_]+`).FindString(sample); name != "" {
			names[regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")] = true
		}
	}
	maps.DeleteFunc(keys, func(_ string, ours bool) bool { return !ours })
	sameTexts(t, "log key", firstCells(t, "key"), keys)
	shown := firstCells(t, "metric")
	for _, of := range []string{"quarantine", "connections and the log", "the store's check", "the clock"} {
		shown = append(shown, firstCells(t, "metric of "+of)...)
	}
	sameTexts(t, "metric", shown, names)
}

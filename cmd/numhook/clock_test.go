package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// clocks are a machine's clock, its stopwatch, and a store with a clock of its own.
type clocks struct {
	wall, database, newest time.Time
	elapsed                time.Duration
	slow                   time.Duration // that the store takes to answer, half of it before it looks at its clock
	err                    error
}

func (c *clocks) pass(d time.Duration) {
	c.wall, c.database, c.elapsed = c.wall.Add(d), c.database.Add(d), c.elapsed+d
}

func (c *clocks) Clock(context.Context) (now, newest time.Time, err error) {
	c.pass(c.slow / 2)
	now = c.database
	c.pass(c.slow / 2)
	return now, c.newest, c.err
}

// watched is a watch on clocks that a test sets.
type watched struct {
	*testing.T
	clocks
	watch *clockWatch
	log   bytes.Buffer
}

func newWatched(t *testing.T) *watched {
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	w := &watched{T: t, clocks: clocks{wall: now, database: now}}
	w.watch = newClockWatch(&w.clocks, slog.New(slog.NewJSONHandler(&w.log, nil)))
	w.watch.read = func() clockReading { return clockReading{w.wall, w.elapsed} }
	return w
}

// look has some time pass, and wants warnings that contain the texts, a metric of so much, and so many lines of the log
// since the last look.
func (w *watched) look(step, against string, behind time.Duration, lines int, texts ...string) {
	w.Helper()
	w.pass(clockEvery)
	w.log.Reset()
	w.watch.look(w.Context())
	got := w.watch.warning().text()
	for _, text := range texts {
		if !strings.Contains(got, text) {
			w.Errorf("%s: the warning is %q, want %q", step, got, text)
		}
	}
	if len(texts) == 0 && got != "" {
		w.Errorf("%s: the warning is %q", step, got)
	}
	if many := strings.Count(w.log.String(), "\n"); many != lines {
		w.Errorf("%s: %d lines, want %d: %s", step, many, lines, w.log.String())
	}
	if shown := w.shown(against); shown != behind.Seconds() {
		w.Errorf("%s: the difference from the %s is %v s, want %v s", step, against, shown, behind.Seconds())
	}
}

func (w *watched) shown(against string) float64 {
	w.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := w.watch.Register(registry); err != nil {
		w.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		w.Fatal(err)
	}
	for _, m := range families[0].GetMetric() {
		if m.GetLabel()[0].GetValue() == against {
			return m.GetGauge().GetValue()
		}
	}
	w.Fatalf("there is no difference from the %s", against)
	return 0
}

// clockSteps are those that a clock is set by.
var clockSteps = []time.Duration{3 * time.Second, time.Hour, 24 * time.Hour, 365 * 24 * time.Hour}

func TestClockIsHeldAgainstTheDatabase(t *testing.T) {
	for _, step := range clockSteps {
		for text, by := range map[string]time.Duration{"behind": step, "ahead of": -step} {
			w := newWatched(t)
			w.slow = 800 * time.Millisecond
			w.look("at the start", againstDatabase, 0, 0)
			w.database = w.database.Add(by)
			w.look("apart", againstDatabase, by, 1, step.String()+" "+text+" the database's")
			w.look("still apart", againstDatabase, by, 0, text)
			w.err = errors.New("gone")
			w.look("no answer", againstDatabase, by, 0, text)
			w.err = nil
			w.database = w.database.Add(-by)
			w.look("together again", againstDatabase, 0, 1)
		}
	}
}

// An answer that took long says less about the database's clock.
func TestClockThatASlowDatabaseTells(t *testing.T) {
	w := newWatched(t)
	w.slow = 2 * time.Second
	w.database = w.database.Add(clockSlack + time.Second)
	w.look("within half of the answer's time", againstDatabase, clockSlack+time.Second, 0)
	w.database = w.database.Add(time.Second)
	w.look("beyond it", againstDatabase, clockSlack+2*time.Second, 1, "behind")
}

func TestClockIsHeldAgainstTheNewestReceipt(t *testing.T) {
	for _, step := range clockSteps {
		w := newWatched(t)
		w.look("no event", againstReceipt, 0, 0)
		w.newest = w.wall.Add(-step)
		w.look("a receipt in the past", againstReceipt, 0, 0)
		if step < receiptSlack {
			continue
		}
		w.newest = w.wall.Add(step)
		w.look("a receipt in the future", againstReceipt, step-clockEvery, 1, "behind the newest receipt")
		w.look("again", againstReceipt, step-2*clockEvery, 0, "behind the newest receipt")
		w.newest = w.wall
		w.look("a newer one that is right", againstReceipt, 0, 1)
	}
}

func TestClockIsHeldAgainstTheStopwatch(t *testing.T) {
	for _, step := range clockSteps {
		for text, by := range map[string]time.Duration{"ahead": step, "back": -step} {
			w := newWatched(t)
			set := func(by time.Duration) { // both, so that only the stopwatch can tell
				w.wall, w.database = w.wall.Add(by), w.database.Add(by)
			}
			w.look("at the start", againstStopwatch, 0, 0)
			set(by)
			w.look("set", againstStopwatch, -by, 1, "set "+step.String()+" "+text)
			w.look("after it", againstStopwatch, -by, 0, text)
			set(-by)
			w.look("set right", againstStopwatch, 0, 1)
			set(by)
			w.look("set again", againstStopwatch, -by, 1, text)
			w.pass(stepShown)
			w.look("long ago", againstStopwatch, 0, 1)
			w.pass(100 * time.Hour)
			w.look("only time passed", againstStopwatch, 0, 0)
		}
	}
}

// A clock that drifts, or is set by a little, is nobody's concern.
func TestClockThatIsSetByALittle(t *testing.T) {
	w := newWatched(t)
	w.look("at the start", againstStopwatch, 0, 0)
	for range 10 {
		w.wall, w.database = w.wall.Add(time.Second), w.database.Add(time.Second)
		w.look("set by a second", againstStopwatch, 0, 0)
	}
}

// A store that holds a receipt of an hour from now: the receiver says so at its start, and takes in and hands out as
// ever.
func TestClockBehindTheStore(t *testing.T) { onEachEngine(t, clockBehindTheStore) }

func clockBehindTheStore(t *testing.T, s *site) {
	r := s.start()
	if got := r.post("/", cnamBody(1, "A", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	if got := r.ready(); strings.Contains(got.body, "clock") || r.log.has("clock") {
		t.Errorf("while the clock is right: %v\n%s", got, r.log)
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
	s.alter(`UPDATE events SET received = received + 3600000000`, `UPDATE numhook.events SET received = received + `+
		`3600000000`)
	r = s.start()
	var ready readiness
	if err := json.Unmarshal([]byte(r.ready().body), &ready); err != nil || !ready.Ready ||
		!strings.Contains(ready.Warnings["clock"], "behind the newest receipt in the store") {
		t.Errorf("/readyz: %v: %+v", err, ready)
	}
	for against, bounds := range map[string][2]float64{"receipt": {3000, 3600}, "database": {-2, 2}, "stopwatch": {0, 0}} {
		name := fmt.Sprintf("numhook_clock_difference_seconds{against=%q}", against)
		if got, there := r.metrics()[name]; !there || got < bounds[0] || got > bounds[1] {
			t.Errorf("%s is %v (there: %v), want one of %v", name, got, there, bounds)
		}
	}
	r.awaitText(`"against":"receipt"`)
	said := 0
	for _, entry := range r.log.entries() {
		if entry["msg"] == "clock" && entry["level"] == "WARN" && entry["against"] == "receipt" {
			said++
		}
	}
	if said != 1 {
		t.Errorf("the log says it %d times, want once", said)
	}
	if got := r.post("/", cnamBody(2, "B", "+12025550101")); got.status != http.StatusOK {
		t.Errorf("a delivery: %v", got)
	}
	if got := s.run("numbers", "show", "+12025550101", "--format", "json"); !strings.Contains(got.stdout, `"B"`) {
		t.Errorf("the newer value is not current: %+v", got)
	}
}

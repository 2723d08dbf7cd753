package main

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// heldStore answers the count, or fails, and says how often it was asked.
type heldStore struct {
	entries, bytes int64
	err            error
	slow           bool
	asked          int
}

func (s *heldStore) QuarantineHeld(ctx context.Context) (entries, bytes int64, err error) {
	s.asked++
	if s.slow {
		<-ctx.Done()
		return 0, 0, ctx.Err()
	}
	return s.entries, s.bytes, s.err
}

func TestHeldMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &heldStore{err: errors.New("gone")}
		registry := prometheus.NewPedanticRegistry()
		if err := (&heldMetrics{from: s}).Register(registry); err != nil {
			t.Fatal(err)
		}
		scrape := func(step string, asked int, want ...float64) {
			t.Helper()
			begun := time.Now()
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			values := map[string]float64{}
			for _, f := range families {
				values[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
			}
			if len(values) != len(want) || len(want) == 2 && (values["numhook_quarantine_entries"] != want[0] ||
				values["numhook_quarantine_bytes"] != want[1]) {
				t.Errorf("%s: %v, want %v", step, values, want)
			}
			if took := time.Since(begun); s.asked != asked || took > heldTime {
				t.Errorf("%s: the store was asked %d times, want %d; it took %v", step, s.asked, asked, took)
			}
		}
		scrape("before the store answers", 1)
		s.err, s.entries, s.bytes = nil, 3, 700
		scrape("at once", 1)
		time.Sleep(heldAge)
		scrape("an answer", 2, 3, 700)
		s.entries = 4
		time.Sleep(heldAge - 1)
		scrape("while it is good", 2, 3, 700)
		time.Sleep(time.Nanosecond)
		scrape("a new answer", 3, 4, 700)
		s.slow = true
		time.Sleep(heldAge)
		scrape("no answer in time", 4, 4, 700)
		scrape("no second wait", 4, 4, 700)
	})
}

package main

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numhook/server/event"
)

// counted are metrics as the receiver and the way out have them.
type counted struct {
	deliveries, attempts *prometheus.CounterVec
	owed                 *prometheus.GaugeVec
}

func newCounted() counted {
	return counted{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "numhook_deliveries_total"},
			[]string{"answer", "kind", "event"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "numhook_attempts_total"},
			[]string{"downstream", "outcome"}),
		owed: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "numhook_owed"}, []string{"downstream"}),
	}
}

func (c counted) Register(in prometheus.Registerer) error {
	return errors.Join(in.Register(c.deliveries), in.Register(c.attempts), in.Register(c.owed))
}

// keptCounts is a store of counts.
type keptCounts struct {
	fails  error
	counts map[string]int64
	writes int
	folded time.Time
}

func (k *keptCounts) AddActivity(_ context.Context, _ time.Time, counts map[string]int64) error {
	if k.fails != nil {
		return k.fails
	}
	k.writes++
	for name, n := range counts {
		if name == event.Owed {
			k.counts[name] = 0
		}
		k.counts[name] += n
	}
	return nil
}

func (k *keptCounts) FoldActivity(_ context.Context, before time.Time) error {
	k.folded = before
	return nil
}

// What was counted is written once, also when it could not be for a while, and nothing is written while nothing
// happens.
func TestCountsAreKept(t *testing.T) {
	c, k := newCounted(), &keptCounts{counts: map[string]int64{}}
	a, err := newActivity(k, slog.New(slog.DiscardHandler), c)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	holds := func(writes int, want map[string]int64) {
		t.Helper()
		a.flush(now)
		if k.writes != writes || !maps.Equal(k.counts, want) {
			t.Fatalf("%d writes of %v, want %d of %v", k.writes, k.counts, writes, want)
		}
	}
	holds(0, map[string]int64{})
	c.deliveries.WithLabelValues("200", "accepted", "a").Add(2)
	c.deliveries.WithLabelValues("200", "accepted", "b").Inc()
	c.deliveries.WithLabelValues("400", "invalid", "a").Inc()
	c.attempts.WithLabelValues("ali", "confirmed").Add(4)
	c.attempts.WithLabelValues("ali", "retry").Add(9)
	c.owed.WithLabelValues("ali").Set(3)
	c.owed.WithLabelValues("bob").Set(1)
	first := map[string]int64{"accepted": 3, "invalid": 1, event.HandedOn: 4, event.Owed: 4}
	holds(1, first)
	holds(1, first)
	c.deliveries.WithLabelValues("200", "accepted", "a").Inc()
	k.fails = errors.New("the disk is full")
	holds(1, first)
	k.fails = nil
	first["accepted"] = 4
	holds(2, first)
	now = now.Add(time.Minute)
	holds(3, first) // what is owed is said each minute
	c.owed.WithLabelValues("ali").Set(0)
	c.owed.WithLabelValues("bob").Set(0)
	first[event.Owed] = 0
	holds(4, first)
	now = now.Add(time.Minute)
	holds(4, first)
	a.fold(now)
	if want := now.Add(-foldAfter); !k.folded.Equal(want) {
		t.Errorf("folded before %v, want %v", k.folded, want)
	}
}

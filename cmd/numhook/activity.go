package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numhook/server/event"
)

const (
	countEvery   = 10 * time.Second // a crash loses what was counted since
	countTimeout = 2 * time.Second
	foldEvery    = time.Hour
	foldAfter    = 7 * 24 * time.Hour // minutes that are older become hours
)

// activityStore keeps counts.
type activityStore interface {
	AddActivity(ctx context.Context, at time.Time, counts map[string]int64) error
	FoldActivity(ctx context.Context, before time.Time) error
}

// activity puts what the metrics count into the store, minute by minute. One goroutine owns it.
type activity struct {
	registry *prometheus.Registry
	store    activityStore
	log      *slog.Logger
	last     map[string]int64 // what is in the store of the counters
	owed     int64            // that was told last
	minute   time.Time        // when it was
	folded   time.Time
}

func newActivity(store activityStore, log *slog.Logger, counted ...metrics) (*activity, error) {
	a := &activity{registry: prometheus.NewRegistry(), store: store, log: log, last: map[string]int64{}}
	for _, one := range counted {
		if err := one.Register(a.registry); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// start counts until it is stopped, and then once more.
func (a *activity) start(ctx context.Context) (stop func()) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		every := time.NewTicker(countEvery)
		defer every.Stop()
		for {
			select {
			case <-running.Done():
				a.flush(time.Now())
				return
			case now := <-every.C:
				a.flush(now)
				a.fold(now)
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// flush adds what was counted since the last time. What cannot be written now is written the next time: that the store
// is in trouble is for others to say.
func (a *activity) flush(now time.Time) {
	totals, owed := a.totals()
	counts := map[string]int64{}
	for name, total := range totals {
		if more := total - a.last[name]; more > 0 {
			counts[name] = more
		}
	}
	minute := now.UTC().Truncate(time.Minute)
	if owed != a.owed || owed > 0 && !minute.Equal(a.minute) {
		counts[event.Owed] = owed
	}
	if len(counts) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	if err := a.store.AddActivity(ctx, minute, counts); err != nil {
		a.log.Debug("cannot keep counts", slog.String("error", err.Error()))
		return
	}
	a.last, a.owed, a.minute = totals, owed, minute
}

// fold makes hours of old minutes, now and then.
func (a *activity) fold(now time.Time) {
	if now.Sub(a.folded) < foldEvery {
		return
	}
	a.folded = now
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	if err := a.store.FoldActivity(ctx, now.Add(-foldAfter)); err != nil {
		a.log.Debug("cannot fold counts", slog.String("error", err.Error()))
	}
}

// totals are what the metrics have counted since the start, and what is owed now.
func (a *activity) totals() (counters map[string]int64, owed int64) {
	counters = map[string]int64{}
	families, _ := a.registry.Gather() // what could be gathered is there beside an error
	for _, family := range families {
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range m.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			switch family.GetName() {
			case "numhook_deliveries_total":
				counters[labels["kind"]] += int64(m.GetCounter().GetValue())
			case "numhook_attempts_total":
				if labels["outcome"] == string(event.Confirmed) {
					counters[event.HandedOn] += int64(m.GetCounter().GetValue())
				}
			case "numhook_owed":
				owed += int64(m.GetGauge().GetValue())
			}
		}
	}
	return counters, owed
}

package dispatch

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
	"numhook/server/store/sqlite"
)

// wall is a wall clock that somebody sets.
type wall struct{ ahead atomic.Int64 }

func (w *wall) now() time.Time         { return time.Now().Add(time.Duration(w.ahead.Load())) }
func (w *wall) set(step time.Duration) { w.ahead.Add(int64(step)) }

// stepped is a way out on a real store, under a clock that is set.
type stepped struct {
	*testing.T
	clock *wall
	open  func(t *testing.T, now func() time.Time) store.Store

	store    store.Store
	registry *prometheus.Registry
	patience time.Duration // before a row is given up; 0 for ever
	well     atomic.Bool
	stop     context.CancelFunc
	ended    chan error
}

// Whichever way the clock is set, and by how much, in a running process or before it starts again: the outbox is handed
// on once the downstream is well, and meanwhile the age of the oldest row grows by the stopwatch.
func TestClockSteps(t *testing.T) {
	folder := t.TempDir()
	server := postgrestest.Own(t, "fsync=off", "full_page_writes=off")
	for engine, open := range map[string]func(t *testing.T) func(t *testing.T, now func() time.Time) store.Store{
		"sqlite": func(t *testing.T) func(t *testing.T, now func() time.Time) store.Store {
			path := filepath.Join(folder, filepath.Base(filepath.Dir(t.Name()))+filepath.Base(t.Name())+".db")
			return func(t *testing.T, now func() time.Time) store.Store {
				s, err := sqlite.Open(t.Context(), path, sqlite.Options{AllowUnsafe: true, Synchronous: "OFF", Now: now})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
		},
		"postgres": func(t *testing.T) func(t *testing.T, now func() time.Time) store.Store {
			url, err := server.NewDatabase(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return func(t *testing.T, now func() time.Time) store.Store {
				s, err := postgres.Open(t.Context(), url, postgres.Options{AllowUnsafe: true, Now: now})
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
		},
	} {
		for step, text := range map[time.Duration]string{
			time.Second: "a second", time.Hour: "an hour", 24 * time.Hour: "a day", 365 * 24 * time.Hour: "a year",
		} {
			for _, restart := range []bool{false, true} {
				name := map[bool]string{false: "running", true: "restarted"}[restart]
				for direction, by := range map[string]time.Duration{"forth": step, "back": -step} {
					t.Run(engine+"/"+text+" "+direction+"/"+name, func(t *testing.T) {
						t.Parallel()
						clockStep(&stepped{T: t, clock: new(wall), open: open(t)}, by, restart)
					})
				}
			}
		}
	}
}

func clockStep(s *stepped, by time.Duration, restart bool) {
	if !restart || by < 0 {
		s.patience = 30 * time.Minute // nothing has waited that long, whatever the clock says
	}
	s.begin()
	began := time.Now()
	for number := range 5 {
		s.enqueue(int64(number))
	}
	s.await("tries under the first clock", func() bool { return s.tries() >= 10 })
	if restart {
		s.end()
		began = time.Now() // what was before is gone with the process
	}
	s.clock.set(by)
	if restart {
		s.begin()
	}
	tries := s.tries() // of this process
	s.await("tries under the second clock", func() bool { return s.tries() >= tries+10 })
	stuck := time.Since(began)
	s.await("the alarm", func() bool { return s.oldest() >= stuck })
	s.enqueue(100) // a row that is enqueued since now must not hide the others
	s.await("the alarm beside a newer row", func() bool { return s.oldest() >= stuck+500*time.Millisecond })
	s.well.Store(true)
	right := time.Now()
	s.await("everything is handed on", func() bool {
		statuses, err := s.store.Downstreams(s.Context())
		if err == nil && statuses[0].Dead > 0 {
			s.Fatalf("%d rows were given up", statuses[0].Dead)
		}
		return err == nil && statuses[0].Waiting+statuses[0].Attempting == 0
	})
	s.Logf("handed on %v after the downstream was well", time.Since(right).Round(time.Millisecond))
	s.end()
}

func (s *stepped) Send(context.Context, Envelope) Outcome {
	if s.well.Load() {
		return confirmed
	}
	return Outcome{Verdict: event.Retry, Reason: "status 500", Alive: true}
}

func (s *stepped) Close() error { return nil }

// begin opens the store and lets the way out run.
func (s *stepped) begin() {
	s.store, s.registry, s.ended = s.open(s.T, s.clock.now), prometheus.NewRegistry(), make(chan error, 1)
	metrics := NewMetrics()
	if err := metrics.Register(s.registry); err != nil {
		s.Fatal(err)
	}
	down := event.Downstream{Name: "carrier", Mode: event.Latest, Start: event.FromNow}
	if _, err := s.store.Register(s.Context(), down); err != nil {
		s.Fatal(err)
	}
	d, err := New(Config{
		Queue: s.store, Statuses: s.store, Wrap: plainWrap, Now: s.clock.now, Metrics: metrics, Alone: true,
		Workers: []WorkerConfig{{
			Downstream: down, Sender: s, Timeout: time.Second,
			Backoff: Backoff{First: 10 * time.Millisecond, Max: 200 * time.Millisecond, GiveUpAfter: s.patience},
		}},
	})
	if err != nil {
		s.Fatal(err)
	}
	d.looks = 100 * time.Millisecond
	ctx, stop := context.WithCancel(s.Context())
	s.stop = stop
	go func() { s.ended <- d.Run(ctx) }()
}

func (s *stepped) end() {
	s.stop()
	if err := <-s.ended; err != nil {
		s.Error(err)
	}
	if err := s.store.Close(); err != nil {
		s.Error(err)
	}
}

func (s *stepped) enqueue(ts int64) {
	e := cnam(ts, "A", string(rune('a'+ts)))
	if _, err := s.store.Append(s.Context(), e); err != nil {
		s.Fatal(err)
	}
}

// tries is how many attempts failed so far.
func (s *stepped) tries() int { return int(s.shown("numhook_attempts_total", "retry")) }

// oldest is what the alarm is about.
func (s *stepped) oldest() time.Duration {
	return time.Duration(s.shown("numhook_owed_oldest_seconds", "carrier") * float64(time.Second))
}

// shown is the value of the metric's series with the label.
func (s *stepped) shown(metric, label string) float64 {
	s.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				if family.GetName() == metric && l.GetValue() == label {
					return m.GetGauge().GetValue() + m.GetCounter().GetValue()
				}
			}
		}
	}
	return 0
}

func (s *stepped) await(what string, holds func() bool) {
	s.Helper()
	limit, tick := time.After(time.Minute), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			s.Fatalf("%s: not within a minute; the oldest is %v old", what, s.oldest())
		}
	}
}

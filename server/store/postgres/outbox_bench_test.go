package postgres

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
)

// BenchmarkAppendOutbox appends as BenchmarkAppend does, with so many downstreams to each of which every event is
// enqueued.
func BenchmarkAppendOutbox(b *testing.B) {
	for _, mode := range []event.Mode{event.Latest, event.Every} {
		for _, downstreams := range []int{0, 1, 5} {
			b.Run(fmt.Sprintf("callers=64/%s=%d", mode, downstreams), func(b *testing.B) {
				server, url := database(b)
				s, err := Open(b.Context(), url, Options{})
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				for i := range downstreams {
					if _, err := s.Register(b.Context(), event.Downstream{Name: fmt.Sprint(i), Mode: mode,
						Start: event.FromNow}); err != nil {
						b.Fatal(err)
					}
				}
				measure(b, server, 64, []appender{s})
			})
		}
	}
}

// backlog is a store in which so many rows are enqueued for a downstream, spread over so many numbers.
func backlog(b *testing.B, mode event.Mode, rows, numbers int) *Store {
	_, url := database(b)
	s, err := Open(b.Context(), url, Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	if _, err := s.Register(b.Context(), event.Downstream{Name: "owed", Mode: mode, Start: event.FromNow}); err != nil {
		b.Fatal(err)
	}
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close(b.Context())
	for _, statement := range []string{`
		INSERT INTO numhook.events (seq, event_ts, received, carrier_code, attribute, id, name, account_id, numbers, value,
			drift, lint, door, header, body)
			SELECT nextval('numhook.event_places'), n, n, 3457, 'cnam', sha256(n::text::bytea), 'name', 'account', '["+"]',
				'"A"', '[]', '[]', '/', '{}', '{}'
			FROM generate_series(1, %[1]d) n`, `
		INSERT INTO numhook.changes (ordered_ts, seq, attribute, number)
			SELECT event_ts, seq, 'cnam', convert_to('+1' || event_ts %% %[2]d, 'UTF8') FROM numhook.events`, `
		INSERT INTO numhook.owed (downstream, slot, event_ts, seq, due, since, state, attribute, number)
			SELECT d.id, CASE d.mode WHEN 'every' THEN e.seq ELSE 0 END, e.event_ts, e.seq, e.seq, 1, 'waiting', 'cnam',
				convert_to('+1' || event_ts %% %[2]d, 'UTF8')
			FROM numhook.events e CROSS JOIN numhook.downstreams d ORDER BY e.seq`} {
		if _, err := conn.Exec(b.Context(), fmt.Sprintf(statement, rows, numbers)); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkDeliver claims the outbox, so many rows at a time, and records each of them by itself, as a line of that
// concurrency does. The first claim is told apart: it comes upon the whole backlog.
func BenchmarkDeliver(b *testing.B) {
	for _, c := range []struct {
		mode    event.Mode
		numbers int
	}{{event.Latest, 100_000}, {event.Every, 100_000}, {event.Every, 1000}, {event.Every, 10}} {
		for _, limit := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/rows=100000/numbers=%d/limit=%d", c.mode, c.numbers, limit), func(b *testing.B) {
				s := backlog(b, c.mode, 100_000, c.numbers)
				var delivered int
				var claims []time.Duration
				b.ResetTimer()
				for delivered < b.N {
					start := time.Now()
					list, _, err := s.Claim(b.Context(), "owed", limit)
					if err != nil {
						b.Fatal(err)
					}
					claims = append(claims, time.Since(start))
					if len(list) == 0 {
						b.Fatalf("nothing is left after %d", delivered)
					}
					var wg sync.WaitGroup
					var failed atomic.Value
					for _, a := range list {
						wg.Go(func() {
							if _, err := s.Record(b.Context(), event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq,
								Verdict: event.Confirmed}); err != nil {
								failed.Store(err)
							}
						})
					}
					wg.Wait()
					if err := failed.Load(); err != nil {
						b.Fatal(err)
					}
					delivered += len(list)
				}
				b.StopTimer()
				b.ReportMetric(float64(delivered)/b.Elapsed().Seconds(), "rows/s")
				b.ReportMetric(float64(claims[0].Microseconds()), "first-claim-us")
				slices.Sort(claims)
				b.ReportMetric(float64(claims[len(claims)/2].Microseconds()), "claim-p50-us")
				b.ReportMetric(float64(claims[len(claims)*99/100].Microseconds()), "claim-p99-us")
			})
		}
	}
}

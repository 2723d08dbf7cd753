package sqlite

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server/event"
)

// some downstreams of a mode, each of which wants everything.
func some(mode event.Mode, count int) (list []event.Downstream) {
	for i := range count {
		list = append(list, event.Downstream{Name: fmt.Sprint(mode, i), Mode: mode, Start: event.FromNow})
	}
	return list
}

// BenchmarkAppendOutbox appends as BenchmarkAppend does, to a store with downstreams for which each event is enqueued.
func BenchmarkAppendOutbox(b *testing.B) {
	for _, c := range []struct {
		mode  event.Mode
		count int
	}{{event.Latest, 0}, {event.Latest, 1}, {event.Latest, 5}, {event.Every, 1}, {event.Every, 5}} {
		b.Run(fmt.Sprintf("%d-%s", c.count, c.mode), func(b *testing.B) {
			directory := position(b)
			s, err := Open(b.Context(), filepath.Join(directory, "store.db"), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			mustRegister(b, s, some(c.mode, c.count)...)
			var next atomic.Int64
			cpu := cpuTime()
			b.ResetTimer()
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					for n := next.Add(1) - 1; n < int64(b.N); n = next.Add(1) - 1 {
						if _, err := s.Append(b.Context(), realistic(n)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/event")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// manyOutbox is a store that enqueues a downstream as many numbers as there are.
func manyOutbox(b *testing.B, d event.Downstream, count int) *Store {
	b.Helper()
	s, err := Open(b.Context(), filepath.Join(position(b), "store.db"), Options{Patience: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	mustRegister(b, s, d)
	for n := 0; n < count; {
		e := realistic(int64(n))
		e.Numbers = nil
		for range min(10_000, count-n) {
			e.Numbers = append(e.Numbers, fmt.Sprintf("+1555%07d", n))
			n++
		}
		e.ID = sha256.Sum256([]byte(fmt.Sprint(n)))
		if _, err := s.Append(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// BenchmarkDeliver claims and confirms from so many hands at once, with 100,000 rows enqueued.
func BenchmarkDeliver(b *testing.B) {
	for _, d := range append(some(event.Latest, 1), some(event.Every, 1)...) {
		for _, hands := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/hands=%d", d.Mode, hands), func(b *testing.B) {
				s := manyOutbox(b, d, 100_000)
				b.ResetTimer()
				deliver(b, s, d.Name, hands)
			})
		}
	}
}

// deliver has each hand confirm what one claimer gives it, as a line of the way out does.
func deliver(b *testing.B, s *Store, name string, hands int) {
	attempts := make(chan event.Attempt)
	free := make(chan struct{}, hands)
	for range hands {
		free <- struct{}{}
	}
	var wg sync.WaitGroup
	for range hands {
		wg.Go(func() {
			for a := range attempts {
				if held, err := s.Record(b.Context(), result(a, event.Confirmed)); err != nil || !held {
					b.Error(errors.Join(err, errors.New("not recorded")))
				}
				free <- struct{}{}
			}
		})
	}
	for left := min(b.N, 100_000); left > 0; {
		<-free
		slots := 1
		for more := true; more && slots < left; {
			select {
			case <-free:
				slots++
			default:
				more = false
			}
		}
		list, _, err := s.Claim(b.Context(), name, slots)
		if err != nil || len(list) != slots {
			b.Fatalf("%d rows were claimed (%v), want %d", len(list), err, slots)
		}
		left -= slots
		for _, a := range list {
			attempts <- a
		}
	}
	close(attempts)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkStatus asks a downstream's status with 100,000 rows in its outbox.
func BenchmarkStatus(b *testing.B) {
	s := manyOutbox(b, some(event.Latest, 1)[0], 100_000)
	for b.Loop() {
		if list, err := s.Downstreams(b.Context()); err != nil || list[0].Waiting != 100_000 {
			b.Fatal(err)
		}
	}
}

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

// BenchmarkAppendOwing appends as BenchmarkAppend does, to a store with downstreams that are owed each event.
func BenchmarkAppendOwing(b *testing.B) {
	for _, c := range []struct {
		mode  event.Mode
		count int
	}{{event.Latest, 0}, {event.Latest, 1}, {event.Latest, 5}, {event.Every, 1}, {event.Every, 5}} {
		b.Run(fmt.Sprintf("%d-%s", c.count, c.mode), func(b *testing.B) {
			directory := place(b)
			s, err := Open(b.Context(), filepath.Join(directory, "store.db"), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			mustRegister(b, s, some(c.mode, c.count)...)
			var next atomic.Int64
			cpu := cpuTime()
			b.ResetTimer()
			var group sync.WaitGroup
			for range 64 {
				group.Go(func() {
					for n := next.Add(1) - 1; n < int64(b.N); n = next.Add(1) - 1 {
						if _, err := s.Append(b.Context(), realistic(n)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			group.Wait()
			b.StopTimer()
			b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/event")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// manyOwed is a store that owes a downstream as many numbers as there are.
func manyOwed(b *testing.B, d event.Downstream, count int) *Store {
	b.Helper()
	s, err := Open(b.Context(), filepath.Join(place(b), "store.db"), Options{Patience: time.Minute})
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

// BenchmarkDeliver claims and confirms from so many hands at once, with 100,000 rows owed.
func BenchmarkDeliver(b *testing.B) {
	for _, d := range append(some(event.Latest, 1), some(event.Every, 1)...) {
		for _, hands := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/hands=%d", d.Mode, hands), func(b *testing.B) {
				s := manyOwed(b, d, 100_000)
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
	var group sync.WaitGroup
	for range hands {
		group.Go(func() {
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
		places := 1
		for more := true; more && places < left; {
			select {
			case <-free:
				places++
			default:
				more = false
			}
		}
		list, _, err := s.Claim(b.Context(), name, places)
		if err != nil || len(list) != places {
			b.Fatalf("%d rows were claimed (%v), want %d", len(list), err, places)
		}
		left -= places
		for _, a := range list {
			attempts <- a
		}
	}
	close(attempts)
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

// BenchmarkStanding asks how a downstream stands that is owed 100,000 rows.
func BenchmarkStanding(b *testing.B) {
	s := manyOwed(b, some(event.Latest, 1)[0], 100_000)
	for b.Loop() {
		if list, err := s.Downstreams(b.Context()); err != nil || list[0].Waiting != 100_000 {
			b.Fatal(err)
		}
	}
}

package sqlite

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"numhook/server/event"
)

// BenchmarkAppend appends realistic events from so many callers at once, each of whom waits for its receipt: in groups,
// and with one transaction each.
func BenchmarkAppend(b *testing.B) {
	for _, mode := range []struct {
		name  string
		batch int
	}{{"groups", 0}, {"one-transaction-each", 1}} {
		for _, writers := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("%s/writers=%d", mode.name, writers), func(b *testing.B) {
				benchmarkAppend(b, writers, Options{MaxBatch: mode.batch})
			})
		}
	}
}

// position is a directory on a disk for measurements; NUMHOOK_BENCH_DIR chooses it where the temporary directory lies
// in memory.
func position(b *testing.B) string {
	directory := os.Getenv("NUMHOOK_BENCH_DIR")
	if directory == "" {
		return b.TempDir()
	}
	directory, err := os.MkdirTemp(directory, "append")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(directory) })
	return directory
}

func benchmarkAppend(b *testing.B, writers int, opts Options) {
	batches := new(counter)
	opts.Observer = batches
	s, err := Open(b.Context(), filepath.Join(position(b), "store.db"), opts)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var next atomic.Int64
	took := make([]time.Duration, b.N)
	cpu := cpuTime()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for n := next.Add(1) - 1; n < int64(b.N); n = next.Add(1) - 1 {
				e := realistic(n)
				start := time.Now()
				if _, err := s.Append(b.Context(), e); err != nil {
					b.Error(err)
					return
				}
				took[n] = time.Since(start)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/float64(batches.Load()), "events/batch")
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-us/event")
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(float64(took[len(took)*999/1000].Microseconds()), "p999-us")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-us")
}

// counter counts batches.
type counter struct{ atomic.Int64 }

func (c *counter) Batch(int, time.Duration) { c.Add(1) }
func (c *counter) Queue(int)                {}

// cpuTime is what the process has used of the processors.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// realistic is the n-th event of a stream for 100,000 numbers, as large as the sender's are.
func realistic(n int64) event.Event {
	number := fmt.Sprintf("+1555%07d", rand.IntN(100_000))
	ts := 1_764_000_000_000 + n*7
	address := fmt.Sprintf(`{"address_line1":"%d Example Street","address_line2":"Suite %d","city":"San Jose",`+
		`"country":"US","state_code":"CA","zip":"95113"}`, n%9000, n%90)
	body := fmt.Sprintf(`{"event":"number_management.peering_number_emergency_address_updated","event_ts":%d,`+
		`"payload":{"account_id":"AbCdEfGhIjKlMnOpQrStUv","object":{"carrier_code":3457,"phone_numbers":["%s"],`+
		`"emergency_address":%s}}}`,
		ts, number, address)
	return event.Event{
		ID: sha256.Sum256([]byte(body)), Name: "number_management.peering_number_emergency_address_updated", TS: ts,
		AccountID:   "AbCdEfGhIjKlMnOpQrStUv",
		CarrierCode: 3457, Numbers: []string{number}, Attribute: event.EmergencyAddress, Value: []byte(address),
		Delivery: event.Delivery{Received: time.Now(), Path: "/", Body: []byte(body), Header: event.Header{
			RequestID: "b2a9e8f4-1d8c-4f6e-9f43-6a1d3f2c7b10", TrackingID: fmt.Sprintf("v=2.0;clid=us01;rid=WEB_%032x", n),
			Timestamp:   "1764000000",
			Signature:   "v0=4bf1f053cae139d997322576b850785a7c5ba263d9c0dc582d505283b04e95d5",
			ContentType: "application/json; charset=utf-8", UserAgent: "Zoom Marketplace/1.0a",
			Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		}},
	}
}

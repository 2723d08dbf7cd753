package postgres

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"numhook/server/event"
	"numhook/server/store/postgres/postgrestest"
)

// BenchmarkAppend appends realistic events from so many callers at once, each of whom waits for its receipt: through so
// many stores on one database, in groups; and, to compare, with one transaction for each event, on a connection for
// each caller, with the same tables and indexes and without the turn.
func BenchmarkAppend(b *testing.B) {
	for _, callers := range []int{1, 16, 64, 256} {
		for _, stores := range []int{1, 3} {
			for _, writers := range []int{1, 2, 3} {
				b.Run(fmt.Sprintf("groups/callers=%d/stores=%d/writers=%d", callers, stores, writers), func(b *testing.B) {
					server, url := database(b)
					seen := &batches{}
					defer func() { b.ReportMetric(float64(seen.works.Load())/float64(seen.number.Load()), "events/batch") }()
					var opened []appender
					for range stores {
						s, err := Open(b.Context(), url, Options{Writers: writers, Observer: seen})
						if err != nil {
							b.Fatal(err)
						}
						defer s.Close()
						opened = append(opened, s)
					}
					measure(b, server, callers, opened)
				})
			}
		}
		b.Run(fmt.Sprintf("one-transaction-each/callers=%d", callers), func(b *testing.B) {
			if callers > 180 {
				b.Skip("more callers than the server takes connections")
			}
			server, url := database(b)
			measure(b, server, callers, []appender{newPlain(b, url, callers)})
		})
	}
}

// serverTime is what the processes of the server have used of the processors, or 0 where that cannot be read.
func serverTime(server *postgrestest.Server) time.Duration {
	const tick = 10 * time.Millisecond // of /proc
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	ticks := 0
	for _, path := range stats {
		text, _ := os.ReadFile(path)
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest) // from the third on: state, parent, ...
		if len(fields) < 13 || fields[1] != strconv.Itoa(server.Process()) {
			continue
		}
		user, _ := strconv.Atoi(fields[11])
		system, _ := strconv.Atoi(fields[12])
		ticks += user + system
	}
	return time.Duration(ticks) * tick
}

// database is an empty one on a server of its own, on a disk for measurements; NUMHOOK_BENCH_DIR chooses it where the
// temporary directory lies in memory.
func database(b *testing.B) (*postgrestest.Server, string) {
	server, err := postgrestest.Start(os.Getenv("NUMHOOK_BENCH_DIR"))
	if errors.Is(err, postgrestest.ErrMissing) {
		b.Skip(err)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { server.Close() })
	url, err := server.NewDatabase(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return server, url
}

// batches counts transactions.
type batches struct{ number, works atomic.Int64 }

func (b *batches) Queue(int) {}
func (b *batches) Batch(works int, _ time.Duration) {
	b.number.Add(1)
	b.works.Add(int64(works))
}

type appender interface {
	Append(ctx context.Context, e event.Event) (event.Receipt, error)
}

func measure(b *testing.B, server *postgrestest.Server, callers int, stores []appender) {
	var next atomic.Int64
	took := make([]time.Duration, b.N)
	cpu, cpuOfServer := cpuTime(), serverTime(server)
	b.ResetTimer()
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for n := next.Add(1) - 1; n < int64(b.N); n = next.Add(1) - 1 {
				e := realistic(n)
				start := time.Now()
				if _, err := stores[caller%len(stores)].Append(b.Context(), e); err != nil {
					b.Error(err)
					return
				}
				took[n] = time.Since(start)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "own-cpu-us/event")
	b.ReportMetric(float64((serverTime(server)-cpuOfServer).Microseconds())/float64(b.N), "server-cpu-us/event")
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
}

// cpuTime is what the process has used of the processors.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// plain appends as one would at first: a pool of connections, one trip and one transaction for each event.
type plain struct{ pool *pgxpool.Pool }

func newPlain(b *testing.B, url string, connections int) *plain {
	s, err := Open(b.Context(), url, Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns, config.MinConns = int32(connections), int32(connections)
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return &plain{pool}
}

func (p *plain) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	a, err := newAppending(e)
	if err != nil {
		return event.Receipt{}, err
	}
	batch := &pgx.Batch{} // one trip, one transaction
	batch.Queue(`INSERT INTO numhook.events (seq, event_ts, received, carrier_code, attribute, id, name, account_id,
		numbers, value, drift, lint, door, header, body)
		VALUES (nextval('numhook.event_places'), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
			ON CONFLICT (event_ts, id) DO NOTHING`,
		e.TS, e.Delivery.Received.UnixMicro(), e.CarrierCode, string(e.Attribute), e.ID[:], []byte(e.Name),
		[]byte(e.AccountID), a.numbers, []byte(e.Value), a.drift, a.lint,
		[]byte(e.Delivery.Path), a.headers, e.Delivery.Body)
	for _, number := range e.Numbers {
		batch.Queue(`INSERT INTO numhook.changes (ordered_ts, seq, attribute, number) SELECT event_ts, seq, attribute, $3
			FROM numhook.events WHERE event_ts = $1 AND id = $2
			ON CONFLICT DO NOTHING`, e.TS, e.ID[:], []byte(number))
	}
	return a.receipt, p.pool.SendBatch(ctx, batch).Close()
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

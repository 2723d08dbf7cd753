package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store/sqlite"
)

// The rows of appends without HTTP.
const (
	singleStore = "sqlite, one transaction each"
	ownStore    = "sqlite, group commit"
	rawFile     = "plain file, group commit: the raw limit"
)

// appender makes the n-th delivery durable.
type appender func(n int64) error

// appending is a competitor that appends.
type appending struct {
	what, against string
	append        appender
}

// appends measures SQLite and the raw limit.
func (b *bench) appends(t *testing.T) {
	raw := openRaw(t, b.folder(t), b.deliveries)
	b.appendInTurns(t, []appending{
		{singleStore, "", b.sqlite(t, sqlite.Options{MaxBatch: 1})},
		{ownStore, singleStore, b.sqlite(t, sqlite.Options{})},
		{rawFile, ownReceiver, raw.append},
	})
}

// appendInTurns measures the competitors with as many writers as the receivers have connections, each of whom waits for
// its append.
func (b *bench) appendInTurns(t *testing.T, competitors []appending) {
	seen := make([]measured, len(competitors))
	turns := make([][]float64, len(competitors))
	b.turns(len(competitors), func(i int) {
		got, err := b.appendTurn(b.deliveries, competitors[i].append)
		if err != nil {
			t.Fatalf("%s: %v", competitors[i].what, err)
		}
		seen[i].merge(got)
		turns[i] = append(turns[i], got.row("", "").PerSecond)
	})
	for i := range seen {
		line := seen[i].row("store", competitors[i].what)
		line.Turns = turns[i]
		b.report.add(line, competitors[i].against)
	}
}

func (b *bench) sqlite(t *testing.T, options sqlite.Options) appender {
	options.AllowUnsafe = b.anyDisk
	s, err := sqlite.Open(t.Context(), filepath.Join(b.folder(t), ownDatabase), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return appendTo(t.Context(), b.deliveries, s)
}

// appendTo appends deliveries of the stream to the stores in turn.
func appendTo[S interface {
	Append(context.Context, event.Event) (event.Receipt, error)
}](ctx context.Context, from *deliveries, stores ...S) appender {
	return func(n int64) error {
		receipt, err := stores[n%int64(len(stores))].Append(ctx, from.event(n))
		if err == nil && receipt.Duplicate {
			return fmt.Errorf("%w: delivery %d was there already", errRefused, n)
		}
		return err
	}
}

// appendTurn is one competitor's turn.
func (s *scale) appendTurn(from *deliveries, one appender) (*measured, error) {
	begin := time.Now()
	end := begin.Add(s.appending)
	cpu := cpuTime(os.Getpid())
	latencies := make([]histogram, s.connections)
	var failed atomic.Pointer[error]
	var taken atomic.Int64
	var wg sync.WaitGroup
	for i := range latencies {
		wg.Go(func() {
			for time.Now().Before(end) && failed.Load() == nil {
				if s.limit > 0 && taken.Add(1) > s.limit {
					return
				}
				start := time.Now()
				if err := one(from.next.Add(1) - 1); err != nil {
					failed.Store(&err)
					return
				}
				latencies[i].add(time.Since(start))
			}
		})
	}
	wg.Wait()
	m := &measured{window: time.Since(begin), cpu: cpuTime(os.Getpid()) - cpu}
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	for i := range latencies {
		m.latency.merge(&latencies[i])
	}
	m.accepted = m.latency.total
	return m, nil
}

// raw appends the deliveries' bytes to a file, in groups: one write and one fsync for whatever waits. No store that
// keeps its promise can be faster with one file.
type raw struct {
	from  *deliveries
	file  *os.File
	queue chan waiting
}

type waiting struct {
	body []byte
	done chan error
}

func openRaw(t *testing.T, folder string, from *deliveries) *raw {
	file, err := os.OpenFile(filepath.Join(folder, "raw"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	const most = 1024 // in one group
	r := &raw{from: from, file: file, queue: make(chan waiting, most)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.run()
	}()
	t.Cleanup(func() {
		close(r.queue)
		<-ended
		file.Close()
	})
	return r
}

func (r *raw) append(n int64) error {
	from := r.from.template(n)
	body := append([]byte(nil), from.body...)
	r.from.fill(body, from, n)
	w := waiting{body, make(chan error, 1)}
	r.queue <- w
	return <-w.done
}

func (r *raw) run() {
	var group []waiting
	var buffer []byte
	for first := range r.queue {
		group, buffer = append(group[:0], first), append(buffer[:0], first.body...)
		for more := true; more; {
			select {
			case next, open := <-r.queue:
				if more = open; open {
					group, buffer = append(group, next), append(buffer, next.body...)
				}
			default:
				more = false
			}
		}
		_, err := r.file.Write(buffer)
		if err == nil {
			err = r.file.Sync()
		}
		for _, w := range group {
			w.done <- err
		}
	}
}

package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store/sqlite"
)

// The rows of the way out: a receiver with downstreams that are HTTP servers in this process.
const (
	outNone     = "receiver, no downstream"
	outBoth     = "receiver, while it hands on to one downstream"
	outNoneOnPG = "postgres, receiver, no downstream"
	outBothOnPG = "postgres, receiver, while it hands on to one downstream"
	outThrough  = "from the POST to the downstream, few deliveries at a time"
	outFirst    = "first of all that is owed, from the start of the process"
	outAll      = "all that is owed, 64 attempts at a time, memory watched"
	outAllAlive = "four downstreams beside a fifth that is alive"
	outOneDead  = "four downstreams beside a fifth that refuses connections"
	outOneStuck = "four downstreams beside a fifth that never answers"
)

// outbox makes a store in which each of so many downstreams has so many rows in its outbox, and returns its file.
func (b *bench) outbox(t *testing.T, downstreams, rows int) string {
	t.Helper()
	path := filepath.Join(b.folder(t), ownDatabase)
	s, err := sqlite.Open(t.Context(), path, sqlite.Options{AllowUnsafe: b.anyDisk})
	if err != nil {
		t.Fatal(err)
	}
	for i := range downstreams {
		if _, err := s.Register(t.Context(), event.Downstream{Name: fmt.Sprintf("d%d", i), Mode: event.Latest,
			Start: event.FromNow}); err != nil {
			t.Fatal(err)
		}
	}
	const each = 50 // numbers of one event
	var wg sync.WaitGroup
	failed := make(chan error, 1)
	var next atomic.Int64
	for range b.connections {
		wg.Go(func() {
			for n := next.Add(1) - 1; n*each < int64(rows); n = next.Add(1) - 1 {
				var about []string
				for i := range min(each, int64(rows)-n*each) {
					about = append(about, fmt.Sprintf("+1312%07d", n*each+i))
				}
				e := b.deliveries.eventAbout(2*n, about) // one of the two events
				if _, err := s.Append(context.WithoutCancel(t.Context()), e); err != nil {
					select {
					case failed <- err:
					default:
					}
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// copied is a copy of the closed store, for one turn.
func (b *bench) copied(t *testing.T, path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(b.folder(t), ownDatabase)
	if err := os.WriteFile(to, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// handedOn is how a receiver handed on.
type handedOn struct {
	took  time.Duration
	peak  float64  // resident memory, in MiB
	looks []memory // at it
}

// handOn lets a receiver hand on for so long at most, or until all is there.
func (b *bench) handOn(
	t *testing.T, store string, most time.Duration, concurrency int, want int64, downstreams ...*bound,
) (h handedOn) {
	t.Helper()
	folder := b.folder(t)
	begun := time.Now()
	p := b.startOn(t, "sqlite:"+store, "--config", configure(t, folder, concurrency, downstreams))
	stop, watched := make(chan struct{}), make(chan []memory)
	go func() { watched <- watch(p.command.Process.Pid, b.sample, stop) }()
	limit, tick := time.NewTimer(most), time.NewTicker(time.Millisecond)
	defer limit.Stop()
	defer tick.Stop()
	sum := func() (came int64) {
		for _, d := range downstreams {
			came += d.came.Load()
		}
		return came
	}
	for over := false; !over && sum() < want; {
		select {
		case <-tick.C:
		case <-limit.C:
			over = true
		}
	}
	h.took = time.Since(begun)
	close(stop)
	h.looks = <-watched
	_, h.peak = resident(p.command.Process.Pid)
	p.stop(t)
	if sum() == 0 {
		t.Fatalf("nothing was handed on within %v", most)
	}
	return h
}

// drained measures how fast what is in the outbox is handed on already: a while of it, and in the end all.
func (b *bench) drained(t *testing.T) {
	store := b.outbox(t, 1, b.outboxRows)
	for i, concurrency := range []int{1, 16, 64} {
		d := newBound(t, nil)
		begun := time.Now()
		h := b.handOn(t, b.copied(t, store), b.handing, concurrency, int64(b.outboxRows), d)
		first := time.Unix(0, d.first.Load()).Sub(begun)
		line := row{Part: "way out", What: outRow(concurrency),
			PerSecond: float64(d.came.Load()) / (h.took - first).Seconds(), RSS: h.peak}
		b.report.add(line, outRow(1))
		if i == 2 {
			b.report.add(row{Part: "way out", What: outFirst, P50: milliseconds(first), RSS: h.peak}, "")
		}
	}
	d := newBound(t, nil)
	h := b.handOn(t, store, b.draining, 64, int64(b.outboxRows), d)
	if came := d.came.Load(); came < int64(b.outboxRows) {
		t.Errorf("%d of %d rows were handed on within %v", came, b.outboxRows, b.draining)
	}
	b.report.Draining = h.looks
	b.report.add(row{Part: "way out", What: outAll, PerSecond: float64(b.outboxRows) / h.took.Seconds(), RSS: h.peak},
		outRow(64))
}

// both measures what handing on costs the way in, and how long a change is under way.
func (b *bench) both(t *testing.T) {
	p, d := b.beside(t, [2]string{outNone, outBoth}, [2]string{})
	b.timeThrough(t, p, d)
	p.stop(t)
}

// bothOnPostgres measures what handing on costs the way in.
func (b *bench) bothOnPostgres(t *testing.T) {
	p, _ := b.beside(t, [2]string{outNoneOnPG, outBothOnPG}, [2]string{b.database(t), b.database(t)})
	p.stop(t)
}

// beside measures a receiver without a downstream and one with, each on its store, for the two rows. It returns the one
// with, and its downstream.
func (b *bench) beside(t *testing.T, rows, stores [2]string) (*process, *bound) {
	d := newBound(t, nil)
	config := configure(t, b.folder(t), 16, []*bound{d})
	runs := [2]*process{b.startOn(t, stores[0]), b.startOn(t, stores[1], "--config", config)}
	var seen [2]measured
	var turns [2][]float64
	var came int64
	turn := func(i int) {
		quiet(t, d)
		before := d.came.Load()
		got := b.load(t, b.connections, b.warm, b.glance, runs[i])
		if i == 1 {
			came += d.came.Load() - before
		}
		seen[i].merge(got)
		turns[i] = append(turns[i], got.row("", "").PerSecond)
	}
	for range 2 { // short turns differ widely
		b.turns(2, turn)
	}
	for i, what := range rows {
		line := seen[i].row("way out", what)
		_, line.RSS = resident(runs[i].command.Process.Pid)
		line.Turns = turns[i]
		b.report.add(line, rows[0])
	}
	if came == 0 {
		t.Fatal("nothing was handed on under load")
	}
	runs[0].stop(t)
	return runs[1], d
}

// timeThrough is the time from a POST of the sender's to its arrival at the downstream, with few deliveries at a time,
// once the backlog is gone.
func (b *bench) timeThrough(t *testing.T, p *process, d *bound) {
	const apart = 5 * time.Millisecond
	quiet(t, d)
	var sent sync.Map // by event_ts
	var mu sync.Mutex
	var times histogram
	arrived := func(ts int64, at time.Time) {
		if begun, ok := sent.LoadAndDelete(ts); ok {
			mu.Lock()
			times.add(at.Sub(begun.(time.Time)))
			mu.Unlock()
		}
	}
	d.notice.Store(&arrived)
	l := &load{from: b.deliveries, connections: 1, window: b.glance, limit: b.limit, apart: apart,
		sent: func(n int64, at time.Time) { sent.Store(b.deliveries.firstTS+n, at) }}
	if _, err := l.run([]target{p.target()}); err != nil {
		t.Fatal(err)
	}
	quiet(t, d)
	mu.Lock()
	defer mu.Unlock()
	if times.total == 0 {
		t.Fatal("nothing arrived")
	}
	b.report.add(row{Part: "way out", What: outThrough, P50: milliseconds(times.quantile(0.5)),
		P99: milliseconds(times.quantile(0.99))}, "")
}

// quiet waits until nothing has come to the downstream for a second.
func quiet(t *testing.T, d *bound) {
	t.Helper()
	limit, tick := time.After(2*time.Minute), time.NewTicker(time.Second)
	defer tick.Stop()
	for before := int64(-1); before != d.came.Load(); {
		before = d.came.Load()
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the downstream gets no rest")
		}
	}
}

// oneOfFive measures what four downstreams get beside a fifth in each state, each at a receiver of its own.
func (b *bench) oneOfFive(t *testing.T) {
	store := b.outbox(t, 5, b.outboxRows)
	fifths := []struct {
		what string
		make func() *bound
	}{
		{outAllAlive, func() *bound { return newBound(t, nil) }},
		{outOneDead, func() *bound {
			d := newBound(t, nil)
			d.Close() // its port refuses
			return d
		}},
		{outOneStuck, func() *bound {
			return newBound(t, func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that the other side has gone
				<-r.Context().Done()
			})
		}},
	}
	rates := make([][]float64, len(fifths))
	for round := range b.rounds {
		// All at the same time: what the disk and the machine do from one second to the next is far more than what is looked
		// for.
		gate := make(chan struct{})
		fours, runs := make([][]*bound, len(fifths)), make([]*process, len(fifths))
		for turn := range fifths {
			i := (turn + round) % len(fifths)
			for range 4 {
				d := newBound(t, nil)
				d.gate, d.knocks = gate, make(chan struct{}, 1)
				fours[i] = append(fours[i], d)
			}
			config := configure(t, b.folder(t), 4, append(slices.Clone(fours[i]), fifths[i].make()))
			runs[i] = b.startOn(t, "sqlite:"+b.copied(t, store), "--config", config)
		}
		limit := time.After(time.Minute)
		for _, d := range slices.Concat(fours...) {
			select {
			case <-d.knocks:
			case <-limit:
				t.Fatal("a receiver hands nothing on")
			}
		}
		close(gate)
		begun := time.Now()
		came := make([]int64, len(fifths))
		tick := time.NewTicker(time.Millisecond)
		for over := false; !over; {
			<-tick.C
			over = time.Since(begun) > b.handing
			for i, four := range fours {
				came[i] = 0
				for _, d := range four {
					came[i] += d.came.Load()
				}
				over = over || came[i] == int64(4*b.outboxRows)
			}
		}
		took := time.Since(begun)
		tick.Stop()
		for i, p := range runs {
			p.stop(t)
			if came[i] == 0 {
				t.Fatalf("nothing was handed on: %s", fifths[i].what)
			}
			rates[i] = append(rates[i], float64(came[i])/took.Seconds())
		}
	}
	for i, fifth := range fifths {
		line := row{Part: "way out", What: fifth.what, Turns: rates[i]}
		for _, rate := range rates[i] {
			line.PerSecond += rate / float64(len(rates[i]))
		}
		b.report.add(line, outAllAlive)
	}
}

// wayOut is all of it.
func (b *bench) wayOut(t *testing.T) {
	b.drained(t)
	b.both(t)
	b.oneOfFive(t)
}

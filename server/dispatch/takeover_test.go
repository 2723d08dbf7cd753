package dispatch

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"numhook/server/event"
)

// stranger claims everything as another process would that then dies.
func (h *harness) stranger(downstream string) {
	h.t.Helper()
	if attempts, _, err := h.store.Claim(h.t.Context(), downstream, 100); err != nil || len(attempts) == 0 {
		h.t.Fatalf("a stranger claimed %d: %v", len(attempts), err)
	}
}

// What a dead process held is taken over when its claim has stood for a lease by this process's stopwatch, and not
// before.
func TestTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		cfg := named("carrier", d)
		cfg.Timeout = 3 * time.Second
		h := newHarness(t, Config{}, cfg)
		h.enqueue("1", 1, "A")
		h.stranger("carrier")
		h.start()
		lease := Lease(cfg.Timeout)
		if lease != 16*time.Second {
			t.Fatalf("the lease is %v", lease)
		}
		h.advance(lease - time.Millisecond)
		mustEqual(t, "receipts before the lease is over", d.receipts(), nil)
		h.advance(time.Millisecond)
		mustEqual(t, "receipts", d.receipts(), []receipt{{lease, "1=A"}})
		mustEqual(t, "log", h.logLines("release", "level", "downstream", "rows", "reason"),
			[]string{"level=WARN downstream=carrier rows=1 reason=its holder left it for a lease"})
		h.halt()
	})
}

// A claim that changes hands begins a lease of its own.
func TestTakeOverCountsEachClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		cfg := named("carrier", d)
		cfg.Timeout = 3 * time.Second
		h := newHarness(t, Config{}, cfg)
		h.enqueue("1", 1, "A")
		h.stranger("carrier")
		h.start()
		h.advance(10 * time.Second)
		held, err := h.store.Held(t.Context(), "carrier")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := h.store.Release(t.Context(), "carrier", held); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		h.stranger("carrier") // before this process polls
		h.advance(Lease(cfg.Timeout) - time.Millisecond)
		mustEqual(t, "receipts before the second lease is over", d.receipts(), nil)
		h.advance(2 * ReapEvery)
		if n := len(d.receipts()); n != 1 {
			t.Errorf("%d receipts", n)
		}
		h.halt()
	})
}

// With the store to itself, a process does not wait a lease for its dead predecessor: in mode every not at all, and in
// mode latest as long as what that one sent may still take effect. Others do not wait for it.
func TestAlone(t *testing.T) {
	for mode, want := range map[event.Mode][]receipt{
		event.Every:  {{0, "1=A"}, {0, "2=B"}},
		event.Latest: {{0, "2=B"}, {3300 * time.Millisecond, "1=A"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &downstream{began: time.Now()}
			cfg := named("carrier", d)
			cfg.Downstream.Mode, cfg.Timeout, cfg.Concurrency = mode, 3*time.Second, 1
			h := newHarness(t, Config{Alone: true}, cfg)
			h.enqueue("1", 1, "A")
			h.stranger("carrier")
			h.enqueue("2", 1, "B")
			h.start()
			h.advance(time.Minute)
			mustEqual(t, string(mode), d.receipts(), want)
			h.halt()
		})
	}
}

// A row rests as long as what was sent may still take effect, in mode latest, and meanwhile holds no place: a newer
// value of its number waits, and others do not. The wait for the next try begins with the end of the attempt.
func TestRest(t *testing.T) {
	broke := Outcome{Verdict: event.Retry, Reason: "the connection broke", Underway: true}
	late := func(at time.Duration, body string) receipt { return receipt{at, body} }
	for name, c := range map[string]struct {
		mode    event.Mode
		outcome Outcome
		first   time.Duration // of the backoff
		want    []receipt
	}{
		"it broke": {event.Latest, broke, time.Second, []receipt{late(0, "1=A"), late(0, "2=B"),
			late(3300*time.Millisecond, "1=C")}},
		"it broke, and the next try is later": {event.Latest, broke, 5 * time.Second,
			[]receipt{late(0, "1=A"), late(0, "2=B"), late(4999995*time.Microsecond, "1=C")}},
		"confirmed by the second of two": {event.Latest, Outcome{Verdict: event.Confirmed, Underway: true}, time.Second,
			[]receipt{late(0, "1=A"), late(0, "2=B"), late(3300*time.Millisecond, "1=C")}},
		"never sent": {event.Latest, failing, time.Millisecond, []receipt{late(0, "1=A"), late(0, "2=B"),
			late(500*time.Microsecond, "1=C")}},
		"in mode every": {event.Every, broke, time.Millisecond, []receipt{late(0, "1=A"), late(0, "2=B"),
			late(999*time.Microsecond, "1=A"), late(999*time.Microsecond, "1=C")}},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &downstream{began: time.Now()}
			d.send = func(_ context.Context, nth int) Outcome {
				if nth == 1 {
					return c.outcome
				}
				return confirmed
			}
			cfg := named("carrier", d)
			cfg.Downstream.Mode, cfg.Timeout, cfg.Concurrency = c.mode, 3*time.Second, 1
			cfg.Backoff = Backoff{First: c.first}
			h := newHarness(t, Config{}, cfg)
			h.enqueue("1", 1, "A")
			h.enqueue("2", 1, "B")
			h.start()
			h.advance(time.Millisecond / 2)
			h.enqueue("1", 2, "C")
			h.Wake()
			h.advance(time.Minute)
			mustEqual(t, name, d.receipts(), c.want)
			h.halt()
		})
	}
}

// losingQueue loses results.
type losingQueue struct {
	Queue
	lose func() bool
}

func (k *losingQueue) Record(ctx context.Context, r event.Result) (bool, error) {
	if k.lose() {
		return false, &event.Error{Kind: event.Unavailable, Text: "cannot record: the disk is full"}
	}
	return k.Queue.Record(ctx, r)
}

// A result that cannot be recorded for a while is recorded later; one that cannot be recorded at all is given up when
// the lease is over, and the row is claimed again, as a stranger's would be.
func TestLostResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		h := newHarness(t, Config{})
		var lost atomic.Bool
		lost.Store(true)
		cfg := named("carrier", d)
		cfg.Timeout = time.Second
		h.configure(Config{Queue: &losingQueue{h.store, lost.Load}}, cfg)
		h.enqueue("1", 1, "A")
		h.start()
		h.advance(Lease(cfg.Timeout) - time.Millisecond)
		mustEqual(t, "before the lease is over", d.receipts(), []receipt{{0, "1=A"}})
		h.advance(time.Millisecond)
		mustEqual(t, "log", h.logLines("attempt", "level", "outcome", "error"),
			[]string{"level=ERROR outcome=confirmed error=cannot record: the disk is full"})
		lost.Store(false)
		h.advance(2 * ReapEvery)
		if n := len(d.receipts()); n != 2 {
			t.Errorf("%d receipts", n)
		}
		mustEqual(t, "log", h.logLines("attempt", "level", "outcome", "try", "error"),
			[]string{"level=ERROR outcome=confirmed try=1 error=cannot record: the disk is full",
				"level=INFO outcome=confirmed try=2"})
		mustEqual(t, "trouble", h.logLines("record", "level", "outcome"), []string{"level=ERROR outcome=failed",
			"level=INFO outcome=recovered"})

		lost.Store(true)
		h.enqueue("2", 1, "B")
		h.advance(3 * time.Second)
		lost.Store(false)
		h.advance(5 * time.Second)
		mustEqual(t, "log", h.logLines("attempt", "outcome", "error")[2:], []string{"outcome=confirmed"})
		h.halt()
	})
}

// slowQueue takes its time to hand out.
type slowQueue struct {
	Queue
	takes atomic.Int64 // a time.Duration
}

func slow(k Queue, takes time.Duration) *slowQueue {
	s := &slowQueue{Queue: k}
	s.takes.Store(int64(takes))
	return s
}

func (k *slowQueue) Claim(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error) {
	attempts, next, err := k.Queue.Claim(ctx, downstream, limit)
	timer := time.NewTimer(time.Duration(k.takes.Load())) // whatever becomes of ctx
	<-timer.C
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, time.Time{}, &event.Error{Kind: event.Unavailable, Text: "cannot claim", Err: ctx.Err()} // and yet it did
	}
	return attempts, next, err
}

// What comes back from the store too late is not begun: somebody else may be at it soon.
func TestLeaseDeadlineBeforeAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		h := newHarness(t, Config{})
		queue := slow(h.store, LeaseMargin+time.Millisecond)
		h.configure(Config{Queue: queue}, named("carrier", d))
		h.enqueue("1", 1, "A")
		h.start()
		h.advance(LeaseMargin + 2*time.Millisecond)
		mustEqual(t, "receipts", d.receipts(), nil)
		mustEqual(t, "log", h.logLines("release", "rows", "reason"), []string{"rows=1 reason=its time was over before " +
			"it began"})
		queue.takes.Store(int64(LeaseMargin))
		h.advance(5 * LeaseMargin)
		mustEqual(t, "receipts", bodies(d.receipts()), []string{"1=A"})
		h.halt()
	})
}

// An attempt has its timeout, and one that does not heed it is fenced off: another claim is made after the lease, and
// its late result is refused.
func TestStuckAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended []time.Duration
		began := time.Now()
		back := make(chan struct{})
		d := &downstream{began: began, send: func(ctx context.Context, nth int) Outcome {
			if nth > 1 {
				return confirmed
			}
			<-ctx.Done()
			ended = append(ended, time.Since(began))
			<-back
			return refused
		}}
		cfg := named("carrier", d)
		cfg.Timeout = 2 * time.Second
		h := newHarness(t, Config{}, cfg)
		h.enqueue("1", 1, "A")
		h.start()
		h.advance(Lease(cfg.Timeout) - time.Millisecond)
		mustEqual(t, "ends", ended, []time.Duration{2 * time.Second})
		mustEqual(t, "before the lease is over", bodies(d.receipts()), []string{"1=A"})
		h.advance(2 * ReapEvery)
		mustEqual(t, "after the lease", bodies(d.receipts()), []string{"1=A", "1=A"})
		close(back)
		synctest.Wait()
		mustEqual(t, "log", h.logLines("attempt", "outcome", "try", "error"),
			[]string{"outcome=confirmed try=2", "outcome=refused try=1 error=the row was no longer under this attempt's claim"})
		statuses, err := h.store.Downstreams(t.Context())
		if err != nil || statuses[0].Dead != 0 || statuses[0].Waiting != 0 {
			t.Errorf("%+v %v", statuses, err)
		}
		h.halt()
	})
}

// stepping is a wall clock that steps.
type stepping struct{ by atomic.Int64 }

func (s *stepping) now() time.Time { return time.Now().Add(time.Duration(s.by.Load())) }

// The wall clock decides nothing that matters: back by a year or forward by one, each change is sent once and in time.
func TestWallClockSteps(t *testing.T) {
	for _, step := range []time.Duration{-365 * 24 * time.Hour, 365 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			clock := &stepping{}
			d := &downstream{began: time.Now(), send: func(_ context.Context, nth int) Outcome {
				if nth == 1 {
					clock.by.Store(int64(step))
					return failing
				}
				return confirmed
			}}
			h := newHarness(t, Config{Now: clock.now}, named("carrier", d))
			h.store.SetClock(clock.now)
			h.enqueue("1", 1, "A")
			h.start()
			h.advance(3 * time.Second)
			if got := bodies(d.receipts()); len(got) != 2 {
				t.Errorf("stepped by %v: %v", step, got)
			}
			h.enqueue("2", 1, "B")
			h.advance(PollEvery)
			if got := bodies(d.receipts()); len(got) != 3 || got[2] != "2=B" {
				t.Errorf("stepped by %v: %v", step, got)
			}
			h.halt()
		})
	}
}

func TestNewRefuses(t *testing.T) {
	good := named("carrier", &downstream{})
	good.Downstream.Mode = event.Latest
	with := func(change func(cfg *WorkerConfig)) []WorkerConfig {
		cfg := good
		change(&cfg)
		return []WorkerConfig{cfg}
	}
	queue := &losingQueue{}
	for name, cfg := range map[string]Config{
		`cannot build the way out: a keeper and an envelope are required`: {Wrap: plainWrap},
		`cannot serve downstream "carrier": its name is taken`:            {Workers: []WorkerConfig{good, good}},
		`cannot serve downstream "carrier": it has no sender`: {
			Workers: with(func(cfg *WorkerConfig) { cfg.Sender = nil })},
		`cannot serve downstream "carrier": it has no mode`: {
			Workers: with(func(cfg *WorkerConfig) { cfg.Downstream.Mode = "some" })},
		`cannot serve downstream "": it has no name`: {
			Workers: with(func(cfg *WorkerConfig) { cfg.Downstream.Name = "" })},
		`cannot serve downstream "carrier": its rate cannot be negative`: {
			Workers: with(func(cfg *WorkerConfig) { cfg.Rate = -1 })},
		`cannot serve downstream "carrier": its timeout is at most 5m0s`: {
			Workers: with(func(cfg *WorkerConfig) { cfg.Timeout = time.Hour })},
		`cannot serve downstream "carrier": its concurrency is at most 1024`: {
			Workers: with(func(cfg *WorkerConfig) { cfg.Concurrency = 5000 })},
		`cannot serve downstream "carrier": the factor is at least 1`: {
			Workers: with(func(cfg *WorkerConfig) { cfg.Backoff.Factor = 0.5 })},
		`cannot serve downstream "carrier": the longest wait is at most 24h0m0s`: {
			Workers: with(func(cfg *WorkerConfig) { cfg.Backoff.Max = 48 * time.Hour })},
		`cannot serve downstream "carrier": the first wait is at most the longest`: {
			Workers: with(func(cfg *WorkerConfig) { cfg.Backoff.First, cfg.Backoff.Max = 2, 1 })},
		`cannot serve downstream "carrier": a wait cannot be negative`: {
			Workers: with(func(cfg *WorkerConfig) { cfg.Backoff.GiveUpAfter = -1 })},
	} {
		if cfg.Wrap == nil {
			cfg.Queue, cfg.Wrap = queue, plainWrap
		}
		if _, err := New(cfg); err == nil || err.Error() != name {
			t.Errorf("%v, want %s", err, name)
		}
	}
	if _, err := New(Config{Queue: queue, Wrap: plainWrap, Workers: []WorkerConfig{good}}); err != nil {
		t.Error(err)
	}
}

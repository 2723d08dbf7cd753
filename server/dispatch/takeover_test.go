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
func (r *rig) stranger(downstream string) {
	r.t.Helper()
	if attempts, _, err := r.store.Claim(r.t.Context(), downstream, 100); err != nil || len(attempts) == 0 {
		r.t.Fatalf("a stranger claimed %d: %v", len(attempts), err)
	}
}

// What a dead process held is taken over when its claim has stood for a lease by this process's stopwatch, and not before.
func TestTakeOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		l := named("carrier", d)
		l.Timeout = 3 * time.Second
		r := newRig(t, Config{}, l)
		r.owe("1", 1, "A")
		r.stranger("carrier")
		r.start()
		lease := Lease(l.Timeout)
		if lease != 16*time.Second {
			t.Fatalf("the lease is %v", lease)
		}
		r.pass(lease - time.Millisecond)
		mustEqual(t, "receipts before the lease is over", d.receipts(), nil)
		r.pass(time.Millisecond)
		mustEqual(t, "receipts", d.receipts(), []receipt{{lease, "1=A"}})
		mustEqual(t, "log", r.lines("release", "level", "downstream", "rows", "reason"),
			[]string{"level=WARN downstream=carrier rows=1 reason=its holder left it for a lease"})
		r.halt()
	})
}

// A claim that changes hands begins a lease of its own.
func TestTakeOverCountsEachClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		l := named("carrier", d)
		l.Timeout = 3 * time.Second
		r := newRig(t, Config{}, l)
		r.owe("1", 1, "A")
		r.stranger("carrier")
		r.start()
		r.pass(10 * time.Second)
		held, err := r.store.Held(t.Context(), "carrier")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := r.store.Release(t.Context(), "carrier", held); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		r.stranger("carrier") // before this process polls
		r.pass(Lease(l.Timeout) - time.Millisecond)
		mustEqual(t, "receipts before the second lease is over", d.receipts(), nil)
		r.pass(2 * WatchEvery)
		if n := len(d.receipts()); n != 1 {
			t.Errorf("%d receipts", n)
		}
		r.halt()
	})
}

// With the store to itself, a process does not wait a lease for its dead predecessor: in mode every not at all, and in mode latest as long as what that one sent
// may still take effect. Others do not wait for it.
func TestAlone(t *testing.T) {
	for mode, want := range map[event.Mode][]receipt{
		event.Every:  {{0, "1=A"}, {0, "2=B"}},
		event.Latest: {{0, "2=B"}, {3300 * time.Millisecond, "1=A"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &downstream{began: time.Now()}
			l := named("carrier", d)
			l.Downstream.Mode, l.Timeout, l.Concurrency = mode, 3*time.Second, 1
			r := newRig(t, Config{Alone: true}, l)
			r.owe("1", 1, "A")
			r.stranger("carrier")
			r.owe("2", 1, "B")
			r.start()
			r.pass(time.Minute)
			mustEqual(t, string(mode), d.receipts(), want)
			r.halt()
		})
	}
}

// A row rests as long as what was sent may still take effect, in mode latest, and meanwhile holds no place: a newer value of its number waits, and others do
// not. The wait for the next try begins with the end of the attempt.
func TestRest(t *testing.T) {
	broke := Outcome{Verdict: event.Retry, Reason: "the connection broke", Underway: true}
	late := func(at time.Duration, body string) receipt { return receipt{at, body} }
	for name, c := range map[string]struct {
		mode    event.Mode
		outcome Outcome
		first   time.Duration // of the backoff
		want    []receipt
	}{
		"it broke": {event.Latest, broke, time.Second, []receipt{late(0, "1=A"), late(0, "2=B"), late(3300*time.Millisecond, "1=C")}},
		"it broke, and the next try is later": {event.Latest, broke, 5 * time.Second,
			[]receipt{late(0, "1=A"), late(0, "2=B"), late(4999995*time.Microsecond, "1=C")}},
		"confirmed by the second of two": {event.Latest, Outcome{Verdict: event.Confirmed, Underway: true}, time.Second,
			[]receipt{late(0, "1=A"), late(0, "2=B"), late(3300*time.Millisecond, "1=C")}},
		"never sent":    {event.Latest, failing, time.Millisecond, []receipt{late(0, "1=A"), late(0, "2=B"), late(500*time.Microsecond, "1=C")}},
		"in mode every": {event.Every, broke, time.Millisecond, []receipt{late(0, "1=A"), late(0, "2=B"), late(999*time.Microsecond, "1=A"), late(999*time.Microsecond, "1=C")}},
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &downstream{began: time.Now()}
			d.send = func(_ context.Context, nth int) Outcome {
				if nth == 1 {
					return c.outcome
				}
				return confirmed
			}
			l := named("carrier", d)
			l.Downstream.Mode, l.Timeout, l.Concurrency = c.mode, 3*time.Second, 1
			l.Backoff = Backoff{First: c.first}
			r := newRig(t, Config{}, l)
			r.owe("1", 1, "A")
			r.owe("2", 1, "B")
			r.start()
			r.pass(time.Millisecond / 2)
			r.owe("1", 2, "C")
			r.Wake()
			r.pass(time.Minute)
			mustEqual(t, name, d.receipts(), c.want)
			r.halt()
		})
	}
}

// When the process is to end, a row that rests stays under its claim, for whoever comes next to wait for.
func TestEndDuringARest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		d.send = func(context.Context, int) Outcome {
			return Outcome{Verdict: event.Retry, Reason: "the connection broke", Underway: true}
		}
		r := newRig(t, Config{Alone: true}, named("carrier", d))
		r.owe("1", 1, "A")
		r.start()
		r.pass(time.Second)
		if took, err := r.halt(); took > 0 || err != nil {
			t.Errorf("it ended after %v: %v", took, err)
		}
		if held, err := r.store.Held(t.Context(), "carrier"); err != nil || len(held) != 1 {
			t.Errorf("held: %v (%v)", held, err)
		}
		mustEqual(t, "log", r.lines("attempt", "outcome", "reason", "error"), []string{"outcome=retry reason=the connection broke"})
	})
}

// losingKeeper loses results.
type losingKeeper struct {
	Keeper
	lose func() bool
}

func (k *losingKeeper) Record(ctx context.Context, r event.Result) (bool, error) {
	if k.lose() {
		return false, &event.Error{Kind: event.Unavailable, Text: "cannot record: the disk is full"}
	}
	return k.Keeper.Record(ctx, r)
}

// A result that cannot be recorded for a while is recorded later; one that cannot be recorded at all is given up when the lease is over, and the row is
// claimed anew, as a stranger's would be.
func TestLostResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		r := newRig(t, Config{})
		var lost atomic.Bool
		lost.Store(true)
		l := named("carrier", d)
		l.Timeout = time.Second
		r.configure(Config{Keeper: &losingKeeper{r.store, lost.Load}}, l)
		r.owe("1", 1, "A")
		r.start()
		r.pass(Lease(l.Timeout) - time.Millisecond)
		mustEqual(t, "before the lease is over", d.receipts(), []receipt{{0, "1=A"}})
		r.pass(time.Millisecond)
		mustEqual(t, "log", r.lines("attempt", "level", "outcome", "error"), []string{"level=ERROR outcome=confirmed error=cannot record: the disk is full"})
		lost.Store(false)
		r.pass(2 * WatchEvery)
		if n := len(d.receipts()); n != 2 {
			t.Errorf("%d receipts", n)
		}
		mustEqual(t, "log", r.lines("attempt", "level", "outcome", "try", "error"),
			[]string{"level=ERROR outcome=confirmed try=1 error=cannot record: the disk is full", "level=INFO outcome=confirmed try=2"})
		mustEqual(t, "trouble", r.lines("record", "level", "outcome"), []string{"level=ERROR outcome=failed", "level=INFO outcome=recovered"})

		lost.Store(true)
		r.owe("2", 1, "B")
		r.pass(3 * time.Second)
		lost.Store(false)
		r.pass(5 * time.Second)
		mustEqual(t, "log", r.lines("attempt", "outcome", "error")[2:], []string{"outcome=confirmed"})
		r.halt()
	})
}

// slowKeeper takes its time to hand out.
type slowKeeper struct {
	Keeper
	takes atomic.Int64 // a time.Duration
}

func slow(k Keeper, takes time.Duration) *slowKeeper {
	s := &slowKeeper{Keeper: k}
	s.takes.Store(int64(takes))
	return s
}

func (k *slowKeeper) Claim(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error) {
	attempts, next, err := k.Keeper.Claim(ctx, downstream, limit)
	timer := time.NewTimer(time.Duration(k.takes.Load())) // whatever becomes of ctx
	<-timer.C
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, time.Time{}, &event.Error{Kind: event.Unavailable, Text: "cannot claim", Err: ctx.Err()} // and yet it did
	}
	return attempts, next, err
}

// What comes back from the store too late is not begun: somebody else may be at it soon.
func TestFenceBeforeAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		r := newRig(t, Config{})
		keeper := slow(r.store, FenceMargin+time.Millisecond)
		r.configure(Config{Keeper: keeper}, named("carrier", d))
		r.owe("1", 1, "A")
		r.start()
		r.pass(FenceMargin + 2*time.Millisecond)
		mustEqual(t, "receipts", d.receipts(), nil)
		mustEqual(t, "log", r.lines("release", "rows", "reason"), []string{"rows=1 reason=its time was over before it began"})
		keeper.takes.Store(int64(FenceMargin))
		r.pass(5 * FenceMargin)
		mustEqual(t, "receipts", bodies(d.receipts()), []string{"1=A"})
		r.halt()
	})
}

// An attempt has its timeout, and one that does not heed it is fenced off: another claim is made after the lease, and its late result is refused.
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
		l := named("carrier", d)
		l.Timeout = 2 * time.Second
		r := newRig(t, Config{}, l)
		r.owe("1", 1, "A")
		r.start()
		r.pass(Lease(l.Timeout) - time.Millisecond)
		mustEqual(t, "ends", ended, []time.Duration{2 * time.Second})
		mustEqual(t, "before the lease is over", bodies(d.receipts()), []string{"1=A"})
		r.pass(2 * WatchEvery)
		mustEqual(t, "after the lease", bodies(d.receipts()), []string{"1=A", "1=A"})
		close(back)
		synctest.Wait()
		mustEqual(t, "log", r.lines("attempt", "outcome", "try", "error"),
			[]string{"outcome=confirmed try=2", "outcome=refused try=1 error=the row was no longer under this attempt's claim"})
		standings, err := r.store.Downstreams(t.Context())
		if err != nil || standings[0].Dead != 0 || standings[0].Waiting != 0 {
			t.Errorf("%+v %v", standings, err)
		}
		r.halt()
	})
}

// At the end nothing more is claimed, and what is under way ends by itself.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now(), send: func(ctx context.Context, _ int) Outcome {
			if !rest(ctx, 3*time.Second) {
				return failing
			}
			return confirmed
		}}
		l := named("carrier", d)
		l.Concurrency = 1
		r := newRig(t, Config{}, l)
		r.owe("1", 1, "A")
		r.owe("2", 1, "B")
		r.start()
		took, err := r.halt()
		if took != 3*time.Second || err != nil {
			t.Errorf("halt: %v after %v", err, took)
		}
		mustEqual(t, "receipts", bodies(d.receipts()), []string{"1=A"})
		mustEqual(t, "log", r.lines("attempt", "outcome"), []string{"outcome=confirmed"})
	})
}

// What does not end by itself is cut off and recorded.
func TestDrainCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now(), send: func(ctx context.Context, _ int) Outcome {
			<-ctx.Done()
			return Outcome{Verdict: event.Retry, Reason: "cut off"}
		}}
		l := named("carrier", d)
		l.Timeout = time.Minute
		r := newRig(t, Config{DrainTime: 4 * time.Second}, l)
		r.owe("1", 1, "A")
		r.start()
		took, err := r.halt()
		if took != 4*time.Second || err != nil {
			t.Errorf("halt: %v after %v", err, took)
		}
		mustEqual(t, "log", r.lines("attempt", "outcome", "reason"), []string{"outcome=retry reason=cut off"})
		if held, err := r.store.Held(t.Context(), "carrier"); len(held) != 0 || err != nil {
			t.Errorf("held: %v %v", held, err)
		}
	})
}

// A sender that never ends does not keep the process from ending.
func TestDrainStuckSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := make(chan struct{})
		r := newRig(t, Config{}, named("carrier", sending(func(context.Context, Envelope) Outcome { <-back; return confirmed })))
		r.owe("1", 1, "A")
		r.start()
		took, err := r.halt()
		if took != DefaultDrainTime+RecordTime+time.Second || err == nil || err.Error() != "cannot end every attempt: a sender does not heed its deadline" {
			t.Errorf("halt: %v after %v", err, took)
		}
		close(back)
	})
}

// Neither does a store that records nothing.
func TestDrainLostResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := named("carrier", &downstream{began: time.Now()})
		l.Timeout = time.Minute
		r := newRig(t, Config{})
		r.configure(Config{Keeper: &losingKeeper{r.store, func() bool { return true }}}, l)
		r.owe("1", 1, "A")
		r.start()
		if took, err := r.halt(); took != DefaultDrainTime+RecordTime || err != nil {
			t.Errorf("halt: %v after %v", err, took)
		}
	})
}

// What was claimed while the end came is given back, not begun.
func TestDrainReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		r := newRig(t, Config{})
		r.configure(Config{Keeper: slow(r.store, time.Second)}, named("carrier", d))
		r.owe("1", 1, "A")
		r.start()
		took, err := r.halt()
		if took != time.Second || err != nil {
			t.Errorf("halt: %v after %v", err, took)
		}
		mustEqual(t, "receipts", d.receipts(), nil)
		mustEqual(t, "log", r.lines("release", "rows", "reason"), []string{"rows=1 reason=shutting down"})
		if attempts, _, err := r.store.Claim(t.Context(), "carrier", 10); len(attempts) != 1 || err != nil {
			t.Errorf("claimable afterwards: %d %v", len(attempts), err)
		}
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
			r := newRig(t, Config{Now: clock.now}, named("carrier", d))
			r.store.SetClock(clock.now)
			r.owe("1", 1, "A")
			r.start()
			r.pass(3 * time.Second)
			if got := bodies(d.receipts()); len(got) != 2 {
				t.Errorf("stepped by %v: %v", step, got)
			}
			r.owe("2", 1, "B")
			r.pass(PollEvery)
			if got := bodies(d.receipts()); len(got) != 3 || got[2] != "2=B" {
				t.Errorf("stepped by %v: %v", step, got)
			}
			r.halt()
		})
	}
}

func TestNewRefuses(t *testing.T) {
	good := named("carrier", &downstream{})
	good.Downstream.Mode = event.Latest
	with := func(change func(l *Line)) []Line { l := good; change(&l); return []Line{l} }
	keeper := &losingKeeper{}
	for name, cfg := range map[string]Config{
		`cannot build the way out: a keeper and an envelope are required`:          {Wrap: plainWrap},
		`cannot serve downstream "carrier": its name is taken`:                     {Lines: []Line{good, good}},
		`cannot serve downstream "carrier": it has no sender`:                      {Lines: with(func(l *Line) { l.Sender = nil })},
		`cannot serve downstream "carrier": it has no mode`:                        {Lines: with(func(l *Line) { l.Downstream.Mode = "some" })},
		`cannot serve downstream "": it has no name`:                               {Lines: with(func(l *Line) { l.Downstream.Name = "" })},
		`cannot serve downstream "carrier": its rate cannot be negative`:           {Lines: with(func(l *Line) { l.Rate = -1 })},
		`cannot serve downstream "carrier": its timeout is at most 5m0s`:           {Lines: with(func(l *Line) { l.Timeout = time.Hour })},
		`cannot serve downstream "carrier": its concurrency is at most 1024`:       {Lines: with(func(l *Line) { l.Concurrency = 5000 })},
		`cannot serve downstream "carrier": the factor is at least 1`:              {Lines: with(func(l *Line) { l.Backoff.Factor = 0.5 })},
		`cannot serve downstream "carrier": the longest wait is at most 24h0m0s`:   {Lines: with(func(l *Line) { l.Backoff.Max = 48 * time.Hour })},
		`cannot serve downstream "carrier": the first wait is at most the longest`: {Lines: with(func(l *Line) { l.Backoff.First, l.Backoff.Max = 2, 1 })},
		`cannot serve downstream "carrier": a wait cannot be negative`:             {Lines: with(func(l *Line) { l.Backoff.GiveUpAfter = -1 })},
	} {
		if cfg.Wrap == nil {
			cfg.Keeper, cfg.Wrap = keeper, plainWrap
		}
		if _, err := New(cfg); err == nil || err.Error() != name {
			t.Errorf("%v, want %s", err, name)
		}
	}
	if _, err := New(Config{Keeper: keeper, Wrap: plainWrap, Lines: []Line{good}}); err != nil {
		t.Error(err)
	}
}

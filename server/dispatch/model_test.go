package dispatch

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store/storetest"
)

// rest lets everything come to rest, with all receivers alive and the downstream well: then each subject's last value
// is its newest (mode latest), or every event has come for each of its numbers (mode every).
func (h *history) rest(ctx context.Context) error {
	h.say("everything is well from now on")
	h.health = 10
	for _, r := range h.receivers {
		if !r.alive {
			h.start(r)
		}
	}
	if err := errors.Join(h.store.Resume(ctx, h.down.Name), h.reviveDead(ctx)); err != nil {
		return err
	}
	for range 500 {
		for _, r := range h.receivers {
			if err := h.serve(ctx, r); err != nil {
				return err
			}
		}
		quiet, err := h.quiet(ctx)
		if err != nil || quiet {
			return errors.Join(err, h.complete(quiet))
		}
	}
	return h.broken("what is owed never comes to rest")
}

// serve is a second of a receiver for which all goes well, but for what it had begun before.
func (h *history) serve(ctx context.Context, r *receiver) error {
	h.now += time.Second
	if _, err := h.store.Rewind(ctx, h.down.Name, h.backoff.Max, 0); err != nil {
		return err
	}
	if err := errors.Join(h.act(), h.reclaim(ctx, r), h.takeOver(ctx, r)); err != nil {
		return err
	}
	r.asking = &leaseDeadline{asked: h.instant(r), timeout: h.timeout}
	if err := h.claim(ctx, r); err != nil {
		return err
	}
	for len(r.processes) > 0 {
		h.now += h.timeout / 50 // some have to rest
		if err := errors.Join(h.act(), h.send(ctx, r), h.record(ctx, r)); err != nil {
			return err
		}
	}
	return nil
}

// quiet reports whether nothing is waiting or attempting. Where the rest is due in hours, because the store's clock was
// set back, it lets them pass.
func (h *history) quiet(ctx context.Context) (bool, error) {
	var open []event.OutboxRow
	for _, state := range []event.OutboxState{event.Waiting, event.Attempting} {
		list, err := h.store.OutboxRows(ctx, event.OutboxFilter{Downstream: h.down.Name, State: state}, 0, 1000)
		if err != nil {
			return false, err
		}
		open = append(open, list...)
	}
	if len(open) == 0 {
		dead, err := h.store.OutboxRows(ctx, event.OutboxFilter{Downstream: h.down.Name, State: event.Dead}, 0, 1)
		if err != nil || len(dead) == 0 {
			return err == nil, err
		}
		return false, errors.Join(h.reviveDead(ctx), h.store.Resume(ctx, h.down.Name))
	}
	first := time.Duration(1<<63 - 1)
	for _, row := range open {
		if wait := row.Due.Sub(epoch.Add(h.now + h.storeSkew)); row.State == event.Waiting && wait > time.Minute {
			first = min(first, wait)
		}
	}
	if first <= event.LongestWait {
		h.now += first
	}
	// A 410 of before may have paused it since.
	return false, h.store.Resume(ctx, h.down.Name)
}

func (h *history) complete(quiet bool) error {
	if !quiet {
		return nil
	}
	h.now += h.timeout
	if err := h.act(); err != nil {
		return err
	}
	newest := map[subject]version{}
	for order, e := range h.stored {
		for _, number := range e.Numbers {
			about, v := subject{number, e.Attribute}, version{e.TS, order}
			if last, ok := newest[about]; e.Changes() && (!ok || last.before(v)) {
				newest[about] = v
			}
		}
		numbers := e.Numbers
		if len(numbers) == 0 {
			numbers = []string{""}
		}
		for _, number := range numbers {
			if h.down.Mode == event.Every && h.got[told{number, e.ID}] == 0 {
				return h.broken("event %d never came for number %q", order, number)
			}
		}
	}
	if h.down.Mode == event.Every {
		return nil
	}
	for about, want := range newest {
		if h.last[about] != want {
			return h.broken("the last value of %s is that of event %d, not %d", about.number, h.last[about].order, want.order)
		}
	}
	if len(newest) != len(h.last) {
		return h.broken("%d subjects came, of %d", len(h.last), len(newest))
	}
	return nil
}

// unchecked is a store that takes a result, and a release, under whatever claim the row is.
type unchecked struct{ outbox }

func (u unchecked) current(ctx context.Context, downstream string, row, claim int64) int64 {
	held, _ := u.Held(ctx, downstream)
	for _, c := range held {
		if c.Row == row {
			return c.Claim
		}
	}
	return claim
}

func (u unchecked) Record(ctx context.Context, r event.Result) (bool, error) {
	row, err := u.OutboxRow(ctx, r.Row)
	if err != nil {
		return false, err
	}
	r.Claim = u.current(ctx, row.Downstream, r.Row, r.Claim)
	return u.outbox.Record(ctx, r)
}

func (u unchecked) Release(ctx context.Context, downstream string, held []event.Claimed) (int, error) {
	for i := range held {
		held[i].Claim = u.current(ctx, downstream, held[i].Row, held[i].Claim)
	}
	return u.outbox.Release(ctx, downstream, held)
}

// histories is how many are run on the store in memory; a hundredth of them on each engine, and with NUMHOOK_MODEL=full
// all. The race detector makes them ten times as slow and finds nothing in them: they have one goroutine.
const histories = 10_000 / slower

// opened gives a history its store, and says how the store gets the history's clock.
type opened func(seed uint64) (outbox, func(now func() time.Time))

func inMemory(t *testing.T) opened {
	return func(uint64) (outbox, func(now func() time.Time)) {
		fake := storetest.NewFake(t)
		return fake, fake.SetClock
	}
}

// live runs the histories, or the one of NUMHOOK_SEED with what happened in it, and returns the seed and error of the
// first that breaks an invariant.
func live(t *testing.T, first, last uint64, open opened, sw switches, seen map[string]int) (uint64, error) {
	t.Helper()
	only := os.Getenv("NUMHOOK_SEED")
	if only != "" {
		seed, err := strconv.ParseUint(only, 10, 64)
		if err != nil {
			t.Fatalf("NUMHOOK_SEED: %v", err)
		}
		first, last = seed, seed+1
	}
	for seed := first; seed < last; seed++ {
		s, clock := open(seed)
		h := newHistory(seed, s, sw, clock)
		h.told = only != ""
		err := h.run(t.Context())
		for what, n := range h.seen {
			seen[what] += n
		}
		if only != "" {
			t.Logf("history %d:\n%s", seed, strings.Join(h.trace, "\n"))
		}
		if err != nil {
			return seed, err
		}
	}
	return 0, nil
}

func mustLive(t *testing.T, first, last uint64, open opened) {
	t.Helper()
	seen := map[string]int{}
	seed, err := live(t, first, last, open, switches{}, seen)
	t.Logf("seen: %v", seen)
	if err != nil {
		t.Fatalf("history %d: %v\nrun it alone: NUMHOOK_SEED=%d go test -v -run '%s' ./server/dispatch", seed, err, seed,
			strings.Split(t.Name(), "/")[0])
	}
	for _, what := range []string{
		"attempts fenced off", "attempts not begun", "given up", "inherited", "lost claims", "lost results", "newer values",
		"repetitions", "requests under way", "results refused", "taken over",
	} {
		if seen[what] == 0 && last-first >= 100 && os.Getenv("NUMHOOK_SEED") == "" {
			t.Errorf("%s were never seen in %d histories", what, last-first)
		}
	}
}

func TestHistories(t *testing.T) { mustLive(t, 0, histories, inMemory(t)) }

// Without either guard the same histories do not hold.
func TestHistoriesWithoutGuard(t *testing.T) {
	for name, sw := range map[string]switches{"fence": {noDeadline: true}, "rest": {noRest: true},
		"claim check": {noClaimCheck: true}} {
		t.Run(name, func(t *testing.T) {
			seed, err := live(t, 0, histories, inMemory(t), sw, map[string]int{})
			if !errors.Is(err, errBroken) {
				t.Fatalf("%d histories held without the %s: %v", histories, name, err)
			}
			t.Logf("history %d: %v", seed, err)
		})
	}
}

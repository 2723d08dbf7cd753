package dispatch

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"numhook/server/event"
)

// When the process is to end, a row that rests stays under its claim, for whoever comes next to wait for.
func TestEndDuringARest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		d.send = func(context.Context, int) Outcome {
			return Outcome{Verdict: event.Retry, Reason: "the connection broke", Underway: true}
		}
		h := newHarness(t, Config{Alone: true}, named("carrier", d))
		h.enqueue("1", 1, "A")
		h.start()
		h.advance(time.Second)
		if took, err := h.halt(); took > 0 || err != nil {
			t.Errorf("it ended after %v: %v", took, err)
		}
		if held, err := h.store.Held(t.Context(), "carrier"); err != nil || len(held) != 1 {
			t.Errorf("held: %v (%v)", held, err)
		}
		mustEqual(t, "log", h.logLines("attempt", "outcome", "reason", "error"),
			[]string{"outcome=retry reason=the connection broke"})
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
		cfg := named("carrier", d)
		cfg.Concurrency = 1
		h := newHarness(t, Config{}, cfg)
		h.enqueue("1", 1, "A")
		h.enqueue("2", 1, "B")
		h.start()
		took, err := h.halt()
		if took != 3*time.Second || err != nil {
			t.Errorf("halt: %v after %v", err, took)
		}
		mustEqual(t, "receipts", bodies(d.receipts()), []string{"1=A"})
		mustEqual(t, "log", h.logLines("attempt", "outcome"), []string{"outcome=confirmed"})
	})
}

// What does not end by itself is cut off and recorded.
func TestDrainCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now(), send: func(ctx context.Context, _ int) Outcome {
			<-ctx.Done()
			return Outcome{Verdict: event.Retry, Reason: "cut off"}
		}}
		cfg := named("carrier", d)
		cfg.Timeout = time.Minute
		h := newHarness(t, Config{DrainTime: 4 * time.Second}, cfg)
		h.enqueue("1", 1, "A")
		h.start()
		took, err := h.halt()
		if took != 4*time.Second || err != nil {
			t.Errorf("halt: %v after %v", err, took)
		}
		mustEqual(t, "log", h.logLines("attempt", "outcome", "reason"), []string{"outcome=retry reason=cut off"})
		if held, err := h.store.Held(t.Context(), "carrier"); len(held) != 0 || err != nil {
			t.Errorf("held: %v %v", held, err)
		}
	})
}

// A sender that never ends does not keep the process from ending.
func TestDrainStuckSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		back := make(chan struct{})
		h := newHarness(t, Config{},
			named("carrier", sending(func(context.Context, Envelope) Outcome { <-back; return confirmed })))
		h.enqueue("1", 1, "A")
		h.start()
		took, err := h.halt()
		if took != DefaultDrainTime+RecordTime+time.Second || err == nil || err.Error() != "cannot end every attempt: a "+
			"sender does not heed its deadline" {
			t.Errorf("halt: %v after %v", err, took)
		}
		close(back)
	})
}

// Neither does a store that records nothing.
func TestDrainLostResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := named("carrier", &downstream{began: time.Now()})
		cfg.Timeout = time.Minute
		h := newHarness(t, Config{})
		h.configure(Config{Queue: &losingQueue{h.store, func() bool { return true }}}, cfg)
		h.enqueue("1", 1, "A")
		h.start()
		if took, err := h.halt(); took != DefaultDrainTime+RecordTime || err != nil {
			t.Errorf("halt: %v after %v", err, took)
		}
	})
}

// What was claimed while the end came is given back, not begun.
func TestDrainReleases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		h := newHarness(t, Config{})
		h.configure(Config{Queue: slow(h.store, time.Second)}, named("carrier", d))
		h.enqueue("1", 1, "A")
		h.start()
		took, err := h.halt()
		if took != time.Second || err != nil {
			t.Errorf("halt: %v after %v", err, took)
		}
		mustEqual(t, "receipts", d.receipts(), nil)
		mustEqual(t, "log", h.logLines("release", "rows", "reason"), []string{"rows=1 reason=shutting down"})
		if attempts, _, err := h.store.Claim(t.Context(), "carrier", 10); len(attempts) != 1 || err != nil {
			t.Errorf("claimable afterwards: %d %v", len(attempts), err)
		}
	})
}

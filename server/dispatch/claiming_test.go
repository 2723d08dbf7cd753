package dispatch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"numhook/server/event"
)

// A worker with a backlog gathers the slots that are freed within two milliseconds, but for no longer than until a
// quarter of them is free.
func TestGathersSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// the first two together, then one alone
		ends := []time.Duration{100 * time.Microsecond, 200 * time.Microsecond, 10 * time.Millisecond}
		d := &downstream{began: time.Now(), send: func(ctx context.Context, nth int) Outcome {
			wait := time.Second
			if nth <= len(ends) {
				wait = ends[nth-1]
			}
			rest(ctx, wait)
			return confirmed
		}}
		h, queue := backlog(t, d, 8, 20)
		h.start()
		for _, look := range []struct {
			after time.Duration
			want  []int
		}{
			{150 * time.Microsecond, []int{8}},
			{100 * time.Microsecond, []int{8, 2}},
			{11 * time.Millisecond, []int{8, 2}}, // one is free, since 10 ms
			{time.Millisecond, []int{8, 2, 1}},
		} {
			h.advance(look.after)
			mustEqual(t, "limits", queue.claims(), look.want)
		}
		if _, err := h.halt(); err != nil {
			t.Error(err)
		}
	})
}

// While the way in is under pressure, a worker claims now and then; when that is over, as soon as there is something.
func TestYieldsToTheWayIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		config := named("carrier", d)
		config.Concurrency = 2
		pressure := new(Pressure)
		h := newHarness(t, Config{Pressure: pressure}, config)
		h.start()
		for i := range 9 {
			h.enqueue(fmt.Sprint(i), 1, "A")
		}
		h.advance(200 * time.Millisecond)
		pressure.Batch(busyBatch-1, time.Millisecond)
		if pressure.high() {
			t.Error("a few deliveries are pressure")
		}
		begun := time.Now()
		count := func() int { h.Wake(); synctest.Wait(); return len(d.receipts()) }
		var counts []int
		for time.Since(begun) < 240*time.Millisecond {
			pressure.Batch(busyBatch, time.Millisecond)
			counts = append(counts, count())
			h.advance(40 * time.Millisecond)
		}
		mustEqual(t, "receipts under pressure, every 40 ms", counts, []int{2, 2, 2, 4, 4, 6})
		h.advance(busyTime)
		mustEqual(t, "receipts after it", []int{count()}, []int{9})
	})
}

// countingQueue remembers the limits of claims.
type countingQueue struct {
	Queue
	fail func() error // may be nil

	mu     sync.Mutex
	limits []int
}

func (k *countingQueue) Claim(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error) {
	k.mu.Lock()
	k.limits = append(k.limits, limit)
	k.mu.Unlock()
	if k.fail != nil {
		if err := k.fail(); err != nil {
			return nil, time.Time{}, err
		}
	}
	return k.Queue.Claim(ctx, downstream, limit)
}

// claims are the limits of all claims.
func (k *countingQueue) claims() []int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.limits)
}

// backlog is a harness whose only worker has so many slots and has so many rows in its outbox, and counts its claims.
func backlog(t *testing.T, d *downstream, slots, rows int) (*harness, *countingQueue) {
	t.Helper()
	h := newHarness(t, Config{})
	queue := &countingQueue{Queue: h.store}
	cfg := named("carrier", d)
	cfg.Concurrency = slots
	h.configure(Config{Queue: queue}, cfg)
	for i := range rows {
		h.enqueue(fmt.Sprint(i), 1, "A")
	}
	return h, queue
}

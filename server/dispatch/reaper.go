package dispatch

import (
	"context"
	"log/slog"
	"time"

	"numhook/server/event"
)

// reaper finds claims that their holders have left. It needs no clock but this process's stopwatch, and it does not ask
// whose a claim is: whoever holds it, this process or another, has long stopped when the lease is over. One goroutine
// owns it.
type reaper struct {
	lease time.Duration
	seen  map[event.Claimed]time.Time // since when it stands, as far as this process knows
}

func newReaper(timeout time.Duration) *reaper {
	return &reaper{lease: Lease(timeout), seen: map[event.Claimed]time.Time{}}
}

// left takes what is held now, and returns what has been held unchanged for a lease.
func (r *reaper) left(held []event.Claimed, now time.Time) []event.Claimed {
	var left []event.Claimed
	seen := make(map[event.Claimed]time.Time, len(held))
	for _, claimed := range held {
		since, known := r.seen[claimed]
		if !known {
			since = now
		}
		seen[claimed] = since
		if now.Sub(since) >= r.lease {
			left = append(left, claimed)
		}
	}
	r.seen = seen
	return left
}

// reap releases what holders have left, until ctx ends.
func (w *worker) reap(ctx context.Context) {
	reaper := newReaper(w.Timeout)
	ticker := time.NewTicker(ReapEvery)
	defer ticker.Stop()
	for {
		w.takeOver(ctx, reaper)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// takeOver looks once. A call that fails is made again with the next tick.
func (w *worker) takeOver(ctx context.Context, reaper *reaper) {
	held, err := w.held(ctx)
	if err != nil {
		w.reaping.met(ctx, err)
		return
	}
	if left := reaper.left(held, time.Now()); len(left) > 0 {
		if err := w.release(ctx, left, "its holder left it for a lease"); err != nil {
			w.reaping.met(ctx, err)
			return
		}
	}
	w.reaping.over(ctx)
}

func (w *worker) held(ctx context.Context) ([]event.Claimed, error) {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	return w.d.queue.Held(ctx, w.Downstream.Name)
}

// release gives rows back, says so, and looks for them at once.
func (w *worker) release(ctx context.Context, held []event.Claimed, why string) error {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	released, err := w.d.queue.Release(ctx, w.Downstream.Name, held)
	if err != nil {
		return err
	}
	if released > 0 {
		w.d.log.LogAttrs(ctx, slog.LevelWarn, "release", slog.String("downstream", w.Downstream.Name),
			slog.Int("rows", released), slog.String("reason", why))
		w.wake()
	}
	return nil
}

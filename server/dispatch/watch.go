package dispatch

import (
	"context"
	"log/slog"
	"time"

	"numhook/server/event"
)

// watch finds claims that their holders have left. It needs no clock but this process's stopwatch, and it does not ask whose a claim is: whoever holds it, this
// process or another, has long stopped when the lease is over. One goroutine owns it.
type watch struct {
	lease time.Duration
	seen  map[event.Claimed]time.Time // since when it stands, as far as this process knows
}

func newWatch(timeout time.Duration) *watch {
	return &watch{lease: Lease(timeout), seen: map[event.Claimed]time.Time{}}
}

// left takes what is held now, and returns what has been held unchanged for a lease.
func (w *watch) left(held []event.Claimed, now time.Time) []event.Claimed {
	var left []event.Claimed
	seen := make(map[event.Claimed]time.Time, len(held))
	for _, claimed := range held {
		since, known := w.seen[claimed]
		if !known {
			since = now
		}
		seen[claimed] = since
		if now.Sub(since) >= w.lease {
			left = append(left, claimed)
		}
	}
	w.seen = seen
	return left
}

// watch releases what holders have left, until ctx ends.
func (l *line) watch(ctx context.Context) {
	watch := newWatch(l.Timeout)
	ticker := time.NewTicker(WatchEvery)
	defer ticker.Stop()
	for {
		l.takeOver(ctx, watch)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// takeOver looks once. A call that fails is made again with the next tick.
func (l *line) takeOver(ctx context.Context, watch *watch) {
	held, err := l.held(ctx)
	if err != nil {
		l.watching.met(ctx, err)
		return
	}
	if left := watch.left(held, time.Now()); len(left) > 0 {
		if err := l.release(ctx, left, "its holder left it for a lease"); err != nil {
			l.watching.met(ctx, err)
			return
		}
	}
	l.watching.over(ctx)
}

func (l *line) held(ctx context.Context) ([]event.Claimed, error) {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	return l.d.keeper.Held(ctx, l.Downstream.Name)
}

// release gives rows back, says so, and looks for them at once.
func (l *line) release(ctx context.Context, held []event.Claimed, why string) error {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	released, err := l.d.keeper.Release(ctx, l.Downstream.Name, held)
	if err != nil {
		return err
	}
	if released > 0 {
		l.d.log.LogAttrs(ctx, slog.LevelWarn, "release", slog.String("downstream", l.Downstream.Name), slog.Int("rows", released), slog.String("reason", why))
		l.wake()
	}
	return nil
}

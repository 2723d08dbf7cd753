package dispatch

import (
	"context"
	"log/slog"
	"time"

	"numhook/server/event"
)

// A clock that was set must neither keep the outbox waiting nor hide how long it has waited. The store's clock decides
// what is due and is what since is read on; here each reading of it is held against this process's stopwatch.

// ages are how long the oldest row of each downstream has been enqueued. One goroutine owns them.
type ages map[string]aged

// aged is a reading of the oldest row, and the age that it had by then.
type aged struct {
	oldest time.Time // since when it is enqueued, by which it is told from others
	age    time.Duration
	read   time.Time // on the stopwatch
}

// of is the age of the oldest row: by the store's clock, and no less than this process has seen it grow to by its
// stopwatch.
func (a ages) of(s event.DownstreamStatus, now time.Time) time.Duration {
	if s.Oldest.IsZero() {
		delete(a, s.Name)
		return 0
	}
	age := max(s.At.Sub(s.Oldest), 0)
	if known, ok := a[s.Name]; ok && known.oldest.Equal(s.Oldest) {
		age = max(age, known.age+now.Sub(known.read))
	}
	a[s.Name] = aged{s.Oldest, age, now}
	return age
}

// ahead is by how much rows that are enqueued since later than now are to be enqueued since earlier: so that none is
// enqueued since later, and the oldest, when it is one of them, since it was seen. The others stay as long after it as
// they were, or are enqueued since now.
func ahead(s event.DownstreamStatus, age time.Duration) time.Duration {
	back := s.Newest.Sub(s.At)
	if back <= event.ClockSlack {
		return 0
	}
	if first := s.Oldest.Sub(s.At); first > event.ClockSlack {
		back = max(back, first+age)
	}
	return back
}

// rewind mends the outbox of the worker's downstream under a clock that has been set back since.
func (w *worker) rewind(ctx context.Context, s event.DownstreamStatus, age time.Duration) {
	longest := w.Backoff.Max
	back := ahead(s, age)
	if back == 0 && s.LastDue.Sub(s.At) <= longest+event.ClockSlack {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	rows, err := w.d.queue.Rewind(ctx, w.Downstream.Name, longest, back)
	if err != nil {
		w.reaping.met(ctx, err)
		return
	}
	if rows > 0 {
		w.d.log.LogAttrs(ctx, slog.LevelWarn, "release", slog.String("downstream", w.Downstream.Name), slog.Int("rows", rows),
			slog.String("reason", "they were written while the clock was ahead"))
		w.wake()
	}
}

// waitedUntil is the time at which it is judged whether a row that is enqueued since then is given up. What a clock was
// set ahead by while this process ran is no time that anybody waited: a row that was enqueued before is older by the
// stopwatch alone. One that is enqueued since later than the stopwatch has come to was enqueued under the clock as it
// is now. So a row may be given up later, by as much as the clock was set, and never sooner.
func (d *Dispatch) waitedUntil(since time.Time) time.Time {
	now := d.instant()
	steady := d.began.wall.Add(now.monotonic.Sub(d.began.monotonic))
	if steady.Before(since) || now.wall.Before(steady) {
		return now.wall
	}
	return steady
}

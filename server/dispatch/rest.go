package dispatch

import (
	"context"
	"log/slog"
	"time"

	"numhook/server/event"
)

// The rule of mode latest: as long as a request may still take effect, nothing else is sent for its subject, whoever
// died, drained or was cut off. A request takes effect within the line's timeout, counted from the beginning of its
// attempt, or not at all. Whoever waits counts on a stopwatch of its own: the line that made the attempt from its
// beginning, a process that follows a dead one from when it first saw the claim, and a watcher beside others for a
// lease. Meanwhile the row stays attempting under its claim, so that it rests even when whoever waits for it dies.

// mostResting is how many rows of a line may rest without a place. More of them, from a downstream that takes bodies
// and does not answer, hold up the line.
const mostResting = MostConcurrency

// Rest is how long after the beginning of its attempt a request may still take effect: the timeout, and a little for
// the way there.
func Rest(timeout time.Duration) time.Duration { return timeout + min(timeout/10, time.Second) }

// restOf is how long a row must rest when the attempt that began then has come to the outcome.
func restOf(mode event.Mode, o Outcome, begun, now time.Time, timeout time.Duration) time.Duration {
	if mode != event.Latest || !o.Underway {
		return 0
	}
	return max(Rest(timeout)-now.Sub(begun), 0)
}

// settle records a result once the row has rested, and gives the place to others meanwhile. When the line is to end,
// the row stays under its claim.
func (l *line) settle(
	stop, records context.Context, f *flight, rests time.Duration, result event.Result, outcome Outcome,
) {
	l.mu.Lock()
	free := l.resting < mostResting
	l.resting++
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.resting--
	}()
	if free {
		l.vacate(f)
	}
	if !rest(stop, rests) {
		return
	}
	result.After = max(result.After-rests, 0) // the wait for the next try began with the end of this one
	if err := l.record(records, *f, result, outcome); err != nil {
		l.d.log.LogAttrs(records, slog.LevelWarn, "record", slog.String("downstream", l.Downstream.Name),
			slog.String("outcome", "failed"), slog.String("error", shown(err)))
	}
}

// inherit deals with everything that is held before the first claim: nobody else can hold anything, so it was this
// store's last process, and it is dead. In mode latest what it had sent may still take effect.
func (l *line) inherit(ctx context.Context) {
	held, err := l.held(ctx)
	if err != nil {
		l.watching.met(ctx, err) // the watch takes it over later
		return
	}
	if l.Downstream.Mode != event.Latest {
		l.releaseDead(ctx, held, 0)
		return
	}
	l.attempts.Go(func() { l.releaseDead(ctx, held, Rest(l.Timeout)) })
}

func (l *line) releaseDead(ctx context.Context, held []event.Claimed, rests time.Duration) {
	if len(held) == 0 || rests > 0 && !rest(ctx, rests) {
		return
	}
	if err := l.release(ctx, held, "its holder ended"); err != nil {
		l.watching.met(ctx, err)
	}
}

// inheritOthers releases what a dead process held for downstreams that are not served any more, so that people can
// deal with it. Nobody knows their timeout.
func (d *Dispatch) inheritOthers(ctx context.Context) {
	trouble := trouble{log: d.log, what: "watch"}
	standings, err := d.standing(ctx)
	if err != nil {
		trouble.met(ctx, err)
		return
	}
	served := map[string]bool{}
	for _, l := range d.lines {
		served[l.Downstream.Name] = true
	}
	held := map[string][]event.Claimed{}
	for _, s := range standings {
		if served[s.Name] || s.Attempting == 0 {
			continue
		}
		if held[s.Name], err = d.keeper.Held(ctx, s.Name); err != nil {
			trouble.met(ctx, err)
		}
	}
	if len(held) == 0 || !rest(ctx, Rest(LongestTimeout)) {
		return
	}
	for name, claims := range held {
		if _, err := d.keeper.Release(ctx, name, claims); err != nil {
			trouble.met(ctx, err)
		}
	}
}

package dispatch

import (
	"context"
	"log/slog"
	"time"

	"numhook/server/event"
)

// The rule of mode latest: as long as a request may still take effect, nothing else is sent for its subject, whoever
// died, drained or was cut off. A request takes effect within the worker's timeout, counted from the beginning of its
// attempt, or not at all. Whoever waits counts on a stopwatch of its own: the worker that made the attempt from its
// beginning, a process that follows a dead one from when it first saw the claim, and a reaper beside others for a
// lease. Meanwhile the row stays attempting under its claim, so that it rests even when whoever waits for it dies.

// mostResting is how many rows of a worker may rest without a slot. More of them, from a downstream that takes bodies
// and does not answer, hold up the worker.
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

// settle records a result once the row has rested, and gives the slot to others meanwhile. When the worker is to end,
// the row stays under its claim.
func (w *worker) settle(
	stop, records context.Context, f *flight, rests time.Duration, result event.Result, outcome Outcome,
) {
	w.mu.Lock()
	free := w.resting < mostResting
	w.resting++
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.resting--
	}()
	if free {
		w.vacate(f)
	}
	if !rest(stop, rests) {
		return
	}
	result.After = max(result.After-rests, 0) // the wait for the next try began with the end of this one
	if err := w.record(records, *f, result, outcome); err != nil {
		w.d.log.LogAttrs(records, slog.LevelWarn, "record", slog.String("downstream", w.Downstream.Name),
			slog.String("outcome", "failed"), slog.String("error", shown(err)))
	}
}

// reclaim deals with everything that is held before the first claim: nobody else can hold anything, so it was this
// store's last process, and it is dead. In mode latest what it had sent may still take effect.
func (w *worker) reclaim(ctx context.Context) {
	held, err := w.held(ctx)
	if err != nil {
		w.reaping.met(ctx, err) // the reaper takes it over later
		return
	}
	if w.Downstream.Mode != event.Latest {
		w.releaseDead(ctx, held, 0)
		return
	}
	w.attempts.Go(func() { w.releaseDead(ctx, held, Rest(w.Timeout)) })
}

func (w *worker) releaseDead(ctx context.Context, held []event.Claimed, rests time.Duration) {
	if len(held) == 0 || rests > 0 && !rest(ctx, rests) {
		return
	}
	if err := w.release(ctx, held, "its holder ended"); err != nil {
		w.reaping.met(ctx, err)
	}
}

// reclaimOthers releases what a dead process held for downstreams that are not served any more, so that people can
// deal with it. Nobody knows their timeout.
func (d *Dispatch) reclaimOthers(ctx context.Context) {
	errs := storeErrors{log: d.log, what: "watch"}
	statuses, err := d.readStatuses(ctx)
	if err != nil {
		errs.met(ctx, err)
		return
	}
	served := map[string]bool{}
	for _, w := range d.workers {
		served[w.Downstream.Name] = true
	}
	held := map[string][]event.Claimed{}
	for _, s := range statuses {
		if served[s.Name] || s.Attempting == 0 {
			continue
		}
		if held[s.Name], err = d.queue.Held(ctx, s.Name); err != nil {
			errs.met(ctx, err)
		}
	}
	if len(held) == 0 || !rest(ctx, Rest(LongestTimeout)) {
		return
	}
	for name, claims := range held {
		if _, err := d.queue.Release(ctx, name, claims); err != nil {
			errs.met(ctx, err)
		}
	}
}

package dispatch

import (
	"context"
	"slices"
	"time"

	"numhook/server/event"
)

// What is sent takes effect at any time within the attempt's timeout, whatever became of the attempt, and of the
// process that made it.

// effect is something that was sent and has not been acted on yet.
type effect struct {
	at      time.Duration
	from    string
	process *process
}

// linger has the downstream act on the attempt some time, as it may as long as the attempt's timeout lasts.
func (h *history) linger(r *receiver, l *process) {
	left := max(l.last-h.now, 0)
	if h.chance(3) {
		left = time.Duration(h.rng.Int64N(int64(left) + 1))
	}
	h.effects = append(h.effects, effect{h.now + left, r.name, l})
	h.say("what %s sent for row %d, claim %d, event %d lasts %v", r.name, l.Row, l.Claim, h.order[l.EventID], left)
	h.seen["requests under way"]++
}

// act lets take effect what does by now, in its order.
func (h *history) act() error {
	slices.SortStableFunc(h.effects, func(a, b effect) int { return int(a.at - b.at) })
	for len(h.effects) > 0 && h.effects[0].at <= h.now {
		next := h.effects[0]
		h.effects = h.effects[1:]
		if err := h.receive(next.from, next.process); err != nil {
			return err
		}
	}
	return nil
}

// rests reports whether the row of an attempt that is over must rest.
func (h *history) rests(r *receiver, l *process) bool {
	return !h.switches.noRest && restOf(h.down.Mode, *l.over, l.since.monotonic, h.instant(r).monotonic, h.timeout) > 0
}

// die ends a receiver. What it was at may reach the downstream all the same.
func (h *history) die(r *receiver) {
	for _, l := range r.processes {
		if l.begun && l.over == nil && !h.chance(3) {
			h.linger(r, l)
		}
	}
	r.alive, r.processes = false, nil
}

// drain ends a receiver as SIGTERM does once the drain's time is over.
func (h *history) drain(ctx context.Context, r *receiver) error {
	for _, l := range slices.Clone(r.processes) {
		if l.begun {
			continue
		}
		h.drop(r, l)
		if _, err := h.store.Release(ctx, h.down.Name, []event.Claimed{{Row: l.Row, Claim: l.Claim}}); err != nil {
			return err
		}
	}
	for _, l := range r.processes {
		if l.over == nil {
			h.end(r, l, Outcome{Verdict: event.Retry, Reason: "cut short", Underway: true})
			h.linger(r, l)
		}
	}
	for slices.ContainsFunc(r.processes, func(l *process) bool { return !h.rests(r, l) }) {
		if err := h.record(ctx, r); err != nil {
			return err
		}
	}
	r.alive, r.processes = false, nil
	return nil
}

// reclaim has a receiver that is alone on its store see what the last one held, before its first claim.
func (h *history) reclaim(ctx context.Context, r *receiver) (err error) {
	if !h.alone || r.looked {
		return nil
	}
	r.looked, r.began = true, h.instant(r).monotonic
	if r.dead, err = h.store.Held(ctx, h.down.Name); err != nil {
		return err
	}
	if len(r.dead) > 0 {
		h.seen["inherited"]++
	}
	return h.releaseDead(ctx, r)
}

// releaseDead releases what the last receiver held, once it can no longer take effect.
func (h *history) releaseDead(ctx context.Context, r *receiver) error {
	rests := h.down.Mode == event.Latest && !h.switches.noRest
	if len(r.dead) == 0 || rests && h.instant(r).monotonic.Sub(r.began) < Rest(h.timeout) {
		return nil
	}
	h.say("%s releases what the dead held: %v", r.name, r.dead)
	_, err := h.store.Release(ctx, h.down.Name, r.dead)
	r.dead = nil
	return err
}

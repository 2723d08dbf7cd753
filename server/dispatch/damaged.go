package dispatch

import (
	"context"

	"numhook/server/event"
)

// reasonDamaged is why a row is dead that was never sent, because what is kept does not agree with its event's
// identity.
const reasonDamaged = "damaged"

// refuseDamaged ends an attempt that MUST NOT be made. It says nothing about the downstream.
func (w *worker) refuseDamaged(records context.Context, f flight) {
	w.breakerEnds(f, Outcome{Verdict: event.Refused})
	w.d.metrics.damaged.WithLabelValues(w.Downstream.Name).Inc()
	outcome := Outcome{Verdict: event.Refused, Reason: reasonDamaged}
	result := conclude(f.Attempt, outcome, w.Backoff, w.d.waitedUntil(f.Since), w.d.random())
	err := w.record(records, f, result, outcome)
	w.d.observe(observation{worker: w, attempt: f.Attempt, outcome: outcome, result: result, err: err})
}

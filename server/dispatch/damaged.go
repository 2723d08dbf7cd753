package dispatch

import (
	"context"

	"numhook/server/event"
)

// reasonDamaged is why a row is dead that was never sent, because what is kept does not agree with its event's identity.
const reasonDamaged = "damaged"

// refuseDamaged ends an attempt that MUST NOT be made. It says nothing about the downstream.
func (l *line) refuseDamaged(records context.Context, f flight) {
	l.breakerEnds(f, Outcome{Verdict: event.Refused})
	l.d.metrics.damaged.WithLabelValues(l.Downstream.Name).Inc()
	outcome := Outcome{Verdict: event.Refused, Reason: reasonDamaged}
	result := conclude(f.Attempt, outcome, l.Backoff, l.d.waitedUntil(f.Since), l.d.random())
	err := l.record(records, f, result, outcome)
	l.d.account(accounted{line: l, attempt: f.Attempt, outcome: outcome, result: result, err: err})
}

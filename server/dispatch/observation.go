package dispatch

import (
	"context"
	"log/slog"
	"time"

	"numhook/server/event"
)

// observation is an attempt that is over.
type observation struct {
	worker  *worker
	attempt event.Attempt
	outcome Outcome
	result  event.Result
	took    time.Duration
	err     error // of recording
}

// text is the outcome in the words of the log and the metrics: confirmed, retry, refused or paused.
func (o observation) text() string {
	if o.outcome.Pause {
		return "paused"
	}
	return string(o.result.Verdict)
}

// observe writes the attempt's one log line and counts it. Neither holds a number or a value.
func (d *Dispatch) observe(o observation) {
	name := o.worker.Downstream.Name
	behind := max(d.now().Sub(o.attempt.Received), 0)
	d.metrics.attempted(name, o.text(), o.took)
	if o.result.Verdict == event.Confirmed {
		d.metrics.handedOver(name, behind)
	}
	level := slog.LevelInfo
	switch {
	case o.err != nil || o.outcome.Pause || o.result.Verdict == event.Refused:
		level = slog.LevelError
	case o.result.Verdict == event.Retry:
		level = slog.LevelWarn
	}
	ctx := context.Background()
	if !d.log.Enabled(ctx, level) {
		return
	}
	attributes := make([]slog.Attr, 0, 9)
	attributes = append(attributes, slog.String("downstream", name), slog.String("outcome", o.text()))
	if o.result.Reason != "" {
		attributes = append(attributes, slog.String("reason", o.result.Reason))
	}
	attributes = append(attributes,
		slog.String("event_id", o.attempt.EventID.String()), slog.String("attribute", string(o.attempt.Attribute)),
		slog.Int("try", o.attempt.Try),
		slog.Float64("took_ms", milliseconds(o.took)), slog.Float64("behind_ms", milliseconds(behind)))
	if _, lost := o.err.(errNotHeld); lost { //nolint:errorlint // it is never wrapped
		attributes = append(attributes, slog.String("error", o.err.Error()))
	} else if o.err != nil {
		attributes = append(attributes, slog.String("error", shown(o.err)))
	}
	d.log.LogAttrs(ctx, level, "attempt", attributes...)
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / float64(time.Millisecond/time.Microsecond)
}

// breakerChanged says how a worker's breaker stands now.
func (d *Dispatch) breakerChanged(w *worker, before, after BreakerState) {
	d.metrics.breaker.WithLabelValues(w.Downstream.Name).Set(openness(after))
	level := slog.LevelInfo
	if after == Open {
		level = slog.LevelWarn
	}
	d.log.LogAttrs(context.Background(), level, "breaker", slog.String("downstream", w.Downstream.Name),
		slog.String("from", string(before)), slog.String("to", string(after)))
}

// openness is 0 for a closed breaker and 1 for one that keeps attempts from being made.
func openness(state BreakerState) float64 {
	if state == Closed {
		return 0
	}
	return 1
}

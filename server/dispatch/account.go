package dispatch

import (
	"context"
	"log/slog"
	"time"

	"numhook/server/event"
)

// accounted is an attempt that is over.
type accounted struct {
	line    *line
	attempt event.Attempt
	outcome Outcome
	result  event.Result
	took    time.Duration
	err     error // of recording
}

// word is the outcome in the words of the log and the metrics: confirmed, retry, refused or paused.
func (a accounted) word() string {
	if a.outcome.Pause {
		return "paused"
	}
	return string(a.result.Verdict)
}

// account writes the attempt's one log line and counts it. Neither holds a number or a value.
func (d *Dispatch) account(a accounted) {
	name := a.line.Downstream.Name
	behind := max(d.now().Sub(a.attempt.Received), 0)
	d.metrics.attempted(name, a.word(), a.took)
	if a.result.Verdict == event.Confirmed {
		d.metrics.handedOver(name, behind)
	}
	level := slog.LevelInfo
	switch {
	case a.err != nil || a.outcome.Pause || a.result.Verdict == event.Refused:
		level = slog.LevelError
	case a.result.Verdict == event.Retry:
		level = slog.LevelWarn
	}
	ctx := context.Background()
	if !d.log.Enabled(ctx, level) {
		return
	}
	attributes := make([]slog.Attr, 0, 9)
	attributes = append(attributes, slog.String("downstream", name), slog.String("outcome", a.word()))
	if a.result.Reason != "" {
		attributes = append(attributes, slog.String("reason", a.result.Reason))
	}
	attributes = append(attributes,
		slog.String("event_id", a.attempt.EventID.String()), slog.String("attribute", string(a.attempt.Attribute)), slog.Int("try", a.attempt.Try),
		slog.Float64("took_ms", milliseconds(a.took)), slog.Float64("behind_ms", milliseconds(behind)))
	if _, lost := a.err.(errNotHeld); lost { //nolint:errorlint // it is never wrapped
		attributes = append(attributes, slog.String("error", a.err.Error()))
	} else if a.err != nil {
		attributes = append(attributes, slog.String("error", shown(a.err)))
	}
	d.log.LogAttrs(ctx, level, "attempt", attributes...)
}

func milliseconds(d time.Duration) float64 {
	return float64(d.Microseconds()) / float64(time.Millisecond/time.Microsecond)
}

// breakerChanged says how a line's breaker stands now.
func (d *Dispatch) breakerChanged(l *line, before, after BreakerState) {
	d.metrics.breaker.WithLabelValues(l.Downstream.Name).Set(openness(after))
	level := slog.LevelInfo
	if after == Open {
		level = slog.LevelWarn
	}
	d.log.LogAttrs(context.Background(), level, "breaker", slog.String("downstream", l.Downstream.Name),
		slog.String("from", string(before)), slog.String("to", string(after)))
}

// openness is 0 for a closed breaker and 1 for one that keeps attempts from being made.
func openness(state BreakerState) float64 {
	if state == Closed {
		return 0
	}
	return 1
}

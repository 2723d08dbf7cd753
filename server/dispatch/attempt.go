package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"numhook/server/event"
)

// RecordTime bounds how long results may still be recorded after the attempts were cut off at the end of a drain.
const RecordTime = 5 * time.Second

// flight is one attempt under way.
type flight struct {
	event.Attempt
	fence fence
	wakes int64 // of the line, before the claim: what woke it since may be about this very row
	trial bool  // of the breaker

	vacated bool // its place was given back
}

// begin takes a place and lets the attempt run in it.
func (l *line) begin(stop, sends, records context.Context, f *flight) {
	var state BreakerState
	if f.trial, state = l.breaker.begin(time.Now()); f.trial {
		l.d.breakerChanged(l, Open, state)
	}
	l.mu.Lock()
	l.places++
	l.mu.Unlock()
	l.attempts.Go(func() {
		defer l.leave(f)
		l.attempt(stop, sends, records, f)
	})
}

// vacate gives the place back, unless it was.
func (l *line) vacate(f *flight) {
	if f.vacated {
		return
	}
	f.vacated = true
	l.mu.Lock()
	l.places--
	l.mu.Unlock()
	signal(l.freed)
}

// leave is the end of an attempt and of its row's rest.
func (l *line) leave(f *flight) {
	l.vacate(f)
	signal(l.freed)
	if l.wakes.Load() != f.wakes {
		signal(l.woken)
	}
}

// attempt is one attempt from its claim to its record.
func (l *line) attempt(stop, sends, records context.Context, f *flight) {
	begun := l.d.instant()
	if !f.fence.mayBegin(begun) || sends.Err() != nil {
		l.breakerEnds(*f, Outcome{Verdict: event.Refused}) // says nothing about the downstream
		l.giveBack(records, []event.Attempt{f.Attempt}, "its time was over before it began")
		return
	}
	if f.Damaged != "" {
		l.refuseDamaged(records, *f)
		return
	}
	outcome := l.try(sends, f.fence.falls(begun), f.Attempt)
	ended := time.Now()
	outcome.After = min(outcome.After, l.Backoff.Max) // nobody waits longer, however long it asked for
	if sends.Err() == nil {
		l.breakerEnds(*f, outcome)
	}
	result := conclude(f.Attempt, outcome, l.Backoff, l.d.waitedUntil(f.Since), l.d.random())
	over := accounted{line: l, attempt: f.Attempt, outcome: outcome, result: result, took: ended.Sub(begun.monotonic)}
	if rests := restOf(l.Downstream.Mode, outcome, begun.monotonic, ended, l.Timeout); rests > 0 {
		l.d.account(over)
		l.settle(stop, records, f, rests, result, outcome)
		return
	}
	over.err = l.record(records, *f, result, outcome)
	l.d.account(over)
}

// try makes the attempt. A panic is an outcome; its value may quote the change, so only its type and the stack are logged.
func (l *line) try(sends context.Context, ends time.Time, a event.Attempt) (outcome Outcome) {
	where := "envelope"
	defer func() {
		if p := recover(); p != nil {
			l.d.log.LogAttrs(sends, slog.LevelError, "panic in an attempt", slog.String("downstream", l.Downstream.Name), slog.String("in", where),
				slog.String("type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
			outcome = Outcome{Verdict: event.Retry, Reason: "panic in the " + where, Underway: where == "sender"}
		}
	}()
	envelope, err := l.d.wrap(a)
	if err != nil {
		return Outcome{Verdict: event.Refused, Reason: "the change cannot be put into an envelope"}
	}
	where = "sender"
	ctx, cancel := context.WithDeadline(sends, ends)
	defer cancel()
	outcome = l.Sender.Send(ctx, envelope)
	outcome.After = min(outcome.After, l.Backoff.Max) // for the breaker, too
	if outcome.Verdict != event.Confirmed && outcome.Verdict != event.Refused && outcome.Verdict != event.Retry && !outcome.Pause {
		return Outcome{Verdict: event.Retry, Reason: "the sender gave no verdict", Underway: true}
	}
	return outcome
}

func (l *line) breakerEnds(f flight, o Outcome) {
	before, after := l.breaker.end(f.trial, o, time.Now())
	if before != after {
		l.d.breakerChanged(l, before, after)
	}
}

// errNotHeld says that the store took no result, because somebody else was given the row or it was skipped.
type errNotHeld struct{}

func (errNotHeld) Error() string { return "the row was no longer under this attempt's claim" }

// record tells the store, and tries again until a watcher may have taken the row; a result that comes later still is told once, and the store sees that its claim is
// gone. A downstream that wants nothing more is paused first, so that the row is not
// claimed in between.
func (l *line) record(records context.Context, f flight, result event.Result, outcome Outcome) error {
	retries, cancel := context.WithDeadline(records, f.fence.recordBy())
	defer cancel()
	pausing := outcome.Pause
	for failures := 1; ; failures++ {
		var err error
		if pausing {
			err = l.pause(records, outcome)
			pausing = err != nil && event.KindOf(err) == event.Unavailable
		}
		if !pausing {
			var held bool
			if held, err = l.recordOnce(records, result); err == nil {
				l.recording.over(records)
				return l.recorded(result, held)
			}
		}
		l.recording.met(records, err)
		if !rest(retries, pause(failures)) {
			return err
		}
	}
}

// recorded notes when the row is due again.
func (l *line) recorded(result event.Result, held bool) error {
	if !held {
		return errNotHeld{}
	}
	if result.Verdict == event.Retry {
		l.noteDue(time.Now().Add(result.After))
	}
	return nil
}

// pause pauses the downstream. Only a store that is unavailable is asked again.
func (l *line) pause(ctx context.Context, o Outcome) error {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	return l.d.keeper.Pause(ctx, l.Downstream.Name, reason(o))
}

func (l *line) recordOnce(ctx context.Context, result event.Result) (held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	return l.d.keeper.Record(ctx, result)
}

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
	deadline leaseDeadline
	wakes    int64 // of the worker, before the claim: what woke it since may be about this very row
	trial    bool  // of the breaker

	vacated bool // its slot was given back
}

// begin takes a slot and lets the attempt run in it.
func (w *worker) begin(stop, sends, records context.Context, f *flight) {
	var state BreakerState
	if f.trial, state = w.breaker.begin(time.Now()); f.trial {
		w.d.breakerChanged(w, Open, state)
	}
	w.mu.Lock()
	w.slots++
	w.mu.Unlock()
	w.concurrently(func() {
		defer w.leave(f)
		w.attempt(stop, sends, records, f)
	})
}

// concurrently runs an attempt in a goroutine whose last one has ended, or in a new one. A goroutine that stays keeps
// the stack that its first attempt made it grow to: growing one for each attempt took a twentieth of all the time.
func (w *worker) concurrently(attempt func()) {
	select {
	case w.handed <- attempt:
		return
	default:
	}
	w.attempts.Go(func() {
		for {
			attempt()
			select {
			case attempt = <-w.handed:
			case <-w.over:
				return
			}
		}
	})
}

// vacate gives the slot back, unless it was.
func (w *worker) vacate(f *flight) {
	if f.vacated {
		return
	}
	f.vacated = true
	w.mu.Lock()
	w.slots--
	w.mu.Unlock()
	signal(w.freed)
}

// leave is the end of an attempt and of its row's rest.
func (w *worker) leave(f *flight) {
	w.vacate(f)
	signal(w.freed)
	if w.wakes.Load() != f.wakes {
		signal(w.woken)
	}
}

// attempt is one attempt from its claim to its record.
func (w *worker) attempt(stop, sends, records context.Context, f *flight) {
	begun := w.d.instant()
	if !f.deadline.mayBegin(begun) || sends.Err() != nil {
		w.breakerEnds(*f, Outcome{Verdict: event.Refused}) // says nothing about the downstream
		w.giveBack(records, []event.Attempt{f.Attempt}, "its time was over before it began")
		return
	}
	if f.Damaged != "" {
		w.refuseDamaged(records, *f)
		return
	}
	outcome := w.try(sends, f.deadline.until(begun), f.Attempt)
	ended := time.Now()
	outcome.After = min(outcome.After, w.Backoff.Max) // nobody waits longer, however long it asked for
	if sends.Err() == nil {
		w.breakerEnds(*f, outcome)
	}
	result := conclude(f.Attempt, outcome, w.Backoff, w.d.waitedUntil(f.Since), w.d.random())
	over := observation{worker: w, attempt: f.Attempt, outcome: outcome, result: result, took: ended.Sub(begun.monotonic)}
	if rests := restOf(w.Downstream.Mode, outcome, begun.monotonic, ended, w.Timeout); rests > 0 {
		w.d.observe(over)
		w.settle(stop, records, f, rests, result, outcome)
		return
	}
	over.err = w.record(records, *f, result, outcome)
	w.d.observe(over)
}

// try makes the attempt. A panic is an outcome; its value may quote the change, so only its type and the stack are
// logged.
func (w *worker) try(sends context.Context, ends time.Time, a event.Attempt) (outcome Outcome) {
	where := "envelope"
	defer func() {
		if p := recover(); p != nil {
			w.d.log.LogAttrs(sends, slog.LevelError, "panic in an attempt", slog.String("downstream", w.Downstream.Name),
				slog.String("in", where),
				slog.String("type", fmt.Sprintf("%T", p)), slog.String("stack", string(debug.Stack())))
			outcome = Outcome{Verdict: event.Retry, Reason: "panic in the " + where, Underway: where == "sender"}
		}
	}()
	envelope, err := w.d.wrap(a)
	if err != nil {
		return Outcome{Verdict: event.Refused, Reason: "the change cannot be put into an envelope"}
	}
	where = "sender"
	ctx, cancel := context.WithDeadline(sends, ends)
	defer cancel()
	outcome = w.Sender.Send(ctx, envelope)
	outcome.After = min(outcome.After, w.Backoff.Max) // for the breaker, too
	if outcome.Verdict != event.Confirmed && outcome.Verdict != event.Refused && outcome.Verdict != event.Retry &&
		!outcome.Pause {
		return Outcome{Verdict: event.Retry, Reason: "the sender gave no verdict", Underway: true}
	}
	return outcome
}

func (w *worker) breakerEnds(f flight, o Outcome) {
	before, after := w.breaker.end(f.trial, o, time.Now())
	if before != after {
		w.d.breakerChanged(w, before, after)
	}
}

// errNotHeld says that the store took no result, because somebody else was given the row or it was skipped.
type errNotHeld struct{}

func (errNotHeld) Error() string { return "the row was no longer under this attempt's claim" }

// record tells the store, and tries again until a reaper may have taken the row; a result that comes later still is
// told once, and the store sees that its claim is gone. A downstream that wants nothing more is paused first, so that
// the row is not claimed in between.
func (w *worker) record(records context.Context, f flight, result event.Result, outcome Outcome) error {
	retries, cancel := context.WithDeadline(records, f.deadline.recordBy())
	defer cancel()
	pausing := outcome.Pause
	for failures := 1; ; failures++ {
		var err error
		if pausing {
			err = w.pause(records, outcome)
			pausing = err != nil && event.KindOf(err) == event.Unavailable
		}
		if !pausing {
			var held bool
			if held, err = w.recordOnce(records, result); err == nil {
				w.recording.over(records)
				return w.recorded(result, held)
			}
		}
		w.recording.met(records, err)
		if !rest(retries, pause(failures)) {
			return err
		}
	}
}

// recorded notes when the row is due again.
func (w *worker) recorded(result event.Result, held bool) error {
	if !held {
		return errNotHeld{}
	}
	if result.Verdict == event.Retry {
		w.noteDue(time.Now().Add(result.After))
	}
	return nil
}

// pause pauses the downstream. Only a store that is unavailable is asked again.
func (w *worker) pause(ctx context.Context, o Outcome) error {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	return w.d.queue.Pause(ctx, w.Downstream.Name, reason(o))
}

func (w *worker) recordOnce(ctx context.Context, result event.Result) (held bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	return w.d.queue.Record(ctx, result)
}

package dispatch

import (
	"context"
	"slices"
	"time"

	"numhook/server/event"
)

// process is one attempt of a receiver.
type process struct {
	event.Attempt
	deadline leaseDeadline
	begun    bool
	since    instant       // when it began, on the receiver's clocks
	last     time.Duration // when it can last take effect
	ends     time.Time     // of sending, on the receiver's monotonic clock
	trial    bool
	over     *Outcome // sent, or too late; to be recorded
}

// receiver is one process.
type receiver struct {
	name  string
	alive bool
	skew  time.Duration // of its wall clock
	lag   time.Duration // of its monotonic clock: how long its machine slept
	// its machine sleeps now and then, and its wall clock is right; or that steps and the machine never sleeps
	sleepy    bool
	asking    *leaseDeadline // a claim that it asked for and that is not made yet
	processes []*process
	reaper    *reaper
	breaker   *breaker

	looked bool            // alone on the store, it has seen what the last process held
	dead   []event.Claimed // that, until it is released
	began  time.Time       // when it saw it
}

func (h *history) start(r *receiver) {
	r.alive, r.asking, r.processes, r.looked, r.dead = true, nil, nil, false, nil
	r.reaper, r.breaker = newReaper(h.timeout), newBreaker(h.rng.Float64)
}

func (h *history) instant(r *receiver) instant {
	return instant{monotonic: epoch.Add(h.now - r.lag), wall: epoch.Add(h.now + r.skew)}
}

// ask begins a claim; claim makes it, whenever that is.
func (h *history) ask(_ context.Context, r *receiver) error {
	if r.alive && r.asking == nil {
		r.asking = &leaseDeadline{asked: h.instant(r), timeout: h.timeout}
	}
	return nil
}

func (h *history) claim(ctx context.Context, r *receiver) error {
	if !r.alive || r.asking == nil {
		return nil
	}
	asked := *r.asking
	r.asking = nil
	if err := h.reclaim(ctx, r); err != nil {
		return err
	}
	room, _ := r.breaker.room(1+h.rng.IntN(3), h.instant(r).monotonic)
	if room == 0 {
		return nil
	}
	attempts, _, err := h.store.Claim(ctx, h.down.Name, room)
	if err != nil {
		return err
	}
	lost := h.chance(20) // the answer never came: nobody knows that these are claimed
	for _, a := range attempts {
		h.say("%s claims: row %d, claim %d, event %d (lost %v)", r.name, a.Row, a.Claim, h.order[a.EventID], lost)
		if err := h.mayBeClaimed(a); err != nil {
			return err
		}
		if lost {
			h.seen["lost claims"]++
		} else {
			r.processes = append(r.processes, &process{Attempt: a, deadline: asked})
		}
	}
	return nil
}

// mayBeClaimed holds a claim to the invariants: nobody else can still send for the row; and in mode every nothing that
// comes before it is still to be sent.
func (h *history) mayBeClaimed(a event.Attempt) error {
	for _, r := range h.receivers {
		for _, l := range r.processes {
			if l.Row == a.Row && l.Claim != a.Claim && h.canSend(r, l) {
				return h.broken("row %d is claimed while %s can still send it", a.Row, r.name)
			}
		}
	}
	if h.down.Mode != event.Every {
		return nil
	}
	mine := version{a.TS, h.order[a.EventID]}
	for order, e := range h.stored {
		numbers := e.Numbers
		if len(numbers) == 0 {
			numbers = []string{""}
		}
		earlier := version{e.TS, order}.before(mine) && slices.Contains(numbers, a.Number)
		if earlier && !h.settled[told{a.Number, e.ID}] {
			return h.broken("event %d goes out before event %d", mine.order, order)
		}
	}
	return nil
}

// canSend reports whether the lease deadline lets the attempt be sent.
func (h *history) canSend(r *receiver, l *process) bool {
	switch now := h.instant(r); {
	case !r.alive || l.over != nil:
		return false
	case !l.begun:
		return l.deadline.mayBegin(now)
	default:
		return now.monotonic.Before(l.ends)
	}
}

// send takes an attempt on: it begins it, or makes what was begun come to its outcome.
func (h *history) send(ctx context.Context, r *receiver) error {
	open := slices.DeleteFunc(slices.Clone(r.processes), func(l *process) bool { return l.over != nil })
	if !r.alive || len(open) == 0 {
		return nil
	}
	l := open[h.rng.IntN(len(open))]
	now := h.instant(r)
	switch {
	case h.switches.noDeadline && l.begun:
		return h.deliver(r, l)
	case !l.begun && (h.switches.noDeadline || l.deadline.mayBegin(now)):
		l.begun, l.since, l.last, l.ends = true, now, h.now+h.timeout, l.deadline.until(now)
		l.trial, _ = r.breaker.begin(now.monotonic)
		return nil
	case !l.begun:
		h.drop(r, l)
		h.say("%s gives row %d back", r.name, l.Row)
		h.seen["attempts not begun"]++
		_, err := h.store.Release(ctx, h.down.Name, []event.Claimed{{Row: l.Row, Claim: l.Claim}})
		return err
	case !h.canSend(r, l):
		h.seen["attempts fenced off"]++
		h.end(r, l, Outcome{Verdict: event.Retry, Reason: "its time was over", Underway: true})
		return nil
	}
	return h.deliver(r, l)
}

func (h *history) drop(r *receiver, l *process) {
	r.processes = slices.DeleteFunc(r.processes, func(other *process) bool { return other == l })
}

func (h *history) end(r *receiver, l *process, o Outcome) {
	l.over = &o
	r.breaker.end(l.trial, o, h.instant(r).monotonic)
}

// deliver is what becomes of an attempt that reaches the downstream, or does not.
func (h *history) deliver(r *receiver, l *process) error {
	if h.rng.IntN(10) < h.health {
		h.end(r, l, confirmed)
		return h.receive(r.name, l)
	}
	switch h.rng.IntN(8) {
	case 0:
		h.end(r, l, refused)
	case 1:
		h.end(r, l, Outcome{Verdict: event.Retry, Pause: true, Alive: true, Reason: "the answer was 410"})
	case 2:
		h.end(r, l, Outcome{Verdict: event.Retry, After: time.Duration(h.rng.IntN(5)) * time.Second,
			Reason: "the answer was 503"})
	case 3, 4:
		h.end(r, l, failing)
	default:
		h.end(r, l, Outcome{Verdict: event.Retry, Reason: "the connection broke after the body was taken", Underway: true})
		h.linger(r, l)
	}
	return nil
}

// receive is the downstream's side: it holds what takes effect to the invariants.
func (h *history) receive(from string, l *process) error {
	envelope, err := Wrap(l.Attempt)
	if err != nil {
		return err
	}
	change, order := told{l.Number, l.EventID}, h.order[l.EventID]
	h.say("what %s sent takes effect: row %d, claim %d, event %d", from, l.Row, l.Claim, order)
	if h.got[change]++; h.got[change] > 1 {
		h.seen["repetitions"]++
	}
	if known, ok := h.identity[change]; ok && known != envelope.ID {
		return h.broken("event %d comes under two identities", order)
	}
	if other, ok := h.owner[envelope.ID]; ok && other != change {
		return h.broken("events %d and %d come under one identity", order, h.order[other.id])
	}
	h.identity[change], h.owner[envelope.ID] = envelope.ID, change
	if h.down.Mode == event.Latest {
		about, mine := subject{l.Number, l.Attribute}, version{l.TS, order}
		last, ok := h.last[about]
		switch {
		case ok && mine.before(last):
			return h.broken("event %d comes after event %d", order, last.order)
		case ok && last.before(mine):
			h.seen["newer values"]++
		}
		h.last[about] = mine
	}
	return nil
}

// record tells the store of an attempt that is over, unless the store is failing until that is of no use.
func (h *history) record(ctx context.Context, r *receiver) error {
	at := slices.IndexFunc(r.processes, func(l *process) bool { return l.over != nil && !h.rests(r, l) })
	if !r.alive || at < 0 {
		return nil
	}
	l := r.processes[at]
	h.drop(r, l)
	if h.chance(25) {
		h.say("%s cannot record row %d", r.name, l.Row)
		h.seen["lost results"]++
		return nil
	}
	if l.over.Pause {
		if err := h.store.Pause(ctx, h.down.Name, reason(*l.over)); err != nil {
			return err
		}
	}
	result := conclude(l.Attempt, *l.over, h.backoff, h.instant(r).wall, h.rng.Float64())
	held, err := h.store.Record(ctx, result)
	h.say("%s records: row %d, claim %d: %s (held %v)", r.name, l.Row, l.Claim, result.Verdict, held)
	if !held {
		h.seen["results refused"]++
	}
	if l.over.Verdict == event.Retry && result.Verdict == event.Refused {
		h.seen["given up"]++
	}
	if held && result.Verdict != event.Retry {
		h.settled[told{l.Number, l.EventID}] = true
	}
	return err
}

func (h *history) takeOver(ctx context.Context, r *receiver) error {
	if !r.alive {
		return nil
	}
	if err := h.releaseDead(ctx, r); err != nil {
		return err
	}
	held, err := h.store.Held(ctx, h.down.Name)
	if err != nil {
		return err
	}
	if left := r.reaper.left(held, h.instant(r).monotonic); len(left) > 0 {
		h.say("%s takes over: %v", r.name, left)
		h.seen["taken over"]++
		_, err = h.store.Release(ctx, h.down.Name, left)
	}
	return err
}

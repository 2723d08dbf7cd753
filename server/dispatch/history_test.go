package dispatch

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"numhook/server/event"
	"numhook/server/store"
)

// A history is a random run of the whole way out, one step after the other, on clocks that only the history moves: a
// sender whose events come late, tied, twice and for several numbers at once; receivers that claim, attempt and record,
// that get stuck anywhere in between, die and come back; a downstream that confirms, refuses, fails, or takes the body
// and loses the answer; wall clocks that step. What the receivers decide, they decide with the code that a worker runs.

// outbox is what a history needs of a store.
type outbox interface {
	store.Writer
	store.Outbox
	store.OutboxReader
}

// switches take a guard away, to see that the history notices.
type switches struct {
	noDeadline bool // attempts are begun and sent however late it is
	// the result of a request that may still take effect is recorded at once, and what the dead held is released at once
	noRest       bool
	noClaimCheck bool // the store takes a result under whatever claim its row is now
}

// version orders the values of a subject.
type version struct {
	ts    int64
	order int // of storing
}

func (v version) before(o version) bool {
	return cmp.Or(cmp.Compare(v.ts, o.ts), cmp.Compare(v.order, o.order)) < 0
}

// subject is a number's attribute, and told is what one event says of a number.
type (
	subject struct {
		number    string
		attribute event.Attribute
	}
	told struct {
		number string
		id     event.ID
	}
)

// history is one run.
type history struct {
	seed     uint64
	rng      *rand.Rand
	store    outbox
	switches switches
	down     event.Downstream
	backoff  Backoff
	timeout  time.Duration
	prefix   string // of its numbers: histories share a store

	now       time.Duration
	storeSkew time.Duration
	receivers []*receiver
	health    int // of the downstream, of 10: how many attempts go well
	stored    []event.Event
	order     map[event.ID]int

	alone   bool     // there is one receiver, and it knows that
	effects []effect // what was sent and may still take effect

	last     map[subject]version
	got      map[told]int
	settled  map[told]bool
	identity map[told]string
	owner    map[string]told
	told     bool           // what happens is to be told
	trace    []string       // of that
	seen     map[string]int // how often it came to what the guards are for
}

// errBroken says that an invariant does not hold.
var errBroken = errors.New("invariant broken")

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

// newHistory begins a history. storeClock is told how to read the store's clock.
func newHistory(seed uint64, s outbox, sw switches, storeClock func(now func() time.Time)) *history {
	h := &history{
		seed: seed, rng: rand.New(rand.NewPCG(seed, 42)), store: s, switches: sw, prefix: fmt.Sprintf("+%d-", seed),
		health: 7, timeout: time.Second,
		order: map[event.ID]int{}, last: map[subject]version{}, got: map[told]int{}, settled: map[told]bool{},
		identity: map[told]string{}, owner: map[string]told{},
		seen: map[string]int{},
	}
	storeClock(func() time.Time { return epoch.Add(h.now + h.storeSkew) })
	h.down = event.Downstream{Name: fmt.Sprintf("d%d", seed), Mode: event.Latest, Start: event.FromNow}
	if seed%2 == 1 {
		h.down.Mode = event.Every
	}
	h.backoff = Backoff{First: 100 * time.Millisecond, Factor: 2, Max: 3 * time.Second}
	if h.chance(3) {
		h.backoff.GiveUpAfter = 20 * time.Second
	}
	h.alone = seed%4 >= 2
	receivers := 2 + h.rng.IntN(2)
	if h.alone {
		receivers = 1
	}
	for i := range receivers {
		h.receivers = append(h.receivers, &receiver{name: fmt.Sprintf("r%d", i), sleepy: h.chance(3)})
		h.start(h.receivers[i])
	}
	if sw.noClaimCheck {
		h.store = unchecked{s}
	}
	return h
}

// chance is one of n.
func (h *history) chance(n int) bool { return h.rng.IntN(n) == 0 }

func (h *history) say(format string, args ...any) {
	if !h.told {
		return
	}
	h.trace = append(h.trace, fmt.Sprintf("%8.3fs ", h.now.Seconds())+fmt.Sprintf(format, args...))
}

func (h *history) broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errBroken, fmt.Sprintf(format, args...))
}

// run lives the history, and then lets everything come to rest.
func (h *history) run(ctx context.Context) error {
	if _, err := h.store.Register(ctx, h.down); err != nil {
		return err
	}
	steps := []struct {
		weight int
		step   func(ctx context.Context, r *receiver) error
	}{
		{14, h.append}, {16, h.ask}, {20, h.claim}, {24, h.send}, {16, h.record}, {8, h.takeOver}, {12, h.wait}, {3, h.upset},
		{2, h.operate},
	}
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	for range 60 + h.rng.IntN(100) {
		if err := h.act(); err != nil {
			return err
		}
		at := h.rng.IntN(total)
		for _, s := range steps {
			if at -= s.weight; at < 0 {
				if err := s.step(ctx, h.receivers[h.rng.IntN(len(h.receivers))]); err != nil {
					return err
				}
				break
			}
		}
	}
	if err := h.rest(ctx); err != nil {
		return err
	}
	return h.store.Remove(ctx, h.down.Name)
}

// append stores an event: new, late, tied, or one that came before.
func (h *history) append(ctx context.Context, _ *receiver) error {
	if len(h.stored) > 0 && h.chance(8) {
		_, err := h.store.Append(ctx, h.stored[h.rng.IntN(len(h.stored))])
		return err
	}
	var numbers []string
	for i := range 4 {
		if h.chance(3) {
			numbers = append(numbers, fmt.Sprint(h.prefix, i))
		}
	}
	ts := int64(len(h.stored)) + int64(h.rng.IntN(3)) - 1 // tied now and then
	if h.chance(4) {
		ts = int64(h.rng.IntN(len(h.stored) + 1))
	}
	e := event.Event{Name: "number_management.peering_number_cnam_updated", TS: ts, AccountID: "account", CarrierCode: 1,
		Numbers: numbers, Attribute: event.CNAM}
	if !h.chance(10) {
		e.Value, _ = json.Marshal(fmt.Sprintf("value %d", len(h.stored)))
	}
	body := fmt.Appendf(nil, `{"n":%d,"seed":%d}`, len(h.stored), h.seed)
	e.ID, e.Delivery = event.Identify(body), event.Delivery{Received: epoch.Add(h.now), Path: "/", Body: body}
	if h.down.Mode == event.Every && h.chance(10) {
		e.Attribute, e.Value = "", nil
	}
	h.order[e.ID] = len(h.stored)
	h.stored = append(h.stored, e)
	h.say("stored: event %d, event_ts %d, numbers %v", h.order[e.ID], ts, numbers)
	_, err := h.store.Append(ctx, e)
	return err
}

// wait lets time pass: mostly little, now and then so much that whoever was in the middle of something comes back too
// late.
func (h *history) wait(context.Context, *receiver) error {
	span := 500 * time.Millisecond
	switch h.rng.IntN(6) {
	case 0:
		span = 2 * DeadlineAfter(h.timeout)
	case 1, 2:
		span = 3 * time.Second
	}
	h.now += time.Duration(h.rng.Int64N(int64(span)))
	return nil
}

// upset lets a receiver die, come back or sleep, a wall clock step, or the downstream's health change.
func (h *history) upset(ctx context.Context, r *receiver) error {
	step := time.Duration(h.rng.Int64N(int64(6*time.Hour))) - 3*time.Hour
	switch h.rng.IntN(6) {
	case 0, 1:
		h.say("%s dies or drains, or comes back", r.name)
		switch {
		case !r.alive:
			h.start(r)
		case h.chance(3):
			return h.drain(ctx, r)
		default:
			h.die(r)
		}
	case 2:
		h.storeSkew += step
		h.say("the store's clock steps by %v", step)
	case 3:
		h.disturb(r, step)
	case 4:
		h.health = h.rng.IntN(11)
	case 5:
		h.health = 9
	}
	return nil
}

// disturb lets the machine sleep, or its wall clock step. What a sleeping machine had begun to send is as good as sent:
// no clock can keep a process that stopped between its last look at one and the wire.
func (h *history) disturb(r *receiver, step time.Duration) {
	if !r.sleepy {
		r.skew += step
		h.say("the clock of %s steps by %v", r.name, step)
		return
	}
	if !r.alive {
		return
	}
	for _, l := range r.processes {
		if l.begun && l.over == nil {
			h.end(r, l, Outcome{Verdict: event.Retry, Reason: "cut off", Underway: true})
			h.linger(r, l)
		}
	}
	slept := time.Duration(h.rng.Int64N(int64(30 * time.Second)))
	h.now += slept
	r.lag += slept
	h.say("%s slept for %v", r.name, slept)
}

// operate is what people do.
func (h *history) operate(ctx context.Context, _ *receiver) error {
	switch h.rng.IntN(4) {
	case 0:
		return h.store.Pause(ctx, h.down.Name, "by hand")
	case 1, 2:
		return h.store.Resume(ctx, h.down.Name)
	}
	return h.reviveDead(ctx)
}

// reviveDead retries every dead row.
func (h *history) reviveDead(ctx context.Context) error {
	dead, err := h.store.OutboxRows(ctx, event.OutboxFilter{Downstream: h.down.Name, State: event.Dead}, 0, 1000)
	if err != nil {
		return err
	}
	for _, row := range dead {
		h.say("row %d is retried by hand", row.ID)
		delete(h.settled, told{row.Number, row.EventID})
		if err := h.store.Retry(ctx, row.ID); err != nil {
			return err
		}
	}
	return nil
}

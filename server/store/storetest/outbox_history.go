package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"numhook/server/event"
)

// outboxHistories runs random histories of events, claims, results, releases, pauses, replays, verbs and clock steps,
// one after the other, and compares each answer, and every so often everything, with the model.
func outboxHistories(t TB, location Location, clock *Clock) {
	h := &outboxHistory{t: t, clock: clock, model: NewModel()}
	h.model.clock = clock.Now
	h.store = openOutbox(t, location)
	defer func() { closeStore(t, h.store) }()
	for _, d := range []event.Downstream{
		newestOnly, allOfIt,
		narrow(newestOnly, "newest of some", event.Only{Countries: []string{"US"}, Prefixes: []string{"+1555"}}),
		narrow(allOfIt, "all of some", event.Only{Prefixes: []string{alice, bob, "+49"}}, eventNames[event.CNAM]),
	} {
		register(t, h.store, d)
		h.model.Register(d)
		h.names = append(h.names, d.Name)
	}
	for seed := range seeds(4) {
		h.random = rand.New(rand.NewPCG(seed, 3))
		for i, e := range randomEvents(h.random, 150) {
			if e.Attribute == event.EmergencyAddress && e.Value != nil {
				e = at(inCountry(e.TS, quote([]string{"US", "CA"}[h.random.IntN(2)]), e.Numbers...), h.random)
			}
			r, err := h.store.Append(t.Context(), e)
			same(t, "error", err, nil)
			same(t, "receipt", r, h.model.Append(copyEvent(e)))
			for range h.random.IntN(4) {
				h.step()
			}
			if i%10 == 9 {
				h.compare()
			}
		}
	}
	h.compare()
}

type outboxHistory struct {
	t      TB
	clock  *Clock
	store  Outbox
	model  *Model
	random *rand.Rand
	names  []string
	hands  []event.Attempt // under way, or no longer
}

// step does one thing of the way out.
func (h *outboxHistory) step() {
	h.clock.Move(time.Duration(1+h.random.IntN(1_000_000)) * time.Microsecond)
	name := h.names[h.random.IntN(len(h.names))]
	switch h.random.IntN(12) {
	case 0, 1, 2, 3:
		h.claim(name)
	case 4, 5, 6, 7:
		h.record()
	case 8:
		h.release(name)
	case 9:
		h.enqueue(name)
	case 10:
		h.act()
	case 11:
		h.disturb(name)
	}
}

// claim has the store choose among those that are due equally long, and holds it to the rest.
func (h *outboxHistory) claim(name string) {
	limit := 1 + h.random.IntN(4)
	got, next, err := h.store.Claim(h.t.Context(), name, limit)
	same(h.t, "error", err, nil)
	able := h.model.claimable(name)
	due := slices.DeleteFunc(slices.Clone(able), func(row *outboxRow) bool { return !h.model.ready(row) })
	if !same(h.t, "rows claimed", len(got), min(limit, len(due))) {
		h.t.Fatalf("the histories part")
	}
	for i, a := range got {
		at := slices.IndexFunc(due, func(row *outboxRow) bool { return h.sameSubject(row, a) })
		if at < 0 {
			h.t.Fatalf("a row was claimed that is not due")
		}
		row := due[at]
		same(h.t, "due", row.Due, due[i].Due) // nobody has been due longer, who is not among them
		want := h.model.claim(row, a.Claim)
		want.Row, want.Seq = a.Row, a.Seq
		same(h.t, "attempt", a, want)
		h.hands = append(h.hands, a)
	}
	var want time.Time
	for _, row := range able {
		if row.State == event.Waiting && (want.IsZero() || row.Due.Before(want)) {
			want = row.Due
		}
	}
	same(h.t, "next", next.Equal(want), true)
}

func (h *outboxHistory) sameSubject(row *outboxRow, a event.Attempt) bool {
	return row.Number == a.Number && row.Attribute == a.Attribute && h.model.events[row.seq-1].ID == a.EventID
}

// pick is an attempt that was made once, most often one of the last.
func (h *outboxHistory) pick() (a event.Attempt, ok bool) {
	if len(h.hands) == 0 {
		return a, false
	}
	last := len(h.hands) - 1
	return h.hands[last-h.random.IntN(min(len(h.hands), 1+h.random.IntN(12)))], true
}

// counterpart is the model's row of the attempt.
func (h *outboxHistory) counterpart(a event.Attempt) *outboxRow {
	slot := int64(h.model.index[a.EventID] + 1)
	if h.model.downstreams[a.Downstream].Mode == event.Latest {
		slot = 0
	}
	return h.model.subjects[subject{a.Downstream, a.Number, a.Attribute, slot}]
}

func (h *outboxHistory) record() {
	a, ok := h.pick()
	if !ok {
		return
	}
	v := []event.Verdict{event.Confirmed, event.Confirmed, event.Retry, event.Refused}[h.random.IntN(4)]
	r := result(a, v, 0)
	if v == event.Retry {
		r.After = time.Duration(h.random.IntN(5000)) * time.Millisecond
	}
	if h.random.IntN(2) == 0 {
		r.Output = fmt.Sprint("output ", h.random.IntN(1000))
	}
	held, err := h.store.Record(h.t.Context(), r)
	same(h.t, "error", err, nil)
	r.Row, r.Seq = h.counterpart(a).ID, int64(h.model.index[a.EventID]+1)
	same(h.t, "held", held, h.model.Record(r))
}

func (h *outboxHistory) release(name string) {
	a, ok := h.pick()
	if !ok {
		return
	}
	n, err := h.store.Release(h.t.Context(), name, []event.Claimed{{Row: a.Row, Claim: a.Claim}})
	same(h.t, "error", err, nil)
	same(h.t, "released", n == 1, h.model.Release(name, event.Claimed{Row: h.counterpart(a).ID, Claim: a.Claim}))
}

func (h *outboxHistory) enqueue(name string) {
	e := h.model.events[h.random.IntN(len(h.model.events))].Event
	again, dry := h.random.IntN(2) == 0, h.random.IntN(4) == 0
	n, err := h.store.Enqueue(h.t.Context(), name, said(e), again, dry)
	same(h.t, "error", err, nil)
	same(h.t, "owed", n, h.model.Enqueue(name, said(e), again, dry))
}

// act retries or skips what an attempt was about.
func (h *outboxHistory) act() {
	a, ok := h.pick()
	if !ok {
		return
	}
	var err error
	var want bool
	if row := h.counterpart(a); h.random.IntN(2) == 0 {
		err, want = h.store.Retry(h.t.Context(), a.Row), h.model.Retry(row)
	} else {
		err, want = h.store.Skip(h.t.Context(), a.Row), h.model.Skip(row)
	}
	if !want {
		wantKind(h.t, "retry or skip", err, event.Invalid)
	} else {
		same(h.t, "error", err, nil)
	}
}

// disturb pauses, resumes, or sets the clock.
func (h *outboxHistory) disturb(name string) {
	s := h.model.downstreams[name]
	switch {
	case h.random.IntN(3) == 0:
		h.clock.Move([]time.Duration{-100 * time.Hour, 100 * time.Hour, -time.Second}[h.random.IntN(3)])
	case s.Paused.IsZero():
		same(h.t, "error", h.store.Pause(h.t.Context(), name, "for the test"), nil)
		s.Paused, s.PausedWhy = h.model.now(), "for the test"
	default:
		same(h.t, "error", h.store.Resume(h.t.Context(), name), nil)
		s.Paused, s.PausedWhy = time.Time{}, ""
	}
}

// compareOutputs wants every row of the downstream to have the output of the model's row.
func (h *outboxHistory) compareOutputs(name string) {
	for _, listed := range allOutbox(h.t, h.store, event.OutboxFilter{Downstream: name}) {
		o, err := h.store.OutboxRow(h.t.Context(), listed.ID)
		same(h.t, "error", err, nil)
		row := h.counterpart(event.Attempt{Downstream: name, Number: o.Number, Attribute: o.Attribute, EventID: o.EventID})
		same(h.t, "output", o.Output, row.Output)
	}
}

// compare wants everything to be equal, but for ids.
func (h *outboxHistory) compare() {
	for _, name := range h.names {
		f := event.OutboxFilter{Downstream: name}
		h.compareOutputs(name)
		got, want := byNumber(allOutbox(h.t, h.store, f)), byNumber(h.model.OutboxRows(f))
		rank := func(list []event.OutboxRow) []event.OutboxRow {
			for i := range list {
				list[i].ID = int64(i)
			}
			slices.SortStableFunc(list, func(a, b event.OutboxRow) int {
				return slices.Compare([]byte(fmt.Sprint(a.Number, a.Attribute, a.TS, a.EventID)),
					[]byte(fmt.Sprint(b.Number, b.Attribute, b.TS, b.EventID)))
			})
			for i := range list {
				list[i].ID = int64(i)
			}
			return list
		}
		if !same(h.t, "owed to "+name, rank(got), rank(want)) {
			h.t.Fatalf("the histories part")
		}
		same(h.t, "standing of "+name, status(h.t, h.store, name), h.model.Status(name))
	}
}

package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"numhook/server/event"
)

// owedHistories runs random histories of events, claims, results, releases, pauses, replays, verbs and clock steps, one after the other, and compares each
// answer, and every so often everything, with the model.
func owedHistories(t TB, place Place, clock *Clock) {
	h := &owedHistory{t: t, clock: clock, model: NewModel()}
	h.model.clock = clock.Now
	h.store = openLedger(t, place)
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

type owedHistory struct {
	t      TB
	clock  *Clock
	store  Ledger
	model  *Model
	random *rand.Rand
	names  []string
	hands  []event.Attempt // under way, or no longer
}

// step does one thing of the way out.
func (h *owedHistory) step() {
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
		h.owe(name)
	case 10:
		h.steer()
	case 11:
		h.disturb(name)
	}
}

// claim has the store choose among those that are due equally long, and holds it to the rest.
func (h *owedHistory) claim(name string) {
	limit := 1 + h.random.IntN(4)
	got, next, err := h.store.Claim(h.t.Context(), name, limit)
	same(h.t, "error", err, nil)
	able := h.model.claimable(name)
	due := slices.DeleteFunc(slices.Clone(able), func(d *debt) bool { return !h.model.ready(d) })
	if !same(h.t, "rows claimed", len(got), min(limit, len(due))) {
		h.t.Fatalf("the histories part")
	}
	for i, a := range got {
		at := slices.IndexFunc(due, func(d *debt) bool { return h.sameSubject(d, a) })
		if at < 0 {
			h.t.Fatalf("a row was claimed that is not due")
		}
		d := due[at]
		same(h.t, "due", d.Due, due[i].Due) // nobody has been due longer, who is not among them
		want := h.model.claim(d, a.Claim)
		want.Row, want.Seq = a.Row, a.Seq
		same(h.t, "attempt", a, want)
		h.hands = append(h.hands, a)
	}
	var want time.Time
	for _, d := range able {
		if d.State == event.Waiting && (want.IsZero() || d.Due.Before(want)) {
			want = d.Due
		}
	}
	same(h.t, "next", next.Equal(want), true)
}

func (h *owedHistory) sameSubject(d *debt, a event.Attempt) bool {
	return d.Number == a.Number && d.Attribute == a.Attribute && h.model.events[d.seq-1].ID == a.EventID
}

// pick is an attempt that was made once, most often one of the last.
func (h *owedHistory) pick() (a event.Attempt, ok bool) {
	if len(h.hands) == 0 {
		return a, false
	}
	last := len(h.hands) - 1
	return h.hands[last-h.random.IntN(min(len(h.hands), 1+h.random.IntN(12)))], true
}

// counterpart is the model's row of the attempt.
func (h *owedHistory) counterpart(a event.Attempt) *debt {
	slot := int64(h.model.index[a.EventID] + 1)
	if h.model.downstreams[a.Downstream].Mode == event.Latest {
		slot = 0
	}
	return h.model.subjects[subject{a.Downstream, a.Number, a.Attribute, slot}]
}

func (h *owedHistory) record() {
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

func (h *owedHistory) release(name string) {
	a, ok := h.pick()
	if !ok {
		return
	}
	n, err := h.store.Release(h.t.Context(), name, []event.Claimed{{Row: a.Row, Claim: a.Claim}})
	same(h.t, "error", err, nil)
	same(h.t, "released", n == 1, h.model.Release(name, event.Claimed{Row: h.counterpart(a).ID, Claim: a.Claim}))
}

func (h *owedHistory) owe(name string) {
	e := h.model.events[h.random.IntN(len(h.model.events))].Event
	again, dry := h.random.IntN(2) == 0, h.random.IntN(4) == 0
	n, err := h.store.Owe(h.t.Context(), name, said(e), again, dry)
	same(h.t, "error", err, nil)
	same(h.t, "owed", n, h.model.Owe(name, said(e), again, dry))
}

// steer retries or skips what an attempt was about.
func (h *owedHistory) steer() {
	a, ok := h.pick()
	if !ok {
		return
	}
	var err error
	var want bool
	if d := h.counterpart(a); h.random.IntN(2) == 0 {
		err, want = h.store.Retry(h.t.Context(), a.Row), h.model.Retry(d)
	} else {
		err, want = h.store.Skip(h.t.Context(), a.Row), h.model.Skip(d)
	}
	if !want {
		wantKind(h.t, "retry or skip", err, event.Invalid)
	} else {
		same(h.t, "error", err, nil)
	}
}

// disturb pauses, resumes, or sets the clock.
func (h *owedHistory) disturb(name string) {
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
func (h *owedHistory) compareOutputs(name string) {
	for _, listed := range allOwed(h.t, h.store, event.OwedFilter{Downstream: name}) {
		o, err := h.store.OwedRow(h.t.Context(), listed.ID)
		same(h.t, "error", err, nil)
		d := h.counterpart(event.Attempt{Downstream: name, Number: o.Number, Attribute: o.Attribute, EventID: o.EventID})
		same(h.t, "output", o.Output, d.Output)
	}
}

// compare wants everything to be equal, but for ids.
func (h *owedHistory) compare() {
	for _, name := range h.names {
		f := event.OwedFilter{Downstream: name}
		h.compareOutputs(name)
		got, want := byNumber(allOwed(h.t, h.store, f)), byNumber(h.model.Owed(f))
		rank := func(list []event.Owed) []event.Owed {
			for i := range list {
				list[i].ID = int64(i)
			}
			slices.SortStableFunc(list, func(a, b event.Owed) int {
				return slices.Compare([]byte(fmt.Sprint(a.Number, a.Attribute, a.TS, a.EventID)), []byte(fmt.Sprint(b.Number, b.Attribute, b.TS, b.EventID)))
			})
			for i := range list {
				list[i].ID = int64(i)
			}
			return list
		}
		if !same(h.t, "owed to "+name, rank(got), rank(want)) {
			h.t.Fatalf("the histories part")
		}
		same(h.t, "standing of "+name, standing(h.t, h.store, name), h.model.Standing(name))
	}
}

package storetest

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"numhook/server/event"
)

// debt is a row of what is owed: a subject of a downstream, and how it stands.
type debt struct {
	event.Owed       // without what follows from the event
	seq        int64 // place of the event whose value is owed
	ordered    int64 // what that event is ordered by, which is the row's version together with its place
	slot       int64 // mode every: that place, too, for it is part of the subject; mode latest: 0
	claim      int64 // while it is attempting
}

// active reports whether the row is still to be delivered.
func (d *debt) active() bool { return d.State == event.Waiting || d.State == event.Attempting }

// before reports whether the row's version is older than that of (ts, seq).
func (d *debt) before(ts, seq int64) bool {
	return cmp.Or(cmp.Compare(d.ordered, ts), cmp.Compare(d.seq, seq)) < 0
}

// now is the model's time, as a store keeps it.
func (m *Model) now() time.Time { return kept(m.clock()) }

// Register makes the downstream known, and reports false when its name is known under another mode.
func (m *Model) Register(d event.Downstream) (event.Standing, bool) {
	s, ok := m.downstreams[d.Name]
	if ok && s.Mode != d.Mode {
		return event.Standing{}, false
	}
	if !ok {
		s = &event.Standing{Downstream: d, Registered: m.now(), Filled: d.Start == event.FromNow}
		m.downstreams[d.Name] = s
	}
	s.Events, s.Only = copyList(d.Events), copyOnly(d.Only)
	return m.Standing(d.Name), true
}

func copyOnly(o event.Only) event.Only {
	return event.Only{CarrierCodes: copyList(o.CarrierCodes), Countries: copyList(o.Countries), Prefixes: copyList(o.Prefixes)}
}

// Standing is how a known downstream stands.
func (m *Model) Standing(name string) event.Standing {
	s := *m.downstreams[name]
	s.Events, s.Only = copyList(s.Events), copyOnly(s.Only)
	for _, d := range m.debts {
		if d.Downstream != name {
			continue
		}
		switch d.State {
		case event.Waiting:
			s.Waiting++
		case event.Attempting:
			s.Attempting++
		case event.Dead:
			s.Dead++
		}
		if d.active() && (s.Oldest.IsZero() || d.Since.Before(s.Oldest)) {
			s.Oldest = d.Since
		}
	}
	return s
}

// Downstreams are the names of all downstreams, in ascending order.
func (m *Model) Downstreams() []string {
	var names []string
	for name := range m.downstreams {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Remove forgets the downstream and what it is owed.
func (m *Model) Remove(name string) {
	delete(m.downstreams, name)
	m.debts = slices.DeleteFunc(m.debts, func(d *debt) bool { return d.Downstream == name })
	maps.DeleteFunc(m.subjects, func(s subject, _ *debt) bool { return s.downstream == name })
}

// owed is the row of the id, or nil.
func (m *Model) owed(id int64) *debt {
	if i, ok := slices.BinarySearchFunc(m.debts, id, func(d *debt, id int64) int { return cmp.Compare(d.ID, id) }); ok {
		return m.debts[i]
	}
	return nil
}

// subject is what has one row at most.
type subject struct {
	downstream, number string
	attribute          event.Attribute
	slot               int64
}

func (d *debt) subject() subject { return subject{d.Downstream, d.Number, d.Attribute, d.slot} }

// newest is the event that set the number's current value.
func (m *Model) newest(number string, attribute event.Attribute) (id event.ID) {
	ts := int64(math.MinInt64)
	for _, c := range m.changes[number] {
		if c.Attribute == attribute && m.ordered(c) >= ts {
			ts, id = m.ordered(c), c.EventID
		}
	}
	return id
}

// oweEvent makes an event owed that has just been stored.
func (m *Model) oweEvent(e event.Stored) {
	for _, name := range m.Downstreams() {
		for _, number := range subjects(e.Event) {
			m.offer(m.downstreams[name], number, e, false, false)
		}
	}
}

// subjects are the numbers of an event, as the downstreams are told of them.
func subjects(e event.Event) []string {
	if len(e.Numbers) == 0 {
		return []string{""}
	}
	return e.Numbers
}

// Owe makes changes owed that are in the model, and counts the rows that become waiting.
func (m *Model) Owe(downstream string, changes []event.Change, again, dryRun bool) (count int) {
	seen := map[any]bool{}
	for _, c := range changes {
		e := m.events[m.index[c.EventID]]
		key := [2]any{c.Number, e.Seq}
		if !seen[key] && m.offer(m.downstreams[downstream], c.Number, e, again, dryRun) {
			count++
		}
		seen[key] = true
	}
	return count
}

// offer makes what the event says about the number owed to the downstream, if that is so by rule 8, and reports whether a row became waiting.
func (m *Model) offer(s *event.Standing, number string, e event.Stored, again, dryRun bool) bool {
	slot := e.Seq
	if s.Mode == event.Latest {
		if slot = 0; !e.Changes() || m.newest(number, e.Attribute) != e.ID {
			return false
		}
	}
	d := m.subjects[subject{s.Name, number, e.Attribute, slot}]
	told := d != nil && s.Mode == event.Latest
	if !s.Wants(e.Name) || !told && !s.Only.Passes(e.CarrierCode, event.Country(e.Attribute, e.Value), number) {
		return false
	}
	switch {
	case d == nil:
		d = &debt{Owed: event.Owed{ID: m.lastOwed + 1, Downstream: s.Name, Number: number, Attribute: e.Attribute}, slot: slot}
		if !dryRun {
			m.lastOwed++
			m.debts = append(m.debts, d)
			m.subjects[d.subject()] = d
			m.begin(d, e)
		}
		return true
	case d.before(m.orderedEvent(e), e.Seq):
		waits := d.State != event.Attempting
		if !dryRun {
			m.begin(d, e)
		}
		return waits
	case again && !d.active():
		if !dryRun {
			m.begin(d, e)
		}
		return true
	}
	return false
}

func (m *Model) orderedEvent(e event.Stored) int64 {
	return m.ordered(event.Change{TS: e.TS, Received: e.Delivery.Received})
}

// begin makes the row owed, for the event's value, which has not been tried yet. One that was due already keeps its place before those that became due later: a
// number that changes all the time would never get its turn.
func (m *Model) begin(d *debt, e event.Stored) {
	if !d.active() {
		d.Since = m.now()
	}
	if d.State != event.Waiting || d.Due.After(m.now()) {
		d.Due = m.now()
	}
	if d.State != event.Attempting {
		d.State = event.Waiting
	}
	d.TS, d.ordered, d.seq, d.Tries = e.TS, m.orderedEvent(e), e.Seq, 0
	m.woken = true
}

// Ready reports whether the row may be claimed now, as far as its own time goes.
func (m *Model) ready(d *debt) bool {
	return !d.Due.After(m.now())
}

// heldUp reports whether the row is passed over: mode every, and an earlier row of its number is still to be delivered.
func (m *Model) heldUp(d *debt) bool {
	return d.slot != 0 && slices.ContainsFunc(m.debts, func(b *debt) bool {
		return b.Downstream == d.Downstream && b.Number == d.Number && b.active() && b.before(d.ordered, d.seq)
	})
}

// claimable are the waiting rows of the downstream that nothing holds up, those that are due first before the others.
func (m *Model) claimable(downstream string) (list []*debt) {
	s, ok := m.downstreams[downstream]
	if !ok || !s.Paused.IsZero() {
		return nil
	}
	for _, d := range m.debts {
		if d.Downstream == downstream && d.State == event.Waiting && !m.heldUp(d) {
			list = append(list, d)
		}
	}
	slices.SortStableFunc(list, func(a, b *debt) int { return a.Due.Compare(b.Due) })
	return list
}

// Claim hands out at most limit rows that are due.
func (m *Model) Claim(downstream string, limit int) (attempts []event.Attempt, next time.Time) {
	for _, d := range m.claimable(downstream) {
		switch {
		case m.ready(d) && len(attempts) < limit:
			m.lastClaim++
			attempts = append(attempts, m.claim(d, m.lastClaim))
		case next.IsZero():
			next = d.Due
		}
	}
	return attempts, next
}

// claim hands the row out under the claim.
func (m *Model) claim(d *debt, claim int64) event.Attempt {
	d.State, d.claim = event.Attempting, claim
	d.Tries++
	e := m.events[d.seq-1]
	a := event.Attempt{Row: d.ID, Claim: d.claim, Seq: d.seq, Downstream: d.Downstream, Number: d.Number, Attribute: d.Attribute, Value: slices.Clone(e.Value),
		TS: d.TS, EventID: e.ID, EventName: e.Name, AccountID: e.AccountID, CarrierCode: e.CarrierCode, Received: e.Delivery.Received, Try: d.Tries, Since: d.Since}
	var previous event.Change
	for _, c := range m.History(d.Number) { // by attribute, event_ts and place
		switch {
		case c.Attribute != d.Attribute:
		case c.EventID == e.ID: // so an event without numbers, or without a value, follows nothing
			a.Superseded, a.Previous = c.State == event.Superseded, slices.Clone(previous.Value)
			return a
		default:
			previous = c
		}
	}
	return a
}

// Record takes the result of an attempt, and reports false when the row is no longer under its claim.
func (m *Model) Record(r event.Result) bool {
	d := m.owed(r.Row)
	if d == nil || d.State != event.Attempting || d.claim != r.Claim {
		return false
	}
	d.Attempted, d.Reason, d.Output, d.claim = m.now(), r.Reason, r.Output, 0
	switch {
	case d.seq != r.Seq || r.Verdict == event.Retry:
		d.State, d.Due = event.Waiting, m.now()
		if r.Verdict == event.Retry {
			d.Due = kept(m.now().Add(r.After))
		}
		m.woken = m.woken || d.seq != r.Seq
	case r.Verdict == event.Confirmed:
		d.State = event.Delivered
	default:
		d.State = event.Dead
	}
	return true
}

// Release makes the row waiting again, if it is under the claim.
func (m *Model) Release(downstream string, c event.Claimed) bool {
	d := m.owed(c.Row)
	if d == nil || d.Downstream != downstream || d.State != event.Attempting || d.claim != c.Claim {
		return false
	}
	d.State, d.Due, d.claim = event.Waiting, m.now(), 0
	m.woken = true
	return true
}

// Rewind mends the rows of a downstream that were written under a clock which has been set back since, and counts them.
func (m *Model) Rewind(downstream string, longest, back time.Duration) (count int) {
	now := m.now()
	for _, d := range m.debts {
		if d.Downstream != downstream || !d.active() {
			continue
		}
		late := d.State == event.Waiting && d.Due.After(now.Add(longest+event.ClockSlack))
		ahead := d.Since.After(now.Add(event.ClockSlack))
		if late {
			d.Due, m.woken = now, true
		}
		if ahead {
			if d.Since = d.Since.Add(-back); d.Since.After(now) {
				d.Since = now
			}
		}
		if late || ahead {
			count++
		}
	}
	return count
}

// reading adds to how a downstream stands what tells of a clock that was set.
func (m *Model) reading(s event.Standing) event.Standing {
	s.At = m.now()
	for _, d := range m.debts {
		if d.Downstream != s.Name || !d.active() {
			continue
		}
		if d.Since.After(s.Newest) {
			s.Newest = d.Since
		}
		if d.State == event.Waiting && !m.heldUp(d) && d.Due.After(s.LastDue) {
			s.LastDue = d.Due
		}
	}
	return s
}

// Retry makes the row due at once, and reports false when its state does not allow that.
func (m *Model) Retry(d *debt) bool {
	switch d.State {
	case event.Waiting:
		d.Due = m.now()
		m.woken = true
	case event.Attempting:
		return false
	default:
		m.begin(d, m.events[d.seq-1])
	}
	return true
}

// Skip gives the row up, and reports false when its state does not allow that.
func (m *Model) Skip(d *debt) bool {
	if d.State != event.Waiting && d.State != event.Dead {
		return false
	}
	d.State = event.Skipped
	return true
}

// show is the row as people look at it.
func (m *Model) show(d *debt) event.Owed {
	o, e := d.Owed, m.events[d.seq-1]
	o.EventID, o.EventName, o.Value = e.ID, e.Name, slices.Clone(e.Value)
	if o.State != event.Waiting {
		o.Due = time.Time{}
	}
	return o
}

// Owed are the rows that pass the filter, by id.
func (m *Model) Owed(f event.OwedFilter) (list []event.Owed) {
	for _, d := range m.debts {
		if (f.Downstream == "" || f.Downstream == d.Downstream) && (f.Number == "" || f.Number == d.Number) && (f.State == "" || f.State == d.State) {
			o := m.show(d)
			o.Output = ""
			list = append(list, o)
		}
	}
	return list
}

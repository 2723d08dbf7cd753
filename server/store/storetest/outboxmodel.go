package storetest

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"numhook/server/event"
)

// outboxRow is a row of the outbox: a subject of a downstream, and how it stands.
type outboxRow struct {
	event.OutboxRow       // without what follows from the event
	seq             int64 // place of the event whose value is enqueued
	ordered         int64 // what that event is ordered by, which is the row's version together with its place
	slot            int64 // mode every: that place, too, for it is part of the subject; mode latest: 0
	claim           int64 // while it is attempting
}

// active reports whether the row is still to be delivered.
func (row *outboxRow) active() bool {
	return row.State == event.Waiting || row.State == event.Attempting
}

// before reports whether the row's version is older than that of (ts, seq).
func (row *outboxRow) before(ts, seq int64) bool {
	return cmp.Or(cmp.Compare(row.ordered, ts), cmp.Compare(row.seq, seq)) < 0
}

// now is the model's time, as a store keeps it.
func (m *Model) now() time.Time { return kept(m.clock()) }

// Register makes the downstream known, and reports false when its name is known under another mode.
func (m *Model) Register(d event.Downstream) (event.DownstreamStatus, bool) {
	s, ok := m.downstreams[d.Name]
	if ok && s.Mode != d.Mode {
		return event.DownstreamStatus{}, false
	}
	if !ok {
		s = &event.DownstreamStatus{Downstream: d, Registered: m.now(), Filled: d.Start == event.FromNow}
		m.downstreams[d.Name] = s
	}
	s.Events, s.Only = copyList(d.Events), copyOnly(d.Only)
	return m.Status(d.Name), true
}

func copyOnly(o event.Only) event.Only {
	return event.Only{CarrierCodes: copyList(o.CarrierCodes), Countries: copyList(o.Countries),
		Prefixes: copyList(o.Prefixes)}
}

// Status is how a known downstream stands.
func (m *Model) Status(name string) event.DownstreamStatus {
	s := *m.downstreams[name]
	s.Events, s.Only = copyList(s.Events), copyOnly(s.Only)
	for _, row := range m.rows {
		if row.Downstream != name {
			continue
		}
		switch row.State {
		case event.Waiting:
			s.Waiting++
		case event.Attempting:
			s.Attempting++
		case event.Dead:
			s.Dead++
		}
		if row.active() && (s.Oldest.IsZero() || row.Since.Before(s.Oldest)) {
			s.Oldest = row.Since
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

// Remove forgets the downstream and what is enqueued for it.
func (m *Model) Remove(name string) {
	delete(m.downstreams, name)
	m.rows = slices.DeleteFunc(m.rows, func(row *outboxRow) bool { return row.Downstream == name })
	maps.DeleteFunc(m.subjects, func(s subject, _ *outboxRow) bool { return s.downstream == name })
}

// row is the row of the id, or nil.
func (m *Model) row(id int64) *outboxRow {
	if i, ok := slices.BinarySearchFunc(m.rows, id,
		func(row *outboxRow, id int64) int { return cmp.Compare(row.ID, id) }); ok {
		return m.rows[i]
	}
	return nil
}

// subject is what has one row at most.
type subject struct {
	downstream, number string
	attribute          event.Attribute
	slot               int64
}

func (row *outboxRow) subject() subject {
	return subject{row.Downstream, row.Number, row.Attribute, row.slot}
}

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

// enqueueEvent makes an event enqueued that has just been stored.
func (m *Model) enqueueEvent(e event.Stored) {
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

// Enqueue enqueues changes that are in the model, and counts the rows that become waiting.
func (m *Model) Enqueue(downstream string, changes []event.Change, again, dryRun bool) (count int) {
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

// offer makes what the event says about the number enqueued for the downstream, if that is so by rule 8, and reports
// whether a row became waiting.
func (m *Model) offer(s *event.DownstreamStatus, number string, e event.Stored, again, dryRun bool) bool {
	slot := e.Seq
	if s.Mode == event.Latest {
		if slot = 0; !e.Changes() || m.newest(number, e.Attribute) != e.ID {
			return false
		}
	}
	row := m.subjects[subject{s.Name, number, e.Attribute, slot}]
	told := row != nil && s.Mode == event.Latest
	if !s.Wants(e.Name) || !told && !s.Only.Passes(e.CarrierCode, event.Country(e.Attribute, e.Value), number) {
		return false
	}
	switch {
	case row == nil:
		row = &outboxRow{OutboxRow: event.OutboxRow{ID: m.lastOutbox + 1, Downstream: s.Name, Number: number,
			Attribute: e.Attribute}, slot: slot}
		if !dryRun {
			m.lastOutbox++
			m.rows = append(m.rows, row)
			m.subjects[row.subject()] = row
			m.begin(row, e)
		}
		return true
	case row.before(m.orderedEvent(e), e.Seq):
		waits := row.State != event.Attempting
		if !dryRun {
			m.begin(row, e)
		}
		return waits
	case again && !row.active():
		if !dryRun {
			m.begin(row, e)
		}
		return true
	}
	return false
}

func (m *Model) orderedEvent(e event.Stored) int64 {
	return m.ordered(event.Change{TS: e.TS, Received: e.Delivery.Received})
}

// begin makes the row enqueued, for the event's value, which has not been tried yet. One that was due already keeps its
// place before those that became due later: a number that changes all the time would never get its turn.
func (m *Model) begin(row *outboxRow, e event.Stored) {
	if !row.active() {
		row.Since = m.now()
	}
	if row.State != event.Waiting || row.Due.After(m.now()) {
		row.Due = m.now()
	}
	if row.State != event.Attempting {
		row.State = event.Waiting
	}
	row.TS, row.ordered, row.seq, row.Tries = e.TS, m.orderedEvent(e), e.Seq, 0
	m.woken = true
}

// Ready reports whether the row may be claimed now, as far as its own time goes.
func (m *Model) ready(row *outboxRow) bool {
	return !row.Due.After(m.now())
}

// heldUp reports whether the row is passed over: mode every, and an earlier row of its number is still to be delivered.
func (m *Model) heldUp(row *outboxRow) bool {
	return row.slot != 0 && slices.ContainsFunc(m.rows, func(b *outboxRow) bool {
		return b.Downstream == row.Downstream && b.Number == row.Number && b.active() && b.before(row.ordered, row.seq)
	})
}

// claimable are the waiting rows of the downstream that nothing holds up, those that are due first before the others.
func (m *Model) claimable(downstream string) (list []*outboxRow) {
	s, ok := m.downstreams[downstream]
	if !ok || !s.Paused.IsZero() {
		return nil
	}
	for _, row := range m.rows {
		if row.Downstream == downstream && row.State == event.Waiting && !m.heldUp(row) {
			list = append(list, row)
		}
	}
	slices.SortStableFunc(list, func(a, b *outboxRow) int { return a.Due.Compare(b.Due) })
	return list
}

// Claim hands out at most limit rows that are due.
func (m *Model) Claim(downstream string, limit int) (attempts []event.Attempt, next time.Time) {
	for _, row := range m.claimable(downstream) {
		switch {
		case m.ready(row) && len(attempts) < limit:
			m.lastClaim++
			attempts = append(attempts, m.claim(row, m.lastClaim))
		case next.IsZero():
			next = row.Due
		}
	}
	return attempts, next
}

// claim hands the row out under the claim.
func (m *Model) claim(row *outboxRow, claim int64) event.Attempt {
	row.State, row.claim = event.Attempting, claim
	row.Tries++
	e := m.events[row.seq-1]
	a := event.Attempt{Row: row.ID, Claim: row.claim, Seq: row.seq, Downstream: row.Downstream, Number: row.Number,
		Attribute: row.Attribute, Value: slices.Clone(e.Value), TS: row.TS, EventID: e.ID, EventName: e.Name,
		AccountID: e.AccountID, CarrierCode: e.CarrierCode, Received: e.Delivery.Received, Try: row.Tries, Since: row.Since}
	if a.Value == nil {
		a.Value = event.Said(row.Attribute, e.Delivery.Body)
	}
	var previous event.Change
	for _, c := range m.History(row.Number) { // by attribute, event_ts and place
		switch {
		case c.Attribute != row.Attribute:
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
	row := m.row(r.Row)
	if row == nil || row.State != event.Attempting || row.claim != r.Claim {
		return false
	}
	row.Attempted, row.Reason, row.Output, row.claim = m.now(), r.Reason, r.Output, 0
	switch {
	case row.seq != r.Seq || r.Verdict == event.Retry:
		row.State, row.Due = event.Waiting, m.now()
		if r.Verdict == event.Retry {
			row.Due = kept(m.now().Add(r.After))
		}
		m.woken = m.woken || row.seq != r.Seq
	case r.Verdict == event.Confirmed:
		row.State = event.Delivered
	default:
		row.State = event.Dead
	}
	return true
}

// Release makes the row waiting again, if it is under the claim.
func (m *Model) Release(downstream string, c event.Claimed) bool {
	row := m.row(c.Row)
	if row == nil || row.Downstream != downstream || row.State != event.Attempting || row.claim != c.Claim {
		return false
	}
	row.State, row.Due, row.claim = event.Waiting, m.now(), 0
	m.woken = true
	return true
}

// Rewind mends the rows of a downstream that were written under a clock which has been set back since, and counts them.
func (m *Model) Rewind(downstream string, longest, back time.Duration) (count int) {
	now := m.now()
	for _, row := range m.rows {
		if row.Downstream != downstream || !row.active() {
			continue
		}
		late := row.State == event.Waiting && row.Due.After(now.Add(longest+event.ClockSlack))
		ahead := row.Since.After(now.Add(event.ClockSlack))
		if late {
			row.Due, m.woken = now, true
		}
		if ahead {
			if row.Since = row.Since.Add(-back); row.Since.After(now) {
				row.Since = now
			}
		}
		if late || ahead {
			count++
		}
	}
	return count
}

// reading adds to a downstream's status what tells of a clock that was set.
func (m *Model) reading(s event.DownstreamStatus) event.DownstreamStatus {
	s.At = m.now()
	for _, row := range m.rows {
		if row.Downstream != s.Name || !row.active() {
			continue
		}
		if row.Since.After(s.Newest) {
			s.Newest = row.Since
		}
		if row.State == event.Waiting && !m.heldUp(row) && row.Due.After(s.LastDue) {
			s.LastDue = row.Due
		}
	}
	return s
}

// Retry makes the row due at once, and reports false when its state does not allow that.
func (m *Model) Retry(row *outboxRow) bool {
	switch row.State {
	case event.Waiting:
		row.Due = m.now()
		m.woken = true
	case event.Attempting:
		return false
	default:
		m.begin(row, m.events[row.seq-1])
	}
	return true
}

// Skip gives the row up, and reports false when its state does not allow that.
func (m *Model) Skip(row *outboxRow) bool {
	if row.State != event.Waiting && row.State != event.Dead {
		return false
	}
	row.State = event.Skipped
	return true
}

// show is the row as people look at it.
func (m *Model) show(row *outboxRow) event.OutboxRow {
	o, e := row.OutboxRow, m.events[row.seq-1]
	o.EventID, o.EventName, o.Value = e.ID, e.Name, slices.Clone(e.Value)
	if o.State != event.Waiting {
		o.Due = time.Time{}
	}
	return o
}

// OutboxRows are the rows that pass the filter, by id.
func (m *Model) OutboxRows(f event.OutboxFilter) (list []event.OutboxRow) {
	for _, row := range m.rows {
		if (f.Downstream == "" || f.Downstream == row.Downstream) && (f.Number == "" || f.Number == row.Number) &&
			(f.State == "" || f.State == row.State) && (f.Until == 0 || row.ID <= f.Until) {
			o := m.show(row)
			o.Output = ""
			list = append(list, o)
		}
	}
	return list
}

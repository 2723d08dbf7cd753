package storetest

import (
	"cmp"
	"crypto/sha256"
	"math/big"
	"slices"
	"strings"
	"time"

	"numhook/server/event"
)

// Model is the right answer to every question, computed in the plainest way: one thing after the other, in maps. It is
// not safe for concurrent use, and it hands out what it holds.
type Model struct {
	events    []event.Stored
	index     map[event.ID]int          // index in events
	changes   map[string][]event.Change // of a number, as stored; Current means not superseded
	entries   []event.Quarantined
	digests   map[string]int // index in entries, by the path's event and the body
	challenge time.Time
	accesses  []event.Access
	activity  []event.Activity

	clock       func() time.Time // of the outbox
	downstreams map[string]*event.DownstreamStatus
	rows        []*outboxRow // in the order of their ids
	subjects    map[subject]*outboxRow
	lastOutbox  int64
	lastClaim   int64
	woken       bool // something has become due since somebody last asked
}

// NewModel returns the model of an empty store.
func NewModel() *Model {
	return &Model{index: map[event.ID]int{}, changes: map[string][]event.Change{}, digests: map[string]int{},
		clock:       time.Now,
		downstreams: map[string]*event.DownstreamStatus{}, subjects: map[subject]*outboxRow{}}
}

// Append stores the event unless its identity is there.
func (m *Model) Append(e event.Event) event.Receipt {
	if _, ok := m.index[e.ID]; ok {
		return event.Receipt{ID: e.ID, Duplicate: true}
	}
	m.index[e.ID] = len(m.events)
	m.events = append(m.events, event.Stored{Event: e, Seq: int64(len(m.events) + 1)})
	if e.Changes() {
		for _, number := range e.Numbers {
			m.change(number, e)
		}
	}
	m.enqueueEvent(m.events[len(m.events)-1])
	return event.Receipt{ID: e.ID}
}

func (m *Model) change(number string, e event.Event) {
	c := event.Change{Number: number, Attribute: e.Attribute, Value: e.Value, State: event.Current, TS: e.TS,
		EventID: e.ID, EventName: e.Name,
		AccountID: e.AccountID, CarrierCode: e.CarrierCode, Received: e.Delivery.Received}
	for _, before := range m.changes[number] {
		if before.Attribute == c.Attribute && m.ordered(before) > m.ordered(c) {
			c.State = event.Superseded
		}
	}
	m.changes[number] = append(m.changes[number], c)
}

// ordered is the time that the change is ordered by: its event_ts, unless that lies a day or more after the receipt.
func (*Model) ordered(c event.Change) int64 {
	const day = 24 * 60 * 60 * 1000
	if receipt := big.NewInt(c.Received.UnixMicro() / 1000); new(big.Int).Sub(big.NewInt(c.TS),
		receipt).Cmp(big.NewInt(day)) >= 0 {
		return receipt.Int64()
	}
	return c.TS
}

// Quarantine stores the delivery, or counts it.
func (m *Model) Quarantine(q event.Quarantined) int64 {
	digest := sha256.Sum256(q.Delivery.Body)
	key := q.PathEvent + "\x00" + string(digest[:])
	at, ok := m.digests[key]
	if !ok {
		at = len(m.entries)
		m.digests[key] = at
		q.ID, q.Times, q.State, q.RedrivenAs = int64(at+1), 0, event.Held, event.ID{}
		m.entries = append(m.entries, q)
	}
	m.entries[at].Times++
	if m.entries[at].State == event.Discarded {
		m.entries[at].State = event.Held
	}
	return m.entries[at].ID
}

// Discard marks the entry discarded, and reports false when there is none, or when it is redriven.
func (m *Model) Discard(id int64) bool {
	if id < 1 || id > int64(len(m.entries)) || m.entries[id-1].State == event.Redriven {
		return false
	}
	m.entries[id-1].State = event.Discarded
	return true
}

// QuarantineHeld counts what is held.
func (m *Model) QuarantineHeld() (entries, bytes int64) {
	for _, q := range m.entries {
		if q.State == event.Held {
			entries++
			bytes += int64(len(q.Delivery.Body))
		}
	}
	return entries, bytes
}

// Redrive appends the event of the entry, and reports false when there is no such entry.
func (m *Model) Redrive(id int64, e event.Event) (event.Receipt, bool) {
	if id < 1 || id > int64(len(m.entries)) {
		return event.Receipt{}, false
	}
	q := &m.entries[id-1]
	if q.State == event.Redriven {
		return event.Receipt{ID: q.RedrivenAs, Duplicate: true}, true
	}
	r := m.Append(e)
	if !r.Duplicate {
		m.events[len(m.events)-1].Quarantine = id
	}
	q.State, q.RedrivenAs = event.Redriven, e.ID
	return r, true
}

// History is every change of the number.
func (m *Model) History(number string) []event.Change {
	list := slices.Clone(m.changes[number])
	slices.SortStableFunc(list, func(a, b event.Change) int {
		return cmp.Or(strings.Compare(string(a.Attribute), string(b.Attribute)), cmp.Compare(m.ordered(a), m.ordered(b)))
	})
	for i := range list {
		last := i+1 == len(list) || list[i+1].Attribute != list[i].Attribute
		if list[i].State == event.Current && !last {
			list[i].State = event.Replaced
		}
	}
	return list
}

// Number is the number as of a time, and false when no event had changed it by then.
func (m *Model) Number(number string, at int64) (event.Number, bool) {
	n := event.Number{Number: number}
	for _, c := range m.History(number) {
		switch last := len(n.Values) - 1; {
		case m.ordered(c) > at:
		case last >= 0 && n.Values[last].Attribute == c.Attribute:
			n.Values[last] = c
		default:
			n.Values = append(n.Values, c)
		}
	}
	return n, len(n.Values) > 0
}

// Numbers are the names of all numbers that were ever changed, in ascending order.
func (m *Model) Numbers() []string {
	var list []string
	for number := range m.changes {
		list = append(list, number)
	}
	slices.Sort(list)
	return list
}

// Package sound is how engines hold what they keep against its identity before it is shown or handed on. It guarantees
// that the check is asked about every row that a reader gives out, that a list goes on behind what cannot be read or
// does not agree, and that whoever looks is told what was passed over.
//
// What agrees is not for a store to say: it is given a Check.
package sound

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"numhook/server/event"
)

// Check says whether what is kept agrees with the bytes that were signed. The zero value finds everything good.
type Check struct {
	// the identity and the columns of an event, against its body
	Event func(e event.Event) error
	Value func(id event.ID, attribute event.Attribute, value, body []byte) error // the identity and a value alone
	// is told what a list passed over; may be nil, and is called by one goroutine at a time for each list
	Passed func(p Passed)
}

// Passed is what a list passed over.
type Passed struct {
	What string // event, number, quarantine entry, outbox row
	Key  string // where it is: a seq, an id, or the identity of an event; never a number
	Why  string // one line without values
}

// On reports whether there is anything to ask.
func (c Check) On() bool { return c.Event != nil }

// Pass tells that something was passed over.
func (c Check) Pass(what, key string, why error) {
	if c.Passed != nil {
		c.Passed(Passed{What: what, Key: key, Why: why.Error()})
	}
}

// What is wrong with a row beside what a Check finds.
var (
	ErrNoEvent   = errors.New("the event that it comes from is not there")
	ErrNotOfIt   = errors.New("it is not what the event that it comes from says")
	ErrColumn    = errors.New("a column does not hold what it should")
	ErrNotDigest = errors.New("its digest is not that of its bytes")
)

// Why a repair does not keep a row.
var (
	ErrNotItsBody = errors.New("its body is not that of its identity")
	ErrTwice      = errors.New("it is there twice")
)

// Damaged is the answer to who asks for a single thing that is damaged.
func Damaged(verb string, why error) error {
	return &event.Error{Kind: event.Damaged, Text: "cannot " + verb, Err: why, Hint: "numhook store check says what " +
		"else is damaged, and store check --repair saves what is whole"}
}

// IsStoreError reports whether an error about a row is the store's, and says nothing about the row.
func IsStoreError(err error) bool { return event.KindOf(err) == event.Unavailable }

// Evidence is what comes with a row to hold it against: where its event lies, and its body when that is short.
type Evidence struct {
	Seq     int64 // of the event; 0 when there is none
	TS      int64 // its event_ts
	Path    string
	Numbers []string
	Body    []byte // nil when it is longer than Short: then the event is read by its seq
}

// Short is how long a body may be, in bytes, to be read beside every row that its event caused. A longer one may be
// that of an event with thousands of numbers.
const Short = 4096

// Change holds what a row says of a number against the evidence. long gives an event with a long body as a Memory keeps
// it, found good.
func (c Check) Change(w event.Change, v Evidence, long func(seq int64) (event.Event, error)) error {
	switch {
	case !c.On():
		return nil
	case v.Seq == 0:
		return ErrNoEvent
	}
	e := event.Event{
		ID: w.EventID, Name: w.EventName, TS: v.TS, AccountID: w.AccountID, CarrierCode: w.CarrierCode, Numbers: v.Numbers,
		Attribute: w.Attribute, Value: w.Value,
	}
	e.Delivery.Path, e.Delivery.Body = v.Path, v.Body
	if v.Body == nil {
		known, err := long(v.Seq)
		if err != nil {
			return err
		}
		if known.ID != e.ID || known.Name != e.Name || known.TS != e.TS || known.AccountID != e.AccountID ||
			known.CarrierCode != e.CarrierCode ||
			known.Attribute != e.Attribute || !bytes.Equal(keptOf(known), e.Value) {
			return ErrNotOfIt
		}
		if _, named := slices.BinarySearch(known.Numbers, w.Number); named || w.Number == "" && len(known.Numbers) == 0 {
			return nil
		}
		return ErrNotOfIt
	}
	if err := c.Event(e); err != nil {
		return err
	}
	if w.Number == "" && len(e.Numbers) == 0 || slices.Contains(e.Numbers, w.Number) {
		return nil
	}
	return ErrNotOfIt
}

// Said is what is handed on as the value of a row that Change found good: the value that is kept, or null, which is
// kept as no value, where the event says so.
func (c Check) Said(
	w event.Change, v Evidence, long func(seq int64) (event.Event, error),
) (json.RawMessage, error) {
	switch {
	case w.Value != nil || w.Attribute == "" || v.Seq == 0:
		return w.Value, nil
	case v.Body != nil:
		return event.Said(w.Attribute, v.Body), nil
	}
	known, err := long(v.Seq)
	return known.Value, err
}

// keptOf is the value that is kept of an event as a Memory gives it.
func keptOf(known event.Event) json.RawMessage {
	if event.IsNull(known.Value) {
		return nil
	}
	return known.Value
}

// Before holds the value that a change follows against the event that set it.
func (c Check) Before(
	id event.ID, attribute event.Attribute, value []byte, v Evidence, long func(seq int64) (event.Event, error),
) error {
	switch {
	case c.Value == nil || v.Seq == 0:
		return nil
	case v.Body != nil:
		return c.Value(id, attribute, value, v.Body)
	}
	known, err := long(v.Seq)
	if err == nil && (known.ID != id || known.Attribute != attribute || !bytes.Equal(keptOf(known), value)) {
		err = ErrNotOfIt
	}
	return err
}

// Memory keeps the events with long bodies that were found good last, without their bodies, so that one of them is not
// parsed again for each of its numbers. The zero value is ready. It is safe for concurrent use.
type Memory struct {
	mu   sync.Mutex
	kept [4]remembered
	next int
}

type remembered struct {
	seq int64
	event.Event
}

// Recall is an event that was found good; what it says is compared with each row again.
func (m *Memory) Recall(seq int64) (event.Event, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.kept {
		if k.seq == seq && seq != 0 {
			return k.Event, true
		}
	}
	return event.Event{}, false
}

// Keep remembers an event that was found good, and returns it as Recall does: without its body, its numbers in
// ascending order, and with null as the value where the body says null.
func (m *Memory) Keep(seq int64, e event.Event) event.Event {
	if e.Value == nil {
		e.Value = event.Said(e.Attribute, e.Delivery.Body)
	}
	e.Delivery.Body = nil
	e.Numbers = slices.Sorted(slices.Values(e.Numbers))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept[m.next] = remembered{seq, e}
	m.next = (m.next + 1) % len(m.kept)
	return e
}

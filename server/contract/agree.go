package contract

import (
	"bytes"
	"errors"
	"strings"
	"sync"

	"numhook/server/event"
)

// Why what is kept of an event does not agree with its body. None of the texts holds a value.
var (
	errNotItsBody = errors.New("the event's identity is not that of its body")
	errNotItsName = errors.New("the event's name is not that of its body")
	errNotTold    = errors.New("what is kept of the event is not what its body says")
)

// cutPath is how long a path may be, in bytes, that was certainly stored whole.
const cutPath = 240

// Where the members lie that an event is made of.
var (
	keysTS      = keysOf("event_ts")
	keysAccount = keysOf("payload", "account_id")
	keysCarrier = keysOf("payload", "object", "carrier_code")
	keysNumbers = keysOf("payload", "object", "phone_numbers")
	keysValue   = map[event.Attribute][]key{
		event.CNAM:             keysOf("payload", "object", string(event.CNAM)),
		event.EmergencyAddress: keysOf("payload", "object", string(event.EmergencyAddress)),
	}
)

func keysOf(path ...string) (keys []key) {
	for _, name := range path {
		keys = append(keys, keyOf(name))
	}
	return keys
}

// at leads from the root along members whose names were looked up before.
func (d *Document) at(keys []key) (i uint32, found bool) {
	for _, k := range keys {
		if i, found = d.member(i, k); !found {
			return 0, false
		}
	}
	return i, true
}

// documents are reused: an event is held against its body whenever it is shown or handed on.
var documents = sync.Pool{New: func() any { return new(Document) }}

// parsed lends the document of a body until done is called.
func parsed(body []byte) (d *Document, done func()) {
	d = documents.Get().(*Document)
	d.Reset(body)
	return d, func() {
		d.Reset(nil) // the body is the caller's
		documents.Put(d)
	}
}

// Agrees holds what is kept of an event against its body, and says what does not agree: the identity is the digest of
// the body's canonical JSON, and event_ts, account, carrier code, numbers and value are derived from the body anew.
// Drift, lint, headers and times are no part of a body.
func Agrees(e event.Event) error {
	d, done := parsed(e.Delivery.Body)
	defer done()
	if err := d.identifies(e.ID); err != nil {
		return err
	}
	name, _ := d.EventName()
	// a path may name the event instead
	if e.Name != name && !strings.Contains(e.Delivery.Path, e.Name) && len(e.Delivery.Path) < cutPath {
		return errNotItsName
	}
	ts, timed := d.integer(keysTS)
	account, named := d.at(keysAccount)
	carrier, carried := d.integer(keysCarrier)
	switch {
	case !timed || ts != e.TS, !named || d.nodes[account].kind != text || string(d.textOf(account)) != e.AccountID,
		!carried || carrier != int64(e.CarrierCode):
		return errNotTold
	case !d.lists(e.Numbers):
		return errNotTold
	}
	return d.sets(e.Attribute, e.Value)
}

// Restore derives what is kept of an event from its body anew, and reports false when the body is not that of the
// identity. The attribute, and a name that the path gave, are as they were kept.
func Restore(e event.Event) (event.Event, bool) {
	d, done := parsed(e.Delivery.Body)
	defer done()
	if d.identifies(e.ID) != nil {
		return e, false
	}
	if name, named := d.EventName(); named && !strings.Contains(e.Delivery.Path, e.Name) {
		e.Name = name
	}
	ts, timed := d.integer(keysTS)
	carrier, carried := d.integer(keysCarrier)
	account, _ := d.Text("payload", "account_id")
	if !timed || !carried {
		return e, false
	}
	e.TS, e.CarrierCode, e.AccountID = ts, int32(carrier), account
	e.Numbers = d.texts()
	if e.Value = nil; e.Attribute != "" {
		if value, present := d.Canonical("payload", "object", string(e.Attribute)); present && string(value) != "null" {
			e.Value = value
		}
	}
	return e, true
}

// texts are the numbers, each once.
func (d *Document) texts() (list []string) {
	i, ok := d.at(keysNumbers)
	if !ok || d.nodes[i].kind != array {
		return nil
	}
	seen := map[string]bool{}
	for c := i + 1; c < d.nodes[i].next; c = d.nodes[c].next {
		if d.nodes[c].kind == text {
			if is := string(d.textOf(c)); !seen[is] {
				seen[is] = true
				list = append(list, is)
			}
		}
	}
	return list
}

// Sets is the part of Agrees that is about a value: the body is that of the identity, and says this of the attribute.
func Sets(id event.ID, attribute event.Attribute, value, body []byte) error {
	d, done := parsed(body)
	defer done()
	if err := d.identifies(id); err != nil {
		return err
	}
	return d.sets(attribute, value)
}

func (d *Document) identifies(id event.ID) error {
	if canonical, ok := d.Canonical(); !ok || event.Identify(canonical) != id {
		return errNotItsBody
	}
	return nil
}

// sets reports whether the attribute's member has the value in canonical form; a nil value stands for a member that is
// not there.
func (d *Document) sets(attribute event.Attribute, value []byte) error {
	if attribute == "" {
		if value != nil {
			return errNotTold
		}
		return nil
	}
	var canonical []byte
	i, present := d.at(keysValue[attribute])
	if present = present && d.nodes[i].kind != null; present {
		w := canonicalWriter{d: d}
		canonical = w.append(make([]byte, 0, len(value)), i)
	}
	if present != (value != nil) || present && !bytes.Equal(canonical, value) {
		return errNotTold
	}
	return nil
}

// integer is the number at a place, when it is whole and fits.
func (d *Document) integer(keys []key) (int64, bool) {
	i, ok := d.at(keys)
	if !ok || d.nodes[i].kind != number {
		return 0, false
	}
	if literal := d.raw[d.nodes[i].start:d.nodes[i].end]; len(literal) <= 18 && plainBytes(literal) {
		value := int64(0)
		for _, c := range literal {
			value = 10*value + int64(c-'0')
		}
		return value, true
	}
	return readDecimal(d.raw[d.nodes[i].start:d.nodes[i].end]).int64()
}

// plainBytes reports whether a number is written with digits alone.
func plainBytes(literal []byte) bool {
	for _, c := range literal {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// lists reports whether the numbers are these, in this order, each at the first place where it stands.
func (d *Document) lists(texts []string) bool {
	i, ok := d.at(keysNumbers)
	if !ok || d.nodes[i].kind != array {
		return false
	}
	at := 0
	var before map[string]bool // of the texts: made when the first one is repeated
	for c := i + 1; c < d.nodes[i].next; c = d.nodes[c].next {
		if d.nodes[c].kind != text {
			return false
		}
		is := d.textOf(c)
		if at < len(texts) && texts[at] == string(is) {
			if at++; before != nil {
				before[string(is)] = true
			}
			continue
		}
		if before == nil {
			before = make(map[string]bool, at)
			for _, one := range texts[:at] {
				before[one] = true
			}
		}
		if !before[string(is)] {
			return false
		}
	}
	return at == len(texts)
}

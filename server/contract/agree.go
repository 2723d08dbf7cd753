package contract

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
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
	ts, timed := d.integer("event_ts")
	account, named := d.Text("payload", "account_id")
	carrier, carried := d.integer("payload", "object", "carrier_code")
	numbers, listed := d.numbers()
	if !timed || ts != e.TS || !named || account != e.AccountID || !carried || carrier != int64(e.CarrierCode) ||
		!listed || !slices.Equal(numbers, e.Numbers) {
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
	ts, timed := d.integer("event_ts")
	carrier, carried := d.integer("payload", "object", "carrier_code")
	account, _ := d.Text("payload", "account_id")
	if !timed || !carried {
		return e, false
	}
	e.TS, e.CarrierCode, e.AccountID = ts, int32(carrier), account
	e.Numbers, _ = d.numbers()
	if e.Value = nil; e.Attribute != "" {
		if value, present := d.Canonical("payload", "object", string(e.Attribute)); present && string(value) != "null" {
			e.Value = value
		}
	}
	return e, true
}

// numbers are the phone numbers, each once, and whether they are a list of strings.
func (d *Document) numbers() (list []string, ok bool) {
	i, ok := d.find([]string{"payload", "object", "phone_numbers"})
	if !ok || d.nodes[i].kind != array {
		return nil, false
	}
	seen := map[string]bool{}
	for c := range d.children(i) {
		if d.nodes[c].kind != text {
			ok = false
		} else if is := string(d.textOf(c)); !seen[is] {
			seen[is] = true
			list = append(list, is)
		}
	}
	return list, ok
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
	canonical, present := d.Canonical("payload", "object", string(attribute))
	if present = present && string(canonical) != "null"; present != (value != nil) ||
		present && !bytes.Equal(canonical, value) {
		return errNotTold
	}
	return nil
}

// integer is the number at a path, when it is whole and fits.
func (d *Document) integer(path ...string) (int64, bool) {
	i, ok := d.find(path)
	if !ok || d.nodes[i].kind != number {
		return 0, false
	}
	return d.int64(i)
}

// int64 is the number at node i: see decimal.int64.
func (d *Document) int64(i uint32) (int64, bool) {
	literal := d.raw[d.nodes[i].start:d.nodes[i].end]
	if d.nodes[i].flags&pointed == 0 && len(literal) <= 18 {
		v, err := strconv.ParseInt(string(literal), 10, 64)
		return v, err == nil
	}
	return readDecimal(literal).int64()
}

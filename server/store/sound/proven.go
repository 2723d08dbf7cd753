package sound

import (
	"encoding/binary"
	"hash/maphash"
	"sync/atomic"

	"numhook/server/event"
)

// proven remembers what was found good last, so that an event is not parsed anew for each of its numbers, for each
// downstream, and when the next value of a number follows it. It remembers a hash of all that was looked at, under a
// key by chance: what differs in a bit was not found good.
type proven struct {
	seed maphash.Seed
	kept [1 << 13]atomic.Uint64
}

// Remembering is the same check, which looks only once at what it has found good of late.
func Remembering(c Check) Check {
	p := &proven{seed: maphash.MakeSeed()}
	ofEvent, ofValue := c.Event, c.Value
	c.Event = func(e event.Event) error {
		known := p.ofEvent(e)
		if p.has(known) {
			return nil
		}
		err := ofEvent(e)
		if err == nil {
			p.keep(known)
			p.keep(p.ofValue(e.ID, e.Attribute, e.Value, e.Delivery.Body))
		}
		return err
	}
	c.Value = func(id event.ID, attribute event.Attribute, value, body []byte) error {
		known := p.ofValue(id, attribute, value, body)
		if p.has(known) {
			return nil
		}
		err := ofValue(id, attribute, value, body)
		if err == nil {
			p.keep(known)
		}
		return err
	}
	return c
}

func (p *proven) has(known uint64) bool { return p.kept[known%uint64(len(p.kept))].Load() == known }
func (p *proven) keep(known uint64)     { p.kept[known%uint64(len(p.kept))].Store(known) }

// ofEvent covers all that a check of an event looks at.
func (p *proven) ofEvent(e event.Event) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	h.WriteByte('e')
	number(&h, e.TS)
	number(&h, int64(e.CarrierCode))
	number(&h, int64(len(e.Numbers)))
	for _, one := range e.Numbers {
		text(&h, one)
	}
	text(&h, e.Name)
	text(&h, e.AccountID)
	text(&h, e.Delivery.Path)
	p.value(&h, e.ID, e.Attribute, e.Value, e.Delivery.Body)
	return h.Sum64()
}

// ofValue covers all that a check of a value looks at.
func (p *proven) ofValue(id event.ID, attribute event.Attribute, value, body []byte) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	h.WriteByte('v')
	p.value(&h, id, attribute, value, body)
	return h.Sum64()
}

func (p *proven) value(h *maphash.Hash, id event.ID, attribute event.Attribute, value, body []byte) {
	h.Write(id[:])
	text(h, string(attribute))
	present := int64(0)
	if value != nil { // a value that is not there is none that is empty
		present = 1
	}
	number(h, present)
	number(h, int64(len(value)))
	h.Write(value)
	h.Write(body) // the rest
}

// text and number write so that what follows cannot be taken for a part of it.
func text(h *maphash.Hash, s string) {
	number(h, int64(len(s)))
	h.WriteString(s)
}

func number(h *maphash.Hash, n int64) {
	var bytes [8]byte
	binary.LittleEndian.PutUint64(bytes[:], uint64(n))
	h.Write(bytes[:])
}

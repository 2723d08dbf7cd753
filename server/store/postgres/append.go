package postgres

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"numhook/server/event"
)

// appending is an event on its way in. What can be made ready without the connection is made by the caller, so that the
// writer has little left to do. It shares no memory with the caller, who may be gone and use it for something else when
// the writer comes to it.
type appending struct {
	event                         event.Event
	spoken                        []string // the numbers that it speaks of, each once
	country                       string   // that the address is in, or empty
	ordered                       int64    // what it is ordered by
	numbers, drift, lint, headers []byte   // JSON
	redrives                      int64    // the quarantine entry that it is redriven from, or 0

	receipt event.Receipt // the answer, once it is durable
	refusal error         // the answer instead of a receipt
}

func newAppending(e event.Event) (*appending, error) {
	switch e.Attribute {
	case "", event.CNAM, event.EmergencyAddress:
	default:
		return nil, refused("append event", "the store does not know the attribute "+string(e.Attribute))
	}
	e.Value, e.Delivery.Body = bytes.Clone(e.Value), bytes.Clone(e.Delivery.Body)
	a := &appending{event: e, receipt: event.Receipt{ID: e.ID}}
	for _, part := range []struct {
		into *[]byte
		from any
	}{{&a.numbers, e.Numbers}, {&a.drift, e.Drift}, {&a.lint, e.Lint}, {&a.headers, e.Delivery.Header}} {
		text, err := jsonText(part.from)
		if err != nil {
			return nil, refused("append event", err.Error())
		}
		*part.into = text
	}
	a.spoken, a.country, a.ordered = distinct(e.Numbers), event.Country(e.Attribute, e.Value), e.Ordered()
	return a, nil
}

// distinct is the numbers, each once.
func distinct(numbers []string) []string {
	sorted := slices.Clone(numbers)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// jsonText is what a JSON column holds; an empty list is [].
func jsonText(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err == nil && string(text) == "null" {
		text = []byte("[]")
	}
	return text, err
}

// refused is for what the caller should never have given to a store.
func refused(verb, why string) error {
	return &event.Error{Kind: event.Internal, Text: "cannot " + verb, Err: errors.New(why)}
}

// The columns of the store statement: one row an event, then one row a number that an event speaks of, or NULL where it
// speaks of none.
var storeTypes = []uint32{
	typeBigint, typeBigint, typeBigint, typeInt, typeText, typeBytea, typeBytea, typeBytea, typeBytea, typeBytea,
	typeBytea, typeBytea, typeBytea, typeBytea,
	typeBytea, typeBytea,
	typeBytea, typeBigint,
}

// add makes the event the next row of the store statement's columns.
func (a *appending) add(t *table) {
	c, e := t.columns, &a.event
	c[0].bigint(e.TS)
	c[1].bigint(e.Delivery.Received.UnixMicro())
	if a.redrives == 0 {
		c[2].null()
	} else {
		c[2].bigint(a.redrives)
	}
	c[3].integer(e.CarrierCode)
	if e.Attribute == "" {
		c[4].null()
	} else {
		c[4].text(string(e.Attribute))
	}
	c[5].bytes(e.ID[:])
	c[6].text(e.Name)
	c[7].text(e.AccountID)
	c[8].bytes(a.numbers)
	if e.Value == nil {
		c[9].null()
	} else {
		c[9].bytes(e.Value)
	}
	c[10].bytes(a.drift)
	c[11].bytes(a.lint)
	c[12].text(event.CutPath(e.Delivery.Path))
	c[13].bytes(a.headers)
	c[14].bytes(e.Delivery.Body)
	if a.country == "" {
		c[15].null()
	} else {
		c[15].text(a.country)
	}
	position := int64(c[0].rows) // in the batch, from 1, as WITH ORDINALITY counts
	for _, number := range a.spoken {
		c[16].text(number)
		c[17].bigint(position)
	}
	if len(a.spoken) == 0 {
		c[16].null()
		c[17].bigint(position)
	}
}

// weight is about what the event costs the writer, in bytes.
func (a *appending) weight() int64 {
	const change = 64 // bytes of a row
	return int64(len(a.event.Delivery.Body) + len(a.numbers) + change*len(a.spoken))
}

// settle answers a redrive, from the event that its entry was redriven as.
func (a *appending) settle(as *event.ID) {
	if as == nil {
		a.refusal = noEntry("redrive", a.redrives)
		return
	}
	if *as != a.event.ID {
		a.receipt = event.Receipt{ID: *as, Duplicate: true} // it had been redriven before, as another event
	}
}

package postgres

import (
	"bytes"
	"crypto/sha256"

	"numhook/server/event"
)

// quarantining is a refused delivery on its way in.
type quarantining struct {
	entry               event.Quarantined
	digest              [sha256.Size]byte // of the body
	violations, headers []byte            // JSON

	id int64 // the answer, once it is durable
}

func newQuarantining(q event.Quarantined) (*quarantining, error) {
	switch q.Reason {
	case event.Malformed, event.Invalid, event.UnknownEvent:
	default:
		return nil, refused("quarantine delivery", "the store does not know the reason "+string(q.Reason))
	}
	q.Delivery.Body = bytes.Clone(q.Delivery.Body)
	w := &quarantining{entry: q, digest: sha256.Sum256(q.Delivery.Body)}
	var err error
	if w.violations, err = jsonText(q.Violations); err != nil {
		return nil, refused("quarantine delivery", err.Error())
	}
	if w.headers, err = jsonText(q.Delivery.Header); err != nil {
		return nil, refused("quarantine delivery", err.Error())
	}
	return w, nil
}

// sameness is what makes two deliveries one entry.
type sameness struct {
	digest    [sha256.Size]byte
	pathEvent string
}

func (q *quarantining) sameness() sameness { return sameness{q.digest, q.entry.PathEvent} }

// The columns of the quarantine statement: one row an entry.
var quarantineTypes = []uint32{
	typeBytea, typeBytea, typeBytea, typeText, typeBytea, typeBytea, typeBigint, typeBigint, typeBytea, typeBytea,
}

// add makes the delivery, which came so many times, the next row of the quarantine statement's columns.
func (q *quarantining) add(t *table, times int) {
	c := t.columns
	c[0].text(event.CutPath(q.entry.Delivery.Path))
	c[1].text(q.entry.PathEvent)
	c[2].bytes(q.digest[:])
	c[3].text(string(q.entry.Reason))
	c[4].text(event.CutText(q.entry.EventName))
	c[5].bytes(q.violations)
	c[6].bigint(int64(times))
	c[7].bigint(q.entry.Delivery.Received.UnixMicro())
	c[8].bytes(q.headers)
	c[9].bytes(q.entry.Delivery.Body)
}

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
	digest [sha256.Size]byte
	door   string
}

func (q *quarantining) sameness() sameness { return sameness{q.digest, q.entry.Delivery.Door} }

// The columns of the quarantine statement: one row an entry.
var quarantineTypes = []uint32{typeBytea, typeBytea, typeText, typeBytea, typeBytea, typeBigint, typeBigint, typeBytea, typeBytea}

// add makes the delivery, which came so many times, the next row of the quarantine statement's columns.
func (q *quarantining) add(t *table, times int) {
	c := t.columns
	c[0].text(q.entry.Delivery.Door)
	c[1].bytes(q.digest[:])
	c[2].text(string(q.entry.Reason))
	c[3].text(q.entry.EventName)
	c[4].bytes(q.violations)
	c[5].bigint(int64(times))
	c[6].bigint(q.entry.Delivery.Received.UnixMicro())
	c[7].bytes(q.headers)
	c[8].bytes(q.entry.Delivery.Body)
}

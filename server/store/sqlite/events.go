package sqlite

import (
	"context"
	"database/sql"
	"encoding/hex"
	"slices"
	"strings"

	"numhook/server/event"
	"numhook/server/store/sound"
)

const (
	eventColumns = `e.seq, e.id, e.event_ts, e.name, e.account_id, e.carrier_code, e.numbers,
		coalesce(e.attribute, ''), e.value, e.drift, e.lint,
		coalesce(e.quarantine, 0), e.received, e.door, e.header`

	pageOfEvents = `SELECT ` + eventColumns + `, CASE WHEN ?3 THEN e.body END FROM events e WHERE e.seq > ?1 ORDER BY ` +
		`e.seq LIMIT ?2`

	// lookup visits the pieces of events_lookup, the newest first, for the identities between ?1 and ?2.
	lookup = `WITH RECURSIVE run (n) AS (SELECT max(seq) >> 10 FROM events UNION ALL SELECT n - 1 FROM run WHERE n > 0),
		found (seq, id) AS (
			SELECT i.seq, i.id FROM run CROSS JOIN events i INDEXED BY events_lookup
			ON i.seq >> 10 = run.n AND substr(i.id, 1, 8) BETWEEN substr(?1, 1, 8) AND substr(?2, 1, 8) AND i.id BETWEEN ?1
				AND ?2 LIMIT ?3) `

	oneEvent = lookup + `SELECT ` + eventColumns + `, e.body FROM found f JOIN events e ON e.seq = f.seq`
	prefix   = lookup + `SELECT f.id FROM found f`
)

func scanEvent(rows *sql.Rows) (e event.Stored, err error) {
	err = rows.Scan(&e.Seq, (*identity)(&e.ID), &e.TS, &e.Name, &e.AccountID, &e.CarrierCode, jsonColumn{&e.Numbers},
		&e.Attribute, rawValue{&e.Value},
		jsonColumn{&e.Drift}, jsonColumn{&e.Lint}, &e.Quarantine, (*timestamp)(&e.Delivery.Received), &e.Delivery.Path,
		jsonColumn{&e.Delivery.Header},
		&e.Delivery.Body)
	return e, err
}

// Events implements store.Reader.
func (r *Reader) Events(ctx context.Context, after int64, limit int) ([]event.Stored, error) {
	return r.events(ctx, after, limit, false)
}

// EventBodies implements store.Reader.
func (r *Reader) EventBodies(ctx context.Context, after int64, limit int) ([]event.Stored, error) {
	return r.events(ctx, after, limit, true)
}

func (r *Reader) events(ctx context.Context, after int64, limit int, bodies bool) ([]event.Stored, error) {
	return listRows(ctx, r, "list events", "event", after, limit, pageOfEvents,
		func(after int64, limit int) []any { return []any{after, limit, bodies || r.identities.On()} },
		func(rows *sql.Rows) (e event.Stored, key int64, wrong error) {
			if e, wrong = scanEvent(rows); wrong == nil && r.identities.On() {
				wrong = r.identities.Event(e.Event)
			}
			if !bodies {
				e.Delivery.Body = nil
			}
			return e, e.Seq, wrong
		}, nil)
}

// Event implements store.Reader. It looks once into each run of 1024 events: some ten milliseconds at ten million.
func (r *Reader) Event(ctx context.Context, id event.ID) (e event.Stored, err error) {
	found := false
	err = r.each(ctx, "read event", func(rows *sql.Rows) (err error) {
		found = true
		e, err = scanEvent(rows)
		return err
	}, oneEvent, id[:], id[:], 1)
	switch {
	case err != nil:
		return event.Stored{}, err
	case !found:
		return e, &event.Error{Kind: event.NotFound, Text: "cannot read event " + id.String() + ": there is none"}
	case r.identities.On():
		if err := r.identities.Event(e.Event); err != nil {
			return event.Stored{}, sound.Damaged("show event "+id.String(), err)
		}
	}
	return e, nil
}

// EventsByPrefix implements store.Reader.
func (r *Reader) EventsByPrefix(ctx context.Context, digits string, limit int) ([]event.ID, error) {
	const all = 2 * len(event.ID{})
	if len(digits) > all {
		return nil, nil
	}
	from, err := hex.DecodeString(digits + strings.Repeat("0", all-len(digits)))
	if err != nil {
		return nil, nil // no identity begins with what is not a digit
	}
	to, err := hex.DecodeString(digits + strings.Repeat("f", all-len(digits)))
	if err != nil {
		return nil, nil
	}
	var list []event.ID
	err = r.each(ctx, "list events", func(rows *sql.Rows) error {
		var id event.ID
		err := rows.Scan((*identity)(&id))
		list = append(list, id)
		return err
	}, prefix, from, to, max(limit, 0))
	slices.SortFunc(list, func(a, b event.ID) int { return slices.Compare(a[:], b[:]) })
	return list, err
}

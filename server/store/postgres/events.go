package postgres

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
	"numhook/server/store/sound"
)

const (
	eventColumns = `e.seq, e.id, e.event_ts, e.name, e.account_id, e.carrier_code, e.numbers,
		coalesce(e.attribute::text, ''), e.value, e.drift, e.lint,
		coalesce(e.quarantine, 0), e.received, e.door, e.header`

	pageOfEvents = `SELECT ` + eventColumns + `, CASE WHEN $4::boolean THEN e.body END FROM numhook.events e WHERE ` +
		`e.seq > $1::bigint AND e.seq <= $2::bigint ORDER BY e.seq LIMIT $3::bigint`

	// lookup visits the pieces of events_lookup, the newest first, for the identities between $1 and $2.
	lookup = `WITH found AS (
		SELECT i.seq, i.id FROM generate_series((SELECT max(seq) >> 14 FROM numhook.events), 0, -1) AS run (n)
		CROSS JOIN LATERAL (
			SELECT seq, id FROM numhook.events
			WHERE seq >> 14 = run.n AND substr(id, 1, 8) BETWEEN substr($1::bytea, 1, 8) AND substr($2::bytea, 1, 8)
				AND id BETWEEN $1 AND $2
		) i LIMIT $3::bigint) `

	oneEvent = lookup + `SELECT ` + eventColumns + `, e.body FROM found f JOIN numhook.events e ON e.seq = f.seq`
	prefix   = lookup + `SELECT f.id FROM found f`
)

// scanEvent scans the columns of an event and its body, and what comes behind them into more.
func scanEvent(rows pgx.Rows, more ...any) (e event.Stored, err error) {
	err = rows.Scan(append([]any{&e.Seq, (*identity)(&e.ID), &e.TS, (*senderText)(&e.Name), (*senderText)(&e.AccountID),
		&e.CarrierCode, jsonColumn{&e.Numbers},
		(*string)(&e.Attribute), rawValue{&e.Value}, jsonColumn{&e.Drift}, jsonColumn{&e.Lint}, &e.Quarantine,
		(*timestamp)(&e.Delivery.Received),
		(*senderText)(&e.Delivery.Path), jsonColumn{&e.Delivery.Header}, rawBody{&e.Delivery.Body}}, more...)...)
	return e, err
}

// Events implements store.Reader. An event that is stored later never appears before one that was listed: see settled.
func (r *Reader) Events(ctx context.Context, after int64, limit int) ([]event.Stored, error) {
	return r.events(ctx, after, limit, false)
}

// EventBodies implements store.Reader.
func (r *Reader) EventBodies(ctx context.Context, after int64, limit int) ([]event.Stored, error) {
	return r.events(ctx, after, limit, true)
}

func (r *Reader) events(ctx context.Context, after int64, limit int, bodies bool) ([]event.Stored, error) {
	last, err := r.settled(ctx, eventSeqs)
	if err != nil {
		return nil, r.unreadable("list events", err)
	}
	return listRows(ctx, r, "list events", "event", after, limit, pageOfEvents,
		func(after int64, limit int) []any {
			return []any{after, last, int64(limit), bodies || r.identities.On()}
		},
		func(rows pgx.Rows) (e event.Stored, key int64, wrong, err error) {
			if e, err = scanEvent(rows); err == nil && r.identities.On() {
				wrong = r.identities.Event(e.Event)
			}
			if !bodies {
				e.Delivery.Body = nil
			}
			return e, e.Seq, wrong, err
		}, nil)
}

// Event implements store.Reader. It looks once into each run of 16,384 events.
func (r *Reader) Event(ctx context.Context, id event.ID) (e event.Stored, err error) {
	found := false
	err = r.each(ctx, "read event", func(rows pgx.Rows) (err error) {
		found = true
		e, err = scanEvent(rows)
		return err
	}, oneEvent, id[:], id[:], int64(1))
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
	err = r.each(ctx, "list events", func(rows pgx.Rows) error {
		var id event.ID
		err := rows.Scan((*identity)(&id))
		list = append(list, id)
		return err
	}, prefix, from, to, int64(max(limit, 0)))
	slices.SortFunc(list, func(a, b event.ID) int { return slices.Compare(a[:], b[:]) })
	return list, err
}

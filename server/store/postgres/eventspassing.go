package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
)

const (
	// matching is event.Filter of the events with seqs from $1 to $2. A number is looked for as JSON has it.
	matching = `e.seq >= $1::bigint AND e.seq <= $2::bigint AND ($3::bytea = '' OR e.name = $3)
		AND ($4::bytea = '' OR e.account_id = $4) AND ($5::bytea = '' OR position($5 IN e.numbers) > 0)
		AND e.received BETWEEN $6::bigint AND $7::bigint AND e.event_ts BETWEEN $8::bigint AND $9::bigint`

	newestMatching = `SELECT coalesce(min(seq), 0), count(*) FROM (SELECT e.seq FROM numhook.events e WHERE ` + matching +
		` ORDER BY e.seq DESC LIMIT $10::bigint) AS newest`

	pageOfMatching = `SELECT ` + eventColumns + `, CASE WHEN $11::boolean THEN e.body END FROM numhook.events e WHERE ` +
		matching + ` ORDER BY e.seq LIMIT $10::bigint`
)

// EventsPassing implements store.Reader. The newest are found first, and then read in the order of storing.
func (r *Reader) EventsPassing(
	ctx context.Context, f event.Filter, after int64, limit int,
) (list []event.Stored, next int64, err error) {
	const verb = "list events"
	if limit <= 0 {
		return nil, 0, nil
	}
	newest, err := r.settled(ctx, eventSeqs)
	if err != nil {
		return nil, 0, r.unreadable(verb, err)
	}
	from, until, next := f.Window(after, newest)
	args, err := matchingArgs(f)
	if err != nil {
		return nil, 0, err
	}
	if f.Newest {
		var lowest, found int64
		err := r.each(ctx, verb, func(rows pgx.Rows) error { return rows.Scan(&lowest, &found) }, newestMatching,
			append(append([]any{from, until}, args...), int64(limit))...)
		if err != nil || found == 0 {
			return nil, next, err
		}
		if found == int64(limit) && lowest > 1 {
			next = lowest
		}
		from = lowest
	}
	list, err = listRows(ctx, r, verb, "event", from-1, limit, pageOfMatching,
		func(after int64, limit int) []any {
			return append(append([]any{after + 1, until}, args...), int64(limit), r.identities.On())
		},
		func(rows pgx.Rows) (e event.Stored, key int64, wrong, err error) {
			if e, err = scanEvent(rows); err == nil && r.identities.On() {
				wrong = r.identities.Event(e.Event)
			}
			e.Delivery.Body = nil
			return e, e.Seq, wrong, err
		}, nil)
	if f.Newest {
		slices.Reverse(list)
	} else if len(list) == limit && list[limit-1].Seq < newest {
		next = list[limit-1].Seq
	} else if len(list) == limit {
		next = 0
	}
	return slices.DeleteFunc(list, func(e event.Stored) bool { return !f.Passes(e.Event) }), next, err
}

// matchingArgs are $3 to $9 of matching.
func matchingArgs(f event.Filter) ([]any, error) {
	var number []byte
	if f.Number != "" {
		var err error
		if number, err = jsonText(f.Number); err != nil {
			return nil, refused("list events", err.Error())
		}
	}
	from, until := f.Received()
	tsFrom, tsUntil := f.TS()
	return []any{[]byte(f.Name), []byte(f.Account), append([]byte{}, number...), from, until, tsFrom, tsUntil}, nil
}

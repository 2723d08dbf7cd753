package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"numhook/server/event"
)

const (
	// matching is event.Filter of the events with seqs from ?1 to ?2. A number is looked for as JSON has it.
	matching = `e.seq >= ?1 AND e.seq <= ?2 AND (?3 = '' OR e.name = ?3) AND (?4 = '' OR e.account_id = ?4)
		AND (?5 = '' OR instr(e.numbers, ?5) > 0) AND e.received BETWEEN ?6 AND ?7 AND e.event_ts BETWEEN ?8 AND ?9`

	newestMatching = `SELECT min(seq), count(*) FROM (SELECT e.seq FROM events e WHERE ` + matching +
		` ORDER BY e.seq DESC LIMIT ?10)`

	pageOfMatching = `SELECT ` + eventColumns + `, CASE WHEN ?11 THEN e.body END FROM events e WHERE ` + matching +
		` ORDER BY e.seq LIMIT ?10`

	newestEvent = `SELECT coalesce(max(seq), 0) FROM events`
)

// EventsPassing implements store.Reader. The newest are found first, and then read in the order of storing.
func (r *Reader) EventsPassing(
	ctx context.Context, f event.Filter, after int64, limit int,
) (list []event.Stored, next int64, err error) {
	const verb = "list events"
	if limit <= 0 {
		return nil, 0, nil
	}
	var newest int64
	one := func(rows *sql.Rows) error { return rows.Scan(&newest) }
	if err := r.each(ctx, verb, one, newestEvent); err != nil {
		return nil, 0, err
	}
	from, until, next := f.Window(after, newest)
	args, err := matchingArgs(f)
	if err != nil {
		return nil, 0, err
	}
	if f.Newest {
		var lowest sql.NullInt64
		var found int
		err := r.each(ctx, verb, func(rows *sql.Rows) error { return rows.Scan(&lowest, &found) }, newestMatching,
			append(append([]any{from, until}, args...), limit)...)
		if err != nil || found == 0 {
			return nil, next, err
		}
		if found == limit && lowest.Int64 > 1 {
			next = lowest.Int64
		}
		from = lowest.Int64
	}
	list, err = listRows(ctx, r, verb, "event", from-1, limit, pageOfMatching,
		func(after int64, limit int) []any {
			return append(append([]any{after + 1, until}, args...), limit, r.identities.On())
		},
		func(rows *sql.Rows) (e event.Stored, key int64, wrong error) {
			if e, wrong = scanEvent(rows); wrong == nil && r.identities.On() {
				wrong = r.identities.Event(e.Event)
			}
			e.Delivery.Body = nil
			return e, e.Seq, wrong
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

// matchingArgs are ?3 to ?9 of matching.
func matchingArgs(f event.Filter) ([]any, error) {
	number := ""
	if f.Number != "" {
		var err error
		if number, err = jsonText(f.Number); err != nil {
			return nil, err
		}
	}
	from, until := f.Received()
	tsFrom, tsUntil := f.TS()
	return []any{f.Name, f.Account, number, from, until, tsFrom, tsUntil}, nil
}

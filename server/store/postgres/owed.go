package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
	"numhook/server/store"
)

var _ store.OwedReader = (*Reader)(nil)

// owedRows are what is owed, as people look at it: a list, and one row, which has its output, too. An untold row is none of it.
var (
	owedRows = owedWith(`''::bytea`)
	owedRow  = owedWith(`o.output`) + ` AND o.id = $1::bigint`
)

func owedWith(output string) string {
	return `SELECT o.id, d.name, o.number, o.attribute, o.state::text, e.id, e.name, e.event_ts, e.value, o.tries, o.since,
		CASE o.state WHEN 'waiting' THEN o.due END, o.attempted, o.reason, ` + output + `
	FROM numhook.owed o JOIN numhook.downstreams d ON d.id = o.downstream JOIN numhook.events e ON e.seq = o.seq
	WHERE d.name IS NOT NULL AND o.state <> 'untold'`
}

func scanOwed(rows pgx.Rows) (o event.Owed, err error) {
	var due, attempted *int64
	err = rows.Scan(&o.ID, (*word)(&o.Downstream), (*word)(&o.Number), (*string)(&o.Attribute), (*string)(&o.State), (*identity)(&o.EventID), (*word)(&o.EventName),
		&o.TS, rawValue{&o.Value}, &o.Tries, (*moment)(&o.Since), &due, &attempted, (*word)(&o.Reason), (*word)(&o.Output))
	o.Due, o.Attempted = perhaps(due), perhaps(attempted)
	return o, err
}

// perhaps is the time of so many microseconds since the epoch; NULL is the zero time.
func perhaps(micros *int64) time.Time {
	if micros == nil {
		return time.Time{}
	}
	return time.UnixMicro(*micros).UTC()
}

// Downstreams implements store.OwedReader.
func (r *Reader) Downstreams(ctx context.Context) ([]event.Standing, error) {
	var list []event.Standing
	err := r.each(ctx, "list downstreams", func(rows pgx.Rows) error {
		s, err := scanStanding(rows)
		list = append(list, s)
		return err
	}, allStandings)
	return list, err
}

// Owed implements store.OwedReader. Rows that become owed meanwhile may be missed.
func (r *Reader) Owed(ctx context.Context, filter event.OwedFilter, after int64, limit int) ([]event.Owed, error) {
	query, args := &strings.Builder{}, []any{after, int64(max(limit, 0))}
	query.WriteString(owedRows + " AND o.id > $1::bigint")
	narrow := func(condition string, value any) {
		args = append(args, value)
		fmt.Fprintf(query, " AND "+condition, len(args))
	}
	if filter.Downstream != "" {
		narrow("d.name = $%d::bytea", []byte(filter.Downstream))
	}
	if filter.Number != "" {
		narrow("o.number = $%d::bytea", []byte(filter.Number))
	}
	switch filter.State {
	case "":
	case event.Waiting, event.Attempting, event.Delivered, event.Dead, event.Skipped:
		query.WriteString(" AND o.state = '" + string(filter.State) + "'") // as a parameter it would hide the indexes of the states
	default:
		return nil, nil
	}
	query.WriteString(" ORDER BY o.id LIMIT $2::bigint")
	var list []event.Owed
	err := r.each(ctx, "list what is owed", func(rows pgx.Rows) error {
		o, err := scanOwed(rows)
		list = append(list, o)
		return err
	}, query.String(), args...)
	return list, err
}

// OwedRow implements store.OwedReader.
func (r *Reader) OwedRow(ctx context.Context, id int64) (o event.Owed, err error) {
	found := false
	err = r.each(ctx, "read what is owed", func(rows pgx.Rows) (err error) {
		found = true
		o, err = scanOwed(rows)
		return err
	}, owedRow, id)
	if err == nil && !found {
		err = noRow("read", id)
	}
	return o, err
}

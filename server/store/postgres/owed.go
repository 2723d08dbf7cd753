package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/store/sound"
)

var _ store.OwedReader = (*Reader)(nil)

// owedRows are what is owed, as people look at it: a list, and one row, which has its output, too. An untold row is none of it.
var (
	owedRows = owedWith(`''::bytea`)
	owedRow  = owedWith(`o.output`) + ` AND o.id = $1::bigint`
)

func owedWith(output string) string {
	return `SELECT o.id, d.name, o.number, o.attribute, o.state::text, e.id, e.name, coalesce(e.event_ts, o.event_ts), e.value, o.tries, o.since,
		CASE o.state WHEN 'waiting' THEN o.due END, o.attempted, o.reason, ` + output + `,
		e.account_id, coalesce(e.carrier_code, 0)` + evidence("e") + `
	FROM numhook.owed o JOIN numhook.downstreams d ON d.id = o.downstream LEFT JOIN numhook.events e ON e.seq = o.seq
	WHERE d.name IS NOT NULL AND o.state <> 'untold'`
}

// toldOwed is a row of what is owed with what it is held against.
type toldOwed struct {
	event.Owed
	accountID   string
	carrierCode int32
	evidence    sound.Evidence
}

func scanOwed(rows pgx.Rows) (o toldOwed, err error) {
	var due, attempted *int64
	err = rows.Scan(append([]any{&o.ID, (*word)(&o.Downstream), (*word)(&o.Number), (*string)(&o.Attribute), (*string)(&o.State), (*identity)(&o.EventID),
		(*word)(&o.EventName), &o.TS, rawValue{&o.Value}, &o.Tries, (*moment)(&o.Since), &due, &attempted, (*word)(&o.Reason), (*word)(&o.Output),
		(*word)(&o.accountID), &o.carrierCode}, evidenceInto(&o.evidence)...)...)
	o.Due, o.Attempted = perhaps(due), perhaps(attempted)
	return o, err
}

// owedAgrees holds the value that is owed against its event.
func (r *Reader) owedAgrees(ctx context.Context, o *toldOwed) error {
	return r.agrees(ctx, event.Change{
		Number: o.Number, Attribute: o.Attribute, Value: o.Value, EventID: o.EventID, EventName: o.EventName, AccountID: o.accountID, CarrierCode: o.carrierCode,
	}, o.evidence)
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
	}, allStandings, r.clock())
	return list, err
}

// Owed implements store.OwedReader. Rows that become owed meanwhile may be missed. A row whose event is damaged is there without the value: whoever steers what is
// owed has to see it.
func (r *Reader) Owed(ctx context.Context, filter event.OwedFilter, after int64, limit int) ([]event.Owed, error) {
	query, args := &strings.Builder{}, []any{nil, nil} // behind which row, and how many
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
	rows, err := listRows(ctx, r, "list what is owed", "owed row", after, limit, query.String(),
		func(after int64, limit int) []any {
			args[0], args[1] = after, int64(limit)
			return args
		},
		func(rows pgx.Rows) (toldOwed, int64, error, error) {
			o, err := scanOwed(rows)
			return o, o.ID, nil, err
		},
		func(o *toldOwed) error {
			wrong := r.owedAgrees(ctx, o)
			if wrong == nil || sound.IsTrouble(wrong) {
				return wrong
			}
			o.Value = nil
			r.identities.Pass("value of owed row", strconv.FormatInt(o.ID, 10), rowTrouble(wrong))
			return nil
		})
	var list []event.Owed
	for _, o := range rows {
		list = append(list, o.Owed)
	}
	return list, err
}

// OwedRow implements store.OwedReader.
func (r *Reader) OwedRow(ctx context.Context, id int64) (event.Owed, error) {
	found := false
	var o toldOwed
	err := r.each(ctx, "read what is owed", func(rows pgx.Rows) (err error) {
		found = true
		o, err = scanOwed(rows)
		return err
	}, owedRow, id)
	switch {
	case err != nil:
		return event.Owed{}, err
	case !found:
		return event.Owed{}, noRow("read", id)
	}
	if err := r.owedAgrees(ctx, &o); err != nil {
		return event.Owed{}, sound.Damaged(fmt.Sprintf("show owed row %d of event %s", id, o.EventID), err)
	}
	return o.Owed, nil
}

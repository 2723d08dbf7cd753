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

var _ store.OutboxReader = (*Reader)(nil)

// outboxRows are the outbox, as people look at it: a list, and one row, which has its output, too. An untold row is
// none of it.
var (
	outboxRows = outboxWith(`''::bytea`)
	outboxRow  = outboxWith(`o.output`) + ` AND o.id = $1::bigint`
)

func outboxWith(output string) string {
	return `SELECT o.id, d.name, o.number, o.attribute, o.state::text, e.id, e.name, coalesce(e.event_ts, o.event_ts),
		e.value, o.tries, o.since,
		CASE o.state WHEN 'waiting' THEN o.due END, o.attempted, o.reason, ` + output + `,
		e.account_id, coalesce(e.carrier_code, 0)` + evidence("e") + `
	FROM numhook.owed o JOIN numhook.downstreams d ON d.id = o.downstream LEFT JOIN numhook.events e ON e.seq = o.seq
	WHERE d.name IS NOT NULL AND o.state <> 'untold'`
}

// scannedRow is a row of the outbox with what it is held against.
type scannedRow struct {
	event.OutboxRow
	accountID   string
	carrierCode int32
	evidence    sound.Evidence
}

func scanRow(rows pgx.Rows) (o scannedRow, err error) {
	var due, attempted *int64
	err = rows.Scan(append([]any{&o.ID, (*senderText)(&o.Downstream), (*senderText)(&o.Number), (*string)(&o.Attribute),
		(*string)(&o.State), (*identity)(&o.EventID),
		(*senderText)(&o.EventName), &o.TS, rawValue{&o.Value}, &o.Tries, (*timestamp)(&o.Since), &due, &attempted,
		(*senderText)(&o.Reason), (*senderText)(&o.Output),
		(*senderText)(&o.accountID), &o.carrierCode}, evidenceInto(&o.evidence)...)...)
	o.Due, o.Attempted = perhaps(due), perhaps(attempted)
	return o, err
}

// rowAgrees holds the value that is enqueued against its event.
func (r *Reader) rowAgrees(ctx context.Context, o *scannedRow) error {
	return r.agrees(ctx, event.Change{
		Number: o.Number, Attribute: o.Attribute, Value: o.Value, EventID: o.EventID, EventName: o.EventName,
		AccountID: o.accountID, CarrierCode: o.carrierCode,
	}, o.evidence)
}

// perhaps is the time of so many microseconds since the epoch; NULL is the zero time.
func perhaps(micros *int64) time.Time {
	if micros == nil {
		return time.Time{}
	}
	return time.UnixMicro(*micros).UTC()
}

// Downstreams implements store.OutboxReader.
func (r *Reader) Downstreams(ctx context.Context) ([]event.DownstreamStatus, error) {
	var list []event.DownstreamStatus
	err := r.each(ctx, "list downstreams", func(rows pgx.Rows) error {
		s, err := scanStatus(rows)
		list = append(list, s)
		return err
	}, allStatuses, r.clock())
	return list, err
}

// OutboxRows implements store.OutboxReader. Rows that are enqueued meanwhile may be missed. A row whose event is
// damaged is there without the value: whoever changes the outbox has to see it.
func (r *Reader) OutboxRows(
	ctx context.Context, filter event.OutboxFilter, after int64, limit int,
) ([]event.OutboxRow, error) {
	query, args := &strings.Builder{}, []any{nil, nil} // behind which row, and how many
	query.WriteString(outboxRows + " AND o.id > $1::bigint")
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
	if filter.Until != 0 {
		narrow("o.id <= $%d::bigint", filter.Until)
	}
	switch filter.State {
	case "":
	case event.Waiting, event.Attempting, event.Delivered, event.Dead, event.Skipped:
		// as a parameter it would hide the indexes of the states
		query.WriteString(" AND o.state = '" + string(filter.State) + "'")
	default:
		return nil, nil
	}
	query.WriteString(" ORDER BY o.id LIMIT $2::bigint")
	rows, err := listRows(ctx, r, "list what is owed", "owed row", after, limit, query.String(),
		func(after int64, limit int) []any {
			args[0], args[1] = after, int64(limit)
			return args
		},
		func(rows pgx.Rows) (scannedRow, int64, error, error) {
			o, err := scanRow(rows)
			return o, o.ID, nil, err
		},
		func(o *scannedRow) error {
			wrong := r.rowAgrees(ctx, o)
			if wrong == nil || sound.IsStoreError(wrong) {
				return wrong
			}
			o.Value = nil
			r.identities.Pass("value of owed row", strconv.FormatInt(o.ID, 10), rowError(wrong))
			return nil
		})
	var list []event.OutboxRow
	for _, o := range rows {
		list = append(list, o.OutboxRow)
	}
	return list, err
}

// OutboxRow implements store.OutboxReader.
func (r *Reader) OutboxRow(ctx context.Context, id int64) (event.OutboxRow, error) {
	found := false
	var o scannedRow
	err := r.each(ctx, "read what is owed", func(rows pgx.Rows) (err error) {
		found = true
		o, err = scanRow(rows)
		return err
	}, outboxRow, id)
	switch {
	case err != nil:
		return event.OutboxRow{}, err
	case !found:
		return event.OutboxRow{}, noRow("read", id)
	}
	if err := r.rowAgrees(ctx, &o); err != nil {
		return event.OutboxRow{}, sound.Damaged(fmt.Sprintf("show owed row %d of event %s", id, o.EventID), err)
	}
	return o.OutboxRow, nil
}

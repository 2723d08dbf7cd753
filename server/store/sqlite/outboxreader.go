package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"time"

	"numhook/server/event"
	"numhook/server/store/sound"
)

var (
	// statusQuery counts by the index of what is open: what was delivered is not looked at.
	statusQuery = `WITH counts AS MATERIALIZED (SELECT o.downstream, o.state, count(*) AS rows, min(o.since) AS since,
		max(o.since) AS newest, max(o.due) AS due
			FROM downstreams d CROSS JOIN owed o ON o.downstream = d.id AND ` + open +
		` WHERE ?1 = '' OR d.name = ?1 GROUP BY d.id, o.state)
		SELECT d.name, d.mode, d.start, d.events, d.carrier_codes, d.countries, d.prefixes, d.registered, d.filled, d.paused,
			d.paused_why,
			coalesce(w.rows, 0), coalesce(a.rows, 0), coalesce(x.rows, 0), w.since, a.since, nullif(max(coalesce(w.newest, 0),
				coalesce(a.newest, 0)), 0), w.due
		FROM downstreams d LEFT JOIN counts w ON w.downstream = d.id AND w.state = 'waiting' LEFT
			JOIN counts a ON a.downstream = d.id AND a.state = 'attempting'
		LEFT JOIN counts x ON x.downstream = d.id AND x.state = 'dead' WHERE ?1 = '' OR d.name = ?1 ORDER BY d.name`

	open = `(o.state = 'waiting' OR o.state = 'attempting' OR o.state = 'dead')`

	outboxColumns = ownColumns + `''` + outboxEvidence

	ownColumns = `SELECT o.id, d.name, o.number, o.attribute, o.state, e.id, coalesce(e.name, ''), coalesce(e.event_ts,
		o.event_ts), e.value, o.tries, o.since,
		CASE o.state WHEN 'waiting' THEN o.due END, o.attempted, o.reason, `

	outboxFilter = ` LEFT JOIN events e ON e.seq = o.seq WHERE o.id > ?1 AND o.id <= ?6 AND (?2 = '' OR d.name = ?2)
		AND (?3 = '' OR o.number = ?3) AND (?4 = '' OR o.state = ?4)
		ORDER BY o.id LIMIT ?5`

	// What is asked for decides from where the rows are looked for: the pages of all by id, those of a number by the
	// number, and those of which there are few, as a rule, by the state.
	outboxByID     = outboxColumns + `FROM owed o CROSS JOIN downstreams d ON d.id = o.downstream` + outboxFilter
	outboxByNumber = outboxColumns + `FROM downstreams d CROSS JOIN owed o ON o.downstream = d.id AND o.number = ?3` +
		outboxFilter
	outboxByState = outboxColumns + `FROM downstreams d CROSS JOIN owed o ON o.downstream = d.id AND o.state = ?4 AND ` +
		open + outboxFilter

	oneRow = ownColumns + `o.output` + outboxEvidence + `FROM owed o CROSS JOIN downstreams d ON d.id = o.downstream ` +
		`LEFT JOIN events e ON e.seq = o.seq WHERE o.id = ?`
)

// outboxEvidence is what a row is held against.
var outboxEvidence = `, coalesce(e.account_id, ''), coalesce(e.carrier_code, 0)` + evidence("e") + ` `

// optionalTimestamp scans a timestamp; NULL is the zero time.
type optionalTimestamp time.Time

func (s *optionalTimestamp) Scan(v any) error {
	if v == nil {
		*s = optionalTimestamp{}
		return nil
	}
	return (*timestamp)(s).Scan(v)
}

func (r *Reader) statuses(ctx context.Context, name string) (list []event.DownstreamStatus, err error) {
	err = r.each(ctx, "list downstreams", func(rows *sql.Rows) error {
		var s event.DownstreamStatus
		var waiting, attempting time.Time
		err := rows.Scan(&s.Name, &s.Mode, &s.Start, jsonColumn{&s.Events}, jsonColumn{&s.Only.CarrierCodes},
			jsonColumn{&s.Only.Countries},
			jsonColumn{&s.Only.Prefixes}, (*timestamp)(&s.Registered), &s.Filled, (*optionalTimestamp)(&s.Paused), &s.PausedWhy,
			&s.Waiting, &s.Attempting, &s.Dead,
			(*optionalTimestamp)(&waiting), (*optionalTimestamp)(&attempting), (*optionalTimestamp)(&s.Newest),
			(*optionalTimestamp)(&s.LastDue))
		s.At = r.now()
		if s.Oldest = waiting; waiting.IsZero() || !attempting.IsZero() && attempting.Before(waiting) {
			s.Oldest = attempting
		}
		list = append(list, s)
		return err
	}, statusQuery, name)
	return list, err
}

// now is what the outbox's clock shows.
func (r *Reader) now() time.Time {
	if r.clock != nil {
		return r.clock()
	}
	return time.Now()
}

// Downstreams implements store.OutboxReader.
func (r *Reader) Downstreams(ctx context.Context) ([]event.DownstreamStatus, error) {
	return r.statuses(ctx, "")
}

// scannedRow is a row of the outbox with what it is held against.
type scannedRow struct {
	event.OutboxRow
	accountID   string
	carrierCode int32
	evidence    sound.Evidence
}

func scanRow(rows *sql.Rows) (o scannedRow, err error) {
	err = rows.Scan(append([]any{&o.ID, &o.Downstream, &o.Number, &o.Attribute, &o.State, (*identity)(&o.EventID),
		&o.EventName, &o.TS, rawValue{&o.Value}, &o.Tries,
		(*timestamp)(&o.Since), (*optionalTimestamp)(&o.Due), (*optionalTimestamp)(&o.Attempted), &o.Reason, &o.Output,
		&o.accountID, &o.carrierCode}, evidenceInto(&o.evidence)...)...)
	return o, err
}

// rowAgrees holds the value that is enqueued against its event.
func (r *Reader) rowAgrees(ctx context.Context, o *scannedRow) error {
	return r.agrees(ctx, event.Change{
		Number: o.Number, Attribute: o.Attribute, Value: o.Value, EventID: o.EventID, EventName: o.EventName,
		AccountID: o.accountID, CarrierCode: o.carrierCode,
	}, o.evidence)
}

// OutboxRows implements store.OutboxReader. A row whose event is damaged is there without the value: whoever changes
// the outbox has to see it.
func (r *Reader) OutboxRows(
	ctx context.Context, filter event.OutboxFilter, after int64, limit int,
) ([]event.OutboxRow, error) {
	query := outboxByID
	switch {
	case filter.Number != "":
		query = outboxByNumber
	case filter.State == event.Attempting, filter.State == event.Dead:
		query = outboxByState
	}
	rows, err := listRows(ctx, r, "list what is owed", "owed row", after, limit, query,
		func(after int64, limit int) []any {
			return []any{after, filter.Downstream, filter.Number, string(filter.State), limit,
				cmp.Or(filter.Until, math.MaxInt64)}
		},
		func(rows *sql.Rows) (scannedRow, int64, error) {
			o, wrong := scanRow(rows)
			return o, o.ID, wrong
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
	err := r.each(ctx, "read what is owed", func(rows *sql.Rows) (err error) {
		found = true
		o, err = scanRow(rows)
		return err
	}, oneRow, id)
	switch {
	case err != nil:
		return event.OutboxRow{}, err
	case !found:
		return event.OutboxRow{}, &event.Error{Kind: event.NotFound,
			Text: fmt.Sprintf("cannot read owed row %d: there is none", id)}
	}
	if err := r.rowAgrees(ctx, &o); err != nil {
		return event.OutboxRow{}, sound.Damaged(fmt.Sprintf("show owed row %d of event %s", id, o.EventID), err)
	}
	return o.OutboxRow, nil
}

// Held implements store.Outbox.
func (s *Store) Held(ctx context.Context, downstream string) ([]event.Claimed, error) {
	var list []event.Claimed
	err := s.each(ctx, "list what is claimed", func(rows *sql.Rows) error {
		var c event.Claimed
		err := rows.Scan(&c.Row, &c.Claim)
		list = append(list, c)
		return err
	}, held, downstream)
	return list, err
}

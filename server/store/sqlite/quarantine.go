package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"numhook/server/event"
)

const (
	quarantineColumns = `q.id, q.reason, q.event_name, q.violations, q.times, q.state, e.id, q.received, q.door, q.path_event, q.header`

	pageOfQuarantine = `SELECT ` + quarantineColumns + `, NULL FROM quarantine q LEFT JOIN events e ON e.seq = q.redriven_as
		WHERE q.id > ?1 AND (?2 = '' OR q.state = ?2) ORDER BY q.id LIMIT ?3`

	oneQuarantine = `SELECT ` + quarantineColumns + `, q.body FROM quarantine q LEFT JOIN events e ON e.seq = q.redriven_as WHERE q.id = ?`

	heldQuarantine = `SELECT count(*), coalesce(sum(length(body)), 0) FROM quarantine INDEXED BY quarantine_held WHERE state = 'held'`
)

func scanQuarantined(rows *sql.Rows) (q event.Quarantined, err error) {
	err = rows.Scan(&q.ID, &q.Reason, &q.EventName, jsonColumn{&q.Violations}, &q.Times, &q.State, (*identity)(&q.RedrivenAs), (*moment)(&q.Delivery.Received),
		&q.Delivery.Door, &q.PathEvent, jsonColumn{&q.Delivery.Header}, &q.Delivery.Body)
	return q, err
}

// Quarantines implements store.Reader.
func (r *Reader) Quarantines(ctx context.Context, state event.QuarantineState, after int64, limit int) ([]event.Quarantined, error) {
	var list []event.Quarantined
	err := r.each(ctx, "list quarantine", func(rows *sql.Rows) error {
		q, err := scanQuarantined(rows)
		list = append(list, q)
		return err
	}, pageOfQuarantine, after, string(state), max(limit, 0))
	return list, err
}

// QuarantineEntry implements store.Reader.
func (r *Reader) QuarantineEntry(ctx context.Context, id int64) (q event.Quarantined, err error) {
	found := false
	err = r.each(ctx, "read quarantine entry", func(rows *sql.Rows) (err error) {
		found = true
		q, err = scanQuarantined(rows)
		return err
	}, oneQuarantine, id)
	if err == nil && !found {
		err = &event.Error{Kind: event.NotFound, Text: fmt.Sprintf("cannot read quarantine entry %d: there is none", id)}
	}
	return q, err
}

// QuarantineHeld implements store.Reader. It reads the index of those that are held.
func (r *Reader) QuarantineHeld(ctx context.Context) (entries, bytes int64, err error) {
	err = r.each(ctx, "count quarantine", func(rows *sql.Rows) error { return rows.Scan(&entries, &bytes) }, heldQuarantine)
	return entries, bytes, err
}

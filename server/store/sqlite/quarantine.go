package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"fmt"

	"numhook/server/event"
	"numhook/server/store/sound"
)

const (
	quarantineColumns = `q.id, q.reason, q.event_name, q.violations, q.times, q.state, e.id, q.received, q.door, ` +
		`q.path_event, q.header`

	pageOfQuarantine = `SELECT ` + quarantineColumns + `, CASE WHEN ?4 THEN q.body END, q.digest FROM quarantine q LEFT
		JOIN events e ON e.seq = q.redriven_as
		WHERE q.id > ?1 AND (?2 = '' OR q.state = ?2) ORDER BY q.id LIMIT ?3`

	oneQuarantine = `SELECT ` + quarantineColumns + `, q.body, q.digest FROM quarantine q LEFT JOIN events e ON e.seq = ` +
		`q.redriven_as WHERE q.id = ?`

	heldQuarantine = `SELECT count(*), coalesce(sum(length(body)), 0) FROM quarantine INDEXED BY quarantine_held WHERE ` +
		`state = 'held'`
)

func scanQuarantined(rows *sql.Rows) (q event.Quarantined, digest event.ID, err error) {
	err = rows.Scan(&q.ID, &q.Reason, &q.EventName, jsonColumn{&q.Violations}, &q.Times, &q.State,
		(*identity)(&q.RedrivenAs), (*timestamp)(&q.Delivery.Received),
		&q.Delivery.Path, &q.PathEvent, jsonColumn{&q.Delivery.Header}, &q.Delivery.Body, (*identity)(&digest))
	return q, digest, err
}

// ofItsDigest holds an entry against the digest of its bytes.
func (r *Reader) ofItsDigest(q event.Quarantined, digest event.ID) error {
	if r.identities.On() && sha256.Sum256(q.Delivery.Body) != digest {
		return sound.ErrNotDigest
	}
	return nil
}

// Quarantines implements store.Reader.
func (r *Reader) Quarantines(
	ctx context.Context, state event.QuarantineState, after int64, limit int,
) ([]event.Quarantined, error) {
	return listRows(ctx, r, "list quarantine", "quarantine entry", after, limit, pageOfQuarantine,
		func(after int64, limit int) []any { return []any{after, string(state), limit, r.identities.On()} },
		func(rows *sql.Rows) (event.Quarantined, int64, error) {
			q, digest, wrong := scanQuarantined(rows)
			if wrong == nil {
				wrong = r.ofItsDigest(q, digest)
			}
			q.Delivery.Body = nil
			return q, q.ID, wrong
		}, nil)
}

// QuarantineEntry implements store.Reader.
func (r *Reader) QuarantineEntry(ctx context.Context, id int64) (q event.Quarantined, err error) {
	found := false
	var digest event.ID
	err = r.each(ctx, "read quarantine entry", func(rows *sql.Rows) (err error) {
		found = true
		q, digest, err = scanQuarantined(rows)
		return err
	}, oneQuarantine, id)
	switch {
	case err != nil:
		return event.Quarantined{}, err
	case !found:
		return q, &event.Error{Kind: event.NotFound, Text: fmt.Sprintf("cannot read quarantine entry %d: there is none", id)}
	}
	if err := r.ofItsDigest(q, digest); err != nil {
		return event.Quarantined{}, sound.Damaged(fmt.Sprintf("show quarantine entry %d", id), err)
	}
	return q, nil
}

// QuarantineOf implements store.Reader.
func (r *Reader) QuarantineOf(ctx context.Context, body []byte, pathEvent string) (id int64, err error) {
	digest := sha256.Sum256(body)
	err = r.each(ctx, "look for quarantine entry", func(rows *sql.Rows) error { return rows.Scan(&id) },
		"SELECT id FROM quarantine WHERE digest = ? AND path_event = ?", digest[:], pathEvent)
	return id, err
}

// QuarantineHeld implements store.Reader. It reads the index of those that are held.
func (r *Reader) QuarantineHeld(ctx context.Context) (entries, bytes int64, err error) {
	err = r.each(ctx, "count quarantine", func(rows *sql.Rows) error { return rows.Scan(&entries, &bytes) },
		heldQuarantine)
	return entries, bytes, err
}

package postgres

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
	"numhook/server/store/sound"
)

const (
	quarantineColumns = `q.id, q.reason::text, q.event_name, q.violations, q.times, q.state::text, e.id, q.received, ` +
		`q.door, q.path_event, q.header`

	pageOfQuarantine = `SELECT ` + quarantineColumns + `, CASE WHEN $5::boolean THEN q.body END, q.digest
		FROM numhook.quarantine q LEFT JOIN numhook.events e ON e.seq = q.redriven_as
		WHERE q.id > $1::bigint AND q.id <= $2::bigint AND ($3::text = '' OR q.state::text = $3) ORDER BY q.id
			LIMIT $4::bigint`

	oneQuarantine = `SELECT ` + quarantineColumns + `, q.body, q.digest FROM numhook.quarantine q LEFT
		JOIN numhook.events e ON e.seq = q.redriven_as
		WHERE q.id = $1::bigint`

	// heldQuarantine looks at no body: a row knows how long what it keeps elsewhere is.
	heldQuarantine = `SELECT count(*), coalesce(sum(length(body)), 0)::bigint FROM numhook.quarantine WHERE state = 'held'`

	standOfEntry = `SELECT state::text FROM numhook.quarantine WHERE id = $1::bigint FOR UPDATE`
	discardEntry = `UPDATE numhook.quarantine SET state = 'discarded' WHERE id = $1::bigint AND state = 'held'`
)

func scanQuarantined(rows pgx.Rows) (q event.Quarantined, digest event.ID, err error) {
	err = rows.Scan(&q.ID, (*string)(&q.Reason), (*senderText)(&q.EventName), jsonColumn{&q.Violations}, &q.Times,
		(*string)(&q.State), (*identity)(&q.RedrivenAs),
		(*timestamp)(&q.Delivery.Received), (*senderText)(&q.Delivery.Path), (*senderText)(&q.PathEvent),
		jsonColumn{&q.Delivery.Header}, rawBody{&q.Delivery.Body}, (*identity)(&digest))
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
	last, err := r.settled(ctx, quarantineIDs)
	if err != nil {
		return nil, r.unreadable("list quarantine", err)
	}
	return listRows(ctx, r, "list quarantine", "quarantine entry", after, limit, pageOfQuarantine,
		func(after int64, limit int) []any {
			return []any{after, last, string(state), int64(limit), r.identities.On()}
		},
		func(rows pgx.Rows) (event.Quarantined, int64, error, error) {
			q, digest, err := scanQuarantined(rows)
			wrong := r.ofItsDigest(q, digest)
			q.Delivery.Body = nil
			return q, q.ID, wrong, err
		}, nil)
}

// QuarantineEntry implements store.Reader.
func (r *Reader) QuarantineEntry(ctx context.Context, id int64) (q event.Quarantined, err error) {
	found := false
	var digest event.ID
	err = r.each(ctx, "read quarantine entry", func(rows pgx.Rows) (err error) {
		found = true
		q, digest, err = scanQuarantined(rows)
		return err
	}, oneQuarantine, id)
	switch {
	case err != nil:
		return event.Quarantined{}, err
	case !found:
		return q, noEntry("read", id)
	}
	if err := r.ofItsDigest(q, digest); err != nil {
		return event.Quarantined{}, sound.Damaged(fmt.Sprintf("show quarantine entry %d", id), err)
	}
	return q, nil
}

// QuarantineOf implements store.Reader.
func (r *Reader) QuarantineOf(ctx context.Context, body []byte, pathEvent string) (id int64, err error) {
	digest := sha256.Sum256(body)
	err = r.each(ctx, "look for quarantine entry", func(rows pgx.Rows) error { return rows.Scan(&id) },
		"SELECT id FROM numhook.quarantine WHERE digest = $1::bytea AND path_event = $2::bytea", digest[:],
		[]byte(pathEvent))
	return id, err
}

// QuarantineHeld implements store.Reader.
func (r *Reader) QuarantineHeld(ctx context.Context) (entries, bytes int64, err error) {
	err = r.each(ctx, "count quarantine", func(rows pgx.Rows) error { return rows.Scan(&entries, &bytes) }, heldQuarantine)
	return entries, bytes, err
}

// Discard implements store.Writer.
func (s *Store) Discard(ctx context.Context, quarantine int64) error {
	return s.transact(ctx, "discard quarantine entry", retryTime, func(b *pgx.Batch, _ bool) {
		b.Queue(standOfEntry, quarantine).Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, pgx.RowTo[string])
			switch {
			case err != nil:
				return err
			case len(list) == 0:
				return noEntry("discard", quarantine)
			case list[0] == string(event.Redriven):
				return &event.Error{Kind: event.Invalid, Text: fmt.Sprintf("cannot discard quarantine entry %d: it is redriven",
					quarantine)}
			}
			return nil
		})
		b.Queue(discardEntry, quarantine)
	})
}

func noEntry(verb string, id int64) error {
	return &event.Error{Kind: event.NotFound, Text: fmt.Sprintf("cannot %s quarantine entry %d: there is none", verb, id)}
}

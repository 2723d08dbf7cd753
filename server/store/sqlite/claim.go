package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"numhook/server/event"
	"numhook/server/store/sound"
)

const (
	findClaimable = `SELECT id, paused IS NOT NULL FROM downstreams WHERE name = ?`

	// claimable are the rows of a downstream ?1 that may be claimed now ?2, at most ?3. The plus keeps SQLite from
	// compiling the statement again for every limit.
	claimable = `SELECT id FROM owed WHERE ` + ripe + ` AND due <= ?2 ORDER BY due, since, id LIMIT +?3`

	ripe = `downstream = ?1 AND state = 'waiting' AND behind = 0`

	markClaimed = `UPDATE owed SET state = 'attempting', tries = tries + 1, claim = ?1 WHERE id = ?2`

	nextDue = `SELECT due FROM owed WHERE ` + ripe + ` ORDER BY due LIMIT 1`

	held = `SELECT o.id, o.claim FROM owed o WHERE o.downstream = (SELECT id FROM downstreams WHERE name = ?) AND ` +
		`o.state = 'attempting'`

	// heldUp is whether an earlier row of its number's line is still to be delivered.
	heldUp = `(slot > 0 AND EXISTS (SELECT 1 FROM owed b WHERE b.downstream = owed.downstream AND b.number = owed.number
		AND b.slot > 0
		AND b.state IN ('waiting', 'attempting') AND (b.event_ts, b.seq) < (owed.event_ts, owed.seq)))`

	release = `UPDATE owed SET state = 'waiting', behind = ` + heldUp + `, due = ?1, claim = 0
		WHERE id = ?2 AND state = 'attempting' AND claim = ?3 AND downstream = (SELECT id FROM downstreams WHERE name = ?4)`

	releaseAll = `UPDATE owed SET state = 'waiting', behind = ` + heldUp + `, due = ?1, claim = 0
		WHERE downstream IN (SELECT id FROM downstreams WHERE mode = 'every') AND state = 'attempting'`
)

// readClaimed is what the attempts are made of. Only what sets a number's value follows another value, or may be
// superseded.
var readClaimed = `SELECT o.id, o.seq, o.number, o.attribute, e.value, coalesce(e.event_ts, o.event_ts), e.id,
	coalesce(e.name, ''), coalesce(e.account_id, ''),
		coalesce(e.carrier_code, 0), coalesce(e.received, 0), o.tries + 1, o.since, coalesce(c.superseded, 0), v.value,
			v.id` + evidence("v") + evidence("e") + `
	FROM (` + claimable + `) r CROSS JOIN owed o ON o.id = r.id LEFT JOIN events e ON e.seq = o.seq
	LEFT JOIN changes c ON c.number = o.number AND c.attribute = o.attribute AND c.ordered_ts = o.event_ts
		AND c.seq = o.seq
	LEFT JOIN events v ON c.seq IS NOT NULL AND v.seq = (SELECT p.seq FROM changes p
		WHERE p.number = o.number AND p.attribute = o.attribute AND (p.ordered_ts, p.seq) < (o.event_ts, o.seq)
		ORDER BY p.ordered_ts DESC, p.seq DESC LIMIT 1)
	ORDER BY o.due, o.id`

// attempt is what the works of the way out have in common: none is a delivery.
type attempt struct {
	changed bool  // there was something to write
	refusal error // the answer instead of a result; it is no trouble of the store's, and the batch goes on without it
}

func (a *attempt) idle() bool { return !a.changed }

// Aside implements group.Aside.
func (*attempt) Aside() {}

// claiming hands out rows that are due.
type claiming struct {
	attempt
	downstream string
	limit      int
	attempts   []claimedRow
	next       time.Time
}

func (c *claiming) write(ctx context.Context, w *session) error {
	var id int64
	var paused bool
	err := w.findClaimable.QueryRowContext(ctx, c.downstream).Scan(&id, &paused)
	if errors.Is(err, sql.ErrNoRows) || paused {
		return nil
	}
	if err != nil {
		return err
	}
	now := w.now()
	claim := 1 + rand.Int64N(1<<63-1)
	if c.attempts, err = w.readAttempts(ctx, id, now, c.limit); err != nil {
		return err
	}
	for i := range c.attempts {
		c.attempts[i].Downstream, c.attempts[i].Claim, c.changed = c.downstream, claim, true
		if _, err := w.markClaimed.ExecContext(ctx, claim, c.attempts[i].Row); err != nil {
			return err
		}
	}
	err = w.nextDue.QueryRowContext(ctx, id).Scan((*timestamp)(&c.next))
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return err
}

// claimedRow is an attempt with what it is held against.
type claimedRow struct {
	event.Attempt
	evidence, before sound.Evidence
	previous         event.ID
}

func (w *session) readAttempts(ctx context.Context, args ...any) (list []claimedRow, err error) {
	rows, err := w.readClaimed.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var a claimedRow
		into := []any{&a.Row, &a.Seq, &a.Number, &a.Attribute, rawValue{&a.Value}, &a.TS, (*identity)(&a.EventID),
			&a.EventName, &a.AccountID, &a.CarrierCode,
			(*timestamp)(&a.Received), &a.Try, (*timestamp)(&a.Since), &a.Superseded, rawValue{&a.Previous},
			(*identity)(&a.previous)}
		if err := rows.Scan(append(append(into, evidenceInto(&a.before)...), evidenceInto(&a.evidence)...)...); err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, rows.Err()
}

// judge holds what was claimed against its identity. What does not agree says so; a value before that does not is left
// out.
func (r *Reader) judge(ctx context.Context, claimed []claimedRow) ([]event.Attempt, error) {
	var list []event.Attempt
	for i := range claimed {
		a := &claimed[i]
		change := event.Change{
			Number: a.Number, Attribute: a.Attribute, Value: a.Value, EventID: a.EventID, EventName: a.EventName,
			AccountID: a.AccountID, CarrierCode: a.CarrierCode,
		}
		wrong := r.agrees(ctx, change, a.evidence)
		if wrong == nil {
			a.Value, wrong = r.identities.Said(change, a.evidence, r.longEvent(ctx))
		}
		if wrong != nil {
			a.Damaged = rowError(wrong).Error()
			r.identities.Pass("owed row", strconv.FormatInt(a.Row, 10), rowError(wrong))
		}
		before := r.identities.Before(a.previous, a.Attribute, a.Previous, a.before, r.longEvent(ctx))
		if before != nil {
			a.Previous = nil
		}
		for _, err := range []error{wrong, before} {
			if sound.IsStoreError(err) {
				return nil, err
			}
		}
		list = append(list, a.Attempt)
	}
	return list, nil
}

// releasing makes rows waiting again that somebody has claimed.
type releasing struct {
	attempt
	downstream string
	claims     []event.Claimed
	count      int
}

func (r *releasing) write(ctx context.Context, w *session) error {
	r.count = 0
	for _, c := range r.claims {
		result, err := w.release.ExecContext(ctx, w.now(), c.Row, c.Claim, r.downstream)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return err
		}
		r.count += int(n)
	}
	r.changed = r.count > 0
	w.due = w.due || r.changed
	return nil
}

// releasingAll makes every row of mode every waiting again that somebody had claimed who is dead.
type releasingAll struct{ attempt }

func (r *releasingAll) write(ctx context.Context, w *session) error {
	result, err := w.conn.ExecContext(ctx, releaseAll, w.now())
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	r.changed = n > 0
	return err
}

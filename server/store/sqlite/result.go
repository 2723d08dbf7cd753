package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"numhook/server/event"
)

const (
	// record takes a result: ?1 the row, ?2 its claim, ?3 the version that was tried, ?4 the state that the verdict leads
	// to, ?5 now, ?6 when it is due, ?7 the reason, ?8 the output.
	record = `UPDATE owed SET state = CASE seq WHEN ?3 THEN ?4 ELSE 'waiting' END, behind = ?4 = 'waiting' AND ` + heldUp +
		`, due = ?6, attempted = ?5, reason = ?7,
		output = ?8, claim = 0 WHERE id = ?1 AND state = 'attempting' AND claim = ?2 RETURNING slot, seq`

	// beginAgain has a row whose time is over start again.
	beginAgain = `UPDATE owed SET state = 'waiting', behind = ` + heldUp + `, due = ?2, since = ?2, tries = 0 ` +
		`WHERE id = ?1`

	// stepBack makes the row next in line wait for one that came back into it, and moveUp lets it go when that one, as the
	// first, has left it.
	stepBack = `UPDATE owed SET behind = 1 WHERE state = 'waiting' AND behind = 0 AND id = ` + nextInLine
	moveUp   = `UPDATE owed SET behind = 0 WHERE behind = 1 AND id = ` + nextInLine + ` AND NOT EXISTS (SELECT 1
		FROM owed b, owed o
		WHERE o.id = ?1 AND b.downstream = o.downstream AND b.number = o.number AND b.slot > 0
			AND b.state IN ('waiting', 'attempting')
		AND (b.event_ts, b.seq) < (o.event_ts, o.seq))`

	nextInLine = `(SELECT n.id FROM owed o CROSS JOIN owed n ON n.downstream = o.downstream AND n.number = o.number
		AND n.slot > 0
		AND n.state IN ('waiting', 'attempting') AND (n.event_ts, n.seq) > (o.event_ts, o.seq) WHERE o.id = ?1 AND o.slot > 0
		ORDER BY n.event_ts, n.seq LIMIT 1)`
)

// outcomes are the states that verdicts lead to.
var outcomes = map[event.Verdict]event.OutboxState{event.Confirmed: event.Delivered, event.Retry: event.Waiting,
	event.Refused: event.Dead}

// resultWork takes the result of an attempt.
type resultWork struct {
	attempt
	result event.Result
	state  event.OutboxState
	held   bool
}

func newResultWork(r event.Result) (*resultWork, error) {
	state, ok := outcomes[r.Verdict]
	if !ok {
		return nil, refused("record the result of an attempt", "the store does not know the verdict "+string(r.Verdict))
	}
	if r.After = min(max(r.After, 0), event.LongestWait); r.Verdict != event.Retry {
		r.After = 0
	}
	return &resultWork{result: r, state: state}, nil
}

func (r *resultWork) write(ctx context.Context, w *session) error {
	now := w.now()
	var slot, seq int64
	err := w.record.QueryRowContext(ctx, r.result.Row, r.result.Claim, r.result.Seq, string(r.state), now,
		now+r.result.After.Microseconds(),
		r.result.Reason, r.result.Output).Scan(&slot, &seq)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	r.held, r.changed = true, true
	w.due = w.due || seq != r.result.Seq
	if slot > 0 && r.state != event.Waiting {
		return w.letNext(ctx, r.result.Row)
	}
	return nil
}

// letNext lets the next in line go when the row has left it.
func (w *session) letNext(ctx context.Context, row int64) error {
	return w.makeDue(w.moveUp.ExecContext(ctx, row))
}

// beginAgain has a row start again that was delivered, dead or skipped.
func (w *session) beginAgain(ctx context.Context, row int64) error {
	if err := w.makeDue(w.renew.ExecContext(ctx, row, w.now())); err != nil {
		return err
	}
	_, err := w.stepBack.ExecContext(ctx, row)
	return err
}

// rowAction retries or skips a row.
type rowAction struct {
	attempt
	row   int64
	retry bool
}

func (s *rowAction) write(ctx context.Context, w *session) error {
	var state event.OutboxState
	var slot int64
	verb := "skip"
	if s.retry {
		verb = "retry"
	}
	err := w.findState.QueryRowContext(ctx, s.row).Scan(&state, &slot)
	if errors.Is(err, sql.ErrNoRows) {
		s.refusal = noRow(verb, s.row)
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case s.retry && state == event.Waiting:
		err = w.makeDue(w.hasten.ExecContext(ctx, s.row, w.now()))
	case s.retry && state != event.Attempting:
		err = w.beginAgain(ctx, s.row)
	case !s.retry && (state == event.Waiting || state == event.Dead):
		if _, err = w.skip.ExecContext(ctx, s.row); err == nil && slot > 0 && state == event.Waiting {
			err = w.letNext(ctx, s.row)
		}
	default:
		s.refusal = &event.Error{Kind: event.Invalid, Text: fmt.Sprintf("cannot %s owed row %d: it is %s", verb, s.row,
			state), Hint: actionHints[state]}
		return nil
	}
	s.changed = true
	return err
}

// actionHints say what an operator can do about a row whose state does not allow what was asked for.
var actionHints = map[event.OutboxState]string{
	event.Attempting: "an attempt is under way: wait until it has ended",
}

func noRow(verb string, row int64) error {
	return &event.Error{Kind: event.NotFound, Text: fmt.Sprintf("cannot %s owed row %d: there is none", verb, row)}
}

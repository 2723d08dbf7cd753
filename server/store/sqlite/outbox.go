package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"numhook/server/event"
	"numhook/server/store"
)

var (
	_ store.Outbox       = (*Store)(nil)
	_ store.OutboxReader = (*Store)(nil)
	_ store.OutboxReader = (*Reader)(nil)
)

// settle has a work of the way out done.
func (s *Store) settle(ctx context.Context, verb string, w work, outcome *attempt, bytes int) error {
	if err := s.submit(ctx, verb, w, bytes); err != nil {
		return err
	}
	return outcome.refusal
}

// Register implements store.Outbox.
func (s *Store) Register(ctx context.Context, d event.Downstream) (event.DownstreamStatus, error) {
	r, err := newRegistering(d)
	if err == nil {
		err = s.settle(ctx, "register downstream", r, &r.attempt, 0)
	}
	if err != nil {
		return event.DownstreamStatus{}, err
	}
	list, err := s.statuses(ctx, d.Name)
	if err == nil && len(list) == 0 { // somebody has removed it meanwhile
		err = noDownstream("register", d.Name)
	}
	if err != nil {
		return event.DownstreamStatus{}, err
	}
	return list[0], nil
}

func (s *Store) alter(ctx context.Context, a *altering) error {
	return s.settle(ctx, a.verb+" downstream", a, &a.attempt, 0)
}

// Filled implements store.Outbox.
func (s *Store) Filled(ctx context.Context, downstream string) error {
	return s.alter(ctx, &altering{verb: "mark as filled", downstream: downstream,
		alter: func(w *session) *sql.Stmt { return w.fill }})
}

// Resume implements store.Outbox.
func (s *Store) Resume(ctx context.Context, downstream string) error {
	return s.alter(ctx, &altering{verb: "resume", downstream: downstream,
		alter: func(w *session) *sql.Stmt { return w.resume }, frees: true})
}

// Pause implements store.Outbox.
func (s *Store) Pause(ctx context.Context, downstream, why string) error {
	p := &pausing{altering{verb: "pause", downstream: downstream, alter: func(w *session) *sql.Stmt { return w.pause },
		args: []any{why, nil}}}
	return s.settle(ctx, "pause downstream", p, &p.attempt, 0)
}

// Remove implements store.Outbox. What the downstream is enqueued goes in several transactions, so that no delivery
// waits for a million of rows: when it is interrupted, the downstream is still there, paused, and can be removed again.
func (s *Store) Remove(ctx context.Context, downstream string) error {
	for {
		r := &removing{downstream: downstream, why: "it is being removed: remove it again if that was interrupted"}
		if err := s.settle(ctx, "remove downstream", r, &r.attempt, 0); err != nil || r.done {
			return err
		}
	}
}

// Enqueue implements store.Outbox.
func (s *Store) Enqueue(
	ctx context.Context, downstream string, changes []event.Change, again, dryRun bool,
) (int, error) {
	const change = 256 // bytes
	o := newEnqueueing(downstream, changes, again, dryRun)
	if err := s.settle(ctx, "owe changes", o, &o.attempt, change*len(changes)); err != nil {
		return 0, err
	}
	return o.count, nil
}

// Claim implements store.Outbox.
func (s *Store) Claim(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error) {
	c := &claiming{downstream: downstream, limit: max(limit, 0)}
	if err := s.settle(ctx, "claim what is owed", c, &c.attempt, 0); err != nil {
		return nil, time.Time{}, err
	}
	attempts, err := s.judge(ctx, c.attempts)
	if err != nil {
		return nil, time.Time{}, errors.Join(err, s.giveBack(ctx, downstream, c.attempts))
	}
	return attempts, c.next, nil
}

// giveBack releases what was claimed and could not be held against its identity, because of trouble of the store's.
func (s *Store) giveBack(ctx context.Context, downstream string, claimed []claimedRow) error {
	var held []event.Claimed
	for _, c := range claimed {
		held = append(held, event.Claimed{Row: c.Row, Claim: c.Claim})
	}
	_, err := s.Release(context.WithoutCancel(ctx), downstream, held)
	return err
}

// Record implements store.Outbox.
func (s *Store) Record(ctx context.Context, r event.Result) (bool, error) {
	w, err := newResultWork(r)
	if err == nil {
		err = s.settle(ctx, "record the result of an attempt", w, &w.attempt, len(r.Reason)+len(r.Output))
	}
	if err != nil {
		return false, err
	}
	return w.held, nil
}

// Release implements store.Outbox.
func (s *Store) Release(ctx context.Context, downstream string, held []event.Claimed) (int, error) {
	r := &releasing{downstream: downstream, claims: slices.Clone(held)}
	if err := s.settle(ctx, "release what is claimed", r, &r.attempt, 0); err != nil {
		return 0, err
	}
	return r.count, nil
}

// releaseDead makes what was attempting due again when the store is opened for serving: whoever held it is dead,
// because one process serves the file. In mode latest what they had sent may still take effect, and whoever hands on
// decides when it is due.
func (s *Store) releaseDead(ctx context.Context) error {
	if s.operator {
		return nil
	}
	some := false
	const attempting = `SELECT EXISTS (SELECT 1 FROM downstreams d CROSS JOIN owed o ON o.downstream = d.id
		AND o.state = 'attempting'
		WHERE d.mode = 'every')`
	err := s.each(ctx, "release what was claimed", func(rows *sql.Rows) error { return rows.Scan(&some) }, attempting)
	if err != nil || !some {
		return err
	}
	r := &releasingAll{}
	return s.settle(ctx, "release what was claimed", r, &r.attempt, 0)
}

// Retry implements store.Outbox.
func (s *Store) Retry(ctx context.Context, row int64) error {
	w := &rowAction{row: row, retry: true}
	return s.settle(ctx, "retry what is owed", w, &w.attempt, 0)
}

// Skip implements store.Outbox.
func (s *Store) Skip(ctx context.Context, row int64) error {
	w := &rowAction{row: row}
	return s.settle(ctx, "skip what is owed", w, &w.attempt, 0)
}

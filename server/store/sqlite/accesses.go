package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	"numhook/server/event"
)

const (
	insertAccess = `INSERT INTO accesses (at, who, role, origin, action, object, detail, result)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`
	concludeAccess = `UPDATE accesses SET result = CASE result WHEN 'begun' THEN ?2 ELSE result END WHERE id = ?1
		RETURNING id`

	accessColumns  = `SELECT id, at, who, role, origin, action, object, detail, result FROM accesses `
	newestAccesses = accessColumns + `WHERE id < ?1 AND ?2 = '' AND ?3 = '' ORDER BY id DESC LIMIT ?4`
	accessesOf     = accessColumns + `WHERE who = ?2 AND id < ?1 AND ?3 = '' ORDER BY id DESC LIMIT ?4`
	accessesTo     = accessColumns + `WHERE object = ?3 AND object <> '' AND id < ?1 AND (?2 = '' OR who = ?2)
		ORDER BY id DESC LIMIT ?4`
)

// accessing is an access on its way in.
type accessing struct {
	access event.Access
	id     int64
}

func (a *accessing) write(ctx context.Context, w *session) error {
	o := a.access
	return w.insertAccess.QueryRowContext(ctx, o.At.UnixMicro(), o.Who, o.Role, o.From, o.Action, o.Object, o.Detail,
		string(o.Result)).Scan(&a.id)
}

// concluding is what an action came to.
type concluding struct {
	attempt
	id     int64
	result event.AccessResult
}

func (c *concluding) write(ctx context.Context, w *session) error {
	var id int64
	err := w.concludeAccess.QueryRowContext(ctx, c.id, string(c.result)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		c.refusal = &event.Error{Kind: event.NotFound, Text: fmt.Sprintf("cannot conclude access %d: there is none", c.id)}
		return nil
	}
	c.changed = true
	return err
}

// RecordAccess implements store.Writer.
func (s *Store) RecordAccess(ctx context.Context, a event.Access) (int64, error) {
	const row = 256 // bytes
	w := &accessing{access: a.Cut()}
	if err := s.submit(ctx, "record access", w, row); err != nil {
		return 0, err
	}
	return w.id, nil
}

// ConcludeAccess implements store.Writer.
func (s *Store) ConcludeAccess(ctx context.Context, id int64, result event.AccessResult) error {
	c := &concluding{id: id, result: result}
	return s.settle(ctx, "conclude access", c, &c.attempt, 0)
}

// Accesses implements store.Reader.
func (r *Reader) Accesses(
	ctx context.Context, filter event.AccessFilter, before int64, limit int,
) (list []event.Access, err error) {
	query := newestAccesses
	switch {
	case filter.Object != "":
		query = accessesTo
	case filter.Who != "":
		query = accessesOf
	}
	if before <= 0 {
		before = math.MaxInt64
	}
	err = r.each(ctx, "list accesses", func(rows *sql.Rows) error {
		var a event.Access
		err := rows.Scan(&a.ID, (*timestamp)(&a.At), &a.Who, &a.Role, &a.From, &a.Action, &a.Object, &a.Detail, &a.Result)
		list = append(list, a)
		return err
	}, query, before, filter.Who, filter.Object, max(limit, 0))
	return list, err
}

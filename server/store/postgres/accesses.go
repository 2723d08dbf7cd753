package postgres

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
)

const (
	insertAccess = `INSERT INTO numhook.accesses (at, who, role, origin, action, object, detail, result)
		VALUES ($1::bigint, $2::bytea, $3::bytea, $4::bytea, $5::bytea, $6::bytea, $7::bytea, $8::text) RETURNING id`
	concludeAccess = `UPDATE numhook.accesses SET result = CASE result WHEN 'begun' THEN $2::text ELSE result END
		WHERE id = $1::bigint RETURNING id`

	accessColumns  = `SELECT id, at, who, role, origin, action, object, detail, result FROM numhook.accesses `
	newestAccesses = accessColumns + `WHERE id < $1::bigint AND $2::bytea = '' AND $3::bytea = ''
		ORDER BY id DESC LIMIT $4::bigint`
	accessesOf = accessColumns + `WHERE who = $2::bytea AND id < $1::bigint AND $3::bytea = ''
		ORDER BY id DESC LIMIT $4::bigint`
	accessesTo = accessColumns + `WHERE object = $3::bytea AND object <> ''::bytea AND id < $1::bigint
		AND ($2::bytea = '' OR who = $2::bytea) ORDER BY id DESC LIMIT $4::bigint`
)

// RecordAccess implements store.Writer. Of an attempt that was not heard of there may be a row, too.
func (s *Store) RecordAccess(ctx context.Context, a event.Access) (id int64, err error) {
	a = a.Cut()
	err = s.transact(ctx, "record access", retryTime, func(b *pgx.Batch, _ bool) {
		b.Queue(insertAccess, a.At.UnixMicro(), []byte(a.Who), []byte(a.Role), []byte(a.From), []byte(a.Action),
			[]byte(a.Object), []byte(a.Detail), string(a.Result)).QueryRow(func(row pgx.Row) error { return row.Scan(&id) })
	})
	return id, err
}

// ConcludeAccess implements store.Writer.
func (s *Store) ConcludeAccess(ctx context.Context, id int64, result event.AccessResult) error {
	return s.transact(ctx, "conclude access", retryTime, func(b *pgx.Batch, _ bool) {
		b.Queue(concludeAccess, id, string(result)).Query(func(rows pgx.Rows) error {
			list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
			if err == nil && len(list) == 0 {
				return &event.Error{Kind: event.NotFound, Text: fmt.Sprintf("cannot conclude access %d: there is none", id)}
			}
			return err
		})
	})
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
	err = r.each(ctx, "list accesses", func(rows pgx.Rows) error {
		var a event.Access
		err := rows.Scan(&a.ID, (*timestamp)(&a.At), (*senderText)(&a.Who), (*senderText)(&a.Role), (*senderText)(&a.From),
			(*senderText)(&a.Action), (*senderText)(&a.Object), (*senderText)(&a.Detail), (*string)(&a.Result))
		list = append(list, a)
		return err
	}, query, before, []byte(filter.Who), []byte(filter.Object), int64(max(limit, 0)))
	return list, err
}

package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// clocks is the database's clock, and the newest receipt of the last few that were stored: those of one batch are in no
// order of receipt.
const clocks = `SELECT coalesce($1` + clock + `, (SELECT max(received) FROM (SELECT received FROM numhook.events ` +
	`ORDER BY seq DESC LIMIT 16) AS last)`

// Clock implements store.Reader.
func (r *Reader) Clock(ctx context.Context) (now, newest time.Time, err error) {
	err = r.each(ctx, "read the newest receipt", func(rows pgx.Rows) error {
		var received *int64
		err := rows.Scan((*timestamp)(&now), &received)
		newest = perhaps(received)
		return err
	}, clocks, r.clock())
	return now, newest, err
}

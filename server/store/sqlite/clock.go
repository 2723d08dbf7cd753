package sqlite

import (
	"context"
	"database/sql"
	"time"
)

// newestReceipt looks at the last few that were stored: those of one batch are in no order of receipt.
const newestReceipt = `SELECT max(received) FROM (SELECT received FROM events ORDER BY seq DESC LIMIT 16)`

// Clock implements store.Reader. The store has no clock but this machine's.
func (r *Reader) Clock(ctx context.Context) (now, newest time.Time, err error) {
	err = r.each(ctx, "read the newest receipt",
		func(rows *sql.Rows) error { return rows.Scan((*optionalTimestamp)(&newest)) }, newestReceipt)
	return r.now(), newest, err
}

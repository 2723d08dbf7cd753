package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// The sequences that seqs come from.
const (
	eventSeqs     = "numhook.event_places"
	quarantineIDs = "numhook.quarantine_id_seq"
)

// seqHolders are the others' transactions that may have drawn seqs and have not ended.
const seqHolders = `SELECT virtualtransaction FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
	AND pid <> pg_backend_pid()
	AND classid::bigint = ` + seqLock + ` >> 32 AND objid::bigint = ` + seqLock + ` & 4294967295
	AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

// settled is the highest seq such that every lower one has either been committed or never will be. Who pages up to it
// misses nothing that appears later, and what had been acknowledged before the call is not above it.
//
// Seqs are drawn by transactions that are under way at the same time, so a lower one may be committed after a higher
// one. Every such transaction holds a lock from before it draws until it has ended. So: the newest seq that was drawn;
// then who holds the lock; then wait until all of those have ended. Whoever took the lock later draws higher seqs.
// Nobody waits for the reader.
func (r *Reader) settled(ctx context.Context, sequence string) (seq int64, err error) {
	err = r.fresh(func() (bool, error) {
		seq, err = r.settle(ctx, sequence)
		return false, err
	})
	return seq, err
}

func (r *Reader) settle(ctx context.Context, sequence string) (seq int64, err error) {
	var under []string
	first := &pgx.Batch{}
	first.Queue("SELECT last_value FROM " + sequence).QueryRow(func(row pgx.Row) error { return row.Scan(&seq) })
	first.Queue(seqHolders).Query(func(rows pgx.Rows) (err error) {
		under, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err := r.asker().SendBatch(ctx, first).Close(); err != nil {
		return 0, err
	}
	pause := time.Millisecond
	for len(under) > 0 {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return 0, context.Cause(ctx)
		}
		pause = min(2*pause, 50*time.Millisecond)
		rows, err := r.asker().Query(ctx, seqHolders)
		if err != nil {
			return 0, err
		}
		still, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return 0, err
		}
		under = slices.DeleteFunc(under, func(transaction string) bool { return !slices.Contains(still, transaction) })
	}
	return seq, nil
}

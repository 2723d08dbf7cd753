package postgres

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
)

const (
	// addActivity takes its locks in the order of the names, whoever counts beside.
	addActivity = `INSERT INTO numhook.activity AS a (at, name, count)
		SELECT $1::bigint, c.name, c.count FROM unnest($2::text[], $3::bigint[]) AS c (name, count) ORDER BY c.name
		ON CONFLICT (at, name)
		DO UPDATE SET count = CASE a.name WHEN 'owed' THEN excluded.count ELSE a.count + excluded.count END`

	// foldActivity makes the minutes before $1 hours of $2 microseconds. One at a time does so.
	foldActivityLock = `SELECT pg_advisory_xact_lock(` + foldLock + `)`
	foldActivity     = `WITH minutes AS (
			DELETE FROM numhook.activity WHERE at < $1::bigint AND at % $2::bigint <> 0 RETURNING at, name, count
		)
		INSERT INTO numhook.activity AS a (at, name, count)
			SELECT at - at % $2, name, CASE name WHEN 'owed' THEN max(count) ELSE sum(count)::bigint END
			FROM minutes GROUP BY at - at % $2, name
		ON CONFLICT (at, name) DO UPDATE SET count = CASE a.name WHEN 'owed' THEN greatest(a.count, excluded.count)
			ELSE a.count + excluded.count END`

	activityBetween = `SELECT at - at % $3::bigint, name, CASE name WHEN 'owed' THEN max(count) ELSE sum(count)::bigint END
		FROM numhook.activity WHERE at >= $1::bigint AND at < $2::bigint GROUP BY at - at % $3, name ORDER BY 1, 2`

	foldLock = `431113466724` // the letters of the word fold, and one more
)

// AddActivity implements store.Writer. Of an attempt that was not heard of the counts may be there twice.
func (s *Store) AddActivity(ctx context.Context, at time.Time, counts map[string]int64) error {
	names := slices.Sorted(maps.Keys(counts))
	values := make([]int64, len(names))
	for i, name := range names {
		values[i] = counts[name]
	}
	return s.transact(ctx, "count", retryTime, func(b *pgx.Batch, _ bool) {
		b.Queue(addActivity, at.Truncate(time.Minute).UnixMicro(), names, values)
	})
}

// FoldActivity implements store.Writer.
func (s *Store) FoldActivity(ctx context.Context, before time.Time) error {
	return s.transact(ctx, "fold counts", retryTime, func(b *pgx.Batch, _ bool) {
		b.Queue(foldActivityLock)
		b.Queue(foldActivity, before.Truncate(time.Hour).UnixMicro(), time.Hour.Microseconds())
	})
}

// Activity implements store.Reader.
func (r *Reader) Activity(
	ctx context.Context, since, until time.Time, step time.Duration,
) (list []event.Activity, err error) {
	err = r.each(ctx, "list counts", func(rows pgx.Rows) error {
		var a event.Activity
		err := rows.Scan((*timestamp)(&a.At), &a.Name, &a.Count)
		list = append(list, a)
		return err
	}, activityBetween, since.UnixMicro(), until.UnixMicro(), max(step, time.Minute).Microseconds())
	return list, err
}

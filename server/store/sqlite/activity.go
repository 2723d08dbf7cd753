package sqlite

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"numhook/server/event"
)

const (
	addActivity = `INSERT INTO activity (at, name, count) VALUES (?1, ?2, ?3) ON CONFLICT (at, name)
		DO UPDATE SET count = CASE name WHEN 'owed' THEN excluded.count ELSE count + excluded.count END`

	// foldActivity makes the minutes before ?1 hours of ?2 microseconds, of which foldedActivity are left over.
	foldActivity = `INSERT OR REPLACE INTO activity (at, name, count)
		SELECT at - at % ?2, name, CASE name WHEN 'owed' THEN max(count) ELSE sum(count) END FROM activity
		WHERE at < ?1 GROUP BY at - at % ?2, name`
	foldedActivity = `DELETE FROM activity WHERE at < ?1 AND at % ?2 <> 0`

	activityBetween = `SELECT at - at % ?3, name, CASE name WHEN 'owed' THEN max(count) ELSE sum(count) END FROM activity
		WHERE at >= ?1 AND at < ?2 GROUP BY at - at % ?3, name ORDER BY 1, 2`
)

// counting are counts on their way in.
type counting struct {
	at     time.Time
	counts map[string]int64
}

func (c counting) write(ctx context.Context, w *session) error {
	for _, name := range slices.Sorted(maps.Keys(c.counts)) {
		_, err := w.addActivity.ExecContext(ctx, c.at.Truncate(time.Minute).UnixMicro(), name, c.counts[name])
		if err != nil {
			return err
		}
	}
	return nil
}

// folding makes hours of minutes.
type folding struct{ before time.Time }

func (f folding) write(ctx context.Context, w *session) error {
	args := []any{f.before.Truncate(time.Hour).UnixMicro(), time.Hour.Microseconds()}
	if _, err := w.foldActivity.ExecContext(ctx, args...); err != nil {
		return err
	}
	_, err := w.foldedActivity.ExecContext(ctx, args...)
	return err
}

// AddActivity implements store.Writer.
func (s *Store) AddActivity(ctx context.Context, at time.Time, counts map[string]int64) error {
	return s.submit(ctx, "count", counting{at, maps.Clone(counts)}, 0)
}

// FoldActivity implements store.Writer.
func (s *Store) FoldActivity(ctx context.Context, before time.Time) error {
	return s.submit(ctx, "fold counts", folding{before}, 0)
}

// Activity implements store.Reader.
func (r *Reader) Activity(
	ctx context.Context, since, until time.Time, step time.Duration,
) (list []event.Activity, err error) {
	err = r.each(ctx, "list counts", func(rows *sql.Rows) error {
		var a event.Activity
		err := rows.Scan((*timestamp)(&a.At), &a.Name, &a.Count)
		list = append(list, a)
		return err
	}, activityBetween, since.UnixMicro(), until.UnixMicro(), max(step, time.Minute).Microseconds())
	return list, err
}

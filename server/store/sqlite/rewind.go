package sqlite

import (
	"context"
	"time"

	"numhook/server/event"
)

// rewoundAtATime is how many rows are mended in one transaction, so that no delivery waits for all of them.
const rewoundAtATime = 2000

// rewind mends rows of a downstream: ?2 is now, ?3 and ?4 are the times that are later than they can be due, and
// enqueued since, and ?5 is by how much they are enqueued since earlier.
const rewind = `UPDATE owed SET due = CASE WHEN state = 'waiting' AND due > ?3 THEN ?2 ELSE due END,
		since = CASE WHEN since > ?4 THEN min(since - ?5, ?2) ELSE since END
	WHERE id IN (SELECT o.id FROM downstreams d CROSS JOIN owed o ON o.downstream = d.id AND o.state = 'waiting'
			WHERE d.name = ?1 AND (o.due > ?3 OR o.since > ?4)
		UNION ALL SELECT o.id FROM downstreams d CROSS JOIN owed o ON o.downstream = d.id AND o.state = 'attempting'
			WHERE d.name = ?1 AND o.since > ?4 LIMIT ?6)`

// rewinding mends rows that were written under a clock that has been set back since.
type rewinding struct {
	attempt
	downstream    string
	longest, back time.Duration
	count         int
}

func (r *rewinding) write(ctx context.Context, w *session) error {
	const slack = event.ClockSlack
	now := w.now()
	result, err := w.conn.ExecContext(ctx, rewind, r.downstream, now, now+(r.longest+slack).Microseconds(),
		now+slack.Microseconds(),
		r.back.Microseconds(), rewoundAtATime)
	if err := w.makeDue(result, err); err != nil {
		return err
	}
	count, err := result.RowsAffected()
	r.count, r.changed = int(count), count > 0
	return err
}

// Rewind implements store.Outbox.
func (s *Store) Rewind(ctx context.Context, downstream string, longest, back time.Duration) (int, error) {
	for total := 0; ; {
		r := &rewinding{downstream: downstream, longest: longest, back: back}
		if err := s.settle(ctx, "mend what was owed under another clock", r, &r.attempt, 0); err != nil {
			return total, err
		}
		if total += r.count; r.count < rewoundAtATime {
			return total, nil
		}
	}
}

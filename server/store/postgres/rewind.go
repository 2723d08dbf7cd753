package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
)

// rewoundAtATime is how many rows are mended in one transaction.
const rewoundAtATime = 1000

// rewindRows mends rows of the downstream $1: what is due $2 after now, or later, is due now, and the outbox since $3
// after now, or later, is enqueued since $4 earlier. $5 is the time. Rows that somebody is at are mended the next time.
var rewindRows = `WITH clock AS MATERIALIZED (SELECT coalesce($5` + clock + `), ahead AS MATERIALIZED (
		SELECT id FROM numhook.owed WHERE downstream = (SELECT id FROM numhook.downstreams WHERE name = $1::bytea)
			AND (state = 'waiting' AND due > (SELECT now FROM clock) + $2::bigint
				OR state IN ('waiting', 'attempting') AND since > (SELECT now FROM clock) + $3::bigint)
		LIMIT ` + fmt.Sprint(rewoundAtATime) + ` FOR UPDATE SKIP LOCKED
	), mended AS (
		UPDATE numhook.owed o SET
			due = CASE WHEN o.state = 'waiting' AND o.due > c.now + $2 THEN c.now ELSE o.due END,
			since = CASE WHEN o.since > c.now + $3 THEN least(o.since - $4::bigint, c.now) ELSE o.since END
		FROM clock c WHERE o.id = ANY (ARRAY(SELECT id FROM ahead)) RETURNING 1
	)
	SELECT count(*) FROM mended`

// Rewind implements store.Outbox.
func (s *Store) Rewind(ctx context.Context, downstream string, longest, back time.Duration) (int, error) {
	const slack = event.ClockSlack
	for total := 0; ; {
		var count int64
		err := s.transact(ctx, "mend what was owed under another clock", retryTime, func(b *pgx.Batch, _ bool) {
			b.Queue(rewindRows, []byte(downstream), (longest + slack).Microseconds(), slack.Microseconds(), back.Microseconds(),
				s.clock()).
				QueryRow(func(row pgx.Row) error { return row.Scan(&count) })
		})
		if err == nil && count > 0 {
			s.wake()
		}
		if total += int(count); err != nil || count < rewoundAtATime {
			return total, err
		}
	}
}

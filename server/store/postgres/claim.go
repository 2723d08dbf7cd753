package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
	"numhook/server/store/sound"
)

// lookedAt is how many rows that stand in a queue, beside those that are handed out, a claim looks at and puts aside at
// a time.
const lookedAt = 1000

// A claim goes on putting aside what stands in queues until it has found enough to hand out, but not for long once it
// has found anything.
const (
	claimTime  = time.Second
	fillUpTime = 20 * time.Millisecond
)

// In the statements of a claim $1 is the downstream's name, $2 the claim, $3 the limit and $4 the time.
const (
	numberLine = `WITH line AS MATERIALIZED (SELECT id, mode FROM numhook.downstreams WHERE name = $1::bytea AND paused ` +
		`IS NULL)`

	// taken are the rows that are under the claim: some, when an attempt before this one was durable and not heard of.
	taken = `, clock AS MATERIALIZED (SELECT coalesce($4` + clock + `), taken AS MATERIALIZED (
			SELECT count(*) AS rows FROM numhook.owed WHERE downstream = (SELECT id FROM line) AND state = 'attempting'
				AND claim = $2::bigint
		)`

	waits = `o.downstream = (SELECT id FROM line) AND o.state = 'waiting' AND NOT o.queued`

	// before are the rows that are to be delivered before o. The turn and the slot of a row of mode every are its version.
	before = `numhook.owed b WHERE b.downstream = o.downstream AND b.number = o.number AND b.slot > 0
		AND b.state IN ('waiting', 'attempting')
		AND (b.turn, b.slot) < (o.turn, o.slot)`

	heldUp = `((SELECT mode FROM line) = 'every' AND EXISTS (SELECT FROM ` + before + `))`
)

// ripe are the first rows for which the condition on their time holds and that nothing holds up, as many as there is
// room for. What held when they were looked for is asked again of the row that is locked; in a CASE, because the
// planner would else look for each by these conditions instead of by its id, as long as it has no statistics.
func ripe(when, room string) string {
	return `SELECT o.id FROM (
			SELECT o.id, o.due FROM numhook.owed o WHERE ` + waits + ` AND ` + when + ` ORDER BY o.due, o.id LIMIT ` +
		`$3::bigint + ` + fmt.Sprint(lookedAt) + `
		) c JOIN numhook.owed o ON o.id = c.id
		WHERE CASE WHEN ` + waits + ` AND ` + when + ` THEN NOT ` + heldUp + ` ELSE false END
		ORDER BY c.due, c.id LIMIT greatest(` + room + `, 0) FOR UPDATE OF o SKIP LOCKED`
}

var (
	// claimRows takes the rows. Who is in the way is passed over: another claim has them, or somebody is changing them.
	claimRows = numberLine + taken + `, due AS MATERIALIZED (` + ripe(`o.due <= (SELECT now FROM clock)`,
		`$3::bigint - (SELECT rows FROM taken)`) + `)
		UPDATE numhook.owed o SET state = 'attempting', claim = $2, tries = tries + 1
		WHERE o.id = ANY (ARRAY(SELECT id FROM due))`

	// claimedRows tells what was taken. A statement of its own: a value that was stored while the one before looked for
	// rows is not there for that one.
	claimedRows = `SELECT o.id, o.claim, o.seq, $1::bytea, o.number, o.attribute, e.value, v.value,
			e.value IS NOT NULL AND e.numbers <> '[]' AND EXISTS (
				SELECT FROM numhook.changes n WHERE n.number = o.number AND n.attribute = e.attribute AND n.ordered_ts > o.event_ts
					AND n.seq < o.seq),
			coalesce(e.event_ts, o.event_ts), e.id, e.name, e.account_id, coalesce(e.carrier_code, 0), coalesce(e.received, 0),
				o.tries, o.since, v.id` + evidence("v") + evidence("e") + `
		FROM numhook.owed o LEFT JOIN numhook.events e ON e.seq = o.seq LEFT JOIN LATERAL (
				SELECT q.* FROM numhook.changes p LEFT JOIN numhook.events q ON q.seq = p.seq
				WHERE e.value IS NOT NULL AND e.numbers <> '[]' AND p.number = o.number AND p.attribute = e.attribute
					AND (p.ordered_ts, p.seq) < (o.event_ts, o.seq)
				ORDER BY p.ordered_ts DESC, p.seq DESC LIMIT 1) v ON true
		WHERE o.downstream = (SELECT id FROM numhook.downstreams WHERE name = $1) AND o.state = 'attempting'
			AND o.claim = $2::bigint ORDER BY o.due, o.id`

	// queueRows puts aside what stands in a queue, when that left too few rows to hand out. It holds the row that each
	// stands behind meanwhile, so that whoever finishes that one looks for those behind it afterwards: see unqueue. It
	// waits for nobody.
	queueRows = numberLine + taken + `, looked AS MATERIALIZED (
			SELECT o.id, (SELECT b.id FROM ` + before + ` ORDER BY b.turn, b.slot LIMIT 1) AS behind
			FROM numhook.owed o WHERE (SELECT mode FROM line) = 'every' AND (SELECT rows FROM taken) < $3::bigint
				AND ` + waits + ` AND o.due <= (SELECT now FROM clock) ORDER BY o.due, o.id LIMIT $3 + ` + fmt.Sprint(lookedAt) + `
		), held AS MATERIALIZED (
			SELECT b.id FROM numhook.owed b WHERE b.id = ANY (ARRAY(SELECT DISTINCT behind FROM looked WHERE behind IS NOT NULL))
				AND b.state IN ('waiting', 'attempting') FOR SHARE SKIP LOCKED
		), standing AS MATERIALIZED (
			SELECT o.id FROM numhook.owed o WHERE o.id = ANY (ARRAY(SELECT id FROM looked WHERE behind = ANY (ARRAY(SELECT id
				FROM held))))
				AND CASE WHEN o.state = 'waiting' THEN NOT o.queued ELSE false END FOR UPDATE SKIP LOCKED
		), aside AS (
			UPDATE numhook.owed o SET queued = true WHERE o.id = ANY (ARRAY(SELECT id FROM standing)) RETURNING 1
		)
		SELECT count(*) FROM aside`

	// nextRow tells when the first of the others will be due. When all it looks at are held up, it says when the last of
	// them is due: somebody has to look again. The rows come from the window as they came into it, by due.
	nextRow = numberLine + `, queue AS MATERIALIZED (SELECT o.* FROM numhook.owed o WHERE ` + waits +
		` ORDER BY o.due, o.id LIMIT ` + fmt.Sprint(lookedAt) + `)
		SELECT coalesce((SELECT o.due FROM queue o WHERE NOT ` + heldUp + ` LIMIT 1), (SELECT max(due) FROM queue HAVING ` +
		`count(*) = ` + fmt.Sprint(lookedAt) + `))`
)

// claimLock is the key of the advisory lock that every claim for the downstream shares, so that whoever pauses it can
// wait for those that are under way.
func claimLock(downstream string) int64 {
	h := fnv.New64a()
	h.Write([]byte("numhook claim "))
	h.Write([]byte(downstream))
	return int64(h.Sum64())
}

// Claim implements store.Outbox. The claim is drawn by chance: no other row, and no other claim of a row, will ever
// have the same.
func (s *Store) Claim(
	ctx context.Context, downstream string, limit int,
) (attempts []event.Attempt, next time.Time, err error) {
	if limit < 1 {
		return nil, time.Time{}, nil
	}
	claim := 1 + rand.Int64N(1<<63-1)
	for start := time.Now(); ; {
		var aside int64
		var due *int64
		var claimed []claimedRow
		err = s.transact(ctx, "claim what is owed", retryTime, func(b *pgx.Batch, _ bool) {
			claimed = nil
			args := []any{[]byte(downstream), claim, int64(limit), s.clock()}
			b.Queue("SELECT pg_advisory_xact_lock_shared($1::bigint)", claimLock(downstream))
			b.Queue(claimRows, args...)
			b.Queue(claimedRows, args[:2]...).Query(func(rows pgx.Rows) (err error) {
				claimed, err = pgx.CollectRows(rows, scanAttempt)
				return err
			})
			b.Queue(queueRows, args...).QueryRow(func(row pgx.Row) error { return row.Scan(&aside) })
			b.Queue(nextRow, args[0]).QueryRow(func(row pgx.Row) error { return row.Scan(&due) })
		})
		if err != nil {
			return nil, time.Time{}, err
		}
		took := time.Since(start)
		if aside == 0 || len(claimed) >= limit || took > claimTime || len(claimed) > 0 && took > fillUpTime {
			if attempts, err = s.judge(ctx, claimed); err != nil {
				return nil, time.Time{}, errors.Join(err, s.giveBack(ctx, downstream, claimed))
			}
			return attempts, perhaps(due), nil
		}
	}
}

// claimedRow is an attempt with what it is held against.
type claimedRow struct {
	event.Attempt
	evidence, before sound.Evidence
	previous         event.ID
}

func scanAttempt(row pgx.CollectableRow) (a claimedRow, err error) {
	into := []any{&a.Row, &a.Claim, &a.Seq, (*senderText)(&a.Downstream), (*senderText)(&a.Number),
		(*string)(&a.Attribute), rawValue{&a.Value}, rawValue{&a.Previous},
		&a.Superseded, &a.TS, (*identity)(&a.EventID), (*senderText)(&a.EventName), (*senderText)(&a.AccountID),
		&a.CarrierCode, (*timestamp)(&a.Received), &a.Try,
		(*timestamp)(&a.Since), (*identity)(&a.previous)}
	err = row.Scan(append(append(into, evidenceInto(&a.before)...), evidenceInto(&a.evidence)...)...)
	return a, err
}

// Held implements store.Outbox.
func (s *Store) Held(ctx context.Context, downstream string) ([]event.Claimed, error) {
	var list []event.Claimed
	err := s.each(ctx, "list what is claimed", func(rows pgx.Rows) error {
		var c event.Claimed
		err := rows.Scan(&c.Row, &c.Claim)
		list = append(list, c)
		return err
	}, `SELECT id, claim FROM numhook.owed WHERE downstream = (SELECT id FROM numhook.downstreams WHERE name = `+
		`$1::bytea) AND state = 'attempting' ORDER BY id`,
		[]byte(downstream))
	return list, err
}

const releaseRows = `WITH clock AS MATERIALIZED (SELECT coalesce($4` + clock + `), released AS (
		UPDATE numhook.owed o SET state = 'waiting', claim = 0, due = (SELECT now FROM clock)
		FROM unnest($1::bigint[], $2::bigint[]) AS r (id, claim)
		WHERE o.id = r.id AND o.claim = r.claim AND o.state = 'attempting' AND o.downstream = (SELECT id
			FROM numhook.downstreams WHERE name = $3::bytea)
		RETURNING 1
	)
	SELECT count(*) FROM released`

// Release implements store.Outbox.
func (s *Store) Release(ctx context.Context, downstream string, held []event.Claimed) (int, error) {
	rows, claims := make([]int64, len(held)), make([]int64, len(held))
	for i, c := range held {
		rows[i], claims[i] = c.Row, c.Claim
	}
	var released int64
	err := s.transact(ctx, "release what is claimed", retryTime, func(b *pgx.Batch, _ bool) {
		b.Queue(holdRow, rows)
		b.Queue(releaseRows, rows, claims, []byte(downstream),
			s.clock()).QueryRow(func(row pgx.Row) error { return row.Scan(&released) })
	})
	if err == nil && released > 0 {
		s.wake()
	}
	return int(released), err
}

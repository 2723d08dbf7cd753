package postgres

import (
	"context"
	"encoding/binary"

	"numhook/server/event"
)

// resultWork is the result of an attempt on its way in. Results are written in groups as deliveries are, by a writer
// that has nothing else to do.
type resultWork struct {
	result event.Result
	tries  int // how often it was sent

	held bool // the answer, once it is durable
}

// The columns of the record statement: one row a result.
var resultTypes = []uint32{typeBigint, typeBigint, typeBigint, typeBigint, typeText, typeBytea, typeBigint, typeBytea}

const (
	// holdRow locks the rows $1. A statement of its own, so that the next one sees them as they are then.
	holdRow = `SELECT FROM numhook.owed WHERE id = ANY ($1::bigint[]) ` + inOrder + ` FOR UPDATE`

	// record puts each row that is under the claim of its result to where that leads. When the answer to an attempt before
	// this one was lost, a row may have been put there by it: its claim says so. The answer is which results were taken,
	// and whether a newer value became due.
	record = `WITH clock AS MATERIALIZED (SELECT coalesce($9` + clock + `), results AS MATERIALIZED (
			SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::bytea[], $7::bigint[],
				$8::bytea[])
			WITH ORDINALITY AS r (id, claim, seq, after, verdict, reason, tries, output, ord)
		), recorded AS (
			UPDATE numhook.owed o SET attempted = (SELECT now FROM clock), reason = r.reason, output = r.output,
				due = (SELECT now FROM clock) + CASE r.verdict WHEN 'retry' THEN r.after ELSE 0 END,
				state = (CASE WHEN o.seq <> r.seq OR r.verdict = 'retry' THEN 'waiting' WHEN r.verdict = 'confirmed'
					THEN 'delivered' ELSE 'dead' END)::numhook.owed_state
			FROM results r WHERE o.id = ANY ($1) AND o.id = r.id AND o.claim = r.claim AND o.state = 'attempting'
			RETURNING r.ord, o.seq <> r.seq AS woken
		)
		SELECT ord, woken FROM recorded
		UNION ALL
		SELECT r.ord, false FROM results r JOIN numhook.owed o ON o.id = r.id WHERE o.id = ANY ($1) AND r.tries > 1
			AND o.claim = r.claim AND o.state <> 'attempting'`

	// unqueue has the next of each number's queue looked at again, from which one of the rows $1 has gone. It sees what
	// was put into the queue by then, because whoever does that holds a row that stands before.
	unqueue = `WITH gone AS (
			SELECT DISTINCT downstream, number FROM numhook.owed WHERE id = ANY ($1::bigint[]) AND slot > 0
				AND state NOT IN ('waiting', 'attempting')
		), next AS MATERIALIZED (
			SELECT id FROM numhook.owed WHERE id = ANY (ARRAY(SELECT (
				SELECT q.id FROM numhook.owed q WHERE q.downstream = g.downstream AND q.number = g.number AND q.slot > 0
					AND q.state IN ('waiting', 'attempting') AND q.queued
				ORDER BY q.turn, q.slot LIMIT 1
			) FROM gone g)) ` + inOrder + ` FOR UPDATE
		)
		UPDATE numhook.owed o SET queued = false WHERE o.id = ANY (ARRAY(SELECT id FROM next))`
)

// Record implements store.Outbox.
func (s *Store) Record(ctx context.Context, r event.Result) (bool, error) {
	const verb = "record the result of an attempt"
	switch r.Verdict {
	case event.Confirmed, event.Retry, event.Refused:
	default:
		return false, refused(verb, "the store does not know the verdict "+string(r.Verdict))
	}
	r.After = min(max(r.After, 0), event.LongestWait)
	w := &resultWork{result: r}
	if err := s.submitTo(ctx, s.results, verb, w, int64(len(r.Reason)+len(r.Output))); err != nil {
		return false, err
	}
	return w.held, nil
}

func (r *resultWork) join(b *batch) {
	r.held = false
	r.tries++
	b.results = append(b.results, r)
	c := b.outcomes.columns
	c[0].bigint(r.result.Row)
	c[1].bigint(r.result.Claim)
	c[2].bigint(r.result.Seq)
	c[3].bigint(r.result.After.Microseconds())
	c[4].text(string(r.result.Verdict))
	c[5].text(r.result.Reason)
	c[6].bigint(int64(r.tries))
	c[7].text(r.result.Output)
}

func (b *batch) askRecord(trip *roundTrip) {
	rows := [][]byte{b.outcomes.columns[0].parameter()}
	trip.ask(sayHoldRow, rows, nil)
	trip.ask(sayRecord, append(b.outcomes.parameters(), b.clock()), b.recorded())
	trip.ask(sayUnqueue, rows, nil)
}

// recorded takes (position in the batch, whether a newer value became due) of each result that was taken.
func (b *batch) recorded() *answer {
	return &answer{rows: anyNumber, row: func(values [][]byte) error {
		if len(values) != 2 || len(values[0]) != 8 || len(values[1]) != 1 {
			return errAnswer
		}
		position := binary.BigEndian.Uint64(values[0])
		if position < 1 || position > uint64(len(b.results)) {
			return errAnswer
		}
		b.results[position-1].held = true
		b.woken = b.woken || values[1][0] != 0
		return nil
	}}
}

package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
)

// enqueuedAtATime is how many changes are enqueued in one transaction.
const enqueuedAtATime = 1000

// offered are the rows that the changes $2 to $6 (number, attribute, event_ts, id, country) enqueue to the downstream
// $1, with $7 those that are done with as well, each with how it stands.
var offered = `WITH said AS MATERIALIZED (
		SELECT DISTINCT a.number, a.attribute, a.country, ` + ordered("e") + ` AS event_ts, e.seq, e.name, e.carrier_code,
			e.attribute IS NOT NULL AND e.value IS NOT NULL AND e.numbers <> '[]' AS sets
		FROM unnest($2::bytea[], $3::text[], $4::bigint[], $5::bytea[], $6::bytea[]) AS a (number, attribute, event_ts, id,
			country)
		JOIN numhook.events e ON e.event_ts = a.event_ts AND e.id = a.id AND coalesce(e.attribute::text, '') = a.attribute
	), offered AS MATERIALIZED (
		SELECT DISTINCT ON (d.id, m.number, m.attribute, s.slot) d.id AS downstream, m.number, m.attribute, s.slot,
			m.event_ts, m.seq, o.state
		FROM numhook.downstreams d CROSS JOIN said m CROSS JOIN LATERAL (SELECT CASE d.mode WHEN 'every' THEN m.seq
			ELSE 0 END AS slot) s
		LEFT JOIN numhook.owed o ON o.downstream = d.id AND o.number = m.number AND o.attribute = m.attribute
			AND o.slot = s.slot
		WHERE d.name = $1::bytea AND ` + wanted + ` AND (` + begins + ` AND ` + valued +
	` OR d.mode = 'latest' AND o.state <> 'untold')
			AND CASE d.mode
				WHEN 'every' THEN NOT m.sets OR (SELECT c.seq FROM numhook.changes c
					WHERE c.number = m.number AND c.attribute = m.attribute::numhook.attribute AND c.ordered_ts = m.event_ts
						AND c.seq = m.seq) IS NOT NULL
				ELSE m.sets AND m.seq = (SELECT c.seq FROM numhook.changes c
					WHERE c.number = m.number AND c.attribute = m.attribute::numhook.attribute ORDER BY c.ordered_ts DESC, c.seq DESC
						LIMIT 1) END
			AND (o.id IS NULL OR o.state = 'untold' OR (o.event_ts, o.seq) < (m.event_ts, m.seq) OR $7::boolean
			AND o.state IN ('delivered', 'dead', 'skipped'))
		ORDER BY d.id, m.number, m.attribute, s.slot, m.event_ts DESC, m.seq DESC
	)`

var (
	countOffered = offered + ` SELECT count(*) FROM offered WHERE state IS DISTINCT FROM 'attempting'`

	enqueueOffered = offered + `, clock AS MATERIALIZED (SELECT coalesce($8` + clock + `), owing AS (
			INSERT INTO numhook.owed AS o (downstream, number, attribute, slot, event_ts, seq, state, due, since)
			SELECT downstream, number, attribute, slot, event_ts, seq, 'waiting', (SELECT now FROM clock), (SELECT now
				FROM clock) FROM offered ` + inOrder + `
			ON CONFLICT (downstream, number, attribute, slot) DO UPDATE SET ` + begin + `
			WHERE ` + newer + ` OR ` + late +
		` OR o.seq = excluded.seq AND (o.state = 'untold' OR $7 AND o.state IN ('delivered', 'dead', 'skipped'))
			RETURNING o.state
		)
		SELECT count(*) FROM owing WHERE state = 'waiting'`
)

// Enqueue implements store.Outbox.
func (s *Store) Enqueue(
	ctx context.Context, downstream string, changes []event.Change, again, dryRun bool,
) (int, error) {
	const verb = "owe changes to downstream"
	total := 0
	for first := true; first || len(changes) > 0; first = false {
		part := changes[:min(len(changes), enqueuedAtATime)]
		changes = changes[len(part):]
		args := offer(downstream, part, again)
		var id, count int64
		err := s.transact(ctx, verb, retryTime, func(b *pgx.Batch, _ bool) {
			b.Queue(statements[saySeqLock]) // as those who store: nobody removes the downstream meanwhile
			b.Queue(`SELECT id FROM numhook.downstreams WHERE name = $1::bytea`, []byte(downstream)).Query(known(verb, &id))
			statement, all := countOffered, args
			if !dryRun {
				statement, all = enqueueOffered, append(slices.Clone(args), s.clock())
			}
			b.Queue(statement, all...).QueryRow(func(row pgx.Row) error { return row.Scan(&count) })
		})
		if err != nil {
			return total, err
		}
		if total += int(count); count > 0 && !dryRun {
			s.wake()
		}
	}
	return total, nil
}

// offer are the parameters of offered.
func offer(downstream string, changes []event.Change, again bool) []any {
	var numbers, ids, countries [][]byte
	var attributes []string
	var times []int64
	for _, c := range changes {
		numbers, attributes, times = append(numbers, []byte(c.Number)), append(attributes, string(c.Attribute)),
			append(times, c.TS)
		country := []byte(event.Country(c.Attribute, c.Value))
		if len(country) == 0 {
			country = nil
		}
		ids, countries = append(ids, c.EventID[:]), append(countries, country)
	}
	return []any{[]byte(downstream), numbers, attributes, times, ids, countries, again}
}

// stateOf locks a row and tells its state; skipRow and retryRow change it where that state allows it.
const (
	stateOf = `SELECT state::text FROM numhook.owed WHERE id = $1::bigint AND state <> 'untold' FOR UPDATE`

	retryRow = `UPDATE numhook.owed o SET state = 'waiting', queued = false, due = c.now, tries = CASE o.state
		WHEN 'waiting' THEN o.tries ELSE 0 END,
			since = CASE o.state WHEN 'waiting' THEN o.since ELSE c.now END
		FROM (SELECT coalesce($2` + clock + `) c WHERE o.id = $1::bigint AND o.state IN ('waiting', 'delivered', 'dead', ` +
		`'skipped')`

	skipRow = `UPDATE numhook.owed SET state = 'skipped', queued = false WHERE id = $1::bigint AND state IN ('waiting',` +
		` 'dead')`
)

// Retry implements store.Outbox.
func (s *Store) Retry(ctx context.Context, row int64) error {
	var state event.OutboxState
	err := s.transact(ctx, "retry what is owed", retryTime, func(b *pgx.Batch, _ bool) {
		b.Queue(stateOf, row).Query(stands("retry", row, &state))
		b.Queue(retryRow, row, s.clock())
	})
	if err == nil && state == event.Attempting {
		err = wrongState("retry", state)
	}
	if err == nil {
		s.wake()
	}
	return err
}

// Skip implements store.Outbox.
func (s *Store) Skip(ctx context.Context, row int64) error {
	var state event.OutboxState
	maybe := false // skipped already by an attempt that was not heard of
	err := s.transact(ctx, "skip what is owed", retryTime, func(b *pgx.Batch, again bool) {
		maybe = again
		b.Queue(stateOf, row).Query(stands("skip", row, &state))
		b.Queue(skipRow, row)
		b.Queue(unqueue, []int64{row})
	})
	if err == nil && state != event.Waiting && state != event.Dead && (state != event.Skipped || !maybe) {
		err = wrongState("skip", state)
	}
	return err
}

// stands takes how a row stands, or says that there is none.
func stands(verb string, row int64, state *event.OutboxState) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err == nil && len(list) == 0 {
			return noRow(verb, row)
		}
		if err == nil {
			*state = event.OutboxState(list[0])
		}
		return err
	}
}

func noRow(verb string, row int64) error {
	return &event.Error{Kind: event.NotFound, Text: fmt.Sprintf("cannot %s owed row %d: there is none", verb, row)}
}

func wrongState(verb string, state event.OutboxState) error {
	return &event.Error{Kind: event.Invalid, Text: "cannot " + verb + " what is " + string(state)}
}

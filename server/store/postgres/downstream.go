package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
)

// registerTime is how long a change of what is enqueued for whom tries to find a moment at which no event is stored;
// waitTime is how long it holds up those who store, when it waits for one that is under way.
const (
	registerTime = 10 * time.Second
	waitTime     = `SET LOCAL lock_timeout = '300ms'`

	// alone is the lock that everybody shares who stores: whoever holds it alone changes the outbox between two events,
	// not in the midst of one.
	alone = `SELECT pg_advisory_xact_lock(` + seqLock + `)`

	// claimAlone is that of the claims for one downstream.
	claimAlone = `SELECT pg_advisory_xact_lock($1::bigint)`
)

const (
	statusQuery = `SELECT d.name, d.mode::text, d.start::text, d.events, d.carrier_codes, d.countries, d.prefixes,
		d.registered, d.filled, d.paused, d.paused_why,
			w.rows + q.rows, a.rows, x.rows, least(w.since, q.since, a.since),
			(SELECT coalesce($1` + clock + `), greatest(w.newest, q.newest, a.newest), w.due
		FROM numhook.downstreams d
		CROSS JOIN LATERAL (SELECT count(*) AS rows, min(since) AS since, max(since) AS newest, max(due) AS due
			FROM numhook.owed WHERE downstream = d.id AND state = 'waiting' AND NOT queued) w
		CROSS JOIN LATERAL (SELECT count(*) AS rows, min(since) AS since, max(since) AS newest FROM numhook.owed
			WHERE downstream = d.id AND slot > 0 AND state IN ('waiting', 'attempting') AND queued) q
		CROSS JOIN LATERAL (SELECT count(*) AS rows, min(since) AS since, max(since) AS newest
			FROM numhook.owed WHERE downstream = d.id AND state = 'attempting') a
		CROSS JOIN LATERAL (SELECT count(*) AS rows FROM numhook.owed WHERE downstream = d.id AND state = 'dead') x
		WHERE `

	oneStatus   = statusQuery + `d.name = $2::bytea`
	allStatuses = statusQuery + `d.name IS NOT NULL ORDER BY d.name`

	register = `INSERT INTO numhook.downstreams AS d (name, mode, start, events, carrier_codes, countries, prefixes,
		registered, filled)
		VALUES ($1, $2::text::numhook.downstream_mode, $3::text::numhook.downstream_start, $4, $5, $6, $7,
			(SELECT coalesce($8` + clock + `), $3 = 'now')
		ON CONFLICT (name) DO UPDATE SET events = excluded.events, carrier_codes = excluded.carrier_codes,
			countries = excluded.countries, prefixes = excluded.prefixes
		WHERE d.mode = excluded.mode`
)

func scanStatus(row pgx.CollectableRow) (s event.DownstreamStatus, err error) {
	var events, countries, prefixes [][]byte
	var paused, oldest, newest, due *int64
	err = row.Scan((*senderText)(&s.Name), (*string)(&s.Mode), (*string)(&s.Start), &events, &s.Only.CarrierCodes,
		&countries, &prefixes, (*timestamp)(&s.Registered),
		&s.Filled, &paused, (*senderText)(&s.PausedWhy), &s.Waiting, &s.Attempting, &s.Dead, &oldest, (*timestamp)(&s.At),
		&newest, &due)
	s.Events, s.Only.Countries, s.Only.Prefixes = texts(events), texts(countries), texts(prefixes)
	s.Paused, s.Oldest = perhaps(paused), perhaps(oldest)
	s.Newest, s.LastDue = perhaps(newest), perhaps(due)
	return s, err
}

// texts and blobs are a list as the program and as the database has it; an empty one is nil, and NULL.
func texts(list [][]byte) (texts []string) {
	for _, text := range list {
		texts = append(texts, string(text))
	}
	return texts
}

func blobs(list []string) (blobs [][]byte) {
	for _, text := range list {
		blobs = append(blobs, []byte(text))
	}
	return blobs
}

// Register implements store.Outbox. A downstream is written while nobody stores: so whoever finds it there knows that
// every event is enqueued for it that is stored from then on, and need not wait for anybody.
func (s *Store) Register(ctx context.Context, d event.Downstream) (event.DownstreamStatus, error) {
	const verb = "register downstream"
	switch {
	case d.Name == "":
		return event.DownstreamStatus{}, refused(verb, "it has no name")
	case d.Mode != event.Latest && d.Mode != event.Every:
		return event.DownstreamStatus{}, refused(verb, "the store does not know the mode "+string(d.Mode))
	case d.Start != event.FromNow && d.Start != event.FromBeginning && d.Start != event.FromSnapshot:
		return event.DownstreamStatus{}, refused(verb, "the store does not know the start "+string(d.Start))
	}
	if len(d.Only.CarrierCodes) == 0 {
		d.Only.CarrierCodes = nil
	}
	for known := false; ; known = true {
		var list []event.DownstreamStatus
		err := s.transact(ctx, verb, registerTime, func(b *pgx.Batch, _ bool) {
			if known {
				b.Queue(waitTime)
				b.Queue(alone)
				b.Queue(register, []byte(d.Name), string(d.Mode), string(d.Start), blobs(d.Events), d.Only.CarrierCodes,
					blobs(d.Only.Countries), blobs(d.Only.Prefixes), s.clock())
			}
			b.Queue(oneStatus, s.clock(), []byte(d.Name)).Query(func(rows pgx.Rows) (err error) {
				list, err = pgx.CollectRows(rows, scanStatus)
				return err
			})
		})
		if err != nil {
			return event.DownstreamStatus{}, err
		}
		switch {
		case len(list) == 1 && list[0].Mode != d.Mode:
			return event.DownstreamStatus{}, &event.Error{Kind: event.Invalid, Text: "cannot register downstream " + d.Name +
				": it is known under another mode",
				Hint: "remove it, or give the new one another name"}
		case len(list) == 1 && (known || sameFilters(list[0].Downstream, d)):
			return list[0], nil
		case known:
			return event.DownstreamStatus{}, s.dsn.unavailable(verb, errAnswer)
		}
	}
}

func sameFilters(a, b event.Downstream) bool {
	return slices.Equal(a.Events, b.Events) && slices.Equal(a.Only.CarrierCodes, b.Only.CarrierCodes) &&
		slices.Equal(a.Only.Countries, b.Only.Countries) &&
		slices.Equal(a.Only.Prefixes, b.Only.Prefixes)
}

// unknown is for a downstream that is not there.
func unknown(verb string) error {
	return &event.Error{Kind: event.NotFound, Text: "cannot " + verb + ": there is none of this name",
		Hint: "numhook downstreams status lists them"}
}

// known takes the number of an answer of one row, or none when there is no such downstream.
func known(verb string, n *int64) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		list, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err == nil && len(list) == 0 {
			return unknown(verb)
		}
		if err == nil {
			*n = list[0]
		}
		return err
	}
}

// Filled implements store.Outbox.
func (s *Store) Filled(ctx context.Context, downstream string) error {
	const verb = "mark downstream as filled"
	var id int64
	return s.transact(ctx, verb, retryTime, func(b *pgx.Batch, _ bool) {
		b.Queue(`UPDATE numhook.downstreams SET filled = true WHERE name = $1::bytea RETURNING id`,
			[]byte(downstream)).Query(known(verb, &id))
	})
}

// Pause implements store.Outbox. It waits for the claims that are under way.
func (s *Store) Pause(ctx context.Context, downstream, why string) error {
	const verb = "pause downstream"
	var id int64
	return s.transact(ctx, verb, retryTime, func(b *pgx.Batch, _ bool) {
		b.Queue(claimAlone, claimLock(downstream))
		b.Queue(`UPDATE numhook.downstreams SET paused = coalesce(paused, (SELECT now FROM (SELECT coalesce($3`+clock+
			`) c)), paused_why = $2 WHERE name = $1::bytea
			RETURNING id`, []byte(downstream), []byte(why), s.clock()).Query(known(verb, &id))
	})
}

// Resume implements store.Outbox.
func (s *Store) Resume(ctx context.Context, downstream string) error {
	const verb = "resume downstream"
	var resumed int64
	err := s.transact(ctx, verb, retryTime, func(b *pgx.Batch, _ bool) {
		b.Queue(`SELECT (paused IS NOT NULL)::integer::bigint FROM numhook.downstreams WHERE name = $1::bytea FOR UPDATE`,
			[]byte(downstream)).Query(known(verb, &resumed))
		b.Queue(`UPDATE numhook.downstreams SET paused = NULL, paused_why = '' WHERE name = $1::bytea AND paused IS NOT NULL`,
			[]byte(downstream))
	})
	if err == nil && resumed != 0 {
		s.wake()
	}
	return err
}

// removedRows is how many rows of a removed downstream go in one transaction.
const removedRows = 5000

// Remove implements store.Outbox. The name goes first, while nobody stores and nobody claims: from then on nothing new
// is enqueued for the downstream, and nobody sees it. What was enqueued for it goes a piece at a time. What a crash
// leaves of it goes with the next one that is removed.
func (s *Store) Remove(ctx context.Context, downstream string) error {
	const verb = "remove downstream"
	var id int64
	err := s.transact(ctx, verb, registerTime, func(b *pgx.Batch, again bool) {
		b.Queue(waitTime)
		b.Queue(alone)
		b.Queue(claimAlone, claimLock(downstream))
		b.Queue(`UPDATE numhook.downstreams SET name = NULL WHERE name = $1::bytea RETURNING id`,
			[]byte(downstream)).Query(func(rows pgx.Rows) error {
			err := known(verb, &id)(rows)
			if again && event.KindOf(err) == event.NotFound {
				return nil // an attempt before this one may have been the one that removed it
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	for left := int64(1); left > 0; {
		err = s.transact(ctx, verb, registerTime, func(b *pgx.Batch, _ bool) {
			b.Queue(`WITH gone AS (
					DELETE FROM numhook.owed WHERE id = ANY (ARRAY(
						SELECT id FROM numhook.owed WHERE downstream = ANY (ARRAY(SELECT id FROM numhook.downstreams WHERE name IS NULL))
						`+inOrder+` LIMIT $1::bigint FOR UPDATE)) RETURNING 1
				) SELECT count(*) FROM gone`, int64(removedRows)).QueryRow(func(row pgx.Row) error { return row.Scan(&left) })
			b.Queue(`DELETE FROM numhook.downstreams d WHERE d.name IS NULL AND NOT EXISTS (SELECT FROM numhook.owed o WHERE ` +
				`o.downstream = d.id)`)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

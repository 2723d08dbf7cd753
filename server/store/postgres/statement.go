package postgres

import "strings"

// The statements of a session, by the name that they are prepared under. All of a batch goes to the server in one
// piece, from begin to commit, and the answers come back in one: no lock ever waits for this program. Every batch takes
// its locks in one order: entries of the quarantine, events, the outbox, facts, and each kind by its key; so there are
// no deadlocks.
const (
	sayBegin      = "begin"
	sayHold       = "hold"
	sayQuarantine = "quarantine"
	sayStore      = "store"
	sayStoreWith  = "store_with"
	sayRedriven   = "redriven"
	sayReport     = "report"
	sayFact       = "fact"
	sayCommit     = "commit"
	saySeqLock    = "placing"
	sayHoldRow    = "hold_owed"
	sayRecord     = "record"
	sayUnqueue    = "unqueue"
)

// seqLock is the key of the advisory lock that every transaction shares which draws seqs, until it has ended: the
// letters of the word seqs.
const seqLock = `123610792682867`

var statements = map[string]string{
	sayHoldRow: holdRow,
	sayRecord:  record,
	sayUnqueue: unqueue,

	sayBegin:   `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`,
	saySeqLock: `SELECT pg_advisory_xact_lock_shared(` + seqLock + `)`,
	sayCommit:  `COMMIT`,

	sayHold: `SELECT FROM numhook.quarantine WHERE id = ANY ($1::bigint[]) ORDER BY digest, path_event FOR UPDATE`,

	// Each (digest, path_event) comes once a batch, with how often it came.
	sayQuarantine: `INSERT INTO numhook.quarantine AS q (door, path_event, digest, reason, event_name, violations, times,
		received, header, body)
		SELECT i.door, i.path_event, i.digest, i.reason::numhook.quarantine_reason, i.event_name, i.violations, i.times,
			i.received, i.header, i.body
		FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], $5::bytea[], $6::bytea[], $7::bigint[], $8::bigint[],
			$9::bytea[], $10::bytea[])
			AS i (door, path_event, digest, reason, event_name, violations, times, received, header, body)
		ON CONFLICT (digest, path_event) DO UPDATE SET times = q.times + excluded.times, state = CASE q.state WHEN 'discarded'
			THEN 'held' ELSE q.state END
		RETURNING q.id, q.digest, q.path_event`,

	// store_with is for the few: what a redrive brings, and a batch that is not in the order of its keys.
	sayStore: storing(`true`),
	sayStoreWith: storing(`(i.quarantine IS NULL OR EXISTS (SELECT 1 FROM numhook.quarantine q WHERE q.id = i.quarantine
		AND q.state <> 'redriven'))
		ORDER BY i.event_ts, i.id`),

	// One row a redrive: entry, event_ts and id of its event.
	sayRedriven: `UPDATE numhook.quarantine q SET state = 'redriven', redriven_as = e.seq
		FROM unnest($1::bigint[], $2::bigint[], $3::bytea[]) AS r (entry, event_ts, id)
			JOIN numhook.events e ON e.event_ts = r.event_ts AND e.id = r.id
		WHERE q.id = r.entry AND q.state <> 'redriven'`,

	sayReport: `SELECT e.id FROM unnest($1::bigint[]) WITH ORDINALITY AS r (entry, ord) LEFT
		JOIN numhook.quarantine q ON q.id = r.entry
		LEFT JOIN numhook.events e ON e.seq = q.redriven_as ORDER BY r.ord`,

	sayFact: `INSERT INTO numhook.facts (name, at) SELECT * FROM unnest($1::text[], $2::bigint[])
		ON CONFLICT (name) DO UPDATE SET at = excluded.at`,
}

// ordered is event.Ordered of a row with an event_ts and a receipt. No sum in it is larger than a bigint holds.
func ordered(row string) string {
	return strings.ReplaceAll(`CASE WHEN e.event_ts >= e.received / 1000 + 86400000 THEN e.received / 1000 ELSE `+
		`e.event_ts END`, "e.", row+".")
}

// storing writes the events for which the condition holds, their changes, and what they enqueue. The answer is one row
// an event: its number in the batch, whether it was added, and whether anything became due.
func storing(condition string) string {
	return `WITH clock AS MATERIALIZED (SELECT coalesce($19` + clock + `), incoming AS MATERIALIZED (
		SELECT nextval('numhook.event_places') AS seq, i.*, ` + ordered("i") +
		` AS ordered_ts FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::text[],
			$6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[], $10::bytea[], $11::bytea[], $12::bytea[], $13::bytea[],
				$14::bytea[], $15::bytea[], $16::bytea[])
		WITH ORDINALITY AS i (event_ts, received, quarantine, carrier_code, attribute, id, name, account_id, numbers, value,
			drift, lint, door, header, body,
			country, ord)
	), added AS (
		INSERT INTO numhook.events (seq, event_ts, received, quarantine, carrier_code, attribute, id, name, account_id,
			numbers, value, drift, lint, door, header, body)
		SELECT i.seq, i.event_ts, i.received, i.quarantine, i.carrier_code, i.attribute::numhook.attribute, i.id, i.name,
			i.account_id, i.numbers, i.value,
			i.drift, i.lint, i.door, i.header, i.body
		FROM incoming i WHERE ` + condition + `
		ON CONFLICT (event_ts, id) DO NOTHING RETURNING seq
	), changed AS (
		INSERT INTO numhook.changes (ordered_ts, seq, attribute, number)
		SELECT i.ordered_ts, i.seq, i.attribute::numhook.attribute, n.number
		FROM unnest($17::bytea[], $18::bigint[]) AS n (number, ord) JOIN incoming i ON i.ord = n.ord
			JOIN added a ON a.seq = i.seq
		WHERE n.number IS NOT NULL AND i.attribute IS NOT NULL AND i.value IS NOT NULL
	), owing AS (` + outboxColumns + `)
	SELECT i.ord, a.seq IS NOT NULL, (SELECT coalesce(bool_or(o.woken), false) FROM owing o) FROM incoming i LEFT
		JOIN added a ON a.seq = i.seq`
}

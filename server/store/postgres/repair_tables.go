package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"numhook/server/event"
	"numhook/server/store/sound"
)

// movedTo is where people find what does not agree with its identity.
const movedTo = "the table numhook.damaged"

const (
	savedEvents = `CREATE TEMP TABLE saved_events (seq bigint PRIMARY KEY, event_ts bigint NOT NULL,
		received bigint NOT NULL, quarantine bigint,
		carrier_code integer NOT NULL, attribute text, id bytea NOT NULL, name bytea NOT NULL, account_id bytea NOT NULL,
			numbers bytea NOT NULL, value bytea,
		drift bytea NOT NULL, lint bytea NOT NULL, door bytea NOT NULL, header bytea NOT NULL, body bytea NOT NULL,
			UNIQUE (event_ts, id)) ON COMMIT DROP`
	savedChanges = `CREATE TEMP TABLE saved_changes (ordered_ts bigint, seq bigint, attribute text, number bytea) ON ` +
		`COMMIT DROP`

	saveEvent = `INSERT INTO pg_temp.saved_events
			(seq, event_ts, received, quarantine, carrier_code, attribute, id, name, account_id, numbers, value, drift, lint,
				door, header, body)
		VALUES ($1, $2, $3, nullif($4::bigint, 0), $5, nullif($6::text, ''), $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
			ON CONFLICT DO NOTHING`
	saveChanges = `INSERT INTO pg_temp.saved_changes (ordered_ts, seq, attribute, number) SELECT $1, $2, $3, ` +
		`unnest($4::bytea[])`
)

var eventsInBlocks = `SELECT ` + eventColumns + `, e.body, e.ctid FROM numhook.events e WHERE ` +
	strings.Replace(inBlocks, "t.ctid", "e.ctid", 1)

// moveRow keeps a row that is not whole: $1 and $2 are its address, $3 the reason and $4 the time.
func moveRow(what, table, key string) string {
	return `INSERT INTO numhook.damaged (what, key, reason, moved, kept) SELECT '` + what + `', t.` + key +
		`, $3::text, $4::bigint, row_to_json(t)
		FROM numhook.` + table + ` t WHERE t.ctid = ('(' || $1::bigint || ',' || $2::bigint || ')')::tid`
}

var moveEvent = moveRow("event", "events", "seq")

// savedEvent is an event with where it lies.
type savedEvent struct {
	event.Stored
	at    pgtype.TID
	wrong error // why it is not kept
	*appending
}

// shelves makes the tables in which what is saved lies meanwhile. They have the constraints of the store's.
func (r *repair) shelves(ctx context.Context) error {
	return r.exec(ctx, savedEvents, savedChanges, shelf("quarantine", "INCLUDING INDEXES"),
		shelf("downstreams", "INCLUDING INDEXES"), shelf("facts", "INCLUDING INDEXES"),
		shelf("accesses", "INCLUDING INDEXES"), shelf("activity", "INCLUDING INDEXES"),
		shelf("owed", ", PRIMARY KEY (id), UNIQUE (downstream, number, attribute, slot)"))
}

func shelf(table, indexes string) string {
	return `CREATE TEMP TABLE saved_` + table + ` (LIKE numhook.` + table + ` INCLUDING CONSTRAINTS ` + indexes +
		`) ON COMMIT DROP`
}

// events saves each whose body is that of its identity, and derives from it what it changes; the others are moved away.
func (r *repair) events(ctx context.Context) error {
	return r.walk(ctx, "events", moveEvent, func(tx pgx.Tx, piece []any) error {
		rows, err := tx.Query(ctx, eventsInBlocks, piece...)
		if err != nil {
			return err
		}
		list, err := pgx.CollectRows(rows, func(pgx.CollectableRow) (e *savedEvent, err error) {
			e = &savedEvent{}
			e.Stored, err = scanEvent(rows, &e.at)
			return e, err
		})
		if err != nil {
			return err
		}
		return r.saveEvents(ctx, tx, list)
	})
}

// missing tells of events that are in no block any more, and that changes come from, as far as changes can be read.
func (r *repair) missing(ctx context.Context) error {
	var gone int64
	err := r.apart(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(DISTINCT c.seq) FROM numhook.changes c
			WHERE NOT EXISTS (SELECT FROM pg_temp.saved_events s WHERE s.seq = c.seq)
				AND NOT EXISTS (SELECT FROM numhook.damaged d WHERE d.what = 'event' AND d.key = c.seq)`).Scan(&gone)
	})
	if err != nil && !passes(err) {
		return err
	}
	if gone > 0 {
		r.Lose(sound.Passed{What: "events", Key: fmt.Sprint(gone), Why: "changes come from them, and they could not be read"})
	}
	return nil
}

// saveEvents writes the events of a piece, and then what those of them change that had not been there.
func (r *repair) saveEvents(ctx context.Context, tx pgx.Tx, list []*savedEvent) error {
	b := &pgx.Batch{}
	for _, e := range list {
		mended, wrong := r.Mend(e.Event)
		if wrong == nil {
			e.appending, wrong = newAppending(mended)
		}
		if e.wrong = wrong; wrong != nil {
			continue
		}
		a := e.appending
		b.Queue(saveEvent, e.Seq, mended.TS, mended.Delivery.Received.UnixMicro(), e.Quarantine, mended.CarrierCode,
			string(mended.Attribute), mended.ID[:],
			[]byte(mended.Name), []byte(mended.AccountID), a.numbers, []byte(a.event.Value), a.drift, a.lint,
			[]byte(event.CutPath(mended.Delivery.Path)),
			a.headers, a.event.Delivery.Body).Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() == 0 {
				e.wrong = sound.ErrTwice
			}
			return nil
		})
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	b = &pgx.Batch{}
	for _, e := range list {
		switch {
		case e.wrong != nil:
			b.Queue(moveEvent, int64(e.at.BlockNumber), int64(e.at.OffsetNumber), e.wrong.Error(), r.Now.UnixMicro())
		case e.appending.event.Changes() && len(e.spoken) > 0:
			b.Queue(saveChanges, e.ordered, e.Seq, string(e.appending.event.Attribute), blobs(e.spoken))
		}
	}
	if err := tx.SendBatch(ctx, b).Close(); err != nil {
		return err
	}
	for _, e := range list {
		if e.wrong == nil {
			r.Events++
			continue
		}
		r.LoseRow("event", e.Seq, e.wrong)
		r.Moved = movedTo
	}
	return nil
}

const (
	// saveQuarantine keeps each entry of a piece whose bytes are those of its digest.
	saveQuarantine = `INSERT INTO pg_temp.saved_quarantine SELECT t.* FROM numhook.quarantine t WHERE ` + inBlocks +
		` AND sha256(t.body) = t.digest
		ON CONFLICT DO NOTHING`
	// moveQuarantine moves the others of the piece away.
	moveQuarantine = `INSERT INTO numhook.damaged (what, key, reason, moved, kept)
		SELECT 'quarantine entry', t.id, CASE WHEN sha256(t.body) <> t.digest THEN $5::text
			ELSE $6::text END, $7::bigint, row_to_json(t)
		FROM numhook.quarantine t WHERE ` + inBlocks + ` AND NOT EXISTS (SELECT FROM pg_temp.saved_quarantine s
			WHERE s.id = t.id AND s.digest = t.digest AND s.path_event = t.path_event)
		RETURNING key, reason`
)

// quarantine saves each entry whose bytes are those of its digest; the others are moved away.
func (r *repair) quarantine(ctx context.Context) error {
	return r.walk(ctx, "quarantine", moveRow("quarantine entry", "quarantine", "id"), func(tx pgx.Tx, piece []any) error {
		saved, err := tx.Exec(ctx, saveQuarantine, piece...)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, moveQuarantine, append(piece, sound.ErrNotDigest.Error(), sound.ErrTwice.Error(),
			r.Now.UnixMicro())...)
		if err != nil {
			return err
		}
		var key int64
		var why string
		var moved []sound.Passed
		_, err = pgx.ForEachRow(rows, []any{&key, &why}, func() error {
			moved = append(moved, sound.Passed{What: "quarantine entry", Key: fmt.Sprint(key), Why: why})
			return nil
		})
		if err != nil {
			return err
		}
		for _, p := range moved {
			r.Lose(p)
			r.Moved = movedTo
		}
		r.Quarantine += saved.RowsAffected()
		return nil
	})
}

// small saves the tables that are copied as they are.
func (r *repair) small(ctx context.Context) error {
	for _, table := range []string{"downstreams", "facts", "accesses", "activity"} {
		if _, err := r.copyTable(ctx, table, "*"); err != nil {
			return err
		}
	}
	return nil
}

// outboxSaved are the columns of enqueued that are not made of others.
const outboxSaved = `id, downstream, slot, event_ts, seq, due, since, claim, attempted, state, tries, queued, ` +
	`attribute, number, reason, output`

// outbox saves the rows of the outbox.
func (r *repair) outbox(ctx context.Context) (err error) {
	r.Outbox, err = r.copyTable(ctx, "owed", outboxSaved)
	return err
}

// copyTable saves the rows of a table that hold to its constraints.
func (r *repair) copyTable(ctx context.Context, table, columns string) (rows int64, err error) {
	into := `pg_temp.saved_` + table
	if columns != "*" {
		into += ` (` + columns + `)`
	}
	err = r.walk(ctx, table, "", func(tx pgx.Tx, piece []any) error {
		tag, err := tx.Exec(ctx, `INSERT INTO `+into+` SELECT `+columns+` FROM numhook.`+table+` t WHERE `+inBlocks+
			` ON CONFLICT DO NOTHING`, piece...)
		if err == nil {
			rows += tag.RowsAffected()
		}
		return err
	})
	return rows, err
}

// counters are the sequences, each with the highest number that is known to have come from it, and how it is made
// again.
var counters = []struct{ name, highest, anew string }{
	{
		"event_places", `SELECT greatest((SELECT max(seq) FROM numhook.events), (SELECT max(seq) FROM numhook.owed), ` +
			`(SELECT max(key) FROM numhook.damaged WHERE what = 'event'), 0)`,
		`DROP SEQUENCE numhook.event_places; CREATE SEQUENCE numhook.event_places AS bigint OWNED BY numhook.events.seq`,
	},
	{"quarantine_id_seq", highestID("quarantine"), identityAnew("quarantine")},
	{"owed_id_seq", highestID("owed"), identityAnew("owed")},
	{"downstreams_id_seq", highestID("downstreams"), identityAnew("downstreams")},
	{"accesses_id_seq", highestID("accesses"), identityAnew("accesses")},
}

func highestID(table string) string { return `SELECT coalesce(max(id), 0) FROM numhook.` + table }

func identityAnew(table string) string {
	alter := `ALTER TABLE numhook.` + table + ` ALTER COLUMN id `
	return alter + `DROP IDENTITY; ` + alter + `ADD GENERATED ALWAYS AS IDENTITY`
}

// sequences has none give out a number again that was given out.
func (r *repair) sequences(ctx context.Context) error {
	for _, c := range counters {
		last := int64(0)
		err := r.apart(ctx, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, `SELECT last_value FROM `+
				`numhook.`+c.name).Scan(&last)
		})
		if err != nil {
			if !passes(err) {
				return err
			}
			r.Lose(sound.Passed{What: "sequence", Key: c.name, Why: r.why(err).Error()})
			if _, err := r.tx.Conn().PgConn().Exec(ctx, c.anew).ReadAll(); err != nil {
				return err
			}
		}
		highest := int64(0)
		if err := r.tx.QueryRow(ctx, c.highest).Scan(&highest); err != nil {
			return err
		}
		if highest > last {
			if err := r.exec(ctx, fmt.Sprintf(`SELECT setval('numhook.%s', %d)`, c.name, highest)); err != nil {
				return err
			}
		}
	}
	return nil
}

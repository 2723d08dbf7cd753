package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"numhook/server/event"
	"numhook/server/store/sound"
)

// Condemn has the store acknowledge and hand on nothing until Absolve.
func (s *Store) Condemn(why string) { s.latch.Close(why) }

// Absolve ends that.
func (s *Store) Absolve() { s.latch.Open() }

// Audit looks at everything that is kept: the server's own check of indexes and tables where the extension amcheck is
// there and permitted, each event and quarantined delivery against its identity, changes against the events, and the
// outbox against the changes. Its error means that it could not look.
func (r *Reader) Audit(ctx context.Context, a sound.Audit) error {
	look := r.auditing(a)
	return a.Run(ctx, isDamage, rowError, look.pages, look.events, look.changes, look.quarantine, look.outbox)
}

func (r *Reader) auditing(a sound.Audit) *auditing {
	look := &auditing{Audit: a, Reader: &Reader{dsn: r.dsn, pool: r.pool, alone: r.alone, identities: r.identities}}
	look.Reader.identities.Passed = a.Report
	return look
}

// auditing is an audit under way.
type auditing struct {
	sound.Audit
	*Reader
}

const (
	// amcheck is the schema that the extension lies in.
	amcheck = `SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE ` +
		`e.extname = 'amcheck'`

	// relations are the store's tables and indexes, with the tables beside them where long values lie, and their indexes.
	relations = `WITH tables AS (
			SELECT oid, relname, reltoastrelid FROM pg_class WHERE relnamespace = to_regnamespace('numhook') AND relkind = 'r'),
		heaps AS (SELECT oid, relname::text AS name FROM tables
			UNION ALL SELECT reltoastrelid, 'long values of ' || relname FROM tables WHERE reltoastrelid <> 0)
		SELECT oid::bigint, 'r', name FROM heaps
		UNION ALL SELECT c.oid::bigint, 'i', CASE WHEN c.relname LIKE 'pg_toast%' THEN 'index of ' || h.name
			ELSE c.relname::text END
		FROM heaps h JOIN pg_index i ON i.indrelid = h.oid AND i.indisvalid JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
		ORDER BY 3`
)

// pages has the server check its tables and indexes.
func (l *auditing) pages(ctx context.Context) error {
	schema := ""
	if err := l.each(ctx, "look for amcheck", func(rows pgx.Rows) error { return rows.Scan(&schema) },
		amcheck); err != nil {
		return err
	}
	if schema == "" {
		l.Tell("pages not looked at: the extension amcheck is not in the database", 0)
		return nil
	}
	type relation struct {
		oid        int64
		kind, name string
	}
	var list []relation
	err := l.each(ctx, "list tables", func(rows pgx.Rows) error {
		var one relation
		err := rows.Scan(&one.oid, &one.kind, &one.name)
		list = append(list, one)
		return err
	}, relations)
	if err != nil {
		return err
	}
	for i, one := range list {
		began := time.Now()
		l.Tell("pages", int64(i))
		query := fmt.Sprintf("SELECT msg FROM %s.verify_heapam(%d::oid)", schema, one.oid)
		if one.kind == "i" {
			query = fmt.Sprintf("SELECT NULL::text FROM %s.bt_index_check(%d::oid)", schema, one.oid)
		}
		err := l.relation(ctx, query, one.name)
		switch e, _ := errors.AsType[*storeError](err); {
		case err == nil:
		case e != nil && (e.code == "42501" || e.code == "42883" || e.code == "0A000" || e.code == "25006"):
			l.Tell("pages of "+one.name+" not looked at: amcheck is not permitted, or does not know them", 0)
		case isDamage(err):
			l.Find("relation", one.name, rowError(err))
		default:
			return err
		}
		if err := l.Rest(ctx, began); err != nil {
			return err
		}
	}
	return nil
}

func (l *auditing) relation(ctx context.Context, query, name string) error {
	rows, err := l.pool.Query(ctx, query)
	if err == nil {
		defer rows.Close()
		for rows.Next() {
			var text *string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			if text != nil && *text != "" {
				l.Find("relation", name, errors.New(*text))
			}
		}
		err = rows.Err()
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "XX002" {
		return sound.Damaged("check "+name, l.dsn.describe(err))
	}
	if err != nil {
		return l.unreadable("check "+name, err)
	}
	return nil
}

// events holds each against its identity, and looks for its changes.
func (l *auditing) events(ctx context.Context) error {
	return l.Audit.Events(ctx, l.Reader.Events, l.changesOf)
}

const changesOf = `SELECT count(*) FROM unnest($1::bytea[]) u (number) WHERE NOT EXISTS (SELECT FROM numhook.changes c
	WHERE c.number = u.number AND c.attribute = $2::text::numhook.attribute AND c.ordered_ts = $3::bigint
		AND c.seq = $4::bigint)`

// changesOf looks for what an event changes.
func (l *auditing) changesOf(ctx context.Context, e event.Stored) error {
	if !e.Changes() {
		return nil
	}
	numbers := make([][]byte, len(e.Numbers))
	for i, number := range e.Numbers {
		numbers[i] = []byte(number)
	}
	missing := int64(0)
	err := l.each(ctx, "look for changes", func(rows pgx.Rows) error { return rows.Scan(&missing) }, changesOf, numbers,
		string(e.Attribute), e.Ordered(), e.Seq)
	switch {
	case err != nil && !isDamage(err):
		return err
	case err != nil:
		l.Find("change of event", e.ID.String(), rowError(err))
	case missing > 0:
		l.Find("change of event", e.ID.String(), sound.ErrNoChange)
	}
	return nil
}

// strayChanges finds changes that no event says. Whether an event names the number is asked of the JSON as it is
// written: for the few where that says no, the program decides, for a number may have been escaped.
var strayChanges = `SELECT c.seq, c.number, coalesce(e.numbers, '[]'), e.seq IS NULL OR e.attribute IS DISTINCT
	FROM c.attribute OR e.value IS NULL
		OR c.ordered_ts <> ` + ordered("e") + `
	FROM numhook.changes c LEFT JOIN numhook.events e ON e.seq = c.seq
	WHERE e.seq IS NULL OR e.attribute IS DISTINCT FROM c.attribute OR e.value IS NULL
		OR c.ordered_ts <> ` + ordered("e") + `
		OR position('"'::bytea || c.number || '"'::bytea IN e.numbers) = 0`

// changes finds those that no event says.
func (l *auditing) changes(ctx context.Context) error {
	l.Tell("changes", 0)
	began := time.Now()
	err := l.each(ctx, "look at changes", func(rows pgx.Rows) error {
		var seq int64
		var number senderText
		var numbers []string
		var stray bool
		err := rows.Scan(&seq, &number, jsonColumn{&numbers}, &stray)
		if err == nil && (stray || !slices.Contains(numbers, string(number))) {
			l.Find("change at", strconv.FormatInt(seq, 10), sound.ErrNoSource)
		}
		return err
	}, strayChanges)
	return errors.Join(err, l.Rest(ctx, began))
}

// quarantine holds each entry against its digest.
func (l *auditing) quarantine(ctx context.Context) error {
	return l.Audit.Quarantine(ctx, l.Quarantines)
}

// outboxWrong finds rows behind $1 up to $2 whose downstream or event is not there, whose version is not what the event
// says, and in mode latest those that are behind the newest, where the downstream wants all events. A row that is
// untold is enqueued nothing; one of a downstream that was removed is on its way out.
var outboxWrong = `SELECT o.id FROM numhook.owed o LEFT JOIN numhook.downstreams d ON d.id = o.downstream LEFT
	JOIN numhook.events e ON e.seq = o.seq
	WHERE o.state <> 'untold' AND o.id > $1::bigint AND o.id <= $2::bigint AND (d.id IS NULL OR d.name IS NOT NULL
		AND (e.seq IS NULL
		OR o.event_ts <> ` + ordered("e") + ` OR (o.slot = 0) <> (d.mode = 'latest') OR o.slot NOT IN (0, o.seq)
		OR o.attribute <> coalesce(e.attribute::text, '')
		OR (o.slot = 0 OR e.attribute IS NOT NULL AND e.value IS NOT NULL AND e.numbers <> '[]') AND NOT EXISTS (SELECT
			FROM numhook.changes c
			WHERE c.number = o.number AND c.attribute::text = o.attribute AND c.ordered_ts = o.event_ts AND c.seq = o.seq)
		OR o.slot = 0 AND d.events IS NULL AND EXISTS (SELECT FROM numhook.changes n
			WHERE n.number = o.number AND n.attribute::text = o.attribute AND (n.ordered_ts, n.seq) > (o.event_ts, o.seq))))`

// outbox holds the outbox against the changes.
func (l *auditing) outbox(ctx context.Context) error {
	last := int64(0)
	err := l.each(ctx, "look at what is owed", func(rows pgx.Rows) error { return rows.Scan(&last) },
		"SELECT coalesce(max(id), 0) FROM numhook.owed")
	if err != nil {
		return err
	}
	return l.Audit.OutboxRows(ctx, last, isDamage, rowError, func(ctx context.Context, after, until int64,
		found func(id int64)) error {
		return l.each(ctx, "look at what is owed", func(rows pgx.Rows) error {
			var id int64
			err := rows.Scan(&id)
			found(id)
			return err
		}, outboxWrong, after, until)
	})
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"time"

	"numhook/server/event"
	"numhook/server/store/sound"
)

// tables are all that the store has.
var tables = []string{"sqlite_schema", "events", "changes", "quarantine", "facts", "downstreams", "owed", "log",
	"accesses", "activity"}

// Condemn has the store acknowledge and hand on nothing until Absolve.
func (s *Store) Condemn(why string) { s.latch.Close(why) }

// Absolve ends that.
func (s *Store) Absolve() { s.latch.Open() }

// Audit looks at everything that is kept, on connections of its own: SQLite's own check of pages and indexes, each
// event and quarantined delivery against its identity, changes and what is superseded derived from the events again,
// and the outbox against the changes. Its error means that it could not look, not what it found.
func (r *Reader) Audit(ctx context.Context, a sound.Audit) error {
	db, err := openReaders(ctx, r.path, r.params...)
	if err != nil {
		return openError(err)
	}
	look := &auditing{Audit: a, Reader: &Reader{path: r.path, db: db, identities: r.identities}}
	defer func() { _ = look.Reader.Close() }() // it only read
	look.Reader.identities.Passed = a.Report
	return a.Run(ctx, isDamage, rowError, look.pages, look.events, look.changes, look.quarantine, look.outbox)
}

// auditing is an audit under way.
type auditing struct {
	sound.Audit
	*Reader
	expected int64 // changes, by the events
}

// pages has SQLite check its pages and indexes, table by table.
func (l *auditing) pages(ctx context.Context) error {
	for i, table := range tables {
		began := time.Now()
		l.Tell("pages", int64(i))
		err := l.each(ctx, "check "+table, func(rows *sql.Rows) error {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			if text != "ok" {
				l.Find("table", table, errors.New(text))
			}
			return nil
		}, "PRAGMA integrity_check("+table+")")
		if err != nil && !isDamage(err) {
			return err
		} else if err != nil {
			l.Find("table", table, rowError(err))
		}
		if err := l.Rest(ctx, began); err != nil {
			return err
		}
	}
	return nil
}

// events holds each against its identity, and looks for its changes.
func (l *auditing) events(ctx context.Context) error {
	return l.Audit.Events(ctx, l.Reader.Events, l.changesOf)
}

const changeOf = `SELECT c.superseded = EXISTS (SELECT 1 FROM changes n
		WHERE n.number = c.number AND n.attribute = c.attribute AND n.ordered_ts > c.ordered_ts AND n.seq < c.seq)
	FROM changes c WHERE c.number = ?1 AND c.attribute = ?2 AND c.ordered_ts = ?3 AND c.seq = ?4`

// changesOf looks for what an event changes.
func (l *auditing) changesOf(ctx context.Context, e event.Stored) error {
	if !e.Changes() {
		return nil
	}
	for _, number := range e.Numbers {
		l.expected++
		found, right := false, false
		err := l.each(ctx, "look for a change", func(rows *sql.Rows) error {
			found = true
			return rows.Scan(&right)
		}, changeOf, number, string(e.Attribute), e.Ordered(), e.Seq)
		switch {
		case err != nil && !isDamage(err):
			return err
		case err != nil:
			l.Find("change of event", e.ID.String(), rowError(err))
		case !found:
			l.Find("change of event", e.ID.String(), sound.ErrNoChange)
		case !right:
			l.Find("change of event", e.ID.String(), sound.ErrSuperseded)
		}
	}
	return nil
}

// changes finds those that no event says. Those of events that do not agree with their identity are among the findings
// already.
func (l *auditing) changes(ctx context.Context) error {
	l.Tell("changes", l.expected)
	began := time.Now()
	err := l.each(ctx, "look at changes", func(rows *sql.Rows) error {
		var seq int64
		err := rows.Scan(&seq)
		l.Find("change at", strconv.FormatInt(seq, 10), sound.ErrNoSource)
		return err
	}, `SELECT c.seq FROM changes c LEFT JOIN events e ON e.seq = c.seq WHERE e.seq IS NULL
		OR e.attribute IS NOT c.attribute OR e.value IS NULL
		OR NOT EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(e.numbers) THEN e.numbers ELSE '[]' END) n
			WHERE n.value = c.number)
		OR c.ordered_ts <> CASE WHEN e.event_ts >= e.received / 1000 + 86400000 THEN e.received / 1000 ELSE e.event_ts END`)
	return errors.Join(err, l.Rest(ctx, began))
}

// quarantine holds each entry against its digest.
func (l *auditing) quarantine(ctx context.Context) error {
	return l.Audit.Quarantine(ctx, l.Quarantines)
}

// outboxWrong finds rows of ?1 to ?2 whose downstream or event is not there, whose version is no change, and in mode
// latest those that are behind the newest, where the downstream wants all events.
const outboxWrong = `SELECT o.id FROM owed o LEFT JOIN downstreams d ON d.id = o.downstream LEFT
	JOIN events e ON e.seq = o.seq
	WHERE o.id > ?1 AND o.id <= ?2 AND (d.id IS NULL OR e.seq IS NULL
		OR o.event_ts <> CASE WHEN e.event_ts >= e.received / 1000 + 86400000 THEN e.received / 1000 ELSE e.event_ts END
		OR (o.slot = 0) <> (d.mode = 'latest') OR o.slot <> 0 AND o.slot <> o.seq
		OR o.attribute <> coalesce(e.attribute, '')
		OR (o.slot = 0 OR e.attribute IS NOT NULL AND e.value IS NOT NULL AND e.numbers <> '[]') AND NOT EXISTS (SELECT 1
			FROM changes c
			WHERE c.number = o.number AND c.attribute = o.attribute AND c.ordered_ts = o.event_ts AND c.seq = o.seq)
		OR o.slot = 0 AND d.events = '[]' AND EXISTS (SELECT 1 FROM changes n
			WHERE n.number = o.number AND n.attribute = o.attribute AND (n.ordered_ts, n.seq) > (o.event_ts, o.seq)))`

// outbox holds the outbox against the changes.
func (l *auditing) outbox(ctx context.Context) error {
	last := int64(0)
	err := l.each(ctx, "look at what is owed", func(rows *sql.Rows) error { return rows.Scan(&last) },
		"SELECT coalesce(max(id), 0) FROM owed")
	if err != nil {
		return err
	}
	return l.Audit.OutboxRows(ctx, last, isDamage, rowError, func(ctx context.Context, after, until int64,
		found func(id int64)) error {
		return l.each(ctx, "look at what is owed", func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			found(id)
			return err
		}, outboxWrong, after, until)
	})
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"os"

	"numhook/server/event"
	"numhook/server/store/sound"
)

// salvaging is a salvage under way.
type salvaging struct {
	sound.Salvage
	sound.Salvaged
	from *Reader
	into *sql.DB
	path string // of the new file
}

// Repair saves what is whole of a store that nobody serves into a new file beside it: each event that can be read and
// whose body is that of its identity, with what it changes derived again; quarantine, downstreams, facts, and the
// outbox, as far as they can be read. The new file is checked before it takes the old one's place, which is moved away
// with its log. A crash in between leaves both files whole, one of them under another name.
func Repair(ctx context.Context, path string, how sound.Salvage) (saved *sound.Salvaged, err error) {
	path, err = existing(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = naming(path, err) }()
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if info, err := os.Stat(path); err == nil && info.Size() == 0 {
		return nil, nothingToSave(path)
	}
	found, refusal := inspect(ctx, path)
	stamp := how.Now.UTC().Format("20060102T150405Z")
	s := &salvaging{Salvage: how, path: path + ".salvaged-" + stamp}
	s.Moved, s.Lost = path+".damaged-"+stamp, []sound.LostPiece{}
	if found.alone {
		//nolint:errorlint // it is its own
		s.Lose(sound.Passed{What: "log", Key: path + "-wal", Why: refusal.(*event.Error).Text})
	}
	defer removeStore(s.path)
	if err := s.save(ctx, path, found.alone); err != nil {
		return nil, err
	}
	if err := s.enqueueLost(ctx); err != nil {
		return nil, err
	}
	if err := s.checkNew(ctx); err != nil {
		return nil, err
	}
	return &s.Salvaged, s.swap(path)
}

func nothingToSave(path string) error {
	return &event.Error{Kind: event.Damaged, Text: "cannot repair store " + path + ": nothing in it can be read",
		Hint: wayOnEmpty(path)}
}

// removeStore removes what is left of a file that did not take the other one's place.
func removeStore(path string) {
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		_ = os.Remove(path + suffix)
	}
}

// save fills the new file.
func (s *salvaging) save(ctx context.Context, path string, alone bool) (err error) {
	fresh, err := Open(ctx, s.path, Options{AllowUnsafe: true})
	if err != nil {
		return err
	}
	if err := fresh.Close(); err != nil {
		return err
	}
	source := s.source(path, alone)
	if !readable(ctx, source) || s.headerDiffers(path) && !intact(ctx, source) {
		if err := s.mendHeader(path, alone); err != nil {
			return unavailable("repair store", err)
		}
		s.Lose(sound.Passed{What: "header", Key: path, Why: "it was written anew"})
		defer removeStore(s.copied())
		if source = s.source(s.copied(), alone); !readable(ctx, source) {
			s.Lose(sound.Passed{What: "log", Key: path + "-wal", Why: "the file cannot be read through it"})
			source = s.source(s.copied(), true)
		}
	}
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return err
	}
	s.from = &Reader{path: path, db: db}
	s.from.identities.Passed = s.Lose
	defer func() { _ = s.from.Close() }() // it only read
	if s.into, err = sql.Open("sqlite", dsn(s.path, "rw", "_foreign_keys=off", "_pragma=synchronous(OFF)",
		"_txlock=immediate")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.into.Close()) }()
	s.into.SetMaxOpenConns(1)
	if _, err := s.into.ExecContext(ctx, "ATTACH ? AS old", source); err != nil {
		return nothingToSave(path)
	}
	for _, step := range []func(context.Context) error{s.quarantine, s.events, s.small, s.outbox, s.accesses, s.tidy} {
		if err := step(ctx); err != nil {
			return unavailable("repair store", err)
		}
	}
	return nil
}

const insertEventAt = `INSERT OR IGNORE INTO events (id, event_ts, name, account_id, carrier_code, numbers, attribute,
	value, drift, lint,
	quarantine, received, door, header, body, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// events saves each whose body is that of its identity, and derives from it what it changes.
func (s *salvaging) events(ctx context.Context) error {
	const page = 50
	for after := int64(0); ; {
		list, err := listRows(ctx, s.from, "read events", "event", after, page, pageOfEvents,
			func(after int64, limit int) []any { return []any{after, limit, true} },
			func(rows *sql.Rows) (e event.Stored, key int64, wrong error) {
				e, wrong = scanEvent(rows)
				return e, e.Seq, wrong
			}, nil)
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].Seq
		tx, err := s.into.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := s.event(ctx, tx, e); err != nil {
				return errors.Join(err, tx.Rollback())
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
		s.Tell("events", s.Events)
	}
}

func (s *salvaging) event(ctx context.Context, tx *sql.Tx, e event.Stored) error {
	restored, wrong := s.Mend(e.Event)
	if wrong != nil {
		s.LoseRow("event", e.Seq, wrong)
		return nil
	}
	a, err := newAppending(restored)
	if err != nil {
		return err
	}
	if e.Quarantine != 0 {
		a.row[rowQuarantine] = e.Quarantine
	}
	result, err := tx.ExecContext(ctx, insertEventAt, append(a.row, e.Seq)...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		s.LoseRow("event", e.Seq, sound.ErrTwice)
		return err
	}
	s.Events++
	if !a.changes {
		return nil
	}
	for _, number := range a.numbers {
		if _, err := tx.ExecContext(ctx, insertChange, number, a.attribute, restored.Ordered(), e.Seq); err != nil {
			return err
		}
	}
	return nil
}

// quarantine saves each entry whose bytes are those of its digest.
func (s *salvaging) quarantine(ctx context.Context) error {
	from := &Reader{path: s.from.path, db: s.from.db,
		identities: sound.Check{Event: func(event.Event) error { return nil }, Passed: s.Lose}}
	for after := int64(0); ; {
		list, err := from.Quarantines(ctx, "", after, 50)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, q := range list {
			after = q.ID
			if _, err := s.into.ExecContext(ctx, "INSERT OR IGNORE INTO quarantine SELECT * FROM old.quarantine WHERE id = ?",
				q.ID); err != nil {
				s.LoseRow("quarantine entry", q.ID, err)
				continue
			}
			s.Quarantine++
		}
	}
}

// small saves the tables of few rows.
func (s *salvaging) small(ctx context.Context) error {
	for table, statement := range map[string]string{
		"downstreams": "INSERT OR REPLACE INTO downstreams SELECT * FROM old.downstreams",
		"facts":       "INSERT OR REPLACE INTO facts SELECT * FROM old.facts",
		"activity":    "INSERT OR REPLACE INTO activity SELECT * FROM old.activity",
	} {
		if _, err := s.into.ExecContext(ctx, statement); err != nil {
			s.Lose(sound.Passed{What: "table", Key: table, Why: err.Error()})
		}
	}
	return nil
}

// outbox saves the rows of the outbox.
func (s *salvaging) outbox(ctx context.Context) error {
	return s.rows(ctx, "owed", "owed row", &s.Outbox)
}

// accesses saves who looked and who changed something.
func (s *salvaging) accesses(ctx context.Context) error {
	var saved int64
	return s.rows(ctx, "accesses", "access", &saved)
}

// rows saves a table's rows, many at a time, and one by one where that fails.
func (s *salvaging) rows(ctx context.Context, table, row string, saved *int64) error {
	const page = 500
	var last int64
	if err := s.into.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM old."+table).Scan(&last); err != nil {
		s.Lose(sound.Passed{What: "table", Key: table, Why: err.Error()})
		return nil //nolint:nilerr // what is owed is enqueued again, and the rest is told as lost
	}
	for after := int64(0); after < last && ctx.Err() == nil; after += page {
		err := sound.Halve(after, min(after+page, last), func(after, until int64) error {
			//nolint:gosec // the names of tables are ours
			result, err := s.into.ExecContext(ctx, "INSERT OR IGNORE INTO "+table+" SELECT * FROM old."+table+
				" WHERE id > ? AND id <= ?", after, until)
			if err == nil {
				n, _ := result.RowsAffected() // it is only counted
				*saved += n
			}
			return err
		}, func(error) bool { return ctx.Err() == nil }, func(id int64, why error) { s.LoseRow(row, id, why) })
		if err != nil {
			return err
		}
		s.Tell(table, after)
	}
	return ctx.Err()
}

// tidy has what was saved refer to nothing that was not.
func (s *salvaging) tidy(ctx context.Context) error {
	for _, statement := range []string{
		"UPDATE quarantine SET state = 'held', redriven_as = NULL WHERE redriven_as NOT IN (SELECT seq FROM events)",
		"UPDATE events SET quarantine = NULL WHERE quarantine NOT IN (SELECT id FROM quarantine)",
	} {
		if _, err := s.into.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	result, err := s.into.ExecContext(ctx, "DELETE FROM owed WHERE id IN ("+outboxWrong+")", 0, int64(1)<<62)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	s.Outbox -= n
	return err
}

// enqueueLost enqueues to each downstream what came since it is known, or from its start on, as far as there is no row
// of it.
func (s *salvaging) enqueueLost(ctx context.Context) (err error) {
	fresh, err := Open(ctx, s.path, Options{AllowUnsafe: true, Patience: operatorPatience})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fresh.Close()) }()
	statuses, err := fresh.Downstreams(ctx)
	if err != nil {
		return err
	}
	return s.Enqueue(ctx, statuses,
		func(ctx context.Context, after int64) ([]event.Stored, error) {
			return fresh.Events(ctx, after, sound.AuditPage)
		},
		func(ctx context.Context, downstream string, changes []event.Change) (int, error) {
			return fresh.Enqueue(ctx, downstream, changes, false, false)
		})
}

// checkNew looks at all of the new file.
func (s *salvaging) checkNew(ctx context.Context) error {
	r, err := OpenReader(ctx, s.path)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it only read
	r.Check(s.Check)
	if err := s.Confirm(ctx, r.Audit); err != nil {
		return unavailable("repair store", err)
	}
	return nil
}

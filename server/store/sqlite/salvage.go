package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"numhook/server/event"
	"numhook/server/store/sound"
)

// Salvage is how a damaged store is saved.
type Salvage struct {
	Check sound.Check // of the new file
	// derives what is kept of an event from its body again; false when the body is not the identity's
	Restore func(e event.Event) (_ event.Event, ok bool)
	Now     time.Time
	Step    func(what string, done int64) // may be nil
}

// Salvaged is what became of a damaged store.
type Salvaged struct {
	Events     int64       `json:"events"`
	Quarantine int64       `json:"quarantine"`
	Outbox     int64       `json:"owed"`
	Enqueued   int64       `json:"owed_anew"` // rows that could not be saved, and are enqueued as if they had just come
	Lost       []lostPiece `json:"lost"`
	Moved      string      `json:"moved_to"` // where the damaged file lies now
}

// lostPiece is what could not be saved.
type lostPiece struct {
	What string `json:"what"`
	Key  string `json:"key"`
	Why  string `json:"why"`
}

// Write says it to people.
func (s *Salvaged) Write(out io.Writer) {
	fmt.Fprintf(out, "saved %d events, %d quarantined deliveries and %d rows of what is owed; %d rows are owed anew\n",
		s.Events, s.Quarantine, s.Outbox, s.Enqueued)
	for _, l := range s.Lost {
		fmt.Fprintf(out, "lost: %s %s: %s\n", l.What, l.Key, l.Why)
	}
	fmt.Fprintf(out, "the damaged file is %s\n", s.Moved)
}

// salvaging is a salvage under way.
type salvaging struct {
	Salvage
	Salvaged
	from *Reader
	into *sql.DB
	path string // of the new file
}

// Repair saves what is whole of a store that nobody serves into a new file beside it: each event that can be read and
// whose body is that of its identity, with what it changes derived again; quarantine, downstreams, facts, and the
// outbox, as far as they can be read. The new file is checked before it takes the old one's place, which is moved away
// with its log. A crash in between leaves both files whole, one of them under another name.
func Repair(ctx context.Context, path string, how Salvage) (*Salvaged, error) {
	path, err := existing(path)
	if err != nil {
		return nil, err
	}
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	found, refusal := inspect(ctx, path)
	stamp := how.Now.UTC().Format("20060102T150405Z")
	s := &salvaging{Salvage: how, path: path + ".salvaged-" + stamp}
	s.Moved, s.Lost = path+".damaged-"+stamp, []lostPiece{}
	if found.alone {
		//nolint:errorlint // it is its own
		s.lose(sound.Passed{What: "log", Key: path + "-wal", Why: refusal.(*event.Error).Text})
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

// removeStore removes what is left of a file that did not take the other one's place.
func removeStore(path string) {
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		_ = os.Remove(path + suffix)
	}
}

func (s *salvaging) lose(p sound.Passed) {
	const most = 1000
	if len(s.Lost) < most {
		s.Lost = append(s.Lost, lostPiece(p))
	}
}

func (s *salvaging) tell(what string, done int64) {
	if s.Step != nil {
		s.Step(what, done)
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
	if !readable(ctx, source) {
		if err := s.mendHeader(path, alone); err != nil {
			return unavailable("repair store", err)
		}
		s.lose(sound.Passed{What: "header", Key: path, Why: "it was written anew"})
		defer removeStore(s.copied())
		if source = s.source(s.copied(), alone); !readable(ctx, source) {
			s.lose(sound.Passed{What: "log", Key: path + "-wal", Why: "the file cannot be read through it"})
			source = s.source(s.copied(), true)
		}
	}
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return err
	}
	s.from = &Reader{path: path, db: db}
	s.from.identities.Passed = s.lose
	defer func() { _ = s.from.Close() }() // it only read
	if s.into, err = sql.Open("sqlite", dsn(s.path, "rw", "_foreign_keys=off", "_pragma=synchronous(OFF)",
		"_txlock=immediate")); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.into.Close()) }()
	s.into.SetMaxOpenConns(1)
	if _, err := s.into.ExecContext(ctx, "ATTACH ? AS old", source); err != nil {
		return &event.Error{
			Kind: event.Damaged, Text: "cannot repair store " + path + ": nothing in it can be read",
			Hint: "restore a backup; or " + wayOnEmpty(path), Err: err,
		}
	}
	for _, step := range []func(context.Context) error{s.quarantine, s.events, s.small, s.outbox, s.tidy} {
		if err := step(ctx); err != nil {
			return unavailable("repair store", err)
		}
	}
	return nil
}

// source is how the damaged file is opened: without its log when that is another's.
func (s *salvaging) source(path string, alone bool) string {
	if alone {
		return dsn(path, "ro", "immutable=1")
	}
	return dsn(path, "ro")
}

// copied is the damaged file with a header that can be read.
func (s *salvaging) copied() string { return s.path + ".copy" }

// readable reports whether SQLite finds a store in the file.
func readable(ctx context.Context, source string) bool {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return false
	}
	defer func() { _ = db.Close() }() // it only read
	var found int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM events WHERE seq < 0").Scan(&found)
	return err == nil && requireLatest(ctx, db) == nil
}

// mendHeader copies the damaged file, with the header of the new one in front: but for the sizes it is the same in
// every store.
func (s *salvaging) mendHeader(path string, alone bool) error {
	const header, pageSize, pages, freelist, until = 100, 4096, 28, 32, 40
	suffixes := []string{""}
	if !alone {
		suffixes = append(suffixes, "-wal")
	}
	for _, suffix := range suffixes {
		if err := copyFile(path+suffix, s.copied()+suffix); err != nil && !(suffix != "" && errors.Is(err, os.ErrNotExist)) {
			return err
		}
	}
	fresh, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer fresh.Close()
	text := make([]byte, header)
	if _, err := io.ReadFull(fresh, text); err != nil {
		return err
	}
	to, err := os.OpenFile(s.copied(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer to.Close()
	info, err := to.Stat()
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(text[pages:], uint32(info.Size()/pageSize))
	clear(text[freelist:until])
	_, err = to.WriteAt(text, 0)
	return err
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

const insertEventAt = `INSERT OR IGNORE INTO events (id, event_ts, name, account_id, carrier_code, numbers, attribute,
	value, drift, lint, quarantine, received, door,
	header, body, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

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
		s.tell("events", s.Events)
	}
}

func (s *salvaging) event(ctx context.Context, tx *sql.Tx, e event.Stored) error {
	restored, ok := s.Restore(e.Event)
	if !ok {
		s.lose(sound.Passed{What: "event", Key: strconv.FormatInt(e.Seq, 10), Why: "its body is not that of its identity"})
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
		s.lose(sound.Passed{What: "event", Key: strconv.FormatInt(e.Seq, 10), Why: "it is there twice"})
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
		identities: sound.Check{Event: func(event.Event) error { return nil }, Passed: s.lose}}
	for after := int64(0); ; {
		list, err := from.Quarantines(ctx, "", after, 50)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, q := range list {
			after = q.ID
			if _, err := s.into.ExecContext(ctx, "INSERT OR IGNORE INTO quarantine SELECT * FROM old.quarantine WHERE id = ?",
				q.ID); err != nil {
				s.lose(sound.Passed{What: "quarantine entry", Key: strconv.FormatInt(q.ID, 10), Why: err.Error()})
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
	} {
		if _, err := s.into.ExecContext(ctx, statement); err != nil {
			s.lose(sound.Passed{What: "table", Key: table, Why: err.Error()})
		}
	}
	return nil
}

// outbox saves the rows of the outbox, many at a time, and one by one where that fails.
func (s *salvaging) outbox(ctx context.Context) error {
	const page = 500
	var last int64
	if err := s.into.QueryRowContext(ctx, "SELECT coalesce(max(id), 0) FROM old.owed").Scan(&last); err != nil {
		s.lose(sound.Passed{What: "owed rows", Key: "all", Why: err.Error()})
		return nil //nolint:nilerr // they are enqueued again
	}
	var copyRows func(after, until int64)
	copyRows = func(after, until int64) {
		result, err := s.into.ExecContext(ctx, "INSERT OR IGNORE INTO owed SELECT * FROM old.owed WHERE id > ? AND id <= ?",
			after, until)
		if err == nil {
			n, _ := result.RowsAffected() // it is only counted
			s.Outbox += n
			return
		}
		if until-after == 1 {
			s.lose(sound.Passed{What: "owed row", Key: strconv.FormatInt(until, 10), Why: err.Error()})
			return
		}
		middle := after + (until-after)/2
		copyRows(after, middle)
		copyRows(middle, until)
	}
	for after := int64(0); after < last && ctx.Err() == nil; after += page {
		copyRows(after, min(after+page, last))
		s.tell("owed", after)
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
	for _, d := range statuses {
		if !d.Filled {
			continue // whoever serves it next fills it
		}
		n, err := s.enqueueTo(ctx, fresh, d)
		s.Enqueued += n
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *salvaging) enqueueTo(ctx context.Context, fresh *Store, d event.DownstreamStatus) (outbox int64, err error) {
	for after := int64(0); ; {
		events, err := fresh.Events(ctx, after, auditPage)
		if err != nil || len(events) == 0 {
			return outbox, err
		}
		for _, e := range events {
			after = e.Seq
			if !d.Wants(e.Name) || d.Start == event.FromNow && e.Delivery.Received.Before(d.Registered) ||
				d.Mode == event.Latest && !e.Changes() {
				continue
			}
			numbers := e.Numbers
			if len(numbers) == 0 && d.Mode == event.Every {
				numbers = []string{""}
			}
			var changes []event.Change
			for _, number := range numbers {
				changes = append(changes, event.Change{
					Number: number, Attribute: e.Attribute, Value: e.Value, TS: e.TS, EventID: e.ID, EventName: e.Name,
					AccountID: e.AccountID, CarrierCode: e.CarrierCode, Received: e.Delivery.Received,
				})
			}
			n, err := fresh.Enqueue(ctx, d.Name, changes, false, false)
			outbox += int64(n)
			if err != nil {
				return outbox, err
			}
		}
	}
}

// checkNew looks at all of the new file.
func (s *salvaging) checkNew(ctx context.Context) error {
	r, err := OpenReader(ctx, s.path)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it only read
	r.Check(s.Check)
	var first error
	err = r.Audit(ctx, sound.Audit{Step: s.tell, Report: func(p sound.Passed) {
		if first == nil {
			first = fmt.Errorf("the new file is not good: %s %s: %s", p.What, p.Key, p.Why)
		}
	}})
	if err = errors.Join(err, first); err != nil {
		return unavailable("repair store", err)
	}
	return nil
}

// swap moves the damaged files away, and puts the new one in their place.
func (s *salvaging) swap(path string) error {
	directory := filepath.Dir(path)
	if err := syncFile(s.path); err != nil {
		return unavailable("repair store", err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(path+suffix, s.Moved+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return unavailable("repair store", err)
		}
	}
	if err := os.Rename(s.path, path); err != nil {
		return unavailable("repair store", err)
	}
	if err := syncDirectory(directory); err != nil {
		return unavailable("repair store", err)
	}
	return nil
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

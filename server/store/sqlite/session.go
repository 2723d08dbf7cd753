package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// dsn is the driver's name for a database file. mode is SQLite's: ro or rw, never one that creates. Of a parameter that
// is given twice, the first counts.
func dsn(path, mode string, params ...string) string {
	escaped := (&url.URL{Path: path}).EscapedPath()
	params = append(params, "mode="+mode, fmt.Sprintf("_busy_timeout=%d", busyTimeout.Milliseconds()), "_foreign_keys=on",
		"_dqs=0", "_error_rc=1")
	return "file:" + strings.ReplaceAll(escaped, "?", "%3F") + "?" + strings.Join(params, "&")
}

// session is the connection that writes, with its prepared statements, and one that copies the log beside it. The
// writer's goroutine owns it.
//
// After a failed write it is closed and never used again. A failed fsync may have lost pages that the kernel now
// believes to be clean, and frames of the failed transaction may lie in the log without being on disk; a power cut
// would then end the log there, and everything committed behind them would be gone. So a new session begins by copying
// the whole log into the database file, syncing that, and truncating the log: every frame that follows lies in a log
// that was written again.
type session struct {
	db    *sql.DB
	conn  *sql.Conn
	files map[string]os.FileInfo // what the connection holds open, by path
	log   *writeLog

	begin, commit, rollback          *sql.Stmt
	insertEvent, findEvent           *sql.Stmt
	insertChange, insertChanges      *sql.Stmt
	insertQuarantine, findQuarantine *sql.Stmt
	markRedriven, discard, setFact   *sql.Stmt
	insertAccess, concludeAccess     *sql.Stmt
	addActivity                      *sql.Stmt
	foldActivity, foldedActivity     *sql.Stmt

	outboxStatements
}

// openSession connects to the file, proves the settings that the promise needs, and empties the log.
func (s *Store) openSession(ctx context.Context) (*session, error) {
	if err := s.belongs(ctx); err != nil {
		return nil, err
	}
	if s.unsynced {
		if err := s.copyAgain(ctx); err != nil {
			return nil, err
		}
	}
	db, err := sql.Open("sqlite", dsn(s.path, "rw", append(s.writing(), "_pragma=cache_size(-16384)")...)) // KiB
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	w := &session{db: db, outboxStatements: outboxStatements{clock: s.opts.Now}}
	if err := w.connect(ctx, s); err != nil {
		_ = w.close()
		return nil, err
	}
	return w, nil
}

// keptLog is how much of a long log stays when it starts again, in bytes.
const keptLog = 128 << 20

// writing are the settings of a connection that writes to the file.
func (s *Store) writing() []string {
	return []string{
		"_pragma=synchronous(" + s.opts.Synchronous + ")",
		"_pragma=fullfsync(1)", "_pragma=checkpoint_fullfsync(1)", // where fsync alone stops at the drive's cache (macOS)
		"_pragma=wal_autocheckpoint(0)", // writeLog does it
		fmt.Sprintf("_pragma=journal_size_limit(%d)", keptLog),
		"_pragma=temp_store(memory)",
	}
}

func (w *session) connect(ctx context.Context, s *Store) (err error) {
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return err
	}
	if err := w.checkSettings(ctx, s.opts); err != nil {
		return err
	}
	if err := requireLatest(ctx, w.conn); err != nil {
		return err
	}
	if err := w.renewLog(ctx, s); err != nil {
		return err
	}
	if err := w.prepare(ctx); err != nil {
		return err
	}
	if w.log, err = openLog(s); err != nil {
		return err
	}
	// it waits in its own way: see writer.lock
	if _, err := w.conn.ExecContext(ctx, "PRAGMA busy_timeout = 0"); err != nil {
		return err
	}
	// SQLite syncs the directory when it creates the log, but a reader may have created it.
	if err := syncDirectory(filepath.Dir(s.path)); err != nil {
		return err
	}
	if err := w.remember(s.path); err != nil {
		return err
	}
	s.opened = w.files[s.path]
	return nil
}

// checkSettings reads back what the connection really runs with.
func (w *session) checkSettings(ctx context.Context, opts Options) error {
	var synchronous, foreignKeys int
	var mode string
	row := w.conn.QueryRowContext(ctx, "SELECT s.synchronous, f.foreign_keys, j.journal_mode FROM pragma_synchronous s, "+
		"pragma_foreign_keys f, pragma_journal_mode j")
	if err := row.Scan(&synchronous, &foreignKeys, &mode); err != nil {
		return err
	}
	const full = 2
	switch {
	case opts.AllowUnsafe:
		return nil
	case synchronous < full:
		return unsafeSetting("synchronous is "+[]string{"OFF", "NORMAL"}[synchronous]+", below FULL",
			"a power cut would lose acknowledged events")
	case foreignKeys != 1:
		return unsafeSetting("foreign_keys is off", "a change could name an event that is not there")
	case mode != "wal":
		return unsafeSetting("journal_mode is "+mode+", not wal", noLog)
	}
	return nil
}

// errLogInUse: somebody reads from the log, so it cannot start again.
var errLogInUse = errors.New("another process holds the store open in one long read, so its log cannot be written anew")

// statements are all that the session runs, with where they are kept.
func (w *session) statements() map[string]**sql.Stmt {
	all := map[string]**sql.Stmt{
		"BEGIN IMMEDIATE": &w.begin,
		"COMMIT":          &w.commit,
		"ROLLBACK":        &w.rollback,
		insertEvent:       &w.insertEvent,
		insertChange:      &w.insertChange,
		insertChanges:     &w.insertChanges,
		insertQuarantine:  &w.insertQuarantine,
		"SELECT seq FROM events WHERE event_ts = ? AND id = ?": &w.findEvent,
		"SELECT q.state, e.id FROM quarantine q LEFT JOIN events e ON e.seq = q.redriven_as WHERE " +
			"q.id = ?": &w.findQuarantine,
		"UPDATE quarantine SET state = 'redriven', redriven_as = ? WHERE id = ?":    &w.markRedriven,
		"UPDATE quarantine SET state = 'discarded' WHERE id = ? AND state = 'held'": &w.discard,
		insertAccess:   &w.insertAccess,
		addActivity:    &w.addActivity,
		foldActivity:   &w.foldActivity,
		foldedActivity: &w.foldedActivity,
		concludeAccess: &w.concludeAccess,
		"INSERT INTO facts (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at": &w.setFact,
	}
	maps.Copy(all, w.outboxStatements.statements())
	return all
}

func (w *session) prepare(ctx context.Context) (err error) {
	for text, statement := range w.statements() {
		if *statement, err = w.conn.PrepareContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// remember notes which files the connection has open.
func (w *session) remember(path string) error {
	w.files = map[string]os.FileInfo{}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) && name != path {
			continue // an unsafe store may have no log
		}
		if err != nil {
			return err
		}
		w.files[name] = info
	}
	return nil
}

// errMoved: a commit would go to a file that nobody can open any more.
var errMoved = errors.New("a file of the store was deleted, replaced or cut")

// inPlace reports whether the files that the connection writes are still those that the path names, and none is shorter
// than it was: what was cut off may have been acknowledged. Only a log that starts again may be cut, to what is kept of
// a long one.
func (w *session) inPlace(s *Store) error {
	if err := s.stillLocked(); err != nil {
		return err
	}
	for name := range w.files {
		if err := w.whole(s, name); err != nil {
			return err
		}
	}
	return nil
}

// logWhole is the part of inPlace that a commit would hide.
func (w *session) logWhole(s *Store) error {
	if name := s.path + "-wal"; w.files[name] != nil {
		return w.whole(s, name)
	}
	return nil
}

// whole is inPlace for one of the files.
func (w *session) whole(s *Store, name string) error {
	opened := w.files[name]
	info, err := os.Stat(name)
	switch {
	case err != nil || !os.SameFile(info, opened):
		return errMoved
	case name == s.path && info.Size() < s.grown, name == s.path+"-wal" && info.Size() < min(opened.Size(), keptLog):
		return errMoved
	case name == s.path:
		s.grown = info.Size()
	}
	if info.Size() != opened.Size() {
		w.files[name] = info
	}
	return nil
}

// close gives up the connections, in whatever state they are. A statement that stayed open would keep its connection,
// its transaction and its lock alive.
func (w *session) close() (err error) {
	for _, statement := range w.statements() {
		if *statement != nil {
			err = errors.Join(err, (*statement).Close())
		}
	}
	if w.log != nil {
		err = errors.Join(err, w.log.close())
	}
	if w.conn != nil {
		err = errors.Join(err, w.conn.Close())
	}
	return errors.Join(err, w.db.Close())
}

// undo rolls back what failed because of itself, so that the connection can go on. After any other failure there is no
// need: it is not used again.
func (w *session) undo(ctx context.Context, cause error) error {
	if faultOf(cause) == faultOwn {
		if _, err := w.rollback.ExecContext(ctx); err != nil {
			return err
		}
	}
	return cause
}

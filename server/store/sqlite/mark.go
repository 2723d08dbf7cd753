package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"path/filepath"
)

// The row of the table log marks which write-ahead log belongs to the file, so that a log that is missing, or another
// store's, is noticed before anything is read through it. Each log has a number by chance. SQLite copies the row into
// the file as it does with every page, and what the file alone says follows:
//
//	the log is to be copied:  next = a new number      (expect)  log alone
//	the log is being copied:  started, next as before  (copy)    file: next differs from started: there must be a log
//	the log starts again:     started = next           (begin)   log alone: the file still says that there must be one
//	the store is closed:      started = next                     in the file, with all the rest: no log is needed
//
// A backup that SQLite makes of the whole store (.backup, VACUUM INTO) while the log is copied says that there must be
// one, too, though nothing is missing in it. Its header tells: SQLite gives it another schema cookie, and the number of
// the log has the cookie of the store that it was chosen in.
//
// A file whose next is neither the started nor the next that its log shows is no file of that log. A crash between any
// two of the steps leaves one of these states.
const (
	markExpected = "UPDATE log SET next = ?1 | ((SELECT schema_version FROM pragma_schema_version) & 65535) WHERE " +
		"next = started"
	markBegun = "UPDATE log SET started = next WHERE started <> next"
	readMark  = "SELECT started, next FROM log"
)

// mark is the row.
type mark struct{ started, next int64 }

func (m mark) settled() bool { return m.started == m.next }

// Of the number of a log: whether it has a cookie, a number by chance, and the cookie's lower bits.
const (
	markHasCookie = 1 << 62
	cookieBits    = 16
)

// ofBackup reports whether a file with this cookie in its header is a backup that SQLite made of the whole store.
func (m mark) ofBackup(cookie uint32) bool {
	return m.next&markHasCookie != 0 && uint16(m.next) != uint16(cookie)
}

// execer is a connection or a pool of them.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// expect says that a new log will begin.
func expect(ctx context.Context, db execer) error {
	_, err := db.ExecContext(ctx, markExpected, markHasCookie|rand.Int64N(1<<(62-cookieBits))<<cookieBits)
	return err
}

// begin says that the log has started again, or that none is needed.
func begin(ctx context.Context, db execer) error {
	_, err := db.ExecContext(ctx, markBegun)
	return err
}

// renewLog copies the whole log into the database file and has it start again. Nothing is written to it before it was
// cut: a write, or a sync, may have failed. A reader in the way of that is put up with when none of this process has.
func (w *session) renewLog(ctx context.Context, s *Store) error {
	if s.operator && s.lock == nil && !s.failed {
		return nil // the serving process did it, and is at work on its log now
	}
	// the lock file may be new
	if err := errors.Join(noteKept(s.lock, true), syncDirectory(filepath.Dir(s.path))); err != nil {
		return err
	}
	switch cut := checkpoint(ctx, w.conn, "TRUNCATE"); {
	case cut.err != nil:
		return cut.err
	case !cut.complete && s.failed:
		return errLogInUse
	case !cut.complete:
		if err := s.syncCopied(); err != nil {
			return err
		}
	}
	if err := expect(ctx, w.conn); err != nil {
		return err
	}
	done := checkpoint(ctx, w.conn, "RESTART")
	if done.err != nil {
		return done.err
	}
	if done.complete {
		done.err = begin(ctx, w.conn)
	} else {
		done.err = s.syncCopied()
	}
	if done.err != nil {
		return done.err
	}
	s.mayBeGone = false
	return noteKept(s.lock, false)
}

// settle says that no log is needed. Before it does, the file must name the log that is there: where a copy fails
// halfway, the log would else be taken for another file's.
func settle(ctx context.Context, db interface {
	execer
	asker
}) (complete bool, err error) {
	done := checkpoint(ctx, db, "FULL")
	if done.complete {
		done.err = begin(ctx, db)
	}
	return done.complete, done.err
}

// settleLog copies the log into the file for good. It is the last that a connection does.
func (w *session) settleLog(ctx context.Context, s *Store) error {
	if err := noteKept(s.lock, true); err != nil {
		return err
	}
	if complete, err := settle(ctx, w.conn); err != nil || !complete {
		return err
	}
	done := checkpoint(ctx, w.conn, "TRUNCATE")
	if done.complete {
		return noteKept(s.lock, false)
	}
	return done.err
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"

	codes "modernc.org/sqlite/lib"
)

// errOpenElsewhere: what a failed sync may have lost can only be copied again when nobody else has the store open.
var errOpenElsewhere = errors.New("another process has the store open, so its log cannot be copied again after a " +
	"sync that failed")

// syncCopied syncs what an incomplete copy put into the database file.
func (s *Store) syncCopied() error {
	file, err := s.data.open(s.path)
	if err == nil {
		err = s.syncFile(file)
	}
	s.unsynced = s.unsynced || err != nil
	return err
}

// copyAgain copies the whole log into the database file after pages of a copy may have been lost, because a sync
// failed. As long as a connection is open, SQLite takes them for copied and leaves them out: the -shm counts them. So
// nobody may have the store open, and this connection keeps that count by itself, from nothing.
func (s *Store) copyAgain(ctx context.Context) (err error) {
	params := append([]string{"_pragma=locking_mode(EXCLUSIVE)"}, s.writing()...) // it must be the first
	db, err := sql.Open("sqlite", dsn(s.path, "rw", params...))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	done := checkpoint(ctx, db, "TRUNCATE")
	if done.complete {
		if done.err = begin(ctx, db); done.err == nil {
			done = checkpoint(ctx, db, "TRUNCATE")
		}
	}
	switch {
	case code(done.err) == codes.SQLITE_BUSY, done.err == nil && !done.complete:
		return errOpenElsewhere
	case done.err != nil:
		return done.err
	}
	s.unsynced = false
	return nil
}

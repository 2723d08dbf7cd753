package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestNoLogIsSettledThatTheFileDoesNotName: while the file cannot take the number of the log that is to begin (a reader
// is in the way, or a write failed), nothing may say that it has begun, or the log would be taken for another file's.
func TestNoLogIsSettledThatTheFileDoesNotName(t *testing.T) {
	path := crashedStore(t, 5)
	writer, reader := connected(t, path), connected(t, path)
	old, err := reader.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var events int
	if err := old.QueryRowContext(t.Context(), "SELECT count(*) FROM events").Scan(&events); err != nil || events != 5 {
		t.Fatalf("%d events, %v", events, err)
	}
	if err := expect(t.Context(), writer); err != nil {
		t.Fatal(err)
	}
	expectBelonging := func(when string, settled bool) {
		t.Helper()
		var m mark
		if err := writer.QueryRowContext(t.Context(), readMark).Scan(&m.started, &m.next); err != nil ||
			m.settled() != settled {
			t.Errorf("%s: the mark is %+v, %v", when, m, err)
		}
		crashed := filepath.Join(t.TempDir(), "store.db")
		copyFiles(t, path, crashed, "", "-wal")
		if _, err := inspect(t.Context(), crashed); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		s := openStore(t, crashed, Options{})
		mustAppend(t, s, 99)
	}
	if complete, err := settle(t.Context(), writer); complete || err != nil {
		t.Errorf("with a reader in the way: complete %t, %v", complete, err)
	}
	expectBelonging("with a reader in the way", false)
	if err := old.Rollback(); err != nil {
		t.Fatal(err)
	}
	if complete, err := settle(t.Context(), writer); !complete || err != nil {
		t.Errorf("with nobody in the way: complete %t, %v", complete, err)
	}
	expectBelonging("with nobody in the way", true)
}

// connected is a pool of one connection that copies nothing by itself, and waits for nobody.
func connected(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "rw", "_pragma=wal_autocheckpoint(0)", "_busy_timeout=1"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // its errors are the test's
	db.SetMaxOpenConns(1)
	return db
}

// TestLogThatWentWithAConnectionIsNotMissed: SQLite removes the log with the last connection, and the lock file, which
// says that this may happen, could not be written while the disk was full.
func TestLogThatWentWithAConnectionIsNotMissed(t *testing.T) {
	path := crashedStore(t, 5)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path+"-wal", 0); err != nil {
		t.Fatal(err)
	}
	s := newStore(path, Options{}.withDefaults())
	s.opened, s.failed = info, true
	if err := s.belongs(t.Context()); !errors.Is(err, errMoved) {
		t.Errorf("a log that is gone for no known reason: %v", err)
	}
	s.mayBeGone = true
	if err := s.belongs(t.Context()); err != nil {
		t.Errorf("a log that went with a connection: %v", err)
	}
}

package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"numhook/server/event"
)

// failingSync is a disk on which one sync of the database file fails, and which has forgotten everything that was
// written to the file since it was whole, as a system may that drops pages it could not write.
type failingSync struct {
	path  string
	whole []byte      // the file at some time before
	next  atomic.Bool // the next sync fails
}

func (f *failingSync) sync(file *os.File) error {
	if !f.next.CompareAndSwap(true, false) {
		return file.Sync()
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	old := append(bytes.Clone(f.whole), make([]byte, info.Size()-int64(len(f.whole)))...)
	if err := throughProcess(f.path, old); err != nil {
		return err
	}
	return syscall.EIO
}

// throughProcess writes a file's bytes in another process: in this one, closing it would drop SQLite's locks.
func throughProcess(path string, content []byte) error {
	dd := exec.Command("dd", "of="+path, "conv=notrunc", "status=none")
	dd.Stdin = bytes.NewReader(content)
	return dd.Run()
}

func bytesOf(t *testing.T, path string) []byte {
	t.Helper()
	content, err := exec.CommandContext(t.Context(), "cat", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// long is a delivery of many pages.
var long = event.Delivery{Path: "/", Body: bytes.Repeat([]byte("long "), 8000)}

// A sync that fails may have lost pages that SQLite counts as copied for as long as anybody has the store open: they
// are copied again before anything is acknowledged, or the log is cut.
func TestWhatAFailedSyncLostIsCopiedAgain(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, s *Store) error{
		"and it goes on": func(t *testing.T, s *Store) error {
			const n = 1000
			eventually(t, "the sync is noticed", func() error {
				if _, err := s.Append(t.Context(), sample(n)); err == nil {
					return errors.New("it acknowledges")
				}
				return nil
			})
			eventually(t, "the store goes on", func() error { _, err := s.Append(t.Context(), sample(n)); return err })
			return nil
		},
		"and it is closed": func(_ *testing.T, s *Store) error { return s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "store.db")
			disk := &failingSync{path: path}
			s := newStore(path, Options{AllowUnsafe: true, LogPages: 150}.withDefaults())
			s.syncFile = disk.sync
			if _, err := makeFile(path); err != nil {
				t.Fatal(err)
			}
			if err := s.start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			var stored []int
			for n := range 10 {
				mustAppend(t, s, n)
				stored = append(stored, n)
			}
			disk.whole = bytesOf(t, path)
			// its pages are written once, and not again with a later transaction
			if _, err := s.Quarantine(t.Context(), event.Quarantined{Reason: event.Invalid, Delivery: long}); err != nil {
				t.Fatal(err)
			}
			unpin := pin(t, path) // nothing behind this place is copied
			disk.next.Store(true)
			for n := 10; disk.next.Load(); n++ {
				if _, err := s.Append(t.Context(), sample(n)); err == nil {
					stored = append(stored, n)
				} else if event.KindOf(err) != event.Unavailable {
					t.Fatal(err)
				}
			}
			unpin()
			if err := end(t, s); err != nil {
				t.Fatal(err)
			}
			after := mustEnd(t, path, stored)
			if list, err := after.Quarantines(t.Context(), "", 0, 10); err != nil || len(list) != 1 {
				t.Errorf("the quarantine has %d entries (%v)", len(list), err)
			}
		})
	}
}

// As long as another process has the store open, SQLite keeps its count: nothing is acknowledged.
func TestCopyAgainWaitsForOthers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	unpin := pin(t, path)
	if err := s.copyAgain(t.Context()); !errors.Is(err, errOpenElsewhere) {
		t.Errorf("beside another one: %v", err)
	}
	unpin()
	if err := s.copyAgain(t.Context()); err != nil {
		t.Error(err)
	}
	mustEnd(t, path, []int{1})
}

// pin keeps a reader in the log until the function is called.
func pin(t *testing.T, path string) (unpin func()) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "ro"))
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(context.WithoutCancel(t.Context()), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	var count int
	if err := tx.QueryRow("SELECT count(*) FROM events").Scan(&count); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(tx.Rollback(), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// mustEnd looks at a copy of the files, as they would lie there after the power went.
func mustEnd(t *testing.T, path string, stored []int) *Store {
	t.Helper()
	cut := filepath.Join(t.TempDir(), "store.db")
	for _, suffix := range []string{"", "-wal"} {
		if _, err := os.Stat(path + suffix); err != nil {
			continue
		}
		layCopy(t, path+suffix, cut+suffix)
	}
	s := openStore(t, cut, Options{})
	mustHave(t, s, stored...)
	var verdict string
	err := s.db.QueryRow("SELECT group_concat(integrity_check) FROM pragma_integrity_check").Scan(&verdict)
	if err != nil || verdict != "ok" {
		t.Errorf("the file is damaged: %s (%v)", verdict, err)
	}
	return s
}

// layCopy copies a file that is open.
func layCopy(t *testing.T, from, to string) {
	t.Helper()
	if err := os.WriteFile(to, bytesOf(t, from), 0o600); err != nil {
		t.Fatal(err)
	}
}

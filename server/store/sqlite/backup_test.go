package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	driver "modernc.org/sqlite"

	"numhook/server/event"
)

// logSteps are what a restart of the log does, one after the other.
var logSteps = []struct {
	name string
	do   func(ctx context.Context, db *sql.DB) error
}{
	{"nothing", func(context.Context, *sql.DB) error { return nil }},
	{"expect", func(ctx context.Context, db *sql.DB) error { return expect(ctx, db) }},
	{"copy", func(ctx context.Context, db *sql.DB) error { return checkpoint(ctx, db, "PASSIVE").err }},
	{"restart", func(ctx context.Context, db *sql.DB) error { return checkpoint(ctx, db, "RESTART").err }},
	{"begin", func(ctx context.Context, db *sql.DB) error { return begin(ctx, db) }},
}

// wholeBackups are SQLite's own ways to make a backup of a store that is in use.
var wholeBackups = map[string]func(t *testing.T, from *sql.DB, to string){
	"backup": func(t *testing.T, from *sql.DB, to string) {
		conn, err := from.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		err = conn.Raw(func(c any) error {
			b, err := c.(interface {
				NewBackup(to string) (*driver.Backup, error)
			}).NewBackup(to)
			for more := err == nil; more; {
				if more, err = b.Step(-1); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			return b.Finish()
		})
		if err != nil {
			t.Fatal(err)
		}
	},
	"vacuum": func(t *testing.T, from *sql.DB, to string) {
		if _, err := from.ExecContext(t.Context(), "VACUUM INTO ?", to); err != nil {
			t.Fatal(err)
		}
	},
}

// Whatever step of a copy of the log a backup is made at, and restored elsewhere: one that SQLite made, and a copy of
// the file with its log, has everything and is opened; a copy of the file alone is refused. The same is true once the
// store that was restored is used, and is backed up again.
func TestBackupsWhileTheLogIsCopied(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	var stored []int
	db, err := sql.Open("sqlite", dsn(path, "rw", "_pragma=wal_autocheckpoint(0)"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for round := range 2 {
		for i, step := range logSteps {
			if err := step.do(t.Context(), db); err != nil {
				t.Fatal(err)
			}
			n := 10*round + i
			mustAppend(t, s, n)
			stored = append(stored, n)
			for name, backup := range wholeBackups {
				restored := filepath.Join(t.TempDir(), "store.db")
				backup(t, db, restored)
				mustRestore(t, fmt.Sprintf("%s after %s", name, step.name), restored, stored)
				again := openStore(t, restored, Options{}) // its own log is as good as any
				mustAppend(t, again, 1000)
				second := filepath.Join(t.TempDir(), "store.db")
				from, err := sql.Open("sqlite", dsn(restored, "rw", "_pragma=wal_autocheckpoint(0)"))
				if err != nil {
					t.Fatal(err)
				}
				backup(t, from, second)
				if err := from.Close(); err != nil {
					t.Fatal(err)
				}
				mustRestore(t, "a backup of what was restored", second, append(stored, 1000))
				crashed := filepath.Join(t.TempDir(), "store.db")
				throughCopy(t, restored, crashed, "")
				mustMissLog(t, "what was restored, and lost its log", crashed)
			}
			copied := filepath.Join(t.TempDir(), "store.db")
			throughCopy(t, path, copied, "", "-wal")
			mustRestore(t, "a copy with its log after "+step.name, copied, stored)
			alone := filepath.Join(t.TempDir(), "store.db")
			throughCopy(t, path, alone, "")
			mustMissLog(t, "a copy without its log after "+step.name, alone)
		}
	}
}

func throughCopy(t *testing.T, from, to string, suffixes ...string) {
	t.Helper()
	for _, suffix := range suffixes {
		layCopy(t, from+suffix, to+suffix)
	}
}

// mustRestore demands that a store is opened, and has everything.
func mustRestore(t *testing.T, what, path string, stored []int) {
	t.Helper()
	if err := Inspect(t.Context(), path); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	s, err := Open(t.Context(), path, Options{AllowUnsafe: true})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	mustHave(t, s, stored...)
	if err := s.Close(); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func mustMissLog(t *testing.T, what, path string) {
	t.Helper()
	if err := Inspect(t.Context(), path); event.KindOf(err) != event.Damaged || !strings.Contains(err.Error(),
		"is missing or empty") {
		t.Fatalf("%s: %v", what, err)
	}
}

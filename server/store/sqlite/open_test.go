package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"numhook/server/event"
)

func TestReaderCreatesNothing(t *testing.T) {
	directory := t.TempDir()
	_, err := OpenReader(t.Context(), filepath.Join(directory, "store.db"))
	_, err2 := OpenOperator(t.Context(), filepath.Join(directory, "deeper", "store.db"))
	for _, err := range []error{err, err2} {
		if event.KindOf(err) != event.NotFound || !strings.Contains(err.Error(), "no such file") {
			t.Errorf("error %v of kind %s", err, event.KindOf(err))
		}
		if e, _ := errors.AsType[*event.Error](err); e.Hint == "" {
			t.Errorf("no hint for %v", err)
		}
	}
	if entries, err := os.ReadDir(directory); err != nil || len(entries) > 0 {
		t.Errorf("the directory holds %v (%v)", entries, err)
	}
}

func TestOpenCreatesPrivately(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "directory with %20 and ? and #", "store.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	for _, name := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(name), info.Mode())
		}
	}
	r, err := OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	mustHave(t, r, 1)
	if err := errors.Join(r.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if !slices.Equal(names, []string{"store.db", "store.db.lock"}) {
		t.Errorf("a closed store leaves %v", names)
	}
}

// Nothing that a store opened may stay open: a zombie would hold its locks.
func TestCloseLetsGo(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("SKIPPED: this system does not show a process its open files")
	}
	path := filepath.Join(t.TempDir(), "store.db")
	for range 3 {
		s := openStore(t, path, Options{})
		s.logEnough = 1
		mustAppend(t, s, 1, 2, 3)
		mustHave(t, s, 1)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name, err := os.Readlink(filepath.Join("/proc/self/fd", entry.Name())); err == nil &&
			strings.HasPrefix(name, filepath.Dir(path)) {
			t.Errorf("%s is still open", name)
		}
	}
}

func TestSymbolicLink(t *testing.T) {
	directory := t.TempDir()
	path, link := filepath.Join(directory, "store.db"), filepath.Join(directory, "link.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), link, Options{AllowUnsafe: true}); !errors.Is(err, errServed) {
		t.Errorf("the same store by another name: %v", err)
	}
	r, err := OpenReader(t.Context(), link)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	mustHave(t, r, 1)
}

func TestOpenRefuses(t *testing.T) {
	directory := t.TempDir()
	write := func(name string, statements ...string) string {
		path := filepath.Join(directory, name)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, statement := range statements {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	text := filepath.Join(directory, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path, says, hint string
	}{
		{"another program's", write("other", "CREATE TABLE theirs (x)"), "another program", "--store"},
		{"too new", write("new", "PRAGMA application_id = 0x6e686f6b", "PRAGMA user_version = 99"), "version 99", "newer"},
		{"no database", text, "not a database", "--store"},
		{"a folder", directory, "it is a folder", "--store"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, _ := os.ReadFile(c.path)
			s, err := Open(t.Context(), c.path, Options{AllowUnsafe: true})
			if err == nil {
				s.Close()
				t.Fatal("it was opened")
			}
			if e := wantUnavailable(t, err); !strings.Contains(err.Error(), c.says) || !strings.Contains(e.Hint, c.hint) {
				t.Errorf("error %q with hint %q", err, e.Hint)
			}
			if r, err := OpenReader(t.Context(), c.path); err == nil {
				r.Close()
				t.Error("a reader was opened")
			}
			if after, _ := os.ReadFile(c.path); string(after) != string(before) {
				t.Error("the file was changed")
			}
			// A refused file is not locked for good.
			if lock, err := takeLock(c.path); err != nil {
				t.Errorf("the lock is still held: %v", err)
			} else {
				lock.Close()
			}
		})
	}
	if r, err := OpenReader(t.Context(), write("empty", "PRAGMA user_version = 0")); err == nil {
		r.Close()
		t.Error("a reader opened a store without a schema")
	}
}

func TestRefusesUnsafeSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	for setting, text := range map[string]string{"OFF": "synchronous is OFF, below FULL",
		"NORMAL": "synchronous is NORMAL, below FULL", "nonsense": "below FULL"} {
		// past the check of the disk, which may lie in memory here
		s := newStore(path, Options{Synchronous: setting}.withDefaults())
		if _, err := makeFile(path); err != nil {
			t.Fatal(err)
		}
		err := s.start(t.Context())
		if err == nil {
			t.Fatalf("synchronous=%s was accepted", setting)
		}
		if e := wantUnavailable(t, err); !strings.Contains(err.Error(), text) ||
			!strings.Contains(e.Hint, "--allow-unsafe-store") {
			t.Errorf("error %q with hint %q", err, e.Hint)
		}
	}
	s := openStore(t, path, Options{Synchronous: "OFF"}) // with AllowUnsafe
	mustAppend(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, path, Options{Synchronous: "EXTRA"})
	mustAppend(t, s, 2)
}

// The sentences name what is wrong, and why it matters.
func TestRefusesDiskInMemory(t *testing.T) {
	directory := mounted(t, "8m")
	path := filepath.Join(directory, "store.db")
	_, err := Open(t.Context(), path, Options{})
	e := wantUnavailable(t, err)
	if want := "cannot open store " + path + ": the file lies on tmpfs: what is written there is gone when the machine " +
		"restarts"; e.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpensQuickly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	best := time.Hour
	for range 5 {
		start := time.Now()
		s := openStore(t, path, Options{})
		best = min(best, time.Since(start))
		s.Close()
	}
	t.Logf("an existing store opens in %v", best)
	if best > time.Second {
		t.Errorf("an existing store opens in %v", best)
	}
}

// A place that was closed by a crash, with all in its log, is read and served as it is.
func TestOpensAfterCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	for n := range 200 {
		mustAppend(t, s, n)
	}
	crashed := filepath.Join(t.TempDir(), "store.db")
	for _, suffix := range []string{"", "-wal"} { // as the disk is now
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(crashed+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := OpenReader(t.Context(), crashed)
	if err != nil {
		t.Fatal(err)
	}
	mustHave(t, r, 0, 100, 199)
	r.Close()
	s = openStore(t, crashed, Options{})
	mustHave(t, s, 0, 100, 199)
	if log, err := readLog(crashed); err != nil || log.commits != 1 {
		t.Errorf("the log was not begun anew: %+v %v", log, err)
	}
	checkIntegrity(t, crashed)
}

// TestOpenWhatIsNoFile: neither waits, nor speaks of disks.
func TestOpenWhatIsNoFile(t *testing.T) {
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skipf("SKIPPED: no FIFO can be made here: %v", err)
	}
	for path, why := range map[string]string{folder: "it is a folder", pipe: "it is no regular file",
		os.DevNull: "it is no regular file"} {
		_, serving := Open(t.Context(), path, Options{AllowUnsafe: true})
		_, reading := OpenReader(t.Context(), path)
		_, operating := OpenOperator(t.Context(), path)
		for _, err := range []error{serving, reading, operating} {
			if e, ok := errors.AsType[*event.Error](err); !ok || !strings.Contains(e.Error(), why) ||
				strings.Contains(e.Hint, "by itself") {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

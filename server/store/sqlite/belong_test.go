package sqlite

import (
	"bytes"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
)

// copyFiles copies a store as a crash leaves it, while it is open.
func copyFiles(t *testing.T, from, to string, suffixes ...string) {
	t.Helper()
	for _, suffix := range suffixes {
		content, err := os.ReadFile(from + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// crashedStore is a store of so many events, as a kill leaves it.
func crashedStore(t *testing.T, events int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	for n := range events {
		mustAppend(t, s, n)
	}
	crashed := filepath.Join(t.TempDir(), "store.db")
	copyFiles(t, path, crashed, "", "-wal")
	return crashed
}

func rewrite(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFilesThatDoNotBelongTogether: each is refused with the name of the file and a way on, by who serves and by an
// operator who is alone, and nothing on the disk changes by it.
func TestFilesThatDoNotBelongTogether(t *testing.T) {
	for what, c := range map[string]struct {
		harm func(t *testing.T, path string)
		says string
	}{
		"log deleted": {func(_ *testing.T, path string) { _ = os.Remove(path + "-wal") }, "missing or empty"},
		"log cut to nil": {func(t *testing.T, path string) { rewrite(t, path+"-wal", func([]byte) []byte { return nil }) },
			"missing or empty"},
		"foreign log": {func(t *testing.T, path string) { copyFiles(t, crashedStore(t, 3), path, "-wal") },
			"not the log of this file"},
		"backup copied over": {func(t *testing.T, path string) {
			backup := filepath.Join(t.TempDir(), "backup.db")
			db, err := sql.Open("sqlite", dsn(crashedStore(t, 3), "rw")) // which empties its log
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.ExecContext(t.Context(), "VACUUM INTO ?", backup); err != nil {
				t.Fatal(err)
			}
			copyFiles(t, backup, path, "")
		}, "not the log of this file"},
		"log flipped": {func(t *testing.T, path string) {
			rewrite(t, path+"-wal", func(b []byte) []byte { b[len(b)/2] ^= 4; return b })
		}, "damaged at byte"},
		"header of the log flipped": {func(t *testing.T, path string) {
			rewrite(t, path+"-wal", func(b []byte) []byte { b[17] ^= 4; return b })
		}, "damaged at byte"},
		"file cut to nil": {func(t *testing.T, path string) { rewrite(t, path, func([]byte) []byte { return nil }) },
			"empty"},
		"file deleted": {func(_ *testing.T, path string) { _ = os.Remove(path) }, "gone or empty"},
	} {
		t.Run(what, func(t *testing.T) {
			path := crashedStore(t, 40)
			c.harm(t, path)
			before := filesOf(t, path)
			_, err := Open(t.Context(), path, Options{})
			refusal := func(err error) {
				t.Helper()
				e, ok := err.(*event.Error) //nolint:errorlint // it is not wrapped
				if !ok || e.Kind != event.Damaged || !strings.Contains(e.Text, path) || !strings.Contains(e.Text, c.says) ||
					e.Hint == "" {
					t.Errorf("not refused as it should: %v", err)
				}
			}
			refusal(err)
			if what != "file deleted" {
				_, err = OpenOperator(t.Context(), path)
				refusal(err)
			}
			after := filesOf(t, path)
			for name, content := range before {
				if !bytes.Equal(content, after[name]) {
					t.Errorf("%s was changed", name)
				}
			}
			for name := range after {
				if before[name] == nil && name != "store.db.lock" && name != "store.db-shm" {
					t.Errorf("%s was made", name)
				}
			}
		})
	}
}

func filesOf(t *testing.T, path string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	list, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		content, err := os.ReadFile(filepath.Join(filepath.Dir(path), entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = append([]byte{}, content...)
	}
	return files
}

// TestStoreThatWasKeptIsNotBegunAnew: where the lock file says that there was a store, an empty or missing file is no
// new one.
func TestStoreThatWasKeptIsNotBegunAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for what, harm := range map[string]func() error{
		"cut": func() error { return os.Truncate(path, 0) }, "deleted": func() error { return os.Remove(path) },
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), path, Options{}); err == nil ||
			!strings.Contains(err.Error(), "a store was kept here") {
			t.Errorf("%s: %v", what, err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	openStore(t, path, Options{})
}

// TestTornEndOfTheLogIsPutUpWith: a power cut may leave half of the last transaction, which was not acknowledged.
func TestTornEndOfTheLogIsPutUpWith(t *testing.T) {
	path := crashedStore(t, 40)
	rewrite(t, path+"-wal", func(b []byte) []byte { b[len(b)-100] ^= 1; return b })
	s := openStore(t, path, Options{})
	if !s.Unclean() || s.Doubt() == "" {
		t.Errorf("unclean %v, doubt %q", s.Unclean(), s.Doubt())
	}
	mustHave(t, s, 0, 20, 38)
}

// TestEveryLogIsToldFromTheOneBefore: at every moment at which a kill may come, over many copies of the log, the file
// and the log belong together; and after a clean end the file needs none.
func TestEveryLogIsToldFromTheOneBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	for n := range 60 {
		mustAppend(t, s, n)
		crashed := filepath.Join(t.TempDir(), "store.db")
		copyFiles(t, path, crashed, "", "-wal")
		if found, err := inspect(t.Context(), crashed); err != nil || !found.unclean {
			t.Fatalf("after %d: %+v %v", n, found, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if found, err := inspect(t.Context(), path); err != nil || found.unclean {
		t.Errorf("after a clean end: %+v %v", found, err)
	}
	m, known := markOf(t.Context(), path, "immutable=1")
	if !known || !m.settled() {
		t.Errorf("after a clean end the mark is %+v, %v", m, known)
	}
}

// TestCutUnderTheRunningProcess: as long as the file is shorter than it was, or empty, nothing is acknowledged.
func TestCutUnderTheRunningProcess(t *testing.T) {
	for _, to := range []int64{0, 3} { // parts of 6
		path := filepath.Join(t.TempDir(), "store.db")
		s := openStore(t, path, Options{Patience: 500 * time.Millisecond})
		for n := range 50 {
			mustAppend(t, s, n)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, info.Size()*to/6); err != nil {
			t.Fatal(err)
		}
		for n := range 5 {
			if _, err := s.Append(t.Context(), sample(100+n)); event.KindOf(err) != event.Unavailable {
				t.Errorf("cut to %d of 6 parts: acknowledged: %v", to, err)
			}
		}
	}
}

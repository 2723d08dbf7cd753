package sqlite

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/store/storetest"
)

// A slow machine is no fault of the engine's.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Location {
		path := filepath.Join(t.TempDir(), "store.db")
		return func() (store.Store, error) {
			return Open(t.Context(), path, Options{AllowUnsafe: true, Patience: time.Minute})
		}
	})
}

func TestConformanceShared(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T) (one, other store.Store) {
		path := filepath.Join(t.TempDir(), "store.db")
		one, err := Open(t.Context(), path, Options{AllowUnsafe: true, Patience: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { one.Close() })
		other, err = OpenOperator(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { other.Close() })
		return one, other
	})
}

func TestConformanceOutbox(t *testing.T) {
	storetest.RunOutbox(t, func(t *testing.T, now func() time.Time) storetest.Location {
		path := filepath.Join(t.TempDir(), "store.db")
		t.Cleanup(func() {
			checkIntegrity(t, path)
			checkLines(t, path)
		})
		return func() (store.Store, error) {
			return Open(t.Context(), path, Options{AllowUnsafe: true, Patience: time.Minute, Now: now})
		}
	})
}

func TestConformanceOutboxShared(t *testing.T) {
	storetest.RunOutboxShared(t, func(t *testing.T, now func() time.Time) (one, other store.Store) {
		path := filepath.Join(t.TempDir(), "store.db")
		one, err := Open(t.Context(), path, Options{AllowUnsafe: true, Patience: time.Minute, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { one.Close() })
		operator, err := OpenOperator(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { operator.Close() })
		return one, operator
	})
}

// sample is the n-th event for a number of its own.
func sample(n int) event.Event {
	body := fmt.Sprintf(`{"event_ts":%d}`, n)
	return event.Event{ID: sha256.Sum256([]byte(body)), Name: "some.event", TS: int64(n),
		Numbers: []string{fmt.Sprintf("+1555%07d", n)}, Attribute: event.CNAM,
		Value: []byte(`"ACME"`), Delivery: event.Delivery{Received: time.UnixMicro(1), Path: "/", Body: []byte(body)}}
}

// openStore opens the store, and closes it when the test ends.
func openStore(t *testing.T, path string, opts Options) *Store {
	t.Helper()
	opts.AllowUnsafe = true
	s, err := Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustAppend(t *testing.T, s store.Writer, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		if _, err := s.Append(t.Context(), sample(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// mustHave demands the events, whole.
func mustHave(t *testing.T, r store.Reader, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		e := sample(n)
		stored, err := r.Event(t.Context(), e.ID)
		if err != nil {
			t.Errorf("event %d: %v", n, err)
			continue
		}
		if string(stored.Delivery.Body) != string(e.Delivery.Body) {
			t.Errorf("event %d has the body %q", n, stored.Delivery.Body)
		}
		list, err := r.History(t.Context(), e.Numbers[0])
		if err != nil || len(list) != 1 || list[0].EventID != e.ID {
			t.Errorf("event %d: history %v %v", n, list, err)
		}
	}
}

func wantUnavailable(t *testing.T, err error) *event.Error {
	t.Helper()
	if event.KindOf(err) != event.Unavailable {
		t.Fatalf("error %v is of kind %s, want %s", err, event.KindOf(err), event.Unavailable)
	}
	e, _ := errors.AsType[*event.Error](err)
	return e
}

// eventually tries until it works, or the time is up.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: %v", what, err)
		}
	}
}

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func checkIntegrity(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "ro"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity: %q %v", verdict, err)
	}
	rows, err := db.Query("PRAGMA foreign_key_check")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if rows.Next() {
		t.Error("a row refers to one that is not there")
	}
}

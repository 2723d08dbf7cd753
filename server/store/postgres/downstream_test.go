package postgres_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
)

var newest = event.Downstream{Name: "newest", Mode: event.Latest, Start: event.FromNow}

func mustRegister(t *testing.T, s *postgres.Store, d event.Downstream) event.DownstreamStatus {
	t.Helper()
	status, err := s.Register(t.Context(), d)
	if err != nil {
		t.Fatalf("cannot register: %v", err)
	}
	return status
}

// wantRows wants the downstream to stand with so many rows waiting and attempting.
func wantRows(t *testing.T, s *postgres.Store, downstream string, waiting, attempting int64) {
	t.Helper()
	list, err := s.Downstreams(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.Name == downstream {
			if d.Waiting != waiting || d.Attempting != attempting {
				t.Errorf("%s: %d waiting and %d attempting, want %d and %d", downstream, d.Waiting, d.Attempting, waiting,
					attempting)
			}
			return
		}
	}
	t.Errorf("%s is not there", downstream)
}

// TestRegisterWaitsForWhoStores: a transaction that began to store before the downstream was written does not know it:
// Register does not return before it has ended, and one that finds the downstream there waits for nobody.
func TestRegisterWaitsForWhoStores(t *testing.T) {
	t.Parallel()
	url := postgrestest.New(t)
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{}))
	mustRegister(t, s, event.Downstream{Name: "before", Mode: event.Every, Start: event.FromNow})
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), postgres.Placing); err != nil {
		t.Fatal(err)
	}
	var ended atomic.Bool
	var wg sync.WaitGroup
	for range 2 { // at once: one row
		wg.Go(func() {
			if _, err := s.Register(t.Context(), newest); err != nil {
				t.Errorf("cannot register: %v", err)
			}
			if !ended.Load() {
				t.Error("registered while somebody stores who does not know")
			}
		})
	}
	mustRegister(t, s, event.Downstream{Name: "before", Mode: event.Every, Start: event.FromNow})
	// What is stored meanwhile gets on, although Register stands in line for the lock.
	for ts := range int64(10) {
		mustAppend(t, s, caller(ts, "A", "+1"))
	}
	eventually(t, "Register waits", func() bool {
		var waiting int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND "+
			"mode = 'ExclusiveLock'").Scan(&waiting)
		return err == nil && waiting > 0
	})
	ended.Store(true)
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	mustAppend(t, s, caller(100, "B", "+1"))
	wantRows(t, s, "newest", 1, 0)
	wantRows(t, s, "before", 11, 0)
	if list, err := s.Downstreams(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("%d downstreams, %v", len(list), err)
	}
}

// TestRemoveUnderLoad: a downstream is removed and registered again, again and again, while two receivers store and
// deliver. Nothing fails, nothing deadlocks, and nothing is left of what was removed.
func TestRemoveUnderLoad(t *testing.T) {
	t.Parallel()
	server, url := postgrestest.Shared(t), postgrestest.New(t)
	var stores []*postgres.Store
	for range 2 {
		s, err := postgres.Open(t.Context(), url, postgres.Options{Patience: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	mustRegister(t, stores[0], newest)
	var done atomic.Bool
	var wg sync.WaitGroup
	for c := range 6 {
		wg.Go(func() {
			for i := 0; !done.Load(); i++ {
				if _, err := stores[c%2].Append(t.Context(), caller(int64(i), fmt.Sprint(c), "+1", "+2",
					fmt.Sprint("+3", c, i%50))); err != nil {
					t.Errorf("cannot append: %v", err)
				}
			}
		})
	}
	for _, s := range stores {
		wg.Go(func() {
			for !done.Load() {
				list, _, err := s.Claim(t.Context(), "newest", 5)
				if err != nil {
					t.Errorf("cannot claim: %v", err)
				}
				for _, a := range list {
					if _, err := s.Record(t.Context(), event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq,
						Verdict: event.Confirmed}); err != nil {
						t.Errorf("cannot record: %v", err)
					}
				}
			}
		})
	}
	for i := range 15 {
		if err := stores[i%2].Remove(t.Context(), "newest"); err != nil {
			t.Errorf("cannot remove: %v", err)
		}
		if rows, err := stores[0].OutboxRows(t.Context(), event.OutboxFilter{}, 0, 10); err != nil || len(rows) != 0 {
			t.Errorf("%d rows are owed to nobody: %v", len(rows), err)
		}
		if err := stores[0].Remove(t.Context(), "newest"); event.KindOf(err) != event.NotFound {
			t.Errorf("removed twice: %v", err)
		}
		mustRegister(t, stores[(i+1)%2], newest)
	}
	done.Store(true)
	wg.Wait()
	if err := stores[0].Remove(t.Context(), "newest"); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	var left int
	if err := conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM numhook.owed) + (SELECT count(*) FROM "+
		"numhook.downstreams)").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows are left: %v", left, err)
	}
	conn.Close(t.Context())
	for _, s := range stores {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := deadlocks(t, server, url); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

// TestRemovalGoesOn: what a crash left of a removal goes with the next one, and nobody is handed any of it.
func TestRemovalGoesOn(t *testing.T) {
	t.Parallel()
	server, url := postgrestest.Shared(t), postgrestest.New(t)
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{}))
	mustRegister(t, s, newest)
	mustAppend(t, s, caller(1, "A", "+1"))
	if err := server.Admin(t.Context(), postgrestest.Database(url), "UPDATE numhook.downstreams SET "+
		"name = NULL"); err != nil {
		t.Fatal(err)
	}
	other := newest
	other.Name = "other"
	mustRegister(t, s, newest)
	mustRegister(t, s, other)
	mustAppend(t, s, caller(2, "B", "+2"))
	wantRows(t, s, "newest", 1, 0)
	if err := s.Remove(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var left int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM numhook.owed").Scan(&left); err != nil || left != 1 {
		t.Errorf("%d rows are left, want 1: %v", left, err)
	}
}

// TestPauseWaitsForClaims: once Pause has returned, nothing is handed out that was not before.
func TestPauseWaitsForClaims(t *testing.T) {
	t.Parallel()
	stores := receivers(t, postgrestest.New(t), 2, postgres.Options{})
	mustRegister(t, stores[0], newest)
	var numbers []string
	for n := range 3000 {
		numbers = append(numbers, fmt.Sprint("+", n))
	}
	mustAppend(t, stores[0], caller(1, "A", numbers...))
	var claimed atomic.Int64
	var done atomic.Bool
	var wg sync.WaitGroup
	for _, s := range stores {
		for range 3 {
			wg.Go(func() {
				for !done.Load() {
					list, next, err := s.Claim(t.Context(), "newest", 2)
					if err != nil {
						t.Errorf("cannot claim: %v", err)
					}
					claimed.Add(int64(len(list)))
					if len(list) == 0 && !next.IsZero() && !done.Load() {
						t.Errorf("nothing is claimed, and the next is due at %v", next)
					}
				}
			})
		}
	}
	eventually(t, "some were claimed", func() bool { return claimed.Load() > 20 })
	if err := stores[0].Pause(t.Context(), "newest", "by hand"); err != nil {
		t.Fatal(err)
	}
	held, err := stores[0].Held(t.Context(), "newest")
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := stores[1].Claim(t.Context(), "newest", 10)
	if len(list) != 0 || err != nil {
		t.Errorf("%d rows were claimed of one that is paused: %v", len(list), err)
	}
	done.Store(true)
	wg.Wait()
	if int64(len(held)) != claimed.Load() {
		t.Errorf("%d rows are held when it was paused, and %d were handed out", len(held), claimed.Load())
	}
}

// TestWake: whoever made something due is told so, once it is durable, and nobody else.
func TestWake(t *testing.T) {
	t.Parallel()
	url := postgrestest.New(t)
	var woken, elsewhere atomic.Int64
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{Wake: func() { woken.Add(1) }}))
	other := opened(t)(postgres.Open(t.Context(), url, postgres.Options{Wake: func() { elsewhere.Add(1) }}))
	want := func(what string, n int64) {
		t.Helper()
		if got := woken.Swap(0); got != n {
			t.Errorf("%s: woken %d times, want %d", what, got, n)
		}
	}
	mustAppend(t, s, caller(1, "A", "+1"))
	want("owed to nobody", 0)
	mustRegister(t, s, newest)
	mustAppend(t, s, caller(2, "B", "+1"))
	want("an event", 1)
	mustAppend(t, s, caller(2, "B", "+1"))
	want("the same event", 0)
	mustAppend(t, s, caller(1, "OLD", "+1"))
	want("a superseded one", 0)
	list, _, err := s.Claim(t.Context(), "newest", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("claimed %d: %v", len(list), err)
	}
	mustAppend(t, s, caller(3, "C", "+1"))
	want("a newer value while attempting", 0)
	confirm := func(a event.Attempt) {
		t.Helper()
		if held, err := s.Record(t.Context(), event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq,
			Verdict: event.Confirmed}); err != nil || !held {
			t.Fatalf("recorded: %v %v", held, err)
		}
	}
	confirm(list[0])
	want("the turn of the newer value", 1)
	if list, _, err = s.Claim(t.Context(), "newest", 10); err != nil || len(list) != 1 {
		t.Fatalf("claimed %d: %v", len(list), err)
	}
	confirm(list[0])
	want("delivered", 0)
	for what, do := range map[string]func() error{
		"retry":  func() error { return s.Retry(t.Context(), list[0].Row) },
		"resume": func() error { return s.Resume(t.Context(), "newest") },
	} {
		if err := s.Pause(t.Context(), "newest", "by hand"); err != nil {
			t.Fatal(err)
		}
		want("pause", 0)
		if err := do(); err != nil {
			t.Fatal(err)
		}
		want(what, 1)
	}
	if err := s.Resume(t.Context(), "newest"); err != nil {
		t.Fatal(err)
	}
	woken.Store(0)
	if list, _, err = s.Claim(t.Context(), "newest", 10); err != nil || len(list) != 1 {
		t.Fatalf("claimed %d: %v", len(list), err)
	}
	held := []event.Claimed{{Row: list[0].Row, Claim: list[0].Claim}}
	for n := int64(1); n >= 0; n-- {
		if released, err := s.Release(t.Context(), "newest", held); err != nil || int64(released) != n {
			t.Errorf("released %d: %v", released, err)
		}
		want("release", n)
	}
	if elsewhere.Load() != 0 {
		t.Error("another store was woken")
	}
	mustAppend(t, other, caller(4, "D", "+1"))
	want("another store's event", 0)
	if elsewhere.Load() != 1 {
		t.Errorf("the other store was woken %d times, want once", elsewhere.Load())
	}
}

// TestOutboxSessionsAreKilled: a connection that somebody ends costs no claim and no result.
func TestOutboxSessionsAreKilled(t *testing.T) {
	t.Parallel()
	server, url := postgrestest.Shared(t), postgrestest.New(t)
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{}))
	mustRegister(t, s, newest)
	kill := func() {
		t.Helper()
		if err := server.Admin(t.Context(), postgrestest.Database(url), "SELECT pg_terminate_backend(pid) FROM "+
			"pg_stat_activity "+
			"WHERE application_name = 'numhook' AND datname = current_database()"); err != nil {
			t.Fatal(err)
		}
	}
	for ts := range int64(5) {
		mustAppend(t, s, caller(ts, fmt.Sprint(ts), "+1"))
		kill()
		list, _, err := s.Claim(t.Context(), "newest", 10)
		if err != nil || len(list) != 1 {
			t.Fatalf("claimed %d: %v", len(list), err)
		}
		kill()
		held, err := s.Record(t.Context(), event.Result{Row: list[0].Row, Claim: list[0].Claim, Seq: list[0].Seq,
			Verdict: event.Confirmed})
		if err != nil || !held {
			t.Fatalf("recorded: %v %v", held, err)
		}
		kill()
	}
}

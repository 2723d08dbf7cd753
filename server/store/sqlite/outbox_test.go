package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"numhook/server/event"
)

// The downstreams of the tests.
var (
	newestOnly = event.Downstream{Name: "newest", Mode: event.Latest, Start: event.FromNow}
	allOfIt    = event.Downstream{Name: "all", Mode: event.Every, Start: event.FromNow}
)

func mustRegister(t testing.TB, s *Store, list ...event.Downstream) {
	t.Helper()
	for _, d := range list {
		if _, err := s.Register(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

func mustClaim(t testing.TB, s *Store, downstream string, limit, want int) []event.Attempt {
	t.Helper()
	list, _, err := s.Claim(t.Context(), downstream, limit)
	if err != nil || len(list) != want {
		t.Fatalf("%d rows were claimed (%v), want %d", len(list), err, want)
	}
	return list
}

func result(a event.Attempt, v event.Verdict) event.Result {
	return event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq, Verdict: v, Reason: "the test's"}
}

func mustRecord(t testing.TB, s *Store, a event.Attempt, v event.Verdict) {
	t.Helper()
	if held, err := s.Record(t.Context(), result(a, v)); err != nil || !held {
		t.Fatalf("held %v, error %v", held, err)
	}
}

// checkLines demands that behind says what it is there for, and that every row has its downstream and its event.
func checkLines(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "ro"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var wrong int
	err = db.QueryRow(`SELECT count(*) FROM owed WHERE state = 'waiting' AND behind <> ` + heldUp).Scan(&wrong)
	if err != nil || wrong != 0 {
		t.Errorf("%d rows are behind nobody, or ahead of somebody (%v)", wrong, err)
	}
	err = db.QueryRow(`SELECT count(*) FROM owed WHERE downstream NOT IN (SELECT id FROM downstreams) OR seq NOT IN ` +
		`(SELECT seq FROM events)`).Scan(&wrong)
	if err != nil || wrong != 0 {
		t.Errorf("%d rows have no downstream or no event (%v)", wrong, err)
	}
}

// told is an observer that keeps what it is told.
type told struct {
	mu      sync.Mutex
	batches []int
}

func (o *told) Batch(n int, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batches = append(o.batches, n)
}
func (o *told) Queue(int) {}

// A claim that finds nothing writes nothing, proves nothing, and counts as nothing.
func TestIdleClaim(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	seen := new(told)
	s := openStore(t, path, Options{Observer: seen})
	mustRegister(t, s, newestOnly, allOfIt)
	mustAppend(t, s, 1)
	mustRecord(t, s, mustClaim(t, s, "newest", 5, 1)[0], event.Retry)
	mustRecord(t, s, mustClaim(t, s, "newest", 5, 1)[0], event.Confirmed)
	if err := s.Pause(t.Context(), "all", "the test's"); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	s.wrote.Store(7)
	for _, name := range []string{"newest", "all", "unknown"} {
		mustClaim(t, s, name, 5, 0)
	}
	if held, err := s.Record(t.Context(), event.Result{Row: 1, Claim: 5, Seq: 1, Verdict: event.Confirmed}); err != nil ||
		held {
		t.Errorf("held %v, error %v", held, err)
	}
	if n, err := s.Release(t.Context(), "newest", []event.Claimed{{Row: 1, Claim: 5}}); err != nil || n != 0 {
		t.Errorf("released %d, error %v", n, err)
	}
	if n, err := s.Enqueue(t.Context(), "all", []event.Change{{Number: sample(1).Numbers[0], Attribute: event.CNAM, TS: 1,
		EventID: sample(1).ID, Value: []byte(`"ACME"`)}}, true, true); err != nil || n != 0 {
		t.Errorf("owed %d, error %v", n, err)
	}
	after, err := os.Stat(path + "-wal")
	if err != nil || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("the log was written: %d bytes, then %d", before.Size(), after.Size())
	}
	if s.wrote.Load() != 7 {
		t.Error("what wrote nothing was taken for a proof that the store can be written")
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if !slices.Equal(seen.batches, []int{1}) {
		t.Errorf("the observer was told of batches of %v deliveries, want one of 1", seen.batches)
	}
}

// Wake is called when something has become due, and only then.
func TestWake(t *testing.T) {
	var woken atomic.Int64
	s := openStore(t, filepath.Join(t.TempDir(), "store.db"), Options{Wake: func() { woken.Add(1) }})
	want := func(what string, times int64) {
		t.Helper()
		if got := woken.Swap(0); got != times {
			t.Errorf("%s: woken %d times, want %d", what, got, times)
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, s, 1)
	want("an event before there is a downstream", 0)
	mustRegister(t, s, newestOnly, allOfIt)
	want("register", 0)
	mustAppend(t, s, 2)
	want("an event", 1)
	mustAppend(t, s, 2)
	want("the event again", 0)
	a, b := mustClaim(t, s, "newest", 1, 1)[0], mustClaim(t, s, "all", 1, 1)[0]
	want("claims", 0)
	mustRecord(t, s, a, event.Retry)
	mustRecord(t, s, b, event.Refused)
	want("ordinary results", 0)
	check(s.Retry(t.Context(), b.Row))
	want("retry", 1)
	check(s.Skip(t.Context(), b.Row))
	want("skip", 0)
	a = mustClaim(t, s, "newest", 1, 1)[0]
	newer := sample(2)
	newer.TS, newer.ID, newer.Value = 3, sample(3).ID, []byte(`"NEWER"`)
	must(s.Append(t.Context(), newer))
	want("a newer value", 1)
	mustRecord(t, s, a, event.Confirmed)
	want("the result for the older value", 1)
	a = mustClaim(t, s, "newest", 1, 1)[0]
	must(s.Release(t.Context(), "newest", []event.Claimed{{Row: a.Row, Claim: a.Claim}}))
	want("release", 1)
	change := []event.Change{{Number: sample(1).Numbers[0], Attribute: event.CNAM, TS: 1, EventID: sample(1).ID,
		EventName: sample(1).Name, Value: sample(1).Value}}
	must(s.Enqueue(t.Context(), "newest", change, false, true))
	want("a dry run", 0)
	must(s.Enqueue(t.Context(), "newest", change, false, false))
	want("owe", 1)
	must(s.Enqueue(t.Context(), "newest", change, false, false))
	want("owe what is owed", 0)
	check(s.Pause(t.Context(), "newest", "the test's"))
	want("pause", 0)
	check(s.Resume(t.Context(), "newest"))
	want("resume", 1)
	// In line: who leaves it lets the next one go.
	b = mustClaim(t, s, "all", 5, 1)[0]
	late := sample(2)
	late.TS, late.ID, late.Numbers = 9, sample(9).ID, []string{b.Number}
	must(s.Append(t.Context(), late))
	want("an event in line", 1)
	mustRecord(t, s, b, event.Confirmed)
	want("the result of the first in line", 1)
}

// Whoever was attempting when the file was served last is dead. In mode latest what they sent may still take effect,
// and the rows stay under their claims. An operator beside a serving process leaves those who are attempting alone.
func TestOpenReleases(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	at := time.UnixMicro(1_700_000_000_000_000)
	s := openStore(t, path, Options{Now: func() time.Time { return at }})
	mustRegister(t, s, newestOnly, allOfIt)
	mustAppend(t, s, 1, 2)
	stuck := append(mustClaim(t, s, "newest", 1, 1), mustClaim(t, s, "all", 5, 2)...)
	operator, err := OpenOperator(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := operator.Held(t.Context(), "all"); err != nil || len(list) != 2 {
		t.Errorf("an operator finds %d rows held (%v), want 2", len(list), err)
	}
	if err := errors.Join(operator.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	// nobody serves: still it might be that somebody else does, soon
	if operator, err = OpenOperator(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if list, err := operator.Held(t.Context(), "all"); err != nil || len(list) != 2 {
		t.Errorf("an operator finds %d rows held (%v), want 2", len(list), err)
	}
	if err := operator.Close(); err != nil {
		t.Fatal(err)
	}
	at = at.Add(time.Hour)
	s = openStore(t, path, Options{Now: func() time.Time { return at }})
	if held, err := s.Held(t.Context(), "newest"); err != nil ||
		!slices.Equal(held, []event.Claimed{{Row: stuck[0].Row, Claim: stuck[0].Claim}}) {
		t.Errorf("held in mode latest: %v (%v), want %+v", held, err, stuck[0])
	}
	for _, a := range stuck[1:] {
		o, err := s.OutboxRow(t.Context(), a.Row)
		if err != nil || o.State != event.Waiting || !o.Due.Equal(at) || o.Tries != 1 {
			t.Errorf("a row whose holder is dead: %+v (%v)", o, err)
		}
		if held, err := s.Record(t.Context(), result(a, event.Confirmed)); err != nil || held {
			t.Errorf("held %v, error %v", held, err)
		}
	}
	mustClaim(t, s, "newest", 5, 1)
}

// A store of the version before keeps its events, and enqueues nothing of what came before there were downstreams.
func TestMigrateToOutbox(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	e := sample(1)
	for _, statement := range []string{
		`INSERT INTO events VALUES (1, x'` + e.ID.String() + `', 1, 'some.event', '', 0, '["` + e.Numbers[0] +
			`"]', 'cnam', '"ACME"', '[]', '[]', NULL, 1, '/', '{}', x'` +
			fmt.Sprintf("%x", e.Delivery.Body) + `')`,
		`INSERT INTO changes VALUES ('` + e.Numbers[0] + `', 'cnam', 1, 1, 0)`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	needed := fmt.Sprintf("version 1, and this program needs version %d", latestSchema)
	if _, err := OpenReader(t.Context(), path); err == nil || !strings.Contains(err.Error(), needed) {
		t.Errorf("a reader of the version before: %v", err)
	}
	s := openStore(t, path, Options{})
	mustHave(t, s, 1)
	mustRegister(t, s, newestOnly)
	mustAppend(t, s, 1, 2)
	if a := mustClaim(t, s, "newest", 5, 1)[0]; a.EventID != sample(2).ID {
		t.Error("the event from before is owed")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkIntegrity(t, path)
}

// To remove a downstream with a long outbox takes several transactions, and deliveries get in between them.
func TestRemoveMuch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{Patience: time.Minute})
	mustRegister(t, s, newestOnly, allOfIt)
	e := sample(1)
	e.Numbers = nil
	for i := range 2*removedRows + 500 {
		e.Numbers = append(e.Numbers, fmt.Sprintf("+1666%07d", i))
	}
	must(s.Append(t.Context(), e))
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for n := 2; ctx.Err() == nil; n++ {
			if _, err := s.Append(t.Context(), sample(n)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	err := s.Remove(t.Context(), "newest")
	cancel()
	all.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if list, err := s.OutboxRows(t.Context(), event.OutboxFilter{Downstream: "newest"}, 0, 1); err != nil ||
		len(list) != 0 {
		t.Errorf("%d rows are left (%v)", len(list), err)
	}
	if list, err := s.Downstreams(t.Context()); err != nil || len(list) != 1 || list[0].Waiting < int64(len(e.Numbers)) {
		t.Errorf("downstreams %+v (%v)", list, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkIntegrity(t, path)
	checkLines(t, path)
}

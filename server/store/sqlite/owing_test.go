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
	err = db.QueryRow(`SELECT count(*) FROM owed WHERE downstream NOT IN (SELECT id FROM downstreams) OR seq NOT IN (SELECT seq FROM events)`).Scan(&wrong)
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
	if held, err := s.Record(t.Context(), event.Result{Row: 1, Claim: 5, Seq: 1, Verdict: event.Confirmed}); err != nil || held {
		t.Errorf("held %v, error %v", held, err)
	}
	if n, err := s.Release(t.Context(), "newest", []event.Claimed{{Row: 1, Claim: 5}}); err != nil || n != 0 {
		t.Errorf("released %d, error %v", n, err)
	}
	if n, err := s.Owe(t.Context(), "all", []event.Change{{Number: sample(1).Numbers[0], Attribute: event.CNAM, TS: 1, EventID: sample(1).ID, Value: []byte(`"ACME"`)}}, true, true); err != nil || n != 0 {
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
	change := []event.Change{{Number: sample(1).Numbers[0], Attribute: event.CNAM, TS: 1, EventID: sample(1).ID, EventName: sample(1).Name, Value: sample(1).Value}}
	must(s.Owe(t.Context(), "newest", change, false, true))
	want("a dry run", 0)
	must(s.Owe(t.Context(), "newest", change, false, false))
	want("owe", 1)
	must(s.Owe(t.Context(), "newest", change, false, false))
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

// Whoever was attempting when the file was served last is dead. An operator beside a serving process leaves those who are attempting alone.
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
	if operator, err = OpenOperator(t.Context(), path); err != nil { // nobody serves: still it might be that somebody else does, soon
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
	for _, a := range stuck {
		o, err := s.OwedRow(t.Context(), a.Row)
		if err != nil || o.State != event.Waiting || !o.Due.Equal(at) || o.Tries != 1 {
			t.Errorf("a row whose holder is dead: %+v (%v)", o, err)
		}
		if held, err := s.Record(t.Context(), result(a, event.Confirmed)); err != nil || held {
			t.Errorf("held %v, error %v", held, err)
		}
	}
	mustClaim(t, s, "newest", 5, 2)
}

// A store of the version before keeps its events, and owes nobody what came before there were downstreams.
func TestMigrateToOwed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	e := sample(1)
	for _, statement := range []string{
		`INSERT INTO events VALUES (1, x'` + e.ID.String() + `', 1, 'some.event', '', 0, '["` + e.Numbers[0] + `"]', 'cnam', '"ACME"', '[]', '[]', NULL, 1, '/', '{}', x'` +
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
	if _, err := OpenReader(t.Context(), path); err == nil || !strings.Contains(err.Error(), "version 1") || !strings.Contains(err.Error(), "version 2") {
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

// Each question about what is owed is answered by looking something up, by an index that holds what it is asked for and nothing else.
func TestOwedQueriesUseIndexes(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "store.db"), Options{})
	db, err := sql.Open("sqlite", dsn(s.path, "rw"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, c := range []struct {
		query string
		uses  []string
	}{
		{claimable, []string{"INDEX owed_open (downstream=? AND state=? AND behind=? AND due<?)", "INDEX owed_open (downstream=? AND state=? AND behind=? AND due>?)"}},
		{readClaimed, []string{"INDEX owed_open (downstream=? AND state=? AND behind=? AND due<?)", "INDEX owed_open (downstream=? AND state=? AND behind=? AND due>?)"}},
		{markClaimed, []string{"owed USING INTEGER PRIMARY KEY (rowid=?)"}},
		{nextDue, []string{"COVERING INDEX owed_open (downstream=? AND state=? AND behind=?)"}},
		{held, []string{"INDEX owed_open (downstream=? AND state=?)"}},
		{release, []string{"INTEGER PRIMARY KEY (rowid=?)", "INDEX owed_line (downstream=? AND number=?"}},
		{releaseAll, []string{"INDEX owed_open (downstream=? AND state=?)"}},
		{record, []string{"owed USING INTEGER PRIMARY KEY (rowid=?)", "INDEX owed_line (downstream=? AND number=?"}},
		{beginAgain, []string{"INDEX owed_line (downstream=? AND number=?"}},
		{stepBack, []string{"n USING INDEX owed_line (downstream=? AND number=?"}},
		{moveUp, []string{"n USING INDEX owed_line (downstream=? AND number=?", "b USING INDEX owed_line (downstream=? AND number=?"}},
		{oweDebts(mostDebts), []string{"c EXISTS USING PRIMARY KEY (number=? AND attribute=? AND event_ts=? AND seq=?)"}},
		{oweTold, []string{"owed USING INDEX sqlite_autoindex_owed_1 (downstream=? AND number=? AND attribute=? AND slot=?)"}},
		{forMany(oweEvent), []string{"b USING INDEX owed_line (downstream=? AND number=?"}},
		{forMany(passStep), []string{"n USING INDEX owed_line (downstream=? AND number=?", "owed USING INTEGER PRIMARY KEY (rowid=?)"}},
		{standings, []string{"o USING COVERING INDEX owed_open (downstream=? AND state=?)"}},
		{owedByID, []string{"o USING INTEGER PRIMARY KEY (rowid>?)"}},
		{owedByNumber, []string{"o USING INDEX sqlite_autoindex_owed_1 (downstream=? AND number=?)"}},
		{owedByState, []string{"o USING INDEX owed_open (downstream=? AND state=?)"}},
		{oneOwed, []string{"o USING INTEGER PRIMARY KEY (rowid=?)"}},
		{removeOwed, []string{"owed USING COVERING INDEX", "owed USING INTEGER PRIMARY KEY (rowid=?)"}},
	} {
		args := make([]any, strings.Count(c.query, "?")) // those with numbers are fewer
		plan := planOf(t, db, c.query, args)
		for _, use := range c.uses {
			if !strings.Contains(plan, use) {
				t.Errorf("no %q in the plan of %s:\n%s", use, c.query, plan)
			}
		}
		for _, table := range []string{"owed", "o", "b", "n", "changes", "events"} {
			if c.query != standings && strings.Contains(plan, "TEMP B-TREE FOR LAST") {
				t.Errorf("many that are due at once are sorted by %s:\n%s", c.query, plan)
			}
			if strings.Contains(plan+"\n", "SCAN "+table+"\n") || strings.Contains(plan, "SCAN "+table+" ") {
				t.Errorf("the whole of %s is read by %s:\n%s", table, c.query, plan)
			}
		}
	}
}

// What every delivery waits for makes no table of its own on the way, which would take as long as all the rest.
func TestOwingMakesNoTables(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "store.db"), Options{})
	db, err := sql.Open("sqlite", dsn(s.path, "rw"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	queries := map[string]int{markClaimed: 2} // with the number of their parameters
	for _, size := range debtSizes {
		queries[oweDebts(size)] = 1 + 5*size
	}
	for query, args := range queries {
		rows, err := db.Query("EXPLAIN "+query, make([]any, args)...)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		steps := 0
		for ; rows.Next(); steps++ {
			var opcode string
			var other any
			if err := rows.Scan(&other, &opcode, &other, &other, &other, &other, &other, &other); err != nil {
				t.Fatal(err)
			}
			if opcode == "OpenEphemeral" || opcode == "OpenAutoindex" {
				t.Errorf("%s in %s", opcode, query)
			}
		}
		if err := rows.Err(); err != nil || steps == 0 {
			t.Errorf("%d steps (%v)", steps, err)
		}
	}
}

func planOf(t *testing.T, db *sql.DB, query string, args []any) string {
	t.Helper()
	for len(args) > 0 {
		if rows, err := db.Query("EXPLAIN QUERY PLAN "+query, args...); err == nil {
			var lines []string
			for rows.Next() {
				var a, b, c int
				var detail string
				if err := rows.Scan(&a, &b, &c, &detail); err != nil {
					t.Fatal(err)
				}
				lines = append(lines, detail)
			}
			err = errors.Join(rows.Err(), rows.Close())
			if err == nil {
				return strings.Join(lines, "\n")
			}
		}
		args = args[1:]
	}
	t.Fatalf("no number of arguments fits %s", query)
	return ""
}

// To remove a downstream that is owed much takes several transactions, and deliveries get in between them.
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
	if list, err := s.Owed(t.Context(), event.OwedFilter{Downstream: "newest"}, 0, 1); err != nil || len(list) != 0 {
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

// What a transaction makes owed is written together, and is as if it were written one by one.
func TestOweWithinOneTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	mine := newestOnly
	mine.Name, mine.Only.CarrierCodes = "mine", []int32{7}
	mustRegister(t, s, newestOnly, mine, allOfIt)
	session, err := s.openSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.close() })
	w := &writer{store: s, session: session}
	says := func(number, ts int, carrier int32) work {
		e := sample(ts)
		e.Numbers, e.CarrierCode, e.Value = sample(number).Numbers, carrier, fmt.Appendf(nil, `"%d"`, ts)
		a, err := newAppending(e)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	transact := func(batch ...work) {
		t.Helper()
		if err := w.transact(batch); err != nil {
			t.Fatal(err)
		}
	}
	claims := func(downstream string) *claiming { return &claiming{downstream: downstream, limit: 1000} }
	want := func(c *claiming, values ...string) {
		t.Helper()
		var got []string
		for _, a := range c.attempts {
			got = append(got, fmt.Sprintf("%s %s", a.Number, a.Value))
		}
		slices.Sort(got)
		if !slices.Equal(got, values) {
			t.Errorf("%s is handed %q, want %q", c.downstream, got, values)
		}
	}

	// Of the carrier 7 are all of what is said about one, the first of what is said about two, and what comes too late about three.
	before, after := claims("mine"), claims("mine")
	transact(says(1, 11, 7), before, says(2, 21, 7), says(2, 22, 8), says(3, 31, 8), says(3, 30, 7), after)
	want(before, `+15550000001 "11"`)
	want(after, `+15550000002 "22"`)
	all := claims("newest")
	transact(says(1, 13, 8), says(1, 12, 7), says(4, 41, 8), says(4, 42, 8), all)
	want(all, `+15550000001 "13"`, `+15550000002 "22"`, `+15550000003 "31"`, `+15550000004 "42"`)
	for _, a := range slices.Concat(before.attempts, after.attempts, all.attempts) {
		mustRecord(t, s, a, event.Confirmed)
	}
	again := claims("mine")
	transact(again)
	want(again, `+15550000001 "13"`) // came while an older one was under way
	mustRecord(t, s, again.attempts[0], event.Confirmed)

	// As many as no statement takes at once, one number in all of them, and each number again with something older.
	for _, count := range []int{1, 2, 7, 8, 9, 31, 32, 33, 70} {
		var batch []work
		var values []string
		first := 1000 * count
		for n := first; n < first+count; n++ {
			batch = append(batch, says(n, 1000*n+1, 7), says(n, 1000*n, 7), says(5, 1000*n+2, 7))
			values = append(values, fmt.Sprintf(`+1555%07d "%d"`, n, 1000*n+1))
		}
		values = append([]string{fmt.Sprintf(`+15550000005 "%d"`, 1000*(first+count-1)+2)}, values...)
		for _, downstream := range []string{"newest", "mine"} {
			c := claims(downstream)
			if downstream == "newest" {
				transact(append(batch, c)...)
			} else {
				transact(c)
			}
			want(c, values...)
			for _, a := range c.attempts {
				mustRecord(t, s, a, event.Confirmed)
			}
		}
	}
	checkLines(t, path)
}

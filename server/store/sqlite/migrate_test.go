package sqlite

import (
	"database/sql"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"numhook/server/event"
)

// storeOf is an empty store of an older version.
func storeOf(t *testing.T, version int64) (path string, db *sql.DB) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "store.db")
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithLogger(goose.NopLogger()),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	return path, db
}

// execAll runs statements, or ends the test.
func execAll(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// TestMigrateToOrdered: what a store of the second version holds of an event_ts far ahead of its receipt is put right:
// the ordinary value after it is current, is enqueued in mode latest where it was held back, and stands in its place in
// mode every.
func TestMigrateToOrdered(t *testing.T) {
	path, db := storeOf(t, 2)
	const received = 1_770_000_000_000 // milliseconds
	stored := func(seq, ts int64, number, value string, superseded int) {
		t.Helper()
		execAll(t, db, fmt.Sprintf(`INSERT INTO events VALUES (%d, x'%064x', %d, 'name', '', 7, '["%s"]', 'emergency_address',
			'%s', '[]', '[]', NULL, %d, '/', '{}',
			x'7b7d')`, seq, seq, ts, number, value, (received+seq)*1000),
			fmt.Sprintf(`INSERT INTO changes VALUES ('%s', 'emergency_address', %d, %d, %d)`,
				number, ts, seq, superseded))
	}
	outbox := func(downstream, slot, ts, seq int64, number, state string, behind int) {
		t.Helper()
		execAll(t, db, fmt.Sprintf(`INSERT INTO owed (downstream, number, attribute, slot, event_ts, seq, state, behind, due,
			since, tries)
			VALUES (%d, '%s', 'emergency_address', %d, %d, %d, '%s', %d, 5, 5, 3)`, downstream, number, slot, ts, seq, state,
			behind))
	}
	for i, d := range []string{ // id, name, mode, start, events, carriers, countries, prefixes, registered
		`'newest', 'latest', 'now', '[]', '[]', '[]', '[]', 1`,
		`'all', 'every', 'now', '[]', '[]', '[]', '[]', 1`,
		`'us', 'latest', 'now', '["name"]', '[7]', '["US"]', '["+1","+5"]', 1`,
		`'others', 'latest', 'beginning', '["other"]', '[]', '[]', '[]', 1`,
		`'prefix', 'latest', 'beginning', '[]', '[]', '[]', '["+2"]', 1`,
		fmt.Sprintf(`'late', 'latest', 'now', '[]', '[]', '[]', '[]', %d`, int64(received+50)*1000),
	} {
		execAll(t, db, fmt.Sprintf(`INSERT INTO downstreams (id, name, mode, start, events, carrier_codes, countries,
			prefixes, registered, filled)
			VALUES (%d, %s, 1)`, i+1, d))
	}
	// +1: an ordinary one, an absurd one, two more that were superseded by it, and a late one.
	stored(1, received-9, "+1", `{"country":"US","n":1}`, 0)
	stored(2, math.MaxInt64, "+1", `{"country":"CA","n":2}`, 0)
	stored(3, received+2, "+1", `{"country":"CA","n":3}`, 1)
	stored(4, received+3, "+1", `{"country":"US","n":4}`, 1)
	stored(5, received-20, "+1", `{"country":"US","n":5}`, 1)
	outbox(1, 0, math.MaxInt64, 2, "+1", "delivered", 0)
	for seq, state := range map[int64]string{1: "delivered", 2: "waiting", 3: "waiting", 4: "waiting", 5: "waiting"} {
		ts := []int64{received - 9, math.MaxInt64, received + 2, received + 3, received - 20}[seq-1]
		outbox(2, seq, ts, seq, "+1", state, map[bool]int{true: 1}[state == "waiting" && seq != 5])
	}
	// +2: an absurd one and nothing after it; +3: nothing absurd; +4: less than a day ahead.
	stored(6, received+6+24*3600*1000, "+2", `"A"`, 0)
	outbox(1, 0, received+6+24*3600*1000, 6, "+2", "delivered", 0)
	stored(7, received, "+3", `"A"`, 0)
	stored(8, received+8+24*3600*1000-1, "+4", `"A"`, 0)
	stored(9, received+9, "+4", `"B"`, 1)
	// +5: an attempt with the absurd value is under way.
	stored(60, math.MaxInt64, "+5", `{"country":null}`, 0)
	stored(61, received+61, "+5", `{"country":{"US":1}}`, 1)
	outbox(1, 0, math.MaxInt64, 60, "+5", "attempting", 0)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	at := time.Now()
	s := openStore(t, path, Options{})
	check := func(number string, want ...string) {
		t.Helper()
		list, err := s.History(t.Context(), number)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range list {
			got = append(got, fmt.Sprintf("%d %s %s", c.TS-received, c.Value, c.State))
		}
		if !slices.Equal(got, want) {
			t.Errorf("history of %s:\n got %q\nwant %q", number, got, want)
		}
	}
	check("+1", `-20 {"country":"US","n":5} superseded`, `-9 {"country":"US","n":1} replaced`,
		fmt.Sprintf(`%d {"country":"CA","n":2} replaced`, int64(math.MaxInt64-received)),
		`2 {"country":"CA","n":3} replaced`, `3 {"country":"US","n":4} current`)
	check("+2", `86400006 "A" current`)
	check("+3", `0 "A" current`)
	check("+4", `9 "B" superseded`, `86400007 "A" current`)
	rows := func(downstream string) (got []string) {
		t.Helper()
		list, err := s.OutboxRows(t.Context(), event.OutboxFilter{Downstream: downstream}, 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range list {
			began := o.Tries == 0 && (o.State != event.Waiting || o.Due.After(at.Add(-time.Minute)))
			got = append(got, fmt.Sprintf("%s %s %s %v", o.Number, o.Value, o.State, began))
		}
		slices.Sort(got)
		return got
	}
	for downstream, want := range map[string][]string{
		"newest": {`+1 {"country":"US","n":4} waiting true`, `+2 "A" delivered false`,
			`+5 {"country":{"US":1}} attempting true`},
		"us":     {`+1 {"country":"US","n":4} waiting true`, `+5 {"country":{"US":1}} waiting true`},
		"others": nil, "prefix": {`+2 "A" waiting true`},
		"late": {`+5 {"country":{"US":1}} waiting true`},
	} {
		if got := rows(downstream); !slices.Equal(got, want) {
			t.Errorf("owed to %s: %q, want %q", downstream, got, want)
		}
	}
	for _, want := range []int64{5, 2, 3, 4} {
		a := mustClaim(t, s, "all", 5, 1)[0]
		if a.Seq != want || a.Superseded != (want == 5) {
			t.Errorf("claimed %d (superseded %v), want %d", a.Seq, a.Superseded, want)
		}
		if held, err := s.Record(t.Context(), result(a, event.Confirmed)); err != nil || !held {
			t.Fatalf("held %v, error %v", held, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkIntegrity(t, path)
	checkLines(t, path)
}

// TestMigrateQuarantine: what the second version kept of one delivery at many paths becomes one entry, and nothing else
// changes.
func TestMigrateQuarantine(t *testing.T) {
	path, db := storeOf(t, 2)
	const cnam = "number_management.peering_number_cnam_updated"
	entry := func(id int, path, digest, name string, times int, state, as string) {
		t.Helper()
		execAll(t, db, fmt.Sprintf(`INSERT INTO quarantine VALUES (%d, '%s', x'%s', 'unknown_event', '%s', '[]', %d, '%s', `+
			`%s, %d, '{}', x'%02x')`,
			id, path, strings.Repeat(digest, 32), name, times, state, as, id*1_000_000, id))
	}
	event1 := func(seq, quarantine int) {
		t.Helper()
		execAll(t, db, fmt.Sprintf(`INSERT INTO events VALUES (%d, x'%064x', %[1]d, 'name', '', 7, '[]', NULL, NULL, '[]', `+
			`'[]', %[3]d, 1, '/', '{}', x'7b7d')`,
			seq, seq, quarantine))
	}
	execAll(t, db, "PRAGMA foreign_keys = off")
	event1(1, 5)
	event1(2, 8)
	long := "/" + strings.Repeat("x", 300)
	entry(1, "/a", "aa", "name", 2, "held", "NULL")
	entry(2, "/", "aa", "name", 3, "held", "NULL")
	entry(3, "/prefix/"+cnam+"/", "aa", "name", 4, "held", "NULL")
	entry(4, "/"+cnam, "aa", "name", 5, "held", "NULL")
	entry(5, "/b", "bb", "name", 1, "redriven", "1")
	entry(6, "/a", "bb", "name", 1, "held", "NULL")
	entry(7, "/a", "cc", "name", 1, "held", "NULL")
	entry(8, "/b", "cc", "name", 1, "redriven", "2")
	entry(9, "/c", "cc", "name", 1, "redriven", "2")
	entry(10, long, "dd", long, 1, "held", "NULL")
	entry(11, "/x"+cnam, "dd", "name", 1, "held", "NULL")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, path, Options{})
	list, err := s.Quarantines(t.Context(), "", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, q := range list {
		whole, err := s.QuarantineEntry(t.Context(), q.ID)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%d %s %q %q %d %s %x", q.ID, q.Delivery.Path, q.PathEvent, q.EventName, q.Times,
			q.State, whole.Delivery.Body))
	}
	want := []string{
		`1 /a "" "name" 5 held 01`, `3 /prefix/` + cnam + `/ "` + cnam + `" "name" 9 held 03`, `5 /b "" "name" 2 redriven 05`,
		`8 /b "" "name" 3 redriven 08`,
		`10 / "" "" 2 held 0a`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("entries:\n got %q\nwant %q", got, want)
	}
	if entries, bytes, err := s.QuarantineHeld(t.Context()); entries != 3 || bytes != 3 || err != nil {
		t.Errorf("held: %d entries of %d bytes (%v)", entries, bytes, err)
	}
	events, err := s.Events(t.Context(), 0, 10)
	if err != nil || len(events) != 2 || events[0].Quarantine != 5 || events[1].Quarantine != 8 {
		t.Errorf("events: %+v (%v)", events, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkIntegrity(t, path)
}

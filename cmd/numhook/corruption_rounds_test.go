package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
	"numhook/server/store/sound"
	"numhook/server/store/sqlite"
)

// servedStore is a store of either engine, as a receiver has it open.
type servedStore interface {
	filled
	sourceOfAll
	Claim(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error)
	Audit(ctx context.Context, a sound.Audit) error
	Condemn(why string)
}

// served holds what a damaged store does to the rules: it hands on nothing that no event said, and once it was looked
// at, it acknowledges and hands on nothing, or has everything.
func (c *corrupted) served(s servedStore) string {
	c.Helper()
	if attempts, _, err := s.Claim(c.Context(), "crm", 1000); err == nil {
		for _, a := range attempts {
			if a.Damaged == "" && !c.told(a) {
				c.Errorf("%s is handed on, which no event said", a.Value)
			}
		}
	}
	findings := 0
	err := s.Audit(c.Context(), sound.Audit{Report: func(p sound.Passed) {
		findings++
		s.Condemn(p.Why)
	}})
	if err != nil {
		c.Errorf("cannot look at all of it: %v", err)
	}
	if findings == 0 {
		c.same(s)
		return "without harm"
	}
	if _, err := s.Append(c.Context(), eventOf(cnamBody(1, "LATE", "+12025559999"))); event.KindOf(
		err) != event.Unavailable || !strings.Contains(err.Error(), "damaged") {
		c.Errorf("a damaged store acknowledges: %v", err)
	}
	if attempts, _, err := s.Claim(c.Context(), "audit", 10); err == nil {
		c.Errorf("a damaged store hands on %d attempts", len(attempts))
	}
	c.onlyTold(s)
	return "found"
}

// onlyTold demands that a damaged store shows no value that no event said.
func (c *corrupted) onlyTold(s sourceOfAll) {
	c.Helper()
	list, err := s.Numbers(c.Context(), "", 2*corruptedNumbers)
	if err != nil {
		return // it cannot be read, and says so
	}
	said := map[string]bool{}
	for _, e := range c.events {
		said[fmt.Sprintf("%s %s %d", e.Numbers[0], e.Value, e.TS)] = true
	}
	for _, n := range list {
		for _, v := range n.Values {
			if !said[fmt.Sprintf("%s %s %d", n.Number, v.Value, v.TS)] {
				c.Errorf("%s is shown with %s, which no event said", n.Number, v.Value)
			}
		}
	}
}

// databaseRounds is how many random rounds there are, and how many of them are of the server's log.
func databaseRounds() (pages, logs int) {
	switch {
	case os.Getenv("NUMHOOK_FAULT") == "full":
		return 180, 20
	case testing.Short():
		return 4, 1
	}
	return 12, 2
}

// TestRandomCorruptionInADatabase flips bits at random in the pages of the store's tables and indexes, while the server
// is stopped: what is damaged is never acknowledged on, shown or handed on as if it were good once it was looked at,
// and a repair brings back every number whose events are whole. NUMHOOK_FAULT=full has 200 rounds with those below.
func TestRandomCorruptionInADatabase(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	server := postgrestest.Own(t, "fsync=off", "full_page_writes=off", "log_min_messages=fatal")
	c := &corrupted{T: t, random: rand.New(rand.NewPCG(seed, 0))}
	original := c.original(server)
	const batch = 20
	counts := map[string]int{}
	for left, _ := databaseRounds(); left > 0; left -= batch {
		harmed := c.flipRandomly(server, original, min(left, batch))
		for _, one := range harmed {
			t.Run(one.what, func(t *testing.T) {
				d := *c
				d.T, d.lost = t, one.relation
				counts[d.roundInDatabase(one)]++
			})
			c.must(server.Admin(t.Context(), "postgres", "DROP DATABASE "+postgrestest.Database(one.url)+" WITH (FORCE)"))
		}
	}
	t.Logf("%v", counts)
}

// original is the URL of a whole store in a server that finds damage in what it reads.
func (c *corrupted) original(server *postgrestest.Server) (url string) {
	c.Helper()
	c.must(server.Stop(postgrestest.Fast))
	c.must(server.Checksums())
	c.must(server.Start())
	url, err := server.NewDatabase(c.Context())
	c.must(err)
	s, err := postgres.Open(c.Context(), url, postgres.Options{AllowUnsafe: true})
	c.must(err)
	c.fill(s)
	c.must(s.Close())
	c.must(server.Admin(c.Context(), postgrestest.Database(url), `CREATE EXTENSION amcheck;
		GRANT EXECUTE ON FUNCTION verify_heapam, bt_index_check(regclass) TO numhook`))
	return url
}

// harmedDatabase is a copy of the store in which something was flipped.
type harmedDatabase struct {
	url, what, relation string
	events              bool // events may be lost by it
}

// flipRandomly makes copies, and flips bits in a block of each.
func (c *corrupted) flipRandomly(server *postgrestest.Server, original string, copies int) (list []harmedDatabase) {
	c.Helper()
	var files []string
	for range copies {
		url := c.copyDatabase(server, original)
		relations := c.relations(server.AdminURL(postgrestest.Database(url)))
		r := relations[c.random.IntN(len(relations))]
		files = append(files, server.File(r.file))
		list = append(list, harmedDatabase{url: url, what: r.name, relation: r.name, events: r.events})
	}
	c.must(server.Stop(postgrestest.Fast))
	for i, file := range files {
		const block = 8192
		info, err := os.Stat(file)
		c.must(err)
		n := c.random.Int64N(info.Size() / block)
		c.flip(file, n*block, (n+1)*block)
		list[i].what += fmt.Sprintf(" block %d", n)
	}
	c.must(server.Start())
	return list
}

// relation is a table or index with something in it.
type relation struct {
	name, file string
	events     bool // it holds events
}

// relations are those of the store, with the tables beside them where long values lie.
func (c *corrupted) relations(url string) []relation {
	c.Helper()
	conn, err := pgx.Connect(c.Context(), url)
	c.must(err)
	defer conn.Close(c.Context())
	rows, err := conn.Query(c.Context(), `WITH tables AS (
			SELECT oid, reltoastrelid FROM pg_class WHERE relnamespace = 'numhook'::regnamespace AND relkind = 'r'
				AND relname NOT LIKE 'goose%' AND relname <> 'damaged'),
		heaps AS (SELECT oid FROM tables UNION ALL SELECT reltoastrelid FROM tables WHERE reltoastrelid <> 0),
		everything AS (SELECT oid FROM heaps UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid IN (TABLE heaps))
		SELECT oid::regclass::text, pg_relation_filepath(oid), oid IN (SELECT 'numhook.events'::regclass::oid UNION
			SELECT reltoastrelid FROM pg_class WHERE oid = 'numhook.events'::regclass)
		FROM everything WHERE pg_relation_size(oid) > 0 ORDER BY 1`)
	c.must(err)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r relation, err error) {
		err = row.Scan(&r.name, &r.file, &r.events)
		return r, err
	})
	c.must(err)
	if len(list) < 10 {
		c.Fatalf("the store has %d tables and indexes: %v", len(list), list)
	}
	return list
}

// roundInDatabase opens the damaged store for serving, repairs it, and says what became of it.
func (c *corrupted) roundInDatabase(h harmedDatabase) (became string) {
	c.Helper()
	s, err := postgres.Open(c.Context(), h.url, postgres.Options{AllowUnsafe: true, Check: agreement(nil)})
	if err != nil {
		if e, ok := errors.AsType[*event.Error](err); !ok || e.Hint == "" {
			c.Errorf("the refusal has no way on: %v", err)
		}
		became = "refused"
	} else {
		became = c.served(s)
		c.must(s.Close())
	}
	saved, err := postgres.Repair(c.Context(), h.url, sound.Salvage{Check: agreement(nil), Restore: contract.Restore,
		Now: time.Now()})
	if err != nil {
		c.Fatalf("cannot be repaired: %v", err)
	}
	if lost := corruptedEvents - saved.Events; lost > pageOfEvents || lost > 0 && !h.events {
		c.Errorf("%d events were lost: %+v", lost, saved.Lost)
	}
	if found := c.check(h.url); len(found) > 0 {
		c.Errorf("the check after the repair found %q", found)
	}
	c.wholeStore(h.url, saved.Events)
	return became
}

// TestRandomCorruptionInTheServersLog flips bits in the log of a server that crashed. The server ends its recovery at
// such a place, and may say nothing: what is left is a store as it was once, with nothing in it that no event said, or
// the server does not start.
func TestRandomCorruptionInTheServersLog(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	server := postgrestest.Own(t, "log_min_messages=fatal", "autovacuum=off")
	c := &corrupted{T: t, random: rand.New(rand.NewPCG(seed, 0))}
	url := c.original(server)
	late, err := postgres.Open(t.Context(), url, postgres.Options{AllowUnsafe: true})
	c.must(err)
	admin := server.AdminURL(postgrestest.Database(url))
	c.must(server.Admin(t.Context(), "postgres", "CHECKPOINT"))
	position := "SELECT file_name || ' ' || file_offset FROM pg_walfile_name_offset(pg_current_wal_insert_lsn())"
	begin := c.ask(admin, position)
	for n := range 100 {
		c.store(late, corruptedEvents+1+n)
	}
	end := c.ask(admin, position)
	c.must(server.Stop(postgrestest.Immediate))
	_ = late.Close() // its server is gone
	data, whole := server.File(""), t.TempDir()+"/data"
	c.must(exec.CommandContext(t.Context(), "cp", "-a", data, whole).Run())
	counts := map[string]int{}
	_, rounds := databaseRounds()
	for range rounds {
		c.must(os.RemoveAll(data))
		c.must(exec.CommandContext(t.Context(), "cp", "-a", whole, data).Run())
		c.flipLog(server, begin, end)
		if err := server.Start(); err != nil {
			counts["the server does not start"]++
			continue
		}
		counts[c.afterLog(url)]++
		c.must(server.Stop(postgrestest.Immediate))
	}
	t.Logf("%v", counts)
}

// flipLog flips bits between two places in the server's log, if they are in one file.
func (c *corrupted) flipLog(server *postgrestest.Server, begin, end string) {
	c.Helper()
	var file, ends string
	var from, until int64
	_, err := fmt.Sscan(begin, &file, &from)
	c.must(err)
	_, err = fmt.Sscan(end, &ends, &until)
	c.must(err)
	if ends != file {
		from = 0
	}
	c.flip(server.File("pg_wal/"+ends), from, until)
}

// afterLog looks at what a recovery left: the first of the events, whole.
func (c *corrupted) afterLog(url string) string {
	c.Helper()
	s, err := postgres.Open(c.Context(), url, postgres.Options{AllowUnsafe: true, Check: agreement(nil)})
	c.must(err)
	defer s.Close()
	findings := 0
	c.must(s.Audit(c.Context(), sound.Audit{Report: func(sound.Passed) { findings++ }}))
	c.onlyTold(s)
	if findings > 0 {
		return "found"
	}
	has := c.have(s)
	for n, e := range c.events {
		if has[e.ID] != (n < len(has)) {
			c.Errorf("of %d events, number %d is there: %v", len(has), n, has[e.ID])
			break
		}
	}
	c.numbers(s, has)
	if len(has) == len(c.events) {
		return "without harm"
	}
	return "an earlier store"
}

// accesses demands the access records.
func (c *corrupted) accesses(r reader) {
	c.Helper()
	list, err := r.Accesses(c.Context(), event.AccessFilter{}, 0, 10)
	if err != nil || len(list) != 2 {
		c.Errorf("there are %d access records (%v), want 2", len(list), err)
	}
}

// TestRepairsKeepEveryTable: there is no table that a repair forgets.
func TestRepairsKeepEveryTable(t *testing.T) {
	t.Parallel()
	c := &corrupted{T: t, random: rand.New(rand.NewPCG(5, 6))}
	path, url := filepath.Join(t.TempDir(), "store.db"), postgrestest.New(t)
	lite, err := sqlite.Open(t.Context(), path, sqlite.Options{AllowUnsafe: true})
	c.must(err)
	large, err := postgres.Open(t.Context(), url, postgres.Options{AllowUnsafe: true})
	c.must(err)
	for _, s := range []filled{lite, large} {
		c.fill(s)
		c.must(s.RecordChallenge(t.Context(), time.Now()))
		c.must(s.Close())
	}
	for _, one := range []struct{ driver, dsn, url, tables, more string }{
		{"sqlite", "file:" + path, "sqlite:" + path, `SELECT name FROM sqlite_schema WHERE type = 'table'
			AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%'`, "INSERT INTO activity VALUES (60, 'accepted', 3)"},
		{"pgx", url, url, `SELECT 'numhook.' || tablename FROM pg_tables WHERE schemaname = 'numhook'
			AND tablename NOT LIKE 'goose%' AND tablename <> 'damaged'`,
			"INSERT INTO numhook.activity VALUES (60, 'accepted', 3)"},
	} {
		count := func(statement string) map[string]int {
			db, err := sql.Open(one.driver, one.dsn)
			c.must(err)
			defer db.Close()
			_, err = db.ExecContext(t.Context(), statement)
			c.must(err)
			return countRows(c, db, one.tables)
		}
		before := count(one.more)
		_, err := repairStore(t.Context(), one.url, func(string, int64) {})
		c.must(err)
		after := count("SELECT 1")
		for table, rows := range before {
			if rows == 0 || after[table] != rows {
				t.Errorf("%s: %d rows before the repair, %d after it; want some, and as many", table, rows, after[table])
			}
		}
	}
}

func countRows(c *corrupted, db *sql.DB, tables string) map[string]int {
	c.Helper()
	rows, err := db.QueryContext(c.Context(), tables)
	c.must(err)
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		c.must(rows.Scan(&name))
		names = append(names, name)
	}
	c.must(rows.Err())
	counts := map[string]int{}
	for _, name := range names {
		var count int
		c.must(db.QueryRowContext(c.Context(), "SELECT count(*) FROM "+name).Scan(&count))
		counts[name] = count
	}
	return counts
}

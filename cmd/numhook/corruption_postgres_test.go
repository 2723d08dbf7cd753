package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
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

// databaseHarm is a way to damage a store in a database: by statements, or by flipping bits in a page of a relation
// while the server is stopped.
type databaseHarm struct {
	name       string
	statements string
	relation   string // an SQL expression for the name of a relation
	cut        bool   // its file is cut to nothing instead
	first      bool   // its first block is harmed, and not its second
	lost       int    // events at most that may be lost; a page may hold many
	says       string // what the repair says of it
}

const pageOfEvents = 100

var databaseHarms = []databaseHarm{
	{name: "nothing"},
	{name: "body", lost: 1, says: "event 17: its body is not", statements: `UPDATE numhook.events SET body = ` +
		`set_byte(body, 40, 35) WHERE seq = 17`},
	{name: "body that is no JSON", lost: 1, says: "event 18: its body is not", statements: `UPDATE numhook.events SET ` +
		`body = '{' WHERE seq = 18`},
	{name: "lists that are no JSON", lost: 1, says: "a column does not hold", statements: `UPDATE numhook.events SET ` +
		`numbers = '[' WHERE seq = 19`},
	{name: "value", statements: `UPDATE numhook.events SET value = '"FORGED"' WHERE seq % 7 = 0`},
	{name: "event_ts", statements: `UPDATE numhook.events SET event_ts = event_ts + 1, carrier_code = 1 WHERE seq = 20`},
	{name: "numbers", statements: `UPDATE numhook.events SET numbers = '["+12025550000"]' WHERE seq IN (21, 22)`},
	{name: "changes deleted", statements: `DELETE FROM numhook.changes WHERE seq % 3 = 0`},
	{name: "change of another number", statements: `UPDATE numhook.changes SET number = '+12025559999' WHERE seq = 23`},
	{name: "change too many", statements: `INSERT INTO numhook.changes SELECT ordered_ts, seq, attribute, ` +
		`'+12025559999' FROM numhook.changes WHERE seq = 23`},
	{name: "change of another time", statements: `UPDATE numhook.changes SET ordered_ts = ordered_ts + 1000000000 WHERE ` +
		`seq = 24`},
	{name: "event deleted", lost: 1, says: "lost: events 1: changes",
		statements: `DELETE FROM numhook.events WHERE seq = 25`},
	{name: "owed without an event", statements: `UPDATE numhook.owed SET seq = 100000000 WHERE id % 5 = 0`},
	{name: "owed behind the newest", statements: `UPDATE numhook.owed o SET seq = c.seq, event_ts = c.ordered_ts
		FROM numhook.changes c
		WHERE o.slot = 0 AND c.number = o.number AND c.attribute::text = o.attribute AND c.ordered_ts < o.event_ts`},
	{name: "owed about another number", statements: `UPDATE numhook.owed SET number = '+12025559998' WHERE id IN ` +
		`(SELECT max(id) FROM numhook.owed GROUP BY slot > 0)`},
	{name: "owed to nobody", statements: `UPDATE numhook.owed SET downstream = 4711 WHERE id % 4 = 0`},
	{name: "quarantine", says: "its digest is not", statements: `UPDATE numhook.quarantine SET body = '{}' WHERE id = ` +
		`(SELECT min(id) FROM numhook.quarantine)`},
	{name: "page of events", lost: pageOfEvents, says: "table events block 1: ", relation: `'numhook.events'`},
	{name: "page of bodies", lost: pageOfEvents, says: "row of events (",
		relation: `(SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = 'numhook.events'::regclass)`},
	{name: "page of changes", relation: `'numhook.changes'`},
	{name: "page of the changes' key", relation: `'numhook.changes_pkey'`},
	{name: "page of the identities", relation: `'numhook.events_identity'`},
	{name: "page of the events' key", relation: `'numhook.events_pkey'`},
	{name: "first page of the identities", first: true, relation: `'numhook.events_identity'`},
	{name: "first page of the events' key", first: true, relation: `'numhook.events_pkey'`},
	{name: "first page of the downstreams' names", first: true, relation: `'numhook.downstreams_name_key'`},
	{name: "first page of the index of bodies", first: true, relation: `(SELECT indexrelid::regclass::text FROM pg_index
		WHERE indrelid = (SELECT reltoastrelid FROM pg_class WHERE oid = 'numhook.events'::regclass))`},
	{name: "page of owed", says: "table owed block 1: ", relation: `'numhook.owed'`},
	{name: "page of a counter", says: "sequence event_places", relation: `'numhook.event_places'`},
	{name: "no file of events", lost: corruptedEvents, says: "lost: events 1000: changes come from them", cut: true,
		relation: `'numhook.events'`},
	{name: "no file of changes", cut: true, relation: `'numhook.changes'`},
}

// TestCorruptionInADatabase damages stores in databases in every way: the check finds it, and the repair brings back
// every number whose events are whole, while the rest of them is named.
func TestCorruptionInADatabase(t *testing.T) {
	t.Parallel()
	server := postgrestest.Own(t, "fsync=off", "full_page_writes=off", "log_min_messages=fatal")
	c := &corrupted{T: t, random: rand.New(rand.NewPCG(1, 2))}
	c.must(server.Stop(postgrestest.Fast))
	c.must(server.Checksums())
	c.must(server.Start())
	original, err := server.NewDatabase(t.Context())
	c.must(err)
	s, err := postgres.Open(t.Context(), original, postgres.Options{AllowUnsafe: true})
	c.must(err)
	c.fill(s)
	c.must(s.Close())
	c.must(server.Admin(t.Context(), postgrestest.Database(original), `CREATE EXTENSION amcheck;
		GRANT EXECUTE ON FUNCTION verify_heapam, bt_index_check(regclass) TO numhook`))
	var urls, files []string
	for _, h := range databaseHarms {
		url := c.copyDatabase(server, original)
		urls = append(urls, url)
		if h.statements != "" {
			c.must(server.Admin(t.Context(), postgrestest.Database(url), h.statements))
		}
		file := ""
		if h.relation != "" {
			file = server.File(c.ask(server.AdminURL(postgrestest.Database(url)), `SELECT pg_relation_filepath(`+h.relation+
				`::regclass)`))
		}
		files = append(files, file)
	}
	c.must(server.Stop(postgrestest.Fast))
	for i, h := range databaseHarms {
		switch {
		case h.cut:
			c.must(os.Truncate(files[i], 0))
		case h.relation != "":
			c.flipBlock(files[i], h.first)
		}
	}
	c.must(server.Start())
	for i, h := range databaseHarms {
		t.Run(h.name, func(t *testing.T) {
			one := *c
			one.T = t
			one.repairDatabase(h, urls[i])
		})
	}
}

// flipBlock changes bits in the second block of a file, in its only one, or in the first.
func (c *corrupted) flipBlock(file string, first bool) {
	c.Helper()
	const block = 8192
	info, err := os.Stat(file)
	c.must(err)
	from := int64(0)
	if info.Size() > block && !first {
		from = block
	}
	c.flip(file, from+block/2, from+block)
}

func (c *corrupted) ask(url, query string, args ...any) (text string) {
	c.Helper()
	conn, err := pgx.Connect(c.Context(), url)
	c.must(err)
	defer conn.Close(c.Context())
	c.must(conn.QueryRow(c.Context(), query, args...).Scan(&text))
	return text
}

// copyDatabase is the URL of a copy of a database that nobody is connected to.
func (c *corrupted) copyDatabase(server *postgrestest.Server, original string) string {
	c.Helper()
	url, err := server.NewDatabase(c.Context())
	c.must(err)
	name := postgrestest.Database(url)
	c.must(server.Admin(c.Context(), "postgres", "DROP DATABASE "+name))
	c.must(server.Admin(c.Context(), "postgres", "CREATE DATABASE "+name+" TEMPLATE "+postgrestest.Database(original)+
		" OWNER numhook"))
	return url
}

// check looks at a store as store check does.
func (c *corrupted) check(url string) []string {
	c.Helper()
	checked, err := checkStore(c.Context(), url, func(string, int64) {})
	c.must(err)
	var list []string
	for _, f := range checked.Findings {
		list = append(list, f.What+" "+f.Key+": "+f.Why)
	}
	return list
}

// keysAndIndexes are all that a store has, and that a repair leaves as they are.
const keysAndIndexes = `SELECT string_agg(text, E'\n' ORDER BY text) FROM (
	SELECT indexdef AS text FROM pg_indexes WHERE schemaname = 'numhook'
	UNION ALL SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
		WHERE connamespace = 'numhook'::regnamespace) list`

func (c *corrupted) repairDatabase(h databaseHarm, url string) {
	if found := c.check(url); (len(found) > 0) != (h.name != "nothing") {
		c.Errorf("the check found %q", found)
	}
	if r, err := openReader(c.Context(), url); err == nil { // which ends, however little can be read
		c.onlyTold(r)
		c.must(r.Close())
	}
	before := c.ask(url, keysAndIndexes)
	saved, err := postgres.Repair(c.Context(), url, sound.Salvage{Check: agreement(nil), Restore: contract.Restore,
		Now: time.Now()})
	c.must(err)
	if after := c.ask(url, keysAndIndexes); after != before {
		c.Errorf("the keys and indexes were\n%s\nand are\n%s", before, after)
	}
	var out bytes.Buffer
	saved.Write(&out)
	c.Log(out.String())
	if lost := corruptedEvents - int(saved.Events); lost > h.lost || lost == 0 && h.lost > 0 ||
		!strings.Contains(out.String(), h.says) {
		c.Errorf("%d events were lost, want at most %d, and said %q: %s", lost, h.lost, h.says, &out)
	}
	if found := c.check(url); len(found) > 0 {
		c.Errorf("the check after the repair found %q", found)
	}
	c.wholeStore(url, saved.Events)
	// What comes afterwards is stored and enqueued as if nothing had been.
	s, err := postgres.Open(c.Context(), url, postgres.Options{AllowUnsafe: true, Check: agreement(nil)})
	c.must(err)
	defer s.Close()
	late := eventOf(cnamBody(1_700_000_000_000, "LATE", "+12025550001"))
	if receipt, err := s.Append(c.Context(), late); err != nil || receipt.Duplicate {
		c.Errorf("after the repair: %+v %v", receipt, err)
	}
	for _, e := range c.events[:10] {
		_, gone := s.Event(c.Context(), e.ID)
		if receipt, err := s.Append(c.Context(), e); err != nil || receipt.Duplicate != (gone == nil) {
			c.Errorf("an event that had been there: %+v %v, and it is gone: %v", receipt, err, gone)
		}
	}
}

// TestRepairsAgree damages the same events in both engines alike: what is there after the repair is the same.
func TestRepairsAgree(t *testing.T) {
	t.Parallel()
	c := &corrupted{T: t, random: rand.New(rand.NewPCG(3, 4))}
	path := filepath.Join(t.TempDir(), "store.db")
	url := postgrestest.New(t)
	lite, err := sqlite.Open(t.Context(), path, sqlite.Options{AllowUnsafe: true})
	c.must(err)
	c.fill(lite)
	c.must(lite.Close())
	large, err := postgres.Open(t.Context(), url, postgres.Options{AllowUnsafe: true})
	c.must(err)
	again := &corrupted{T: t, random: rand.New(rand.NewPCG(3, 4))}
	again.fill(large)
	c.must(large.Close())
	for _, harm := range []string{
		`UPDATE events SET value = '"FORGED"' WHERE event_ts % 7 = 0`, `UPDATE events SET event_ts = event_ts + 1 WHERE ` +
			`event_ts % 11 = 0`,
		`DELETE FROM changes WHERE ordered_ts % 3 = 0`, `DELETE FROM owed WHERE event_ts % 5 = 0`,
		`UPDATE events SET numbers = '[]' WHERE event_ts % 13 = 0`,
		`UPDATE owed SET seq = 100000000 WHERE event_ts % 17 = 0`, `UPDATE events SET id = (SELECT o.id FROM events o ` +
			`WHERE o.event_ts % 19 = 1 LIMIT 1) WHERE event_ts % 19 = 0`,
	} {
		runSQL(harm)(c, path)
		conn, err := pgx.Connect(t.Context(), url)
		c.must(err)
		_, err = conn.Exec(t.Context(), "SET search_path = numhook; "+harm)
		c.must(err)
		c.must(conn.Close(t.Context()))
	}
	shown := map[string]string{}
	for _, store := range []string{"sqlite:" + path, url} {
		saved, err := repairStore(t.Context(), store, func(string, int64) {})
		c.must(err)
		if saved.Events == corruptedEvents || saved.Events < corruptedEvents*8/10 {
			t.Errorf("%d events were saved", saved.Events)
		}
		if found := c.check(store); len(found) > 0 {
			t.Errorf("after the repair: %q", found)
		}
		shown[store] = fmt.Sprintf("%d events\n%s", saved.Events, c.wholeStore(store, saved.Events))
	}
	if shown["sqlite:"+path] != shown[url] {
		t.Errorf("the engines differ:\n%.2000s\n%.2000s", shown["sqlite:"+path], shown[url])
	}
}

// wholeStore demands that a store has the newest value of each event that was saved, and that each is to be handed on;
// it shows both.
func (c *corrupted) wholeStore(url string, events int64) string {
	c.Helper()
	r, err := openReader(c.Context(), url)
	c.must(err)
	defer r.Close()
	r.(interface{ Check(sound.Check) }).Check(agreement(func(p sound.Passed) {
		c.Errorf("passed over after the "+
			"repair: %+v", p)
	}))
	has := c.have(r)
	if int64(len(has)) != events {
		c.Errorf("there are %d events, and %d were saved", len(has), events)
	}
	c.numbers(r, has)
	numbers, err := r.Numbers(c.Context(), "", 2*corruptedNumbers)
	c.must(err)
	var out bytes.Buffer
	for _, n := range numbers {
		fmt.Fprintf(&out, "%s %s %d\n", n.Number, n.Values[0].Value, n.Values[0].TS)
	}
	if c.lost != "numhook.accesses" {
		c.accesses(r)
	}
	if c.lost == "numhook.downstreams" { // with what was owed to them
		return out.String()
	}
	want := map[string]int{"crm": len(c.newest(has)), "audit": len(has)}
	for _, downstream := range []string{"crm", "audit"} {
		rows, err := r.OutboxRows(c.Context(), event.OutboxFilter{Downstream: downstream}, 0, 2*corruptedEvents)
		c.must(err)
		if len(rows) != want[downstream] {
			c.Errorf("%d rows of %s, want %d", len(rows), downstream, want[downstream])
		}
		versions := map[string]json.RawMessage{}
		for _, o := range rows {
			versions[o.Number+o.EventID.String()] = o.Value
		}
		text, err := json.Marshal(versions)
		c.must(err)
		fmt.Fprintf(&out, "%s %s\n", downstream, text)
	}
	return out.String()
}

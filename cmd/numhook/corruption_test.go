package main

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/store/sound"
	"numhook/server/store/sqlite"
)

// corrupted is a store of 1,000 events that is damaged again and again, each time a copy of it.
type corrupted struct {
	*testing.T
	closed, crashed, older string // the same store: after a clean end; as a kill leaves it; a backup of its first half
	events                 []event.Event
	random                 *rand.Rand
	lost                   string // the table of which a page is lost
}

const corruptedEvents, corruptedNumbers = 1000, 250

// eventOf is the event that the receiver makes of a body of one number's name.
func eventOf(body string) event.Event {
	d := contract.Parse([]byte(body))
	canonical, _ := d.Canonical()
	bare := event.Event{ID: event.Identify(canonical), Name: cnamEvent, Attribute: event.CNAM}
	bare.Delivery = event.Delivery{Received: time.Now().UTC(), Path: "/", Body: []byte(body)}
	e, _ := contract.Restore(bare)
	return e
}

func newCorrupted(t *testing.T, random *rand.Rand) *corrupted {
	t.Helper()
	c := &corrupted{T: t, random: random}
	folder := t.TempDir()
	path := filepath.Join(folder, "store.db")
	c.closed, c.crashed, c.older = filepath.Join(folder, "closed.db"), filepath.Join(folder, "crashed.db"),
		filepath.Join(folder, "older.db")
	open := func() *sqlite.Store {
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{AllowUnsafe: true})
		c.must(err)
		return s
	}
	s := open()
	c.register(s)
	for n := range corruptedEvents {
		c.store(s, n)
		if n == corruptedEvents/2+1 { // the first half is in the file, the second in the log
			c.must(s.Close())
			c.copy(path, c.older, "")
			s = open()
		}
	}
	c.copy(path, c.crashed, "", "-wal")
	c.must(s.Close())
	c.copy(path, c.closed, "")
	return c
}

// filled is a store that is being filled.
type filled interface {
	store.Store
	store.Outbox
}

// fill stores all events.
func (c *corrupted) fill(s filled) {
	c.Helper()
	c.register(s)
	for n := range corruptedEvents {
		c.store(s, n)
	}
}

func (c *corrupted) register(s filled) {
	c.Helper()
	for _, d := range []event.Downstream{{Name: "crm", Mode: event.Latest, Start: event.FromNow},
		{Name: "audit", Mode: event.Every, Start: event.FromNow}} {
		_, err := s.Register(c.Context(), d)
		c.must(err)
	}
	for _, who := range []string{"alice", "bob"} {
		_, err := s.RecordAccess(c.Context(), event.Access{At: time.Now(), Who: who, Role: "viewer", Action: "numbers list",
			Result: event.AccessShown})
		c.must(err)
	}
}

// store stores the event n, and now and then a delivery that is quarantined.
func (c *corrupted) store(s filled, n int) {
	c.Helper()
	number := c.random.IntN(corruptedNumbers)
	body := cnamBody(int64(1_600_000_000_000+c.random.IntN(1_000_000)), fmt.Sprintf("NAME %d", n),
		fmt.Sprintf("+1202555%04d", number))
	if n%200 == 0 { // too long for a row
		noise := make([]byte, 6000)
		for i := range noise {
			noise[i] = byte('a' + c.random.IntN(26))
		}
		body = strings.TrimSuffix(body, "}") + fmt.Sprintf(`,"more":%q}`, noise)
	}
	e := eventOf(body)
	_, err := s.Append(c.Context(), e)
	c.must(err)
	c.events = append(c.events, e)
	if n%100 == 0 {
		body := fmt.Appendf(nil, `{"event":"unknown","n":%d}`, n)
		delivery := event.Delivery{Received: time.UnixMilli(int64(n)), Path: "/", Body: body}
		_, err := s.Quarantine(c.Context(), event.Quarantined{Reason: event.UnknownEvent, Delivery: delivery})
		c.must(err)
	}
}

func (c *corrupted) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *corrupted) copy(from, to string, suffixes ...string) {
	c.Helper()
	for _, suffix := range suffixes {
		content, err := os.ReadFile(from + suffix)
		c.must(err)
		c.must(os.WriteFile(to+suffix, content, 0o600))
	}
}

// harm is a way to damage a store.
type harm struct {
	name    string
	crashed bool // what a kill left is damaged
	events  bool // events may be lost by it
	nothing bool // nothing may be left to save
	do      func(c *corrupted, path string)
}

// flip changes some bits of a file between two places.
func (c *corrupted) flip(path string, from, until int64) {
	c.Helper()
	content, err := os.ReadFile(path)
	c.must(err)
	for range 1 + c.random.IntN(8) {
		content[from+c.random.Int64N(until-from)] ^= 1 << c.random.IntN(8)
	}
	c.must(os.WriteFile(path, content, 0o600))
}

// flipPage damages a page of a table or an index.
func flipPage(object string) func(c *corrupted, path string) {
	return func(c *corrupted, path string) {
		db, err := sql.Open("sqlite", "file:"+path)
		c.must(err)
		var page int64
		err = db.QueryRow("SELECT pageno FROM dbstat WHERE name = ? ORDER BY random() LIMIT 1", object).Scan(&page)
		c.must(errors.Join(err, db.Close()))
		from := (page - 1) * 4096
		if page == 1 {
			from += 100
		}
		c.flip(path, from, page*4096)
	}
}

func runSQL(statement string) func(c *corrupted, path string) {
	return func(c *corrupted, path string) {
		db, err := sql.Open("sqlite", "file:"+path)
		c.must(err)
		var args []any
		if strings.Contains(statement, "?") {
			args = append(args, 1+c.random.IntN(corruptedEvents))
		}
		_, err = db.Exec(statement, args...)
		c.must(errors.Join(err, db.Close()))
	}
}

func cutTo(suffix string, part int64) func(c *corrupted, path string) {
	return func(c *corrupted, path string) {
		info, err := os.Stat(path + suffix)
		c.must(err)
		c.must(os.Truncate(path+suffix, info.Size()*part/4))
	}
}

var harms = []harm{
	{"events", false, true, false, flipPage("events")},
	{"events_identity", false, false, false, flipPage("events_identity")},
	{"events_lookup", false, false, false, flipPage("events_lookup")},
	{"changes", false, false, false, flipPage("changes")},
	{"owed", false, false, false, flipPage("owed")},
	{"owed_open", false, false, false, flipPage("owed_open")},
	{"owed_line", false, false, false, flipPage("owed_line")},
	{"quarantine", false, false, false, flipPage("quarantine")},
	{"header", false, false, false, func(c *corrupted, path string) { c.flip(path, 0, 100) }},
	{"log deleted", true, true, false, func(c *corrupted, path string) { c.must(os.Remove(path + "-wal")) }},
	{"log flipped", true, true, false, func(c *corrupted, path string) {
		info, err := os.Stat(path + "-wal")
		c.must(err)
		c.flip(path+"-wal", 0, info.Size()-5000)
	}},
	{"log cut to nothing", true, true, false, cutTo("-wal", 0)},
	{"file cut to nothing", true, true, true, cutTo("", 0)},
	{"file cut in half", false, true, false, cutTo("", 2)},
	{"file cut in half, with a log", true, true, false, cutTo("", 2)},
	{"backup copied over", true, true, false, func(c *corrupted, path string) { c.copy(c.older, path, "") }},
	{"value", false, false, false, runSQL(`UPDATE events SET value = '"FORGED"' WHERE seq = ?`)},
	{"body", false, true, false, runSQL(`UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'NAME', 'EMAN') AS ` +
		`BLOB) WHERE seq = ?`)},
	{"event_ts", false, false, false, runSQL(`UPDATE events SET event_ts = event_ts + 1 WHERE seq = ?`)},
	{"change deleted", false, false, false, runSQL(`DELETE FROM changes WHERE seq = ?`)},
	{"superseded", false, false, false, runSQL(`UPDATE changes SET superseded = 1 - superseded WHERE seq = ?`)},
	{"event deleted", false, true, false, runSQL(`DELETE FROM events WHERE seq = ?`)},
}

// TestCorruption damages a store in every way, at random places: nothing that is damaged is acknowledged on or handed
// on as if it were good once it was looked at, each refusal names the file and a way on, and a repair brings back every
// number whose events are whole. NUMHOOK_FAULT=full has 200 rounds, otherwise one of each.
func TestCorruption(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("the seed is %d", seed)
	c := newCorrupted(t, rand.New(rand.NewPCG(seed, 0)))
	rounds := len(harms)
	if os.Getenv("NUMHOOK_FAULT") == "full" {
		rounds = 200
	}
	counts := map[string]int{}
	for round := range rounds {
		h := harms[round%len(harms)]
		t.Run(fmt.Sprintf("%03d %s", round, h.name), func(t *testing.T) {
			one := *c
			one.T = t
			counts[one.round(h)]++
		})
	}
	t.Logf("%d rounds: %v", rounds, counts)
}

// round damages a copy, looks at it, repairs it, and says what became of it.
func (c *corrupted) round(h harm) string {
	path := filepath.Join(c.TempDir(), "store.db")
	if h.crashed {
		c.copy(c.crashed, path, "", "-wal")
	} else {
		c.copy(c.closed, path, "")
	}
	h.do(c, path)
	became := c.serve(h, path)
	saved, err := sqlite.Repair(c.Context(), path, sound.Salvage{Check: agreement(nil), Restore: contract.Restore,
		Now: time.Now()})
	if e, ok := errors.AsType[*event.Error](err); h.nothing && ok && e.Hint != "" {
		return became
	}
	if err != nil {
		c.Fatalf("cannot be repaired: %v", err)
	}
	if !h.events && saved.Events != corruptedEvents {
		c.Errorf("%d events were saved, want all: %+v", saved.Events, saved.Lost)
	}
	c.whole(path, saved.Events)
	return became
}

// serve opens the damaged store for serving, and holds what it does to the rules.
func (c *corrupted) serve(h harm, path string) string {
	s, err := sqlite.Open(c.Context(), path, sqlite.Options{AllowUnsafe: true, Check: agreement(nil)})
	if err != nil {
		e, ok := errors.AsType[*event.Error](err)
		if !ok || e.Hint == "" || !strings.Contains(err.Error(), path) {
			c.Errorf("the refusal does not name the file and a way on: %v", err)
		}
		return "refused"
	}
	defer s.Close()
	return c.served(s)
}

// told reports whether an event said what is handed on.
func (c *corrupted) told(a event.Attempt) bool {
	for _, e := range c.events {
		if e.ID == a.EventID {
			return bytes.Equal(e.Value, a.Value) && e.Numbers[0] == a.Number && e.TS == a.TS
		}
	}
	return false
}

// newest are the values that the events with these identities leave.
func (c *corrupted) newest(has map[event.ID]bool) map[string]string {
	values, ts := map[string]string{}, map[string]int64{}
	for _, e := range c.events {
		if number := e.Numbers[0]; has[e.ID] && e.TS >= ts[number] {
			values[number], ts[number] = string(e.Value), e.TS
		}
	}
	return values
}

// same demands that a store in which nothing was found has everything.
func (c *corrupted) same(s sourceOfAll) {
	c.Helper()
	has := c.have(s)
	if len(has) != corruptedEvents {
		c.Errorf("nothing was found, and there are %d events", len(has))
	}
	c.numbers(s, has)
}

type sourceOfAll interface {
	reader
}

func (c *corrupted) have(s sourceOfAll) map[event.ID]bool {
	c.Helper()
	has := map[event.ID]bool{}
	list, err := s.Events(c.Context(), 0, 2*corruptedEvents)
	c.must(err)
	for _, e := range list {
		has[e.ID] = true
	}
	return has
}

func (c *corrupted) numbers(s sourceOfAll, has map[event.ID]bool) {
	c.Helper()
	want := c.newest(has)
	list, err := s.Numbers(c.Context(), "", 2*corruptedNumbers)
	c.must(err)
	for _, n := range list {
		if len(n.Values) != 1 || string(n.Values[0].Value) != want[n.Number] {
			c.Errorf("%s has %s, want %s", n.Number, n.Values[0].Value, want[n.Number])
		}
	}
	if len(list) != len(want) {
		c.Errorf("there are %d numbers, want %d", len(list), len(want))
	}
}

// whole looks at a store that was repaired: it is good, has the newest value of each event that was saved, and enqueues
// each of them.
func (c *corrupted) whole(path string, events int64) {
	c.Helper()
	r, err := sqlite.OpenReader(c.Context(), path)
	c.must(err)
	defer r.Close()
	r.Check(agreement(func(p sound.Passed) { c.Errorf("passed over after the repair: %+v", p) }))
	c.must(r.Audit(c.Context(), sound.Audit{Report: func(p sound.Passed) { c.Errorf("after the repair: %+v", p) }}))
	has := c.have(r)
	if int64(len(has)) != events {
		c.Errorf("there are %d events, and %d were saved", len(has), events)
	}
	c.numbers(r, has)
	if events == corruptedEvents {
		c.accesses(r)
	}
	statuses, err := r.Downstreams(c.Context())
	c.must(err)
	if len(statuses) == 2 {
		rows, err := r.OutboxRows(c.Context(), event.OutboxFilter{Downstream: "crm"}, 0, 2*corruptedEvents)
		c.must(err)
		if want := c.newest(has); len(rows) != len(want) {
			c.Errorf("%d numbers are owed, want %d", len(rows), len(want))
		}
	}
	old, err := filepath.Glob(path + ".damaged-*")
	if _, gone := os.Stat(path + ".lock"); err != nil || len(old) == 0 || errors.Is(gone, fs.ErrNotExist) {
		c.Errorf("the damaged file was not moved away: %v %v", old, err)
	}
}

package postgres_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
)

// manyRows fills the store with so many events of as many numbers, each of which has been delivered to one downstream,
// is enqueued for a second one, and stands in one of 1,000 queues of a third.
const manyRows = `
	INSERT INTO numhook.events (seq, event_ts, received, carrier_code, attribute, id, name, account_id, numbers, value,
		drift, lint, door, header, body)
		SELECT nextval('numhook.event_places'), n, n, 3457, 'cnam', sha256(n::text::bytea),
			'number_management.peering_number_cnam_updated', 'account',
			convert_to('["+1' || n || '"]', 'UTF8'), '"A"', '[]', '[]', '/', '{}', '{}' FROM generate_series(1, %[1]d) n;
	INSERT INTO numhook.changes (ordered_ts, seq, attribute, number)
		SELECT event_ts, seq, 'cnam', convert_to('+1' || event_ts, 'UTF8') FROM numhook.events;
	INSERT INTO numhook.owed (downstream, slot, event_ts, seq, due, since, state, attribute, number)
		SELECT d.id, CASE d.mode WHEN 'every' THEN e.seq ELSE 0 END, e.event_ts, e.seq, 1000000 + e.seq, 1, (CASE d.name
			WHEN 'done' THEN 'delivered' ELSE 'waiting' END)::numhook.owed_state,
			'cnam', convert_to('+1' || CASE d.mode WHEN 'every' THEN e.event_ts %% 1000 ELSE e.event_ts END, 'UTF8')
		FROM numhook.events e CROSS JOIN numhook.downstreams d WHERE d.name <> 'narrow' ORDER BY e.seq
		ON CONFLICT DO NOTHING`

// TestNothingIsReadWhole: whatever has gathered, no statement of the way in or out reads through it: not by plans from
// when the store was empty, and not by those from when its tables had been analyzed.
func TestNothingIsReadWhole(t *testing.T) {
	t.Parallel()
	programs, err := postgrestest.Programs()
	if err == nil {
		if found, _ := filepath.Glob(filepath.Join(programs, "../lib/auto_explain.*")); len(found) == 0 {
			const missing = "NOT TESTED: the plans of statements. The server lacks auto_explain, which is among its " +
				"contributed modules"
			if os.Getenv("CI") == "true" {
				t.Fatal(missing)
			}
			t.Skip(missing)
		}
	}
	const rows, few = 200_000, 5_000
	server := postgrestest.Own(t, "shared_preload_libraries=auto_explain", "auto_explain.log_analyze=on",
		"auto_explain.log_timing=off", "autovacuum=off", "max_wal_size=4GB")
	url, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMicro(1_000_000 + rows + 1).UTC()
	opts := postgres.Options{Now: func() time.Time { return now }}
	s := opened(t)(postgres.Open(t.Context(), url, opts))
	for _, d := range []event.Downstream{
		{Name: "done", Mode: event.Latest, Start: event.FromNow}, {Name: "newest", Mode: event.Latest, Start: event.FromNow},
		{Name: "all", Mode: event.Every, Start: event.FromNow},
		{Name: "narrow", Mode: event.Latest, Start: event.FromNow, Only: event.Only{CarrierCodes: []int32{1},
			Countries: []string{"US"}, Prefixes: []string{"+1"}}},
	} {
		if _, err := s.Register(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	exercise(t, s, 1) // the plans are made
	database := postgrestest.Database(url)
	for _, statement := range []string{fmt.Sprintf(manyRows, rows), "ALTER SYSTEM SET auto_explain.log_min_duration = 0",
		"SELECT pg_reload_conf()"} {
		if err := server.Admin(t.Context(), database, statement); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("planned when empty", func(t *testing.T) { wantFew(t, server, few, func() { exercise(t, s, 2) }) })
	if err := server.Admin(t.Context(), database, "ANALYZE"); err != nil {
		t.Fatal(err)
	}
	s = opened(t)(postgres.Open(t.Context(), url, opts))
	t.Run("planned when full", func(t *testing.T) { wantFew(t, server, few, func() { exercise(t, s, 3) }) })
}

// exercise does once all that receivers do again and again.
func exercise(t *testing.T, s *postgres.Store, round int64) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	e := caller(1_000_000+round, "B", "+15", "+16", "+2")
	mustAppend(t, s, e)
	late := caller(round, "LATE", "+1199999", "+17")
	mustAppend(t, s, late)
	for _, downstream := range []string{"newest", "all", "narrow", "done"} {
		list, _, err := s.Claim(t.Context(), downstream, 8)
		must(err)
		for i, a := range list {
			verdict := []event.Verdict{event.Confirmed, event.Retry, event.Refused}[i%3]
			if i == len(list)-1 {
				released, err := s.Release(t.Context(), downstream, []event.Claimed{{Row: a.Row, Claim: a.Claim}})
				must(err)
				if released != 1 {
					t.Errorf("%d rows were released, want 1", released)
				}
				continue
			}
			held, err := s.Record(t.Context(), event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq, Verdict: verdict})
			must(err)
			if !held {
				t.Error("a row is not under its claim")
			}
			if verdict == event.Refused {
				must(s.Retry(t.Context(), a.Row))
				must(s.Skip(t.Context(), a.Row))
			}
		}
		_, err = s.Held(t.Context(), downstream)
		must(err)
		_, err = s.Enqueue(t.Context(), downstream,
			[]event.Change{{Number: "+15", Attribute: event.CNAM, TS: e.TS, EventID: e.ID, EventName: e.Name,
				CarrierCode: e.CarrierCode, Value: e.Value}}, true, false)
		must(err)
	}
}

var (
	whole = regexp.MustCompile(`(?m)^.*Seq Scan on (events|changes|owed)\b.*$`)
	read  = regexp.MustCompile(`rows=(\d+) loops=(\d+)|Rows Removed by Filter: (\d+)`)
)

// wantFew wants every plan that is carried out meanwhile to read at most so many rows in any of its steps.
func wantFew(t *testing.T, server *postgrestest.Server, few int, do func()) {
	before := len(server.Log())
	do()
	plans := strings.Split(server.Log()[before:], "plan:")
	if len(plans) < 50 {
		t.Fatalf("%d plans are in the log", len(plans))
	}
	for _, plan := range plans {
		if numberLine := whole.FindString(plan); numberLine != "" {
			t.Errorf("a table is read whole: %s\n%s", strings.TrimSpace(numberLine), plan)
			continue
		}
		for _, found := range read.FindAllStringSubmatch(plan, -1) {
			rows, _ := strconv.Atoi(found[1] + found[3]) // one of the two is empty
			loops := 1
			if found[2] != "" {
				loops, _ = strconv.Atoi(found[2])
			}
			if rows*loops > few {
				t.Errorf("a step takes %d rows:\n%s", rows*loops, plan)
				break
			}
		}
	}
}

// TestNewerValuesLeaveTheIndexesAlone: as long as a row waits, a newer value is written over it and no index is: there
// are five.
func TestNewerValuesLeaveTheIndexesAlone(t *testing.T) {
	t.Parallel()
	url := postgrestest.New(t)
	s, err := postgres.Open(t.Context(), url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() // a second time does nothing
	if _, err := s.Register(t.Context(), event.Downstream{Name: "newest", Mode: event.Latest,
		Start: event.FromNow}); err != nil {
		t.Fatal(err)
	}
	const values = 50
	for n := range int64(1 + values) {
		e := event.Event{ID: event.ID{byte(n)}, Name: "name", TS: n, Numbers: []string{"+1"}, Attribute: event.CNAM,
			Value: fmt.Appendf(nil, `"%d"`, n)}
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // a session that ends tells the server what it did
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	var updated, hot int64
	// the server counts when it has ended the sessions
	limit, tick := time.After(time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for updated < values {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("the server counted %d updates, want %d", updated, values)
		}
		if err := conn.QueryRow(t.Context(), "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname "+
			"= 'owed'").Scan(&updated, &hot); err != nil {
			t.Fatal(err)
		}
	}
	if hot != values {
		t.Errorf("of %d updates, %d left the indexes alone; want all", updated, hot)
	}
}

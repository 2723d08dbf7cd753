package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// alter changes what the site's store holds behind numhook's back, as a disk or a person may.
func (s *site) alter(onSQLite, onPostgres string) {
	s.Helper()
	if s.database != "" {
		conn, err := pgx.Connect(s.Context(), s.database)
		if err != nil {
			s.Fatal(err)
		}
		defer conn.Close(s.Context())
		if _, err := conn.Exec(s.Context(), onPostgres); err != nil {
			s.Fatal(err)
		}
		return
	}
	db, err := sql.Open("sqlite", "file:"+s.file())
	if err != nil {
		s.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(s.Context(), onSQLite); err != nil {
		s.Fatal(err)
	}
}

// What is kept and does not agree with its identity is not shown: lists pass over it, say so, and exit 1; who asks for
// it alone is told that it is damaged.
func TestDamagedThingsAreNotShown(t *testing.T) { onEachEngine(t, damagedThingsAreNotShown) }

func damagedThingsAreNotShown(t *testing.T, s *site) {
	r := s.start()
	for i := range 6 {
		if got := r.post("/", cnamBody(int64(1000+i), fmt.Sprintf("NAME %d", i),
			fmt.Sprintf("+1202555010%d", i))); got.status != http.StatusOK {
			t.Fatal(got)
		}
	}
	for i := range 2 {
		if got := r.post("/", fmt.Sprintf(`{"event":"broken","number":%d}`, i)); got.status != http.StatusNotFound {
			t.Fatal(got)
		}
	}
	r.stop()
	s.alter(`UPDATE events SET value = '"FORGED"' WHERE seq = 2; UPDATE events
		SET body = CAST(replace(CAST(body AS TEXT), 'NAME 4', 'NAME 5') AS BLOB) WHERE seq = 5;
		UPDATE quarantine SET body = x'7b7d' WHERE id = 1`,
		`UPDATE numhook.events SET value = '"FORGED"' WHERE seq = (SELECT seq FROM numhook.events ORDER BY seq OFFSET 1
			LIMIT 1);
		UPDATE numhook.events SET body = convert_to(replace(convert_from(body, 'UTF8'), 'NAME 4', 'NAME 5'), 'UTF8')
			WHERE seq = (SELECT seq FROM numhook.events ORDER BY seq OFFSET 4 LIMIT 1);
		UPDATE numhook.quarantine SET body = '{}' WHERE id = (SELECT min(id) FROM numhook.quarantine)`)
	for _, c := range []struct {
		args         []string
		shown, wrong int
	}{
		{[]string{"numbers", "list"}, 4, 2}, {[]string{"numbers", "list", "--limit", "4"}, 4, 2},
		{[]string{"numbers", "list", "--limit", "2"}, 2, 1},
		{[]string{"events", "list"}, 4, 2}, {[]string{"events", "list", "--limit", "3"}, 3, 1},
		{[]string{"quarantine", "list"}, 1, 1},
	} {
		got := s.run(append(c.args, "--format", "json")...)
		var shown []json.RawMessage
		if err := json.Unmarshal([]byte(got.stdout), &shown); err != nil || got.code != exitNo || len(shown) != c.shown ||
			strings.Count(got.stderr, "passed over") != c.wrong || !strings.Contains(got.stderr, "store check") {
			t.Errorf("%v: exit code %d, %d shown (%v), want %d, and %d passed over: %s", c.args, got.code, len(shown), err,
				c.shown, c.wrong, got.stderr)
		}
		if strings.Contains(got.stdout+got.stderr, "FORGED") || strings.Contains(got.stderr, "+1202") {
			t.Errorf("%v shows what is forged, or names a number: %s%s", c.args, got.stdout, got.stderr)
		}
	}
	for _, args := range [][]string{{"numbers", "show", "+12025550101"}, {"numbers", "show", "+12025550104"},
		{"numbers", "show", "+12025550101", "--as-of", "5000"}} {
		if got := s.run(args...); got.code != exitNo || got.stdout != "" || !strings.Contains(got.stderr, "store check") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if got := s.run("numbers", "show", "+12025550102"); got.code != exitGood || got.stderr != "" {
		t.Errorf("a number that is whole: %+v", got)
	}
}

// What is in the outbox and does not agree with its identity is never handed on: it is counted, the store is looked at
// as a whole, and from then on nothing is acknowledged and nothing handed on.
func TestDamagedThingsAreNotHandedOn(t *testing.T) { onEachEngine(t, damagedThingsAreNotHandedOn) }

func damagedThingsAreNotHandedOn(t *testing.T, s *site) {
	crm := newSystem(t, "crm", "latest", retryFast)
	r := s.start("--config", s.configure("alone", crm))
	if got := s.run("downstreams", "pause", "crm"); got.code != exitGood {
		t.Fatal(got)
	}
	for _, body := range []string{cnamBody(1, "ONE", "+12025550101"), cnamBody(2, "TWO", "+12025550102"),
		cnamBody(3, "THREE", "+12025550102")} {
		if got := r.post("/", body); got.status != http.StatusOK {
			t.Fatal(got)
		}
	}
	r.awaitMetric(`numhook_store_check{state="good"} 1`)
	s.alter(`UPDATE events SET value = '"FORGED"' WHERE event_ts IN (1, 2)`, `UPDATE numhook.events SET value = `+
		`'"FORGED"' WHERE event_ts IN (1, 2)`)
	if got := s.run("downstreams", "resume", "crm"); got.code != exitGood {
		t.Fatal(got)
	}
	r.awaitMetric(`numhook_damaged_total{downstream="crm"} 1`)
	r.awaitMetric(`numhook_store_check{state="damaged"} 1`)
	if got := r.ready(); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "store check") {
		t.Errorf("readyz: %v", got)
	}
	if got := r.post("/", cnamBody(9, "LATE", "+12025550109")); got.status != http.StatusServiceUnavailable {
		t.Errorf("a damaged store acknowledges: %v", got)
	}
	for _, a := range crm.came() {
		if strings.Contains(string(a.Value)+string(a.Previous), "FORGED") {
			t.Errorf("a forged value was handed on: %+v", a.envelope)
		}
	}
	got := s.run("store", "check", "--format", "json")
	var found storeChecked
	if err := json.Unmarshal([]byte(got.stdout), &found); err != nil || got.code != exitNo || found.Good ||
		len(found.Findings) != 2 {
		t.Errorf("store check: %+v (%v)", got, err)
	}
	beside := s.database != "" // a receiver may run beside the repair of a database
	if !beside {
		if got := s.run("store", "check", "--repair"); got.code != exitUse ||
			!strings.Contains(got.stderr, "another numhook serves it") {
			t.Errorf("a repair beside a receiver: %+v", got)
		}
		r.stop()
	}
	if got := s.run("store", "check", "--repair"); got.code != exitGood ||
		!strings.Contains(got.stdout, "saved 3 events") {
		t.Errorf("the repair: %+v", got)
	}
	if got := s.run("store", "check"); got.code != exitGood {
		t.Errorf("the check after the repair: %+v", got)
	}
	if got := s.run("numbers", "show", "+12025550101"); got.code != exitGood || !strings.Contains(got.stdout, `"ONE"`) {
		t.Errorf("after the repair: %+v", got)
	}
	if beside {
		r.awaitMetric(`numhook_store_check{state="good"} 1`)
		// what was claimed before the repair is recorded now
		eventually(t, startTime, "the damaged row is dead", func() bool {
			got := s.run("deliveries", "list", "--state", "dead", "--format", "json")
			return got.code == exitGood && strings.Contains(got.stdout, `"damaged"`)
		})
	} else {
		s.start("--config", s.configure("alone", crm))
	}
	s.run("deliveries", "retry", "--dead")
	s.settled(startTime, crm)
	if came := crm.came(); len(came) < 2 {
		t.Errorf("after the repair %d changes came", len(came))
	}
}

// awaitMetric waits until /metrics has the line.
func (r *receiver) awaitMetric(line string) {
	r.Helper()
	eventually(r, startTime, "the metrics say "+line, func() bool {
		got, err := r.get("/metrics")
		return err == nil && strings.Contains(got.body, line)
	})
}

// A receiver whose file is cut, or whose log is taken away, acknowledges nothing, and says why it does not start again.
func TestFilesTakenAwayUnderTheReceiver(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{"", "-wal"} {
		s := newSite(t)
		r := s.start()
		for i := range 20 {
			if got := r.post("/", cnamBody(int64(i), "NAME", "+12025550101")); got.status != http.StatusOK {
				t.Fatal(got)
			}
		}
		if err := os.Truncate(s.file()+suffix, 0); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if got := r.post("/", cnamBody(int64(100+i), "NAME", "+12025550101")); got.status != http.StatusServiceUnavailable {
				t.Errorf("with %q cut to nothing: %v", suffix, got)
			}
		}
		r.kill()
		again := s.launch()
		if code := again.awaitEnd(startTime); code != exitUse || !strings.Contains(again.log.String(), s.file()) {
			t.Errorf("with %q cut to nothing it starts again: %d %s", suffix, code, again.log)
		}
	}
}

package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
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

// What is kept and does not agree with its identity is not shown: lists pass over it, say so, and exit 1; who asks for it alone is told that it is damaged.
func TestDamagedThingsAreNotShown(t *testing.T) { onEachEngine(t, damagedThingsAreNotShown) }

func damagedThingsAreNotShown(t *testing.T, s *site) {
	r := s.start()
	for i := range 6 {
		if got := r.post("/", cnamBody(int64(1000+i), fmt.Sprintf("NAME %d", i), fmt.Sprintf("+1202555010%d", i))); got.status != http.StatusOK {
			t.Fatal(got)
		}
	}
	for i := range 2 {
		if got := r.post("/", fmt.Sprintf(`{"event":"broken","number":%d}`, i)); got.status != http.StatusNotFound {
			t.Fatal(got)
		}
	}
	r.stop()
	s.alter(`UPDATE events SET value = '"FORGED"' WHERE seq = 2; UPDATE events SET body = CAST(replace(CAST(body AS TEXT), 'NAME 4', 'NAME 5') AS BLOB) WHERE seq = 5;
		UPDATE quarantine SET body = x'7b7d' WHERE id = 1`,
		`UPDATE numhook.events SET value = '"FORGED"' WHERE seq = (SELECT seq FROM numhook.events ORDER BY seq OFFSET 1 LIMIT 1);
		UPDATE numhook.events SET body = convert_to(replace(convert_from(body, 'UTF8'), 'NAME 4', 'NAME 5'), 'UTF8')
			WHERE seq = (SELECT seq FROM numhook.events ORDER BY seq OFFSET 4 LIMIT 1);
		UPDATE numhook.quarantine SET body = '{}' WHERE id = (SELECT min(id) FROM numhook.quarantine)`)
	for _, c := range []struct {
		args         []string
		shown, wrong int
	}{
		{[]string{"numbers", "list"}, 4, 2}, {[]string{"numbers", "list", "--limit", "4"}, 4, 2}, {[]string{"numbers", "list", "--limit", "2"}, 2, 1},
		{[]string{"events", "list"}, 4, 2}, {[]string{"events", "list", "--limit", "3"}, 3, 1}, {[]string{"quarantine", "list"}, 1, 1},
	} {
		got := s.run(append(c.args, "--format", "json")...)
		var shown []json.RawMessage
		if err := json.Unmarshal([]byte(got.stdout), &shown); err != nil || got.code != exitNo || len(shown) != c.shown ||
			strings.Count(got.stderr, "passed over") != c.wrong || !strings.Contains(got.stderr, "store check") {
			t.Errorf("%v: exit code %d, %d shown (%v), want %d, and %d passed over: %s", c.args, got.code, len(shown), err, c.shown, c.wrong, got.stderr)
		}
		if strings.Contains(got.stdout+got.stderr, "FORGED") || strings.Contains(got.stderr, "+1202") {
			t.Errorf("%v shows what is forged, or names a number: %s%s", c.args, got.stdout, got.stderr)
		}
	}
	for _, args := range [][]string{{"numbers", "show", "+12025550101"}, {"numbers", "show", "+12025550104"}, {"numbers", "show", "+12025550101", "--as-of", "5000"}} {
		if got := s.run(args...); got.code != exitNo || got.stdout != "" || !strings.Contains(got.stderr, "store check") {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if got := s.run("numbers", "show", "+12025550102"); got.code != exitGood || got.stderr != "" {
		t.Errorf("a number that is whole: %+v", got)
	}
}

// What is owed and does not agree with its identity is never handed on: it is dead, for the reason that it is damaged, and counted. What is whole goes out beside it,
// and a value before it that is damaged is left out.
func TestDamagedThingsAreNotHandedOn(t *testing.T) { onEachEngine(t, damagedThingsAreNotHandedOn) }

func damagedThingsAreNotHandedOn(t *testing.T, s *site) {
	crm := newSystem(t, "crm", "latest", retryFast)
	config := s.configure("alone", crm)
	s.start("--config", config).stop() // registers it
	r := s.start()
	many := make([]string, 500) // an event that is longer than what is read beside each row
	for i := range many {
		many[i] = fmt.Sprintf("+1202556%04d", i)
	}
	for _, body := range []string{cnamBody(1, "ONE", "+12025550101"), cnamBody(2, "TWO", "+12025550102"), cnamBody(3, "THREE", "+12025550103"),
		cnamBody(4, "FOUR", "+12025550103"), cnamBody(5, "MANY", many...)} {
		if got := r.post("/", body); got.status != http.StatusOK {
			t.Fatal(got)
		}
	}
	r.stop()
	s.alter(`UPDATE events SET value = '"FORGED"' WHERE event_ts IN (2, 3)`, `UPDATE numhook.events SET value = '"FORGED"' WHERE event_ts IN (2, 3)`)
	r = s.start("--config", config)
	s.awaitStanding(startTime, "crm", "has all but a dead row", func(d event.Standing) bool { return d.Dead == 1 && d.Waiting+d.Attempting == 0 })
	came := map[string]string{}
	for _, a := range crm.came() {
		came[a.Number] = string(a.Value)
	}
	if len(came) != 502 || came["+12025550101"] != `"ONE"` || came["+12025550103"] != `"FOUR"` || came["+12025560499"] != `"MANY"` {
		t.Errorf("%d numbers came", len(came))
	}
	for _, a := range crm.came() {
		if strings.Contains(string(a.Value)+string(a.Previous), "FORGED") {
			t.Errorf("a forged value was handed on: %+v", a.envelope)
		}
	}
	if metrics, err := r.get("/metrics"); err != nil || !strings.Contains(metrics.body, `numhook_damaged_total{downstream="crm"} 1`) {
		t.Errorf("the metric does not tell of it: %v", err)
	}
	got := s.run("deliveries", "list", "--state", "dead", "--format", "json")
	var rows []owedShown
	if err := json.Unmarshal([]byte(got.stdout), &rows); err != nil || len(rows) != 1 || rows[0].Reason != "damaged" || rows[0].Value != nil || got.code != exitNo {
		t.Errorf("the dead row: %+v (%v)", got, err)
	}
}

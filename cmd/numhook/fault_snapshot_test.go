package main

import (
	"database/sql"
	"encoding/json"
	"slices"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// readDatabase is readSnapshot for a PostgreSQL store. That engine keeps no mark of what came late, because the order
// of its places says so: the mark is made from that order here, by the database.
func readDatabase(t testing.TB, url string) snapshot {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return copySnapshot(t, db, snapshotQueries{
		events: `SELECT seq, event_ts, received, encode(id, 'hex'), convert_from(name, 'UTF8'), coalesce(attribute::text, ''),
			numbers, value, body
			FROM numhook.events ORDER BY seq`,
		changes: `SELECT convert_from(number, 'UTF8'), attribute::text, ordered_ts, seq,
			ordered_ts < coalesce(max(ordered_ts)
				OVER (PARTITION BY number, attribute ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), ordered_ts)
			FROM numhook.changes ORDER BY ordered_ts, seq`,
		quarantine: "SELECT body, times FROM numhook.quarantine",
	})
}

// weigh counts what check complains of: what was acknowledged and is not there, what is there twice, and what is there
// with a wrong value.
func (tr *traffic) weigh(l snapshot) (found faultRow) {
	tr.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	found.Acknowledged = len(tr.acknowledged)
	found.Refused = tr.answers[0] + tr.answers[503]
	stored := l.bodies()
	found.Duplicated = len(l.events) - len(stored)
	for id := range tr.acknowledged {
		if _, kept := stored[id]; !kept {
			found.Lost++
		}
	}
	for body, times := range tr.refused {
		if l.held[body] < times {
			found.Lost++
		}
	}
	for _, e := range l.events {
		if !slices.Contains(tr.bodies[e.id], e.body) || !e.faithful() {
			found.Wrong++
		}
	}
	found.Wrong += l.astray()
	return found
}

// faithful reports whether the columns of a stored event say what its body says.
func (e snapshotEvent) faithful() bool {
	var body struct {
		Event   string
		EventTS int64 `json:"event_ts"`
		Payload struct {
			Object struct {
				Numbers []string        `json:"phone_numbers"`
				CNAM    json.RawMessage `json:"cnam"`
				Address json.RawMessage `json:"emergency_address"`
			}
		}
	}
	if json.Unmarshal([]byte(e.body), &body) != nil {
		return false
	}
	object := body.Payload.Object
	value := slices.Concat(object.CNAM, object.Address)
	if e.value == nil && len(value) != 0 || e.value != nil && !sameJSON([]byte(*e.value), value) {
		return false
	}
	return e.name == body.Event && e.ts == body.EventTS && slices.Equal(e.numbers, object.Numbers)
}

// astray is how many subjects have other changes than those that the events make.
func (l snapshot) astray() (count int) {
	want := l.model()
	for of := range want {
		if !slices.Equal(l.changes[of], want[of]) {
			count++
		}
	}
	for of := range l.changes {
		if want[of] == nil {
			count++
		}
	}
	return count
}

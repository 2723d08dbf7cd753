package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"testing"
)

// snapshot is what a store's file holds, read with SQL and not with the program's own code.
type snapshot struct {
	events  []snapshotEvent           // in the order in which they were stored
	changes map[snapshotSubject][]row // by what orders them, then in the order in which they were stored
	held    map[string]int            // quarantined bodies, and how often each came
}

type snapshotEvent struct {
	seq, ts         int64
	received        int64  // microseconds since the epoch
	id              string // hex
	name, attribute string
	numbers         []string
	value           *string
	body            string
}

// snapshotSubject is what a value belongs to.
type snapshotSubject struct{ number, attribute string }

// row is a change of a subject.
type row struct {
	ts, seq    int64
	superseded bool
}

// readSnapshot reads the file beside whoever writes it, in one transaction.
func readSnapshot(t testing.TB, file string) snapshot {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	return copySnapshot(t, db, snapshotQueries{
		events: "SELECT seq, event_ts, received, lower(hex(id)), name, coalesce(attribute, ''), numbers, value, body " +
			"FROM events ORDER BY seq",
		changes:    "SELECT number, attribute, ordered_ts, seq, superseded FROM changes ORDER BY ordered_ts, seq",
		quarantine: "SELECT body, times FROM quarantine",
	})
}

// snapshotQueries read a store's tables, each in the dialect of its engine.
type snapshotQueries struct{ events, changes, quarantine string }

// copySnapshot reads all of the store in one transaction.
func copySnapshot(t testing.TB, db *sql.DB, queries snapshotQueries) snapshot {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelSerializable})
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	l := snapshot{changes: map[snapshotSubject][]row{}, held: map[string]int{}}
	each(t, tx, queries.events, func(rows *sql.Rows) error {
		var e snapshotEvent
		var numbers, body []byte
		if err := rows.Scan(&e.seq, &e.ts, &e.received, &e.id, &e.name, &e.attribute, &numbers, &e.value, &body); err != nil {
			return err
		}
		e.body = string(body)
		l.events = append(l.events, e)
		return json.Unmarshal(numbers, &l.events[len(l.events)-1].numbers)
	})
	each(t, tx, queries.changes, func(rows *sql.Rows) error {
		var of snapshotSubject
		var r row
		err := rows.Scan(&of.number, &of.attribute, &r.ts, &r.seq, &r.superseded)
		l.changes[of] = append(l.changes[of], r)
		return err
	})
	each(t, tx, queries.quarantine, func(rows *sql.Rows) error {
		var body []byte
		var times int
		err := rows.Scan(&body, &times)
		l.held[string(body)] += times // once a path
		return err
	})
	return l
}

func each(t testing.TB, tx *sql.Tx, query string, scan func(*sql.Rows) error) {
	t.Helper()
	rows, err := tx.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// check holds the snapshot against a sequential model: the events, taken one after the other in the order in which they
// were stored, must give exactly the changes that are there. So no event is there twice or half, and every number has
// its newest value.
func (l snapshot) check(t testing.TB) {
	t.Helper()
	seen := map[string]bool{}
	for _, e := range l.events {
		if seen[e.id] {
			t.Errorf("event %s is there twice", e.id)
		}
		seen[e.id] = true
		if got := identity(t, e.body); got != e.id {
			t.Errorf("event %d is stored as %s, and its body is that of %s", e.seq, e.id, got)
		}
	}
	want := l.model()
	if !maps.EqualFunc(l.changes, want, slices.Equal) {
		t.Errorf("the changes are not those that %d events make: %d subjects, want %d", len(l.events), len(l.changes),
			len(want))
		for of := range want {
			if !slices.Equal(l.changes[of], want[of]) {
				t.Fatalf("first difference: %v has %v, want %v", of, l.changes[of], want[of])
			}
		}
	}
}

// orders is what the event is ordered by: its event_ts, or when it was received where the event_ts lies a day or more
// behind that.
func (e snapshotEvent) orders() int64 {
	const day = 24 * 60 * 60 * 1000
	if received := e.received / 1000; e.ts >= received+day {
		return received
	}
	return e.ts
}

// model are the changes that the events make, taken one after the other.
func (l snapshot) model() map[snapshotSubject][]row {
	made, newest := map[snapshotSubject][]row{}, map[snapshotSubject]int64{}
	for _, e := range l.events {
		if e.value == nil {
			continue
		}
		for _, number := range e.numbers {
			of := snapshotSubject{number, e.attribute}
			before, known := newest[of]
			ts := e.orders()
			made[of] = append(made[of], row{ts, e.seq, known && before > ts})
			if !known || ts > before {
				newest[of] = ts
			}
		}
	}
	for of := range made {
		slices.SortFunc(made[of], byTime)
	}
	return made
}

func byTime(a, b row) int { return cmp.Or(cmp.Compare(a.ts, b.ts), cmp.Compare(a.seq, b.seq)) }

// bodies are the stored bodies by identity.
func (l snapshot) bodies() map[string]string {
	bodies := make(map[string]string, len(l.events))
	for _, e := range l.events {
		bodies[e.id] = e.body
	}
	return bodies
}

// current is each subject's newest value, as JSON.
func (l snapshot) current() map[snapshotSubject]string {
	values := map[int64]*string{}
	for _, e := range l.events {
		values[e.seq] = e.value
	}
	current := map[snapshotSubject]string{}
	for of, rows := range l.changes {
		current[of] = *values[rows[len(rows)-1].seq]
	}
	return current
}

// identity is the SHA-256 of the body's canonical JSON, for bodies whose numbers are whole and whose member names are
// ASCII.
func identity(t testing.TB, body string) string {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix([]byte(body), []byte("\ufeff"))))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("a stored body is not JSON: %v", err)
	}
	var canonical bytes.Buffer
	encoder := json.NewEncoder(&canonical)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(bytes.TrimSuffix(canonical.Bytes(), []byte("\n")))
	return hex.EncodeToString(sum[:])
}

package postgres

import (
	"context"
	"errors"
	"io/fs"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"numhook/server/event"
	"numhook/server/store/postgres/postgrestest"
)

// storeOf is an empty store of an older version, and a connection to it.
func storeOf(t *testing.T, version int64) (url string, conn *pgx.Conn) {
	t.Helper()
	url = postgrestest.New(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	if _, err := conn.Exec(t.Context(), "CREATE SCHEMA numhook"); err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	db := stdlib.OpenDB(*conn.Config())
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(versions),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	return url, conn
}

// TestUpgrade: a store of the first version is brought up to date, what it holds can be enqueued, and a receiver of
// that version, which would enqueue nothing, can store nothing any more: its next statement fails in a way that has it
// connect again.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	url, conn := storeOf(t, 1)
	const storeBefore = `WITH added AS (
			INSERT INTO numhook.events (seq, event_ts, received, carrier_code, attribute, id, name, account_id, numbers, value,
				drift, lint, door, header, body)
			VALUES (nextval('numhook.places'), 7, 7, 1, 'cnam', $1, 'name', '', '["+1"]', '"A"', '[]', '[]', '', '{}', '')
				ON CONFLICT (event_ts, id) DO NOTHING RETURNING seq
		) INSERT INTO numhook.changes SELECT 7, seq, 'cnam', '+1' FROM added`
	if _, err := conn.Prepare(t.Context(), "store", storeBefore); err != nil {
		t.Fatal(err)
	}
	id := event.ID{1}
	if _, err := conn.Exec(t.Context(), "store", id[:]); err != nil {
		t.Fatal(err)
	}

	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = conn.Exec(t.Context(), "store", make([]byte, 32))
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "42P01" || faultOf(err) != faultSession {
		t.Errorf("a receiver of the version before: %v", err)
	}
	status, err := s.Register(t.Context(), event.Downstream{Name: "old", Mode: event.Latest, Start: event.FromBeginning})
	if err != nil || status.Filled {
		t.Fatalf("registered: %+v, %v", status, err)
	}
	list, err := s.History(t.Context(), "+1")
	if err != nil || len(list) != 1 {
		t.Fatalf("history: %+v, %v", list, err)
	}
	if n, err := s.Enqueue(t.Context(), "old", list, false, false); n != 1 || err != nil {
		t.Errorf("owed: %d, %v", n, err)
	}
	attempts, _, err := s.Claim(t.Context(), "old", 10)
	if err != nil || len(attempts) != 1 || attempts[0].EventID != id || string(attempts[0].Value) != `"A"` {
		t.Errorf("claimed: %+v, %v", attempts, err)
	}
}

// TestUpgradeOfQueues: what the second version enqueues is handed out in the order of each number's queue, which that
// version kept by other columns, and a receiver of that version goes on storing until it is replaced.
func TestUpgradeOfQueues(t *testing.T) {
	t.Parallel()
	url, conn := storeOf(t, 2)
	const append1 = `INSERT INTO numhook.events (seq, event_ts, received, carrier_code, attribute, id, name, account_id,
		numbers, value, drift, lint, door, header, body)
		VALUES (nextval('numhook.event_places'), $1, 7, 1, 'cnam', $2, 'name', '', '["+1"]', '"A"', '[]', '[]', '', '{}', '')
			RETURNING seq`
	const owe1 = `INSERT INTO numhook.owed (downstream, slot, event_ts, seq, due, since, state, attribute, number)
		VALUES (1, $1, $2, $1, $1, 1, 'waiting', 'cnam', '+1')`
	add := func(ts int64) {
		t.Helper()
		var seq int64
		if err := conn.QueryRow(t.Context(), append1, ts, make([]byte, 32)).Scan(&seq); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), owe1, seq, ts); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := conn.Exec(t.Context(), `INSERT INTO numhook.downstreams (name, mode, start, registered, filled) VALUES `+
		`('all', 'every', 'now', 1, true)`); err != nil {
		t.Fatal(err)
	}
	for _, ts := range []int64{30, 10, 40} {
		add(ts)
	}
	s, err := Open(t.Context(), url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	add(20)
	for _, want := range []int64{10, 20, 30, 40} {
		attempts, _, err := s.Claim(t.Context(), "all", 10)
		if err != nil || len(attempts) != 1 || attempts[0].TS != want {
			t.Fatalf("claimed: %+v, %v; want the event of %d alone", attempts, err, want)
		}
		a := attempts[0]
		if held, err := s.Record(t.Context(), event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq,
			Verdict: event.Confirmed}); !held || err != nil {
			t.Fatalf("recorded: %v, %v", held, err)
		}
	}
}

package postgres_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"numhook/server/event"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
)

func TestReplica(t *testing.T) {
	t.Parallel()
	primary := postgrestest.Own(t)
	url, err := primary.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{}))
	e := caller(1, "name", "+1")
	mustAppend(t, s, e)
	replica, err := primary.Replica("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { replica.Close() })
	there := strings.Replace(url, primary.Address(), replica.Address(), 1)

	for _, opts := range []postgres.Options{{}, {AllowUnsafe: true}} {
		_, err := postgres.Open(t.Context(), there, opts)
		if event.KindOf(err) != event.Unavailable || err.Error() != "cannot open store: the server is a replica: it "+
			"cannot write" {
			t.Errorf("a receiver on a replica: %v", err)
		}
	}
	r, err := postgres.OpenReader(t.Context(), there)
	if err != nil {
		t.Fatalf("a reader on a replica: %v", err)
	}
	defer r.Close()
	eventually(t, "the event arrives", func() bool {
		_, err := r.Event(t.Context(), e.ID)
		return err == nil
	})
	wantOnce(t, r, e)

	// Of two hosts, the one that writes is found; and after the replica has taken over, that one.
	both := strings.Replace(there, replica.Address(), replica.Address()+","+primary.Address(), 1) +
		"&target_session_attrs=read-write"
	moving := opened(t)(postgres.Open(t.Context(), both, postgres.Options{}))
	mustAppend(t, moving, caller(2, "on the primary", "+1"))
	eventually(t, "the second arrives", func() bool {
		_, err := r.Event(t.Context(), caller(2, "on the primary", "+1").ID)
		return err == nil
	})
	if err := primary.Stop(postgrestest.Immediate); err != nil {
		t.Fatal(err)
	}
	refusedInTime(t, moving, caller(3, "on neither", "+1"))
	if err := replica.Admin(t.Context(), "postgres", "SELECT pg_promote()"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "ready on the other", func() bool { return moving.Ready(t.Context()) == nil })
	mustAppend(t, moving, caller(3, "on neither", "+1"))
	wantOnce(t, r, e, caller(2, "on the primary", "+1"), caller(3, "on neither", "+1"))
}

// awaitStandbyWaitedFor commits until a commit waits for the standby, which the server says when it gives up. The
// setting is shown before that: a process of the server's own puts it in force, some time later.
func awaitStandbyWaitedFor(t *testing.T, server *postgrestest.Server, admin *pgx.Conn) {
	t.Helper()
	config, err := pgx.ParseConfig(server.AdminURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	var waited atomic.Bool
	config.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) { waited.Store(true) }
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	ended := make(chan error, 1)
	go func() {
		var err error
		for err == nil && !waited.Load() {
			_, err = conn.Exec(t.Context(), "SELECT pg_logical_emit_message(true, 'test', '')")
		}
		ended <- err
	}()
	const giveUp = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'SyncRep'"
	eventually(t, "the standby is waited for", func() bool {
		_, err := admin.Exec(t.Context(), giveUp, int64(conn.PgConn().PID()))
		return err == nil && waited.Load()
	})
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// TestStandbyIsGone: while the synchronous standby does not answer nothing is acknowledged, not even when somebody
// makes the server give up waiting, after which it reports a commit that is on one machine only.
func TestStandbyIsGone(t *testing.T) {
	t.Parallel()
	server := postgrestest.Own(t)
	url, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{Patience: time.Minute}))
	e := caller(1, "name", "+1")
	admin, err := pgx.Connect(t.Context(), server.AdminURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close(context.Background()) })
	run := func(statement string) {
		t.Helper()
		if _, err := admin.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	run("ALTER SYSTEM SET synchronous_standby_names = 'elsewhere'")
	run("SELECT pg_reload_conf()")
	awaitStandbyWaitedFor(t, server, admin)
	answer := make(chan error, 1)
	go func() {
		_, err := s.Append(t.Context(), e)
		answer <- err
	}()
	for range 3 { // the first time for the event, then for what makes sure of it
		eventually(t, "a commit waits for the standby, and is told not to", func() bool {
			var cancelled int
			err := admin.QueryRow(t.Context(), "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = "+
				"'SyncRep'").Scan(&cancelled)
			return err == nil && cancelled == 1
		})
		select {
		case err := <-answer:
			t.Fatalf("answered with %v what is on one machine only", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	run("ALTER SYSTEM RESET synchronous_standby_names")
	run("SELECT pg_reload_conf()")
	if err := <-answer; err != nil {
		t.Errorf("without a standby to wait for: %v", err)
	}
	wantOnce(t, s, e)
}

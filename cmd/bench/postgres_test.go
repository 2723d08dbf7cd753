package bench

import (
	"errors"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
)

// The rows of appends to PostgreSQL without HTTP. One transaction each is measured twice: on a connection for each
// writer, so that the server may make many of them durable with one fsync of its own, which is what a pool of
// connections gives without any groups; and on as many connections as the groups use.
const (
	postgresSingle = "postgres, one transaction each, a connection for each writer"
	postgresPaired = "postgres, one transaction each, two connections"
	postgresStore  = "postgres, group commit"
	postgresThree  = "postgres, group commit, three stores"
)

// postgresAppends measures PostgreSQL as appends measures SQLite: every competitor has a database of its own on one
// server.
func (b *bench) postgresAppends(t *testing.T) {
	b.appendInTurns(t, []appending{
		{postgresSingle, "", b.postgres(t, 1, postgres.Options{MaxBatch: 1, Writers: b.connections})},
		{postgresPaired, "", b.postgres(t, 1, postgres.Options{MaxBatch: 1})},
		{postgresStore, postgresSingle, b.postgres(t, 1, postgres.Options{})},
		{postgresThree, postgresSingle, b.postgres(t, 3, postgres.Options{})},
	})
}

// postgres is that many stores on one database, which get the appends in turn.
func (b *bench) postgres(t *testing.T, stores int, options postgres.Options) appender {
	url := b.database(t)
	opened := make([]*postgres.Store, stores)
	for i := range opened {
		s, err := postgres.Open(t.Context(), url, options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		opened[i] = s
	}
	return appendTo(t.Context(), b.deliveries, opened...)
}

// database is the URL of an empty one, on the server that all parts share. Where there is no PostgreSQL the part is
// left out, and in CI it fails.
func (b *bench) database(t *testing.T) string {
	t.Helper()
	if b.server == nil {
		server, err := postgrestest.Start(b.dir)
		if errors.Is(err, postgrestest.ErrMissing) && os.Getenv("CI") != "true" {
			t.Skip("NOT MEASURED: everything that needs PostgreSQL. " + err.Error())
		}
		if err != nil {
			t.Fatal(err)
		}
		b.server = server
	}
	url, err := b.server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return url
}

func (b *bench) stopServer(t *testing.T) {
	if b.server == nil {
		return
	}
	if err := b.server.Close(); err != nil {
		t.Error(err)
	}
}

// requireInDatabase holds the number of 200s against the events that are in the database.
func requireInDatabase(t *testing.T, url string, answered int64) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var events int64
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM numhook.events").Scan(&events); err != nil {
		t.Fatal(err)
	}
	requireEqual(t, "the database", events, answered)
}

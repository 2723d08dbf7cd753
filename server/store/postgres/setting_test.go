package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"numhook/server/event"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
)

// TestUnsafeSettings: each is refused at opening, by name and with the reason, and taken with AllowUnsafe.
func TestUnsafeSettings(t *testing.T) {
	t.Parallel()
	server := postgrestest.Own(t)
	url, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := opened(t)(postgres.Open(t.Context(), url, postgres.Options{})).Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	const onCrash = "a crash of the database's machine "
	for _, c := range []struct{ set, want string }{
		{"fsync = off", "fsync is off: " + onCrash + "would lose acknowledged events, and can ruin the whole database"},
		{"full_page_writes = off", "full_page_writes is off: " + onCrash + "can leave half-written pages with acknowledged " +
			"events in them"},
		{"synchronous_commit = off", "synchronous_commit is off: a commit returns before it is on the disk: a crash would " +
			"lose acknowledged events"},
	} {
		t.Run(c.set, func(t *testing.T) {
			configureServer(t, server, "ALTER SYSTEM SET "+c.set)
			refusedSetting(t, url, c.want)
			s, err := postgres.Open(t.Context(), url, postgres.Options{AllowUnsafe: true})
			if err != nil {
				t.Fatalf("with AllowUnsafe: %v", err)
			}
			mustAppend(t, s, caller(1, c.set, "+1"))
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("synchronous_commit = local with a standby", func(t *testing.T) {
		configureServer(t, server, "ALTER SYSTEM SET synchronous_commit = local")
		s, err := postgres.Open(t.Context(), url, postgres.Options{})
		if err != nil {
			t.Fatalf("without a standby there is nothing else to wait for: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		configureServer(t, server, "ALTER SYSTEM SET synchronous_commit = local",
			"ALTER SYSTEM SET synchronous_standby_names = 'elsewhere'")
		refusedSetting(t, url, "synchronous_commit is local although synchronous_standby_names is set: "+
			"a commit does not wait for the standby: after a failover to it acknowledged events would be gone")
	})
	t.Run("a setting of the role", func(t *testing.T) {
		configureServer(t, server, "ALTER ROLE numhook SET synchronous_commit = off")
		refusedSetting(t, url, "synchronous_commit is off: a commit returns before it is on the disk: a crash would lose "+
			"acknowledged events")
		configureServer(t, server, "ALTER ROLE numhook RESET synchronous_commit")
	})
	t.Run("unlogged", func(t *testing.T) {
		for _, table := range []string{"owed", "downstreams", "changes"} { // the first by name is the one that is told
			if err := server.Admin(t.Context(), "store_1", "ALTER TABLE numhook."+table+" SET UNLOGGED"); err != nil {
				t.Fatal(err)
			}
			refusedSetting(t, url, "the table "+table+" is unlogged: the server empties it after a crash")
		}
	})
}

// configureServer undoes what the test set before, and sets again.
func configureServer(t *testing.T, server *postgrestest.Server, statements ...string) {
	t.Helper()
	for _, statement := range append(append([]string{"ALTER SYSTEM RESET ALL"}, statements...),
		"SELECT pg_reload_conf()") {
		if err := server.Admin(t.Context(), "postgres", statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func refusedSetting(t *testing.T, url, want string) {
	t.Helper()
	eventually(t, "refused: "+want, func() bool { // a reload takes a moment
		s, err := postgres.Open(t.Context(), url, postgres.Options{})
		if err == nil {
			s.Close()
			return false
		}
		if event.KindOf(err) != event.Unavailable || err.Error() != "cannot open store: "+want {
			t.Fatalf("refused with kind %s:\n got %v\nwant cannot open store: %s", event.KindOf(err), err, want)
		}
		if e, ok := errors.AsType[*event.Error](err); !ok || !strings.Contains(e.Hint, "--allow-unsafe-store") {
			t.Errorf("the hint does not name the flag: %+v", e)
		}
		return true
	})
}

// TestServerTurnsUnsafe: what is checked at opening is checked at every new connection.
func TestServerTurnsUnsafe(t *testing.T) {
	t.Parallel()
	server := postgrestest.Own(t)
	url, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{}))
	mustAppend(t, s, caller(1, "safe", "+1"))
	configureServer(t, server, "ALTER SYSTEM SET fsync = off")
	if err := server.Stop(postgrestest.Fast); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	if err := refusedInTime(t, s, caller(2, "unsafe", "+1")); !strings.Contains(err.Error(), "fsync is off") {
		t.Errorf("%v: does not name the setting", err)
	}
	if err := s.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "fsync is off") {
		t.Errorf("ready: %v", err)
	}
	configureServer(t, server, "ALTER SYSTEM RESET fsync")
	eventually(t, "ready again", func() bool { return s.Ready(t.Context()) == nil })
}

// TestCommitIsPinned: a change of the server's configuration does not reach a session that has been proven.
func TestCommitIsPinned(t *testing.T) {
	t.Parallel()
	server := postgrestest.Own(t)
	url, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{}))
	configureServer(t, server, "ALTER SYSTEM SET synchronous_commit = off")
	eventually(t, "the change reaches new sessions", func() bool {
		_, err := postgres.Open(t.Context(), url, postgres.Options{})
		return err != nil
	})
	// What was stored a moment before an immediate stop is there: the server would have lost it with
	// synchronous_commit=off.
	var stored []event.Event
	for ts := range int64(20) {
		stored = append(stored, caller(ts, "pinned", "+1"))
		mustAppend(t, s, stored[ts])
	}
	if err := server.Stop(postgrestest.Immediate); err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	r, err := postgres.OpenReader(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	wantOnce(t, r, stored...)
}

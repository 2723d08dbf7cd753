package dispatch

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
	"numhook/server/store/sqlite"
)

// onEngine runs a hundredth of the histories on a real engine, and with NUMHOOK_MODEL=full all of them, in four stores
// side by side: each step is a transaction.
func onEngine(t *testing.T, open func(t *testing.T) opened) {
	const stores = 4
	switch {
	case os.Getenv("NUMHOOK_SEED") != "" || os.Getenv("NUMHOOK_MODEL") != "full":
		mustLive(t, 0, histories/100, open(t))
	default:
		for i := range uint64(stores) {
			t.Run(strconv.FormatUint(i, 10), func(t *testing.T) {
				t.Parallel()
				mustLive(t, i*histories/stores, (i+1)*histories/stores, open(t))
			})
		}
	}
}

// moving is a clock that whoever holds it may exchange. Histories follow each other in one store, each with its own.
type moving struct{ read func() time.Time }

func (m *moving) now() time.Time {
	if m.read == nil {
		return epoch
	}
	return m.read()
}

func (m *moving) set(read func() time.Time) { m.read = read }

// closing closes the store when the test ends.
func closing(t *testing.T, s interface{ Close() error }) {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What a power cut does is for the store's own tests: here it need not wait for the disk.
func inSQLite(t *testing.T) opened {
	t.Helper()
	clock := &moving{}
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), sqlite.Options{AllowUnsafe: true,
		Synchronous: "OFF", Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, s)
	return func(uint64) (outbox, func(now func() time.Time)) { return s, clock.set }
}

// The receivers share one store: two pools would be no more concurrent, with one step after the other.
func inPostgreSQL(t *testing.T) opened {
	t.Helper()
	clock := &moving{}
	url, err := postgrestest.Own(t, "fsync=off", "full_page_writes=off").NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := postgres.Open(t.Context(), url, postgres.Options{AllowUnsafe: true, Now: clock.now})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, s)
	return func(uint64) (outbox, func(now func() time.Time)) { return s, clock.set }
}

func TestHistoriesOnSQLite(t *testing.T) { onEngine(t, inSQLite) }

func TestHistoriesOnPostgreSQL(t *testing.T) { onEngine(t, inPostgreSQL) }

package postgres_test

import (
	"testing"
	"time"

	"numhook/server/store"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
	"numhook/server/store/storetest"
)

func TestOutbox(t *testing.T) {
	t.Parallel()
	storetest.RunOutbox(t, func(t *testing.T, now func() time.Time) storetest.Location {
		url := postgrestest.New(t)
		return func() (store.Store, error) {
			return postgres.Open(t.Context(), url, postgres.Options{Now: now, Patience: time.Minute})
		}
	})
}

func TestOutboxShared(t *testing.T) {
	t.Parallel()
	storetest.RunOutboxShared(t, func(t *testing.T, now func() time.Time) (one, other store.Store) {
		url := postgrestest.New(t)
		return opened(t)(postgres.Open(t.Context(), url, postgres.Options{Now: now, Patience: time.Minute})),
			opened(t)(postgres.Open(t.Context(), url, postgres.Options{Now: now, Patience: time.Minute}))
	})
}

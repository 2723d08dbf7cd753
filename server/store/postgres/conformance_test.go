package postgres_test

import (
	"testing"

	"numhook/server/store"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
	"numhook/server/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Location {
		url := postgrestest.New(t)
		return func() (store.Store, error) { return postgres.Open(t.Context(), url, postgres.Options{}) }
	})
}

func TestSharedConformance(t *testing.T) {
	t.Parallel()
	for _, pair := range []struct {
		name  string
		other func(t *testing.T, url string) (*postgres.Store, error)
	}{
		{"two receivers", func(t *testing.T, url string) (*postgres.Store, error) {
			return postgres.Open(t.Context(), url, postgres.Options{})
		}},
		{"a receiver and an operator", func(t *testing.T, url string) (*postgres.Store, error) {
			return postgres.OpenOperator(t.Context(), url)
		}},
	} {
		t.Run(pair.name, func(t *testing.T) {
			storetest.RunShared(t, func(t *testing.T) (one, other store.Store) {
				url := postgrestest.New(t)
				return opened(t)(postgres.Open(t.Context(), url, postgres.Options{})), opened(t)(pair.other(t, url))
			})
		})
	}
}

// opened closes the store when the test ends.
func opened(t *testing.T) func(*postgres.Store, error) *postgres.Store {
	return func(s *postgres.Store, err error) *postgres.Store {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	}
}

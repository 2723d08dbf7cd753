package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"numhook/server/store"
	"numhook/server/store/storetest"
)

// A slow machine is no fault of the engine's.
func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Place {
		path := filepath.Join(t.TempDir(), "store.db")
		return func() (store.Store, error) { return Open(t.Context(), path, Options{AllowUnsafe: true, Patience: time.Minute}) }
	})
}

func TestConformanceShared(t *testing.T) {
	storetest.RunShared(t, func(t *testing.T) (one, other store.Store) {
		path := filepath.Join(t.TempDir(), "store.db")
		one, err := Open(t.Context(), path, Options{AllowUnsafe: true, Patience: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { one.Close() })
		other, err = OpenOperator(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { other.Close() })
		return one, other
	})
}

package sqlite

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store/sound"
)

// TestARepairKeepsAccesses: who looked is nothing that follows from events.
func TestARepairKeepsAccesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	const rows = 700 // more than a repair copies at once
	for range rows {
		a := event.Access{At: time.Now(), Who: "alice", Role: "reader", From: "192.0.2.7", Action: "numbers show",
			Object: "+12025550143", Result: event.AccessShown}
		if _, err := s.RecordAccess(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	before, err := s.Accesses(t.Context(), event.AccessFilter{}, 0, rows)
	if err != nil || s.Close() != nil || len(before) != rows {
		t.Fatal(len(before), err)
	}
	if _, err := Repair(t.Context(), path, sound.Salvage{Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	s = openStore(t, path, Options{})
	after, err := s.Accesses(t.Context(), event.AccessFilter{}, 0, rows+1)
	if err != nil || !reflect.DeepEqual(before, after) {
		t.Errorf("%d accesses after the repair of %d: %v", len(after), rows, err)
	}
}

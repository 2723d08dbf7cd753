package sqlite

import (
	"errors"
	"path/filepath"
	"testing"
)

// Whoever may not even make the index of a log reads a file that has none, and not one whose log holds more than it.
func TestReadingWithoutPermissionToWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	served := new(Reader)
	if err := served.openUnchanging(t.Context(), path); !errors.Is(err, errHasLog) {
		t.Errorf("beside its writer: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	r := new(Reader)
	if err := r.openUnchanging(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := r.Numbers(t.Context(), "", 1); err != nil {
		t.Error(err)
	}
	if files, err := filepath.Glob(path + "-*"); err != nil || len(files) > 0 {
		t.Errorf("reading made %v", files)
	}
}

package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/store/sound"
)

// Whichever byte of the header is another one: who opens the store either finds all of it, or is told the file and a
// way on, and a repair brings it back.
func TestEachByteOfTheHeader(t *testing.T) {
	t.Parallel()
	good := filepath.Join(t.TempDir(), "good.db")
	s := openStore(t, good, Options{})
	mustAppend(t, s, 1, 2)
	e := sample(3) // of more than one page
	e.Delivery.Body = bytes.Repeat([]byte("long "), 8000)
	e.ID = event.Identify(e.Delivery.Body)
	if _, err := s.Append(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	has := func(r store.Reader) bool {
		found, err := r.Event(t.Context(), e.ID)
		mustHave(t, r, 1, 2)
		return err == nil && bytes.Equal(found.Delivery.Body, e.Delivery.Body)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	const header = 100
	for at := range header {
		path := filepath.Join(t.TempDir(), "store.db")
		harmed := slices.Clone(content)
		harmed[at] ^= 0xff
		if err := os.WriteFile(path, harmed, 0o600); err != nil {
			t.Fatal(err)
		}
		refused := false
		judge := func(who string, err error) {
			if err == nil {
				return
			}
			refused = true
			if e, ok := errors.AsType[*event.Error](err); !ok || e.Hint == "" || !strings.Contains(e.Error(), path) {
				t.Errorf("byte %d: %s is not told the file and a way on: %v", at, who, err)
			}
		}
		judge("a check", Inspect(t.Context(), path))
		r, err := OpenReader(t.Context(), path)
		if judge("a reader", err); err == nil {
			refused = !has(r) || refused // a check finds that
			_ = r.Close()
		}
		if !refused {
			s, err := Open(t.Context(), path, Options{AllowUnsafe: true})
			if judge("who serves", err); err == nil {
				if !has(s) {
					t.Errorf("byte %d: what is there is not shown", at)
				}
				_ = s.Close() // what it writes may fail
			}
			continue
		}
		if s, err := Open(t.Context(), path, Options{AllowUnsafe: true}); err != nil {
			judge("who serves", err)
		} else {
			_ = s.Close() // it would be served until the check has found it
		}
		saved, err := Repair(t.Context(), path, sound.Salvage{Now: time.Now(),
			Restore: func(e event.Event) (event.Event, bool) { return e, true }})
		if err != nil || saved.Events != 3 {
			t.Errorf("byte %d: the repair saved %+v: %v", at, saved, err)
			continue
		}
		mended := openStore(t, path, Options{})
		if !has(mended) {
			t.Errorf("byte %d: the repair left something out", at)
		}
		if err := mended.Close(); err != nil {
			t.Error(err)
		}
	}
}

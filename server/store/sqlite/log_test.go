package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"numhook/server/event"
)

// load appends events from so many callers until the function is called, which returns how many were stored.
func load(t *testing.T, s *Store, callers, from int) (stop func() int) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	next, stored := from, 0
	for range callers {
		wg.Go(func() {
			for ctx.Err() == nil {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				if _, err := s.Append(context.WithoutCancel(ctx), sample(n)); err != nil {
					t.Errorf("cannot append: %v", err)
					return
				}
				mu.Lock()
				stored++
				mu.Unlock()
			}
		})
	}
	return func() int {
		cancel()
		wg.Wait()
		return stored
	}
}

// Under constant load, and with readers who never pause, the log is started again again and again.
func TestLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := newStore(path, Options{AllowUnsafe: true, Patience: time.Minute}.withDefaults())
	s.logEnough = 100 // pages
	if _, err := makeFile(path); err != nil {
		t.Fatal(err)
	}
	if err := s.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.Numbers(context.WithoutCancel(ctx), "", 50); err != nil {
					t.Errorf("cannot list numbers: %v", err)
					return
				}
			}
		})
	}
	const callers, each = 8, 300
	var writers sync.WaitGroup
	for caller := range callers {
		writers.Go(func() {
			for n := range each {
				if _, err := s.Append(t.Context(), sample(caller*each+n)); err != nil {
					t.Errorf("cannot append: %v", err)
				}
			}
		})
	}
	writers.Wait()
	cancel()
	readers.Wait()
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	const page, bound = 4096, 1400 // about two and a half times that is written
	pages := info.Size() / page
	t.Logf("after %d events the log has %d pages", callers*each, pages)
	if pages > bound {
		t.Errorf("after %d events the log has %d pages", callers*each, pages)
	}
}

// An operator gets his turns beside a server under load, and does not stop it.
func TestOperatorIsNotStarved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	var entries []int64
	for n := range 20 {
		id, err := s.Quarantine(t.Context(), event.Quarantined{Reason: event.Invalid, Delivery: event.Delivery{Path: "/",
			Body: []byte{byte(n)}}})
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, id)
	}
	stop := load(t, s, 32, 1000)
	operator, err := OpenOperator(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for i, id := range entries {
		if r, err := operator.Redrive(t.Context(), id, sample(i)); err != nil || r.Duplicate {
			t.Fatalf("redrive: %v %v", r, err)
		}
	}
	took := time.Since(start)
	stored := stop()
	t.Logf("%d redrives took %v while %d events were stored", len(entries), took, stored)
	if took > 20*time.Second {
		t.Errorf("%d redrives took %v", len(entries), took)
	}
	if err := operator.Close(); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, s, 500)
	mustHave(t, s, 0, 19, 500, 1000)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	checkIntegrity(t, path)
}

// Each question is answered by looking something up, not by reading the whole store.
func TestQueriesUseIndexes(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "store.db"), Options{})
	mustAppend(t, s, 1)
	id := sample(1).ID
	for query, args := range map[string][]any{
		oneEvent: {id[:], id[:], 1}, prefix: {id[:], id[:], 1}, pageOfEvents: {0, 10, true}, pageOfNumbers: {"", 10, 5},
		oneNumber: {"x", true, 5}, history: {"x"},
		oneQuarantine: {1}, pageOfQuarantine: {0, "held", 10, true}, insertChange: {"x", "cnam", 1, 1},
	} {
		rows, err := s.Reader.db.Query("EXPLAIN QUERY PLAN "+query, args...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var a, b, c int
			var detail string
			if err := rows.Scan(&a, &b, &c, &detail); err != nil {
				t.Fatal(err)
			}
			for _, table := range []string{"events", "changes", "quarantine", "e", "c", "i", "n", "q"} {
				if detail == "SCAN "+table || strings.HasPrefix(detail, "SCAN "+table+" ") {
					t.Errorf("%s\n in %s", detail, query)
				}
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// The view is for people, and says what Numbers says.
func TestViewOfNumbers(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "store.db"), Options{})
	for i, ts := range []int64{5, 9, 3, 9, 1} {
		e := sample(i)
		e.TS, e.Numbers, e.Value = ts, []string{"+15550000001"}, fmt.Appendf(nil, `"value %d"`, i)
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	var number, attribute, value, id string
	if err := s.Reader.db.QueryRow("SELECT number, attribute, value, event_id FROM numbers").Scan(&number, &attribute,
		&value, &id); err != nil {
		t.Fatal(err)
	}
	if want := "+15550000001 cnam \"value 3\" " + sample(3).ID.String(); strings.Join([]string{number, attribute, value,
		id}, " ") != want {
		t.Errorf("the view shows %s %s %s %s, want %s", number, attribute, value, id, want)
	}
}

// A lookup by identity visits each run of events once: the newest, the oldest, and one on the border of two.
func TestLookupOverManyRuns(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "store.db"), Options{Synchronous: "OFF"})
	const count = 3000
	var wg sync.WaitGroup
	for part := range 50 {
		wg.Go(func() {
			for n := part; n < count; n += 50 {
				if _, err := s.Append(t.Context(), sample(n)); err != nil {
					t.Errorf("cannot append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	list, err := s.Events(t.Context(), 0, count+1)
	if err != nil || len(list) != count {
		t.Fatalf("%d events, %v", len(list), err)
	}
	for _, i := range []int{0, 1, 1022, 1023, 1024, 2046, 2047, 2048, count - 1} {
		e, err := s.Event(t.Context(), list[i].ID)
		if err != nil || e.Seq != list[i].Seq {
			t.Errorf("event %d: %v %v", i, e.Seq, err)
		}
		ids, err := s.EventsByPrefix(t.Context(), list[i].ID.String()[:20], 10)
		if err != nil || len(ids) != 1 || ids[0] != list[i].ID {
			t.Errorf("event %d by its prefix: %v %v", i, ids, err)
		}
	}
}

// The copy beside the writer leaves next to nothing for the one that the writer waits for, and its descriptor outlives
// every connection: closing it would drop their locks.
func TestDataFileStaysOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{AllowUnsafe: true})
	mustAppend(t, s, 1)
	first := s.data.opened[0]
	if file, err := s.data.open(path); err != nil || file != first {
		t.Fatalf("another descriptor of the same file: %v %v", file, err)
	}
	replaced := filepath.Join(t.TempDir(), "store.db")
	copyFiles(t, path, replaced, "")
	second, err := s.data.open(replaced)
	if err != nil || second == first {
		t.Fatalf("no descriptor of the other file: %v %v", second, err)
	}
	if err := first.Sync(); err != nil {
		t.Errorf("the descriptor of the file that was replaced: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []*os.File{first, second} {
		if err := file.Sync(); err == nil {
			t.Error("a descriptor is open after the store was closed")
		}
	}
}

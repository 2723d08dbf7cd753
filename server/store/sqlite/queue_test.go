package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store/commit"
)

// watcher is told of each batch that the writer takes.
type watcher chan int

func (w watcher) Batch(int, time.Duration) {}
func (w watcher) Queue(depth int)          { w <- depth }

// lockFile takes the write lock of the database as another process would; the function lets it go.
func lockFile(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "rw"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		conn.Close()
	})
}

func TestLockedDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	unlock := lockFile(t, path)
	start := time.Now()
	_, err := s.Append(t.Context(), sample(2))
	if e := wantUnavailable(t, err); !strings.Contains(err.Error(), "write lock") || !strings.Contains(e.Hint, "locked") {
		t.Errorf("error %q with hint %q", err, e.Hint)
	}
	if took := time.Since(start); took > 2500*time.Millisecond {
		t.Errorf("the refusal took %v", took)
	}
	unlock()
	mustAppend(t, s, 2, 3)
	mustHave(t, s, 1, 2, 3)
}

// What a caller leaves behind after the writer began it is finished; what still waited is not begun.
func TestCallerLeavesWhileWriting(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	taken := make(watcher, 100)
	s := openStore(t, path, Options{Observer: taken})
	unlock := lockFile(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	left := make(chan error, 1)
	all.Go(func() {
		_, err := s.Append(ctx, sample(1))
		left <- err
	})
	<-taken
	waits, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	_, err := s.Append(waits, sample(2))
	wantUnavailable(t, err)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v does not say why", err)
	}
	cancel()
	wantUnavailable(t, <-left)
	all.Wait()
	unlock()
	eventually(t, "the event that was begun", func() error { _, err := s.Event(t.Context(), sample(1).ID); return err })
	mustAppend(t, s, 3)
	if _, err := s.Event(t.Context(), sample(2).ID); event.KindOf(err) != event.NotFound {
		t.Errorf("an event was written after its caller had left: %v", err)
	}
}

func TestQueueIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	taken := make(watcher, 100)
	s := openStore(t, path, Options{QueueLength: 4, MaxBatch: 1, Observer: taken})
	unlock := lockFile(t, path)
	defer unlock()
	var all sync.WaitGroup
	all.Go(func() { s.Append(t.Context(), sample(0)) })
	<-taken // one is begun, four wait
	for n := range 4 {
		all.Go(func() { s.Append(t.Context(), sample(n+1)) })
	}
	eventually(t, "the queue is full", func() error {
		if works, _ := s.committer.Waiting(); works < 4 {
			return errors.New("not yet")
		}
		return nil
	})
	start := time.Now()
	_, err := s.Append(t.Context(), sample(9))
	wantUnavailable(t, err)
	if !errors.Is(err, commit.ErrFull) || time.Since(start) > time.Second {
		t.Errorf("refused after %v: %v", time.Since(start), err)
	}
	unlock()
	all.Wait()
	mustAppend(t, s, 9)
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{MaxBatch: 1})
	unlock := lockFile(t, path)
	defer unlock()
	const callers, bound = 80, maxQueueBytes >> 20 // of 1 MiB each
	var refused atomic.Int64
	var all sync.WaitGroup
	for n := range callers {
		all.Go(func() {
			e := sample(n)
			e.Delivery.Body = make([]byte, 1<<20)
			_, err := s.Append(t.Context(), e)
			if errors.Is(err, commit.ErrFull) {
				refused.Add(1)
			}
		})
	}
	eventually(t, "some are refused", func() error {
		if refused.Load() == 0 {
			return errors.New("none was")
		}
		return nil
	})
	if works, _ := s.committer.Waiting(); works > bound {
		t.Errorf("%d deliveries of 1 MiB wait", works)
	}
	unlock()
	all.Wait()
	eventually(t, "the queue is empty", func() error {
		if _, left := s.committer.Waiting(); left != 0 {
			return fmt.Errorf("%d bytes wait", left)
		}
		return nil
	})
}

// insert is work of the tests' own.
type insert func(w *session) error

func (f insert) write(_ context.Context, w *session) error { return f(w) }

// One delivery that cannot be written must not take its batch with it.
func TestBadWorkFailsAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	unlock := lockFile(t, path)
	var all sync.WaitGroup
	results := make([]error, 3)
	all.Go(func() { _, results[0] = s.Append(t.Context(), sample(1)) })
	all.Go(func() {
		results[1] = s.submit(t.Context(), "write nonsense", insert(func(w *session) error {
			_, err := w.conn.ExecContext(context.Background(), "INSERT INTO facts (name, at) VALUES ('nonsense', 1)")
			return err
		}), 0)
	})
	all.Go(func() { _, results[2] = s.Append(t.Context(), sample(2)) })
	unlock()
	all.Wait()
	if results[0] != nil || results[2] != nil {
		t.Errorf("good events were refused: %v, %v", results[0], results[2])
	}
	if event.KindOf(results[1]) != event.Internal {
		t.Errorf("nonsense: %v", results[1])
	}
	mustHave(t, s, 1, 2)
}

func TestPanicWhileWriting(t *testing.T) {
	s := openStore(t, filepath.Join(t.TempDir(), "store.db"), Options{})
	mustAppend(t, s, 1)
	err := s.submit(t.Context(), "panic", insert(func(w *session) error {
		if _, err := w.insertEvent.ExecContext(t.Context(), must(newAppending(sample(2))).row...); err != nil {
			return err
		}
		panic("of the test")
	}), 0)
	wantUnavailable(t, err)
	eventually(t, "the store is back", func() error { _, err := s.Append(t.Context(), sample(3)); return err })
	mustHave(t, s, 1, 3)
	if _, err := s.Event(t.Context(), sample(2).ID); event.KindOf(err) != event.NotFound {
		t.Errorf("half a transaction was kept: %v", err)
	}
}

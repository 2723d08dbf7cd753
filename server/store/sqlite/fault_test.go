package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store"
)

// sample is the n-th event for a number of its own.
func sample(n int) event.Event {
	body := fmt.Sprintf(`{"event_ts":%d}`, n)
	return event.Event{ID: sha256.Sum256([]byte(body)), Name: "some.event", TS: int64(n), Numbers: []string{fmt.Sprintf("+1555%07d", n)}, Attribute: event.CNAM,
		Value: []byte(`"ACME"`), Delivery: event.Delivery{Received: time.UnixMicro(1), Door: "/", Body: []byte(body)}}
}

// openStore opens the store, and closes it when the test ends.
func openStore(t *testing.T, path string, opts Options) *Store {
	t.Helper()
	opts.AllowUnsafe = true
	s, err := Open(t.Context(), path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func mustAppend(t *testing.T, s store.Writer, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		if _, err := s.Append(t.Context(), sample(n)); err != nil {
			t.Fatal(err)
		}
	}
}

// mustHave demands the events, whole.
func mustHave(t *testing.T, r store.Reader, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		e := sample(n)
		stored, err := r.Event(t.Context(), e.ID)
		if err != nil {
			t.Errorf("event %d: %v", n, err)
			continue
		}
		if string(stored.Delivery.Body) != string(e.Delivery.Body) {
			t.Errorf("event %d has the body %q", n, stored.Delivery.Body)
		}
		list, err := r.History(t.Context(), e.Numbers[0])
		if err != nil || len(list) != 1 || list[0].EventID != e.ID {
			t.Errorf("event %d: history %v %v", n, list, err)
		}
	}
}

func wantUnavailable(t *testing.T, err error) *event.Error {
	t.Helper()
	if event.KindOf(err) != event.Unavailable {
		t.Fatalf("error %v is of kind %s, want %s", err, event.KindOf(err), event.Unavailable)
	}
	e, _ := errors.AsType[*event.Error](err)
	return e
}

// eventually tries until it works, or the time is up.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: %v", what, err)
		}
	}
}

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
	var group sync.WaitGroup
	left := make(chan error, 1)
	group.Go(func() {
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
	group.Wait()
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
	var group sync.WaitGroup
	group.Go(func() { s.Append(t.Context(), sample(0)) })
	<-taken // one is begun, four wait
	for n := range 4 {
		group.Go(func() { s.Append(t.Context(), sample(n+1)) })
	}
	eventually(t, "the queue is full", func() error {
		if len(s.queue) < 4 {
			return errors.New("not yet")
		}
		return nil
	})
	start := time.Now()
	_, err := s.Append(t.Context(), sample(9))
	wantUnavailable(t, err)
	if !errors.Is(err, errFull) || time.Since(start) > time.Second {
		t.Errorf("refused after %v: %v", time.Since(start), err)
	}
	unlock()
	group.Wait()
	mustAppend(t, s, 9)
}

func TestQueueIsBoundedInBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{MaxBatch: 1})
	unlock := lockFile(t, path)
	defer unlock()
	large := func(n int) event.Event {
		e := sample(n)
		e.Delivery.Body = make([]byte, 1<<20)
		return e
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	refused := 0
	for n := range 80 {
		group.Go(func() {
			if _, err := s.Append(t.Context(), large(n)); errors.Is(err, errFull) {
				mu.Lock()
				refused++
				mu.Unlock()
			}
		})
	}
	eventually(t, "some are refused at once", func() error {
		mu.Lock()
		defer mu.Unlock()
		if refused < 80-maxQueueBytes>>20-2 {
			return fmt.Errorf("%d were refused", refused)
		}
		return nil
	})
	unlock()
	group.Wait()
	eventually(t, "the queue is empty", func() error {
		if left := s.queued.Load(); left != 0 {
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
	var group sync.WaitGroup
	results := make([]error, 3)
	group.Go(func() { _, results[0] = s.Append(t.Context(), sample(1)) })
	group.Go(func() {
		results[1] = s.submit(t.Context(), "write nonsense", insert(func(w *session) error {
			_, err := w.conn.ExecContext(context.Background(), "INSERT INTO facts (name, at) VALUES ('nonsense', 1)")
			return err
		}), 0)
	})
	group.Go(func() { _, results[2] = s.Append(t.Context(), sample(2)) })
	unlock()
	group.Wait()
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

func must[V any](v V, err error) V {
	if err != nil {
		panic(err)
	}
	return v
}

func TestFileMovedAway(t *testing.T) {
	directory := t.TempDir()
	path, away := filepath.Join(directory, "store.db"), filepath.Join(directory, "away.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	if err := os.Rename(path, away); err != nil {
		t.Fatal(err)
	}
	_, err := s.Append(t.Context(), sample(2))
	if e := wantUnavailable(t, err); !errors.Is(err, errMoved) || e.Hint == "" {
		t.Errorf("error %v with hint %q", err, e.Hint)
	}
	wantUnavailable(t, s.Ready(t.Context()))
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a new file was created: %v", err)
	}
	if err := os.Rename(away, path); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store is back", func() error { return s.Ready(t.Context()) })
	mustAppend(t, s, 3)
	mustHave(t, s, 1, 3)
}

func TestLogDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	if err := os.Remove(path + "-wal"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Append(t.Context(), sample(2))
	wantUnavailable(t, err)
	eventually(t, "the store is back", func() error { _, err := s.Append(t.Context(), sample(3)); return err })
	mustHave(t, s, 1, 3)
}

// mounted mounts a small file system in memory, or skips.
func mounted(t *testing.T, size string) string {
	t.Helper()
	directory := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "none", directory).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: a full disk cannot be tried here, because mounting is not permitted: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", directory).CombinedOutput(); err != nil {
			t.Errorf("cannot unmount: %s", out)
		}
	})
	return directory
}

func TestFullDisk(t *testing.T) {
	directory := mounted(t, "6m")
	path, ballast := filepath.Join(directory, "store.db"), filepath.Join(directory, "ballast")
	s := openStore(t, path, Options{})
	defer s.Close()
	if err := os.WriteFile(ballast, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var kept []int
	var err error
	for n := 0; err == nil; n++ {
		if _, err = s.Append(t.Context(), sample(n)); err == nil {
			kept = append(kept, n)
		}
	}
	if len(kept) < 100 {
		t.Fatalf("the disk was full after %d events", len(kept))
	}
	if e := wantUnavailable(t, err); !strings.Contains(e.Hint, "full") {
		t.Errorf("error %v with hint %q", err, e.Hint)
	}
	for range 20 {
		start := time.Now()
		if _, err := s.Append(t.Context(), sample(100_000)); err != nil {
			wantUnavailable(t, err)
		}
		if took := time.Since(start); took > 2500*time.Millisecond {
			t.Errorf("a refusal took %v", took)
		}
	}
	mustHave(t, s, kept[0], kept[len(kept)-1]) // readers go on
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store is back", func() error { _, err := s.Append(t.Context(), sample(200_000)); return err })
	mustAppend(t, s, 200_001, 200_002)
	mustHave(t, s, append(kept, 200_000, 200_001, 200_002)...)
	checkIntegrity(t, path)
}

func checkIntegrity(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path, "ro"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity: %q %v", verdict, err)
	}
	rows, err := db.Query("PRAGMA foreign_key_check")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	if rows.Next() {
		t.Error("a row refers to one that is not there")
	}
}

// Root may write everywhere, so the files are made immutable. Where the shared memory is among them, as on a file system that was mounted anew for reading
// only, its writes are faults instead of errors.
func TestReadOnlyFiles(t *testing.T) {
	t.Run("directory and files", func(t *testing.T) { readOnly(t, "", "-wal") })
	t.Run("shared memory too", func(t *testing.T) {
		if underRaceDetector {
			t.Skip("the race detector does not survive a fault in shared memory")
		}
		readOnly(t, "", "-wal", "-shm")
	})
}

func readOnly(t *testing.T, suffixes ...string) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	immutable := func(flag string) error {
		names := []string{filepath.Dir(path)}
		for _, suffix := range suffixes {
			names = append(names, path+suffix)
		}
		if out, err := exec.Command("chattr", append([]string{flag}, names...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	if err := immutable("+i"); err != nil {
		_ = immutable("-i")
		t.Skipf("SKIPPED: a read-only directory cannot be tried here: %v", err)
	}
	defer immutable("-i")
	for range 5 {
		start := time.Now()
		_, err := s.Append(t.Context(), sample(2))
		if e := wantUnavailable(t, err); e.Hint == "" {
			t.Errorf("no hint for %v", err)
		}
		if took := time.Since(start); took > 2500*time.Millisecond {
			t.Errorf("a refusal took %v", took)
		}
	}
	wantUnavailable(t, s.Ready(t.Context()))
	if err := immutable("-i"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the store is back", func() error { return s.Ready(t.Context()) })
	mustAppend(t, s, 3)
	mustHave(t, s, 1, 3)
}

// The kernel lets the lock of a process go that was killed.
func TestServeLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	out, err := child(t, "open", path).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another numhook serves it") || !strings.Contains(string(out), fmt.Sprintf("process %d", os.Getpid())) ||
		!strings.Contains(string(out), "hint: stop the other one") {
		t.Errorf("a second process: %v %s", err, out)
	}
	for _, how := range []string{"read", "operate"} {
		if out, err := child(t, how, path).CombinedOutput(); err != nil {
			t.Errorf("%s beside a server: %v %s", how, err, out)
		}
	}
	mustHave(t, s, 1, 7) // 7 is the operator's
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := child(t, "open", path).CombinedOutput(); err != nil {
		t.Errorf("after the first was closed: %v %s", err, out)
	}
}

// A process that is killed at any moment leaves what it acknowledged, whole.
func TestKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	acknowledged := map[int]bool{}
	from := 0
	for round := range 8 {
		process := child(t, "append", path, fmt.Sprint(from))
		out, err := process.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		enough := 20 + 60*round
		for {
			var n int
			if _, err := fmt.Fscanln(out, &n); err != nil {
				break
			}
			acknowledged[n] = true
			from = max(from, n+1)
			if enough--; enough == 0 {
				if err := process.Process.Signal(syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = process.Wait()
		from += 1000 // leave room: what was not acknowledged may be there, or not
		s := openStore(t, path, Options{})
		for n := range acknowledged {
			mustHave(t, s, n)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		checkIntegrity(t, path)
	}
	if len(acknowledged) < 8*20 {
		t.Errorf("only %d events were acknowledged", len(acknowledged))
	}
}

// child runs this test binary again, in one of the roles below.
func child(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childRole+"="+strings.Join(args, "\n"))
	return command
}

const childRole = "NUMHOOK_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		if err := runChild(strings.Split(role, "\n")); err != nil {
			e, _ := errors.AsType[*event.Error](err)
			fmt.Printf("%v\nhint: %s\n", err, e.Hint)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func runChild(args []string) error {
	ctx := context.Background()
	role, path := args[0], args[1]
	switch role {
	case "open":
		s, err := Open(ctx, path, Options{AllowUnsafe: true})
		if err != nil {
			return err
		}
		return s.Close()
	case "read":
		r, err := OpenReader(ctx, path)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = r.Event(ctx, sample(1).ID)
		return err
	case "operate":
		s, err := OpenOperator(ctx, path)
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = s.Append(ctx, sample(7))
		return err
	case "append":
		return appendForEver(ctx, path, must(strconv.Atoi(args[2])))
	}
	return errors.New("no such role")
}

// appendForEver prints the number of each event after it was acknowledged.
func appendForEver(ctx context.Context, path string, next int) error {
	s, err := Open(ctx, path, Options{AllowUnsafe: true})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				_, err := s.Append(ctx, sample(n))
				mu.Lock()
				if err == nil {
					fmt.Println(n)
				} else if event.KindOf(err) != event.Unavailable {
					fmt.Println("refused:", err)
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return nil
}

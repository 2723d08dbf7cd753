package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"numhook/server"
)

// storeFailure comes over a receiver's store and goes away again, while the process runs.
type storeFailure struct {
	begin, end func()
	text       string // what readyz says of it
}

// While the store is in trouble every delivery is answered 503 within the sender's patience, readyz says why, and when
// the trouble is over the same process goes on by itself. What was acknowledged before, in the middle and after is
// there.
func (tr storeFailure) ride(t *testing.T, r *receiver) {
	t.Helper()
	load := newTraffic(t, uint64(time.Now().UnixNano()))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { load.run(ctx, r, 0, 6) })
	eventually(t, startTime, "the load is taken", func() bool { return load.accepted() > 50 })

	tr.begin()
	eventually(t, startTime, "the load is refused",
		func() bool { return load.answered(http.StatusServiceUnavailable) > 0 })
	refusesWhileFailing(t, r, tr.text)
	accepted := load.accepted()

	tr.end()
	began := time.Now()
	eventually(t, 10*time.Second, "the receiver is ready again", func() bool { return r.ready().status == http.StatusOK })
	t.Logf("ready again after %v", time.Since(began))
	if got := r.post("/", cnamBody(7, "AFTER", "+12025550100")); got.status != http.StatusOK {
		t.Errorf("after the trouble: %v", got)
	}
	eventually(t, startTime, "the load is taken again", func() bool { return load.accepted() > accepted+50 })
	cancel()
	wg.Wait()
	if load.slowest > server.SenderPatience {
		t.Errorf("an answer took %v, and the sender waits for %v", load.slowest, server.SenderPatience)
	}
	load.sent(cnamBody(7, "AFTER", "+12025550100"))
	load.check(readSnapshot(t, r.file()))
	t.Logf("answers %v, the slowest after %v", load.answers, load.slowest)
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

func refusesWhileFailing(t *testing.T, r *receiver, text string) {
	t.Helper()
	var wg sync.WaitGroup
	for name, body := range map[string]string{"good": cnamBody(1, "IN TROUBLE", "+12025550100"), "broken": `{"event":1}`,
		"not JSON": `{`, "unknown": `{"event":"x"}`} {
		wg.Go(func() {
			got, err := r.deliver("/", body, signed(testSecret, body))
			if err != nil || got.status != http.StatusServiceUnavailable ||
				!strings.Contains(got.body, "urn:numhook:problem:unavailable") ||
				got.header.Get("Retry-After") != strconv.Itoa(server.RetryAfter) || got.took > server.SenderPatience {
				t.Errorf("a %s delivery in trouble: %v (%v), Retry-After %q", name, got, err, got.header.Get("Retry-After"))
			}
		})
	}
	wg.Wait()
	// What needs no store is answered as always.
	r.postWith("/", `{}`, signed("somebody else's", `{}`)).problem(t, http.StatusUnauthorized, "unsigned")
	challenge := `{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}`
	if got := r.post("/", challenge); got.status != http.StatusOK || got.took > server.SenderPatience {
		t.Errorf("a challenge in trouble: %v", got)
	}
	if alive, err := r.get("/healthz"); err != nil || alive.status != http.StatusOK {
		t.Errorf("healthz in trouble: %v, %v", alive, err)
	}
	// at once it may know the failed write only, and not yet what is behind it
	eventually(t, 10*time.Second, "readyz says "+text, func() bool {
		var ready readiness
		got := r.ready()
		if err := json.Unmarshal([]byte(got.body), &ready); err != nil || got.status != http.StatusServiceUnavailable ||
			got.took > server.SenderPatience {
			t.Fatalf("readyz in trouble: %v (%v)", got, err)
		}
		if ready.Ready || ready.Checks["secret"] != "ok" || ready.Checks["serving"] != "ok" {
			t.Errorf("readyz in trouble: %+v", ready)
		}
		return strings.Contains(ready.Checks["store"], text)
	})
}

func TestStoreLockedByAnotherProgram(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	db, err := sql.Open("sqlite", "file:"+r.file())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	do := func(statement string) func() {
		return func() {
			if _, err := conn.ExecContext(t.Context(), "PRAGMA busy_timeout=10000; "+statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	storeFailure{begin: do("BEGIN EXCLUSIVE"), end: do("ROLLBACK"), text: "lock"}.ride(t, r)
}

func TestStoreMadeReadOnly(t *testing.T) {
	t.Parallel()
	r := startReceiver(t)
	change := immutable(t, filepath.Dir(r.file()), r.file(), r.file()+"-wal")
	storeFailure{begin: func() { change("+i") }, end: func() { change("-i") }, text: "read-only"}.ride(t, r)
}

// A store that cannot be made or written is no store to begin with.
func TestReadOnlyFromTheStart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	change := immutable(t, s.folder) // in which the store's folder would be made
	change("+i")
	got := s.run("serve", "--listen", "127.0.0.1:0", "--operator-listen", "")
	if got.code != exitUse || !strings.Contains(got.stderr, "numhook: cannot open store") ||
		!strings.Contains(got.stderr, s.folder) {
		t.Errorf("a folder that cannot be made: %+v", got)
	}
	change("-i")
	if code := s.start().stop(); code != exitGood {
		t.Fatalf("exit code %d", code)
	}

	change = immutable(t, filepath.Dir(s.file()), s.file())
	change("+i")
	got = s.run("serve", "--listen", "127.0.0.1:0", "--operator-listen", "")
	if got.code != exitUse || !strings.Contains(got.stderr, "numhook: cannot open store") ||
		!strings.Contains(got.stderr, "writable") {
		t.Errorf("a store that cannot be written: %+v", got)
	}
	change("-i")
	s.start()
}

// immutable returns what makes files unwritable ("+i") and writable again ("-i"), even for the superuser and those who
// have them open already.
func immutable(t *testing.T, paths ...string) func(flag string) {
	t.Helper()
	change := func(flag string) error {
		out, err := exec.CommandContext(context.WithoutCancel(t.Context()), "chattr",
			append([]string{flag}, paths...)...).CombinedOutput()
		if err != nil {
			return errors.New(strings.TrimSpace(string(out)) + ": " + err.Error())
		}
		return nil
	}
	if err := errors.Join(change("+i"), change("-i")); err != nil {
		t.Skipf("SKIPPED, so nobody has shown what a read-only store does: chattr +i needs root and a file system that "+
			"knows it: %v", err)
	}
	t.Cleanup(func() { _ = change("-i") }) // else the folder could not be removed
	return func(flag string) {
		if err := change(flag); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	disk := smallDisk(t, "3m")
	s.dir = filepath.Join(disk, "store", "numhook.db")
	r := s.start("--allow-unsafe-store") // a disk in memory is refused otherwise
	filler := filepath.Join(disk, "filler")
	storeFailure{
		begin: func() { fill(t, filler) },
		end: func() {
			if err := os.Remove(filler); err != nil {
				t.Fatal(err)
			}
		},
		text: "full",
	}.ride(t, r)
}

// smallDisk mounts a file system of the size given.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("SKIPPED, so nobody has shown what a full disk does: mounting one needs root: %v", err)
	}
	t.Cleanup(func() { // after the receiver's own clean-up, which comes later and so runs earlier
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("cannot unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fill writes until nothing fits any more.
func fill(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for chunk := 64 << 10; chunk > 0; {
		if _, err := file.Write(make([]byte, chunk)); errors.Is(err, syscall.ENOSPC) {
			chunk /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

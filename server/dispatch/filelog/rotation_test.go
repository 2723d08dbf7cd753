package filelog

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// names are what lies in a folder.
func names(t *testing.T, folder string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	must(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestAFullFileIsRenamed(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.ndjson")
	taken := path + ".20260131T140405Z-1"
	must(t, os.WriteFile(taken, []byte("somebody's"), 0o600))
	disk := &faulty{}
	s := begin(&writer{disk: disk, path: path, now: instant, rotate: int64(len(text(1, 2)))})
	defer closed(t, s)
	for i := 1; i <= 5; i++ {
		wantOutcome(t, s.Send(t.Context(), numbered(i)), confirmed)
	}
	if got, want := names(t, folder), []string{"a.ndjson", "a.ndjson.20260131T140405Z-1", "a.ndjson.20260131T140405Z-2",
		"a.ndjson.20260131T140405Z-3"}; !slices.Equal(got, want) {
		t.Fatalf("there are %v", got)
	}
	wantFile(t, taken, "somebody's")
	wantFile(t, path+".20260131T140405Z-2", text(1, 2))
	wantFile(t, path+".20260131T140405Z-3", text(3, 4))
	wantFile(t, path, text(5))
	if got := strings.Join(disk.calls, " "); !strings.Contains(got, "write sync rename open lock syncFolder write sync") {
		t.Errorf("the calls were %s", got)
	}
	wantOutcome(t, s.Send(t.Context(), numbered(6)), confirmed)
	disk.once("rename", syscall.EACCES)
	wantRetry(t, s.Send(t.Context(), numbered(7)), "cannot rename the full file: permission denied")
	wantFile(t, path, text(5, 6))
	wantOutcome(t, s.Send(t.Context(), numbered(7)), confirmed)
	disk.once("open", syscall.ENOSPC) // after the rename
	wantOutcome(t, s.Send(t.Context(), numbered(8)), confirmed)
	wantRetry(t, s.Send(t.Context(), numbered(9)), "cannot open: no space left on device")
	wantOutcome(t, s.Send(t.Context(), numbered(9)), confirmed)
	wantFile(t, path+".20260131T140405Z-5", text(7, 8))
	wantFile(t, path, text(9))
}

func TestALineLargerThanAFileHasOneToItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.ndjson")
	s := newSender(t, Config{Path: path, Rotate: 1})
	for i := range 3 {
		wantOutcome(t, s.Send(t.Context(), numbered(i)), confirmed)
		wantFile(t, path, text(i))
	}
}

func TestOnlyTheNewestAreKept(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.ndjson")
	foreign := []string{"a.ndjson.1", "a.ndjson.20260131T140405Z-0", "a.ndjson.20260131T140405Z-1.gz",
		"b.ndjson.20250101T000000Z-1"}
	for _, name := range append(slices.Clone(foreign), "a.ndjson.20260131T140405Z-2", "a.ndjson.20250131T140405Z-30") {
		must(t, os.WriteFile(filepath.Join(folder, name), []byte(name), 0o600))
	}
	now := instant()
	s := begin(&writer{disk: system{}, path: path, now: func() time.Time { return now }, rotate: 1, keep: 3})
	defer closed(t, s)
	for i := range 12 { // -3 to -13
		wantOutcome(t, s.Send(t.Context(), numbered(i)), confirmed)
		if i == 5 {
			now = now.Add(-time.Hour) // a clock that was set back makes no file look old
		}
	}
	want := append(slices.Clone(foreign), "a.ndjson", "a.ndjson.20260131T140405Z-11", "a.ndjson.20260131T140405Z-12",
		"a.ndjson.20260131T140405Z-13")
	slices.Sort(want)
	if got := names(t, folder); !slices.Equal(got, want) {
		t.Fatalf("there are %q, want %q", got, want)
	}
	wantFile(t, path+".20260131T140405Z-13", text(10))
}

// idsOf counts the identities in all files of a folder. Every line must be whole, unless it is torn and may be.
func idsOf(t *testing.T, folder string, largest int64, tornAllowed bool) map[string]int {
	t.Helper()
	times := map[string]int{}
	for _, name := range names(t, folder) {
		raw, err := os.ReadFile(filepath.Join(folder, name))
		must(t, err)
		if int64(len(raw)) > largest {
			t.Errorf("%s has %d bytes", name, len(raw))
		}
		for line := range strings.Lines(string(raw)) {
			var v struct{ ID, Value string }
			if err := json.Unmarshal([]byte(line), &v); err != nil || !strings.HasSuffix(line, "\n") || v.Value != "some value" {
				if !tornAllowed {
					t.Errorf("%s has the line %q (%v)", name, line, err)
				}
				continue
			}
			times[v.ID]++
		}
	}
	return times
}

func TestRotationUnderLoadLosesAndRepeatsNothing(t *testing.T) {
	folder := t.TempDir()
	const senders, each, largest = 8, 150, 4 << 10
	s := newSender(t, Config{Path: filepath.Join(folder, "a.ndjson"), Rotate: largest})
	var sends sync.WaitGroup
	for sender := range senders {
		sends.Go(func() {
			for i := range each {
				if got := s.Send(t.Context(), numbered(sender*each+i)); got != confirmed {
					t.Errorf("the outcome is %+v", got)
				}
			}
		})
	}
	sends.Wait()
	times := idsOf(t, folder, largest, false)
	for i := range senders * each {
		if id := fmt.Sprint("id", i); times[id] != 1 {
			t.Errorf("%s is there %d times", id, times[id])
		}
	}
	if files := len(names(t, folder)); files < 10 {
		t.Errorf("there are only %d files", files)
	}
}

// TestMain lets the test program be the process that is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("JOURNAL_TEST_APPEND"); path != "" {
		appendForEver(path)
	}
	os.Exit(m.Run())
}

// appendForEver says each identity that was confirmed, on a line of its own.
func appendForEver(path string) {
	s, err := New(Config{Path: path, Rotate: 64 << 10})
	if err != nil {
		panic(err)
	}
	for sender := range 4 {
		go func() {
			for i := 0; ; i++ {
				e := numbered(sender*1_000_000 + i)
				if s.Send(context.Background(), e) == confirmed {
					fmt.Println(e.ID) // one write: lines do not mix
				}
			}
		}()
	}
	select {}
}

func TestAKilledProcessHasWrittenWhatItConfirmed(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "a.ndjson")
	for _, kill := range []int{50, 3000} {
		must(t, os.RemoveAll(folder))
		must(t, os.Mkdir(folder, 0o700))
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), "JOURNAL_TEST_APPEND="+path)
		out, err := child.StdoutPipe()
		must(t, err)
		must(t, child.Start())
		var said []string
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if said = append(said, lines.Text()); len(said) == kill {
				must(t, child.Process.Kill())
			}
		}
		_ = child.Wait()
		s := newSender(t, Config{Path: path}) // the lock went with the process
		wantOutcome(t, s.Send(t.Context(), numbered(-1)), confirmed)
		times := idsOf(t, folder, 128<<10, true)
		for _, id := range append(said, "id-1") {
			if times[id] != 1 {
				t.Errorf("%s was confirmed, and is there %d times", id, times[id])
			}
		}
	}
}

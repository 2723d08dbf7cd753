package sqlite

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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

// Where the lock file is gone a second process may serve the store: the first one acknowledges nothing any more.
func TestLockDeleted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	mustAppend(t, s, 1)
	if err := os.Remove(path + ".lock"); err != nil {
		t.Fatal(err)
	}
	second := openStore(t, path, Options{})
	mustAppend(t, second, 2)
	_, err := s.Append(t.Context(), sample(3))
	if e := wantUnavailable(t, err); !errors.Is(err, errUnlocked) || !strings.Contains(e.Hint, ".lock") {
		t.Errorf("error %v with hint %q", err, e.Hint)
	}
	wantUnavailable(t, s.Ready(t.Context()))
	mustAppend(t, second, 4)
	mustHave(t, second, 1, 2, 4)
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
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "none",
		directory).CombinedOutput(); err != nil {
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

// Root may write everywhere, so the files are made immutable. Where the shared memory is among them, as on a file
// system that was mounted again for reading only, its writes are faults instead of errors.
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

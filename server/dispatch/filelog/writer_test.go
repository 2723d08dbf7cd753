package filelog

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestATornLineIsClosed(t *testing.T) {
	whole, line := text(1, 2), text(3)
	for cut := range len(line) { // a crash leaves so much of the last line
		path := filepath.Join(t.TempDir(), "changes.ndjson")
		if err := os.WriteFile(path, []byte(whole+line[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		want := whole + line[:cut] + "\n" + text(4, 5)
		if cut == 0 {
			want = whole + text(4, 5)
		}
		s := newSender(t, Config{Path: path})
		wantOutcome(t, s.Send(t.Context(), numbered(4)), confirmed)
		wantOutcome(t, s.Send(t.Context(), numbered(5)), confirmed)
		wantFile(t, path, want)
		closed(t, s)
	}
}

func TestWhatFailsIsCutOffAndNotConfirmed(t *testing.T) {
	for _, c := range []struct {
		call   string
		err    error
		reason string
		syncs  int // of the file, in all
	}{
		{"write", syscall.ENOSPC, "cannot write: no space left on device", 2},
		{"sync", syscall.EIO, "cannot sync: input/output error", 3},
	} {
		path := filepath.Join(t.TempDir(), "changes.ndjson")
		disk := &faulty{}
		s := onFaulty(t, path, disk)
		wantOutcome(t, s.Send(t.Context(), numbered(1)), confirmed)
		disk.once(c.call, c.err)
		wantRetry(t, s.Send(t.Context(), numbered(2)), c.reason)
		wantOutcome(t, s.Send(t.Context(), numbered(3)), confirmed)
		wantFile(t, path, text(1, 3))
		if disk.count("sync") != c.syncs || disk.count("truncate") != 1 || disk.count("open") != 2 {
			t.Errorf("%s: the calls were %v", c.call, disk.calls)
		}
	}
}

func TestEveryCallMayFailAndNothingIsLost(t *testing.T) {
	for _, c := range []struct{ call, reason string }{
		{"open", "cannot open: input/output error"},
		{"lock", "cannot open: input/output error"},
		{"syncFolder", "cannot sync the folder: input/output error"},
		{"truncate", "cannot mend: input/output error"},
	} {
		path := filepath.Join(t.TempDir(), "changes.ndjson")
		disk := &faulty{}
		s := onFaulty(t, path, disk)
		wantOutcome(t, s.Send(t.Context(), numbered(1)), confirmed)
		disk.once("write", syscall.ENOSPC) // so that the file is opened again
		wantRetry(t, s.Send(t.Context(), numbered(2)), "cannot write: no space left on device")
		disk.once(c.call, syscall.EIO)
		wantRetry(t, s.Send(t.Context(), numbered(2)), c.reason)
		wantOutcome(t, s.Send(t.Context(), numbered(2)), confirmed)
		wantFile(t, path, text(1, 2))
	}
}

func TestAFileThatWasMovedAwayIsBegunAnew(t *testing.T) {
	folder := t.TempDir()
	path, moved := filepath.Join(folder, "changes.ndjson"), filepath.Join(folder, "changes.1")
	s := newSender(t, Config{Path: path})
	wantOutcome(t, s.Send(t.Context(), numbered(1)), confirmed)
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, s.Send(t.Context(), numbered(2)), confirmed)
	wantFile(t, moved, text(1))
	wantFile(t, path, text(2))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, s.Send(t.Context(), numbered(3)), confirmed)
	wantFile(t, path, text(3))
	if err := os.Rename(path, moved); err != nil { // and another begun by whoever moved it, as logrotate's create does
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, s.Send(t.Context(), numbered(4)), confirmed)
	wantFile(t, moved, text(3))
	wantFile(t, path, text(4))
	if err := os.Truncate(path, 5); err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, s.Send(t.Context(), numbered(5)), confirmed)
	wantFile(t, path, text(4)[:5]+"\n"+text(5))
}

func TestAFileThatIsMovedAwayDuringTheWriteConfirmsNothing(t *testing.T) {
	folder := t.TempDir()
	path, moved := filepath.Join(folder, "changes.ndjson"), filepath.Join(folder, "changes.1")
	disk := &faulty{}
	s := onFaulty(t, path, disk)
	disk.set(func(call string) error {
		if call == "sync" {
			disk.fault = nil
			return os.Rename(path, moved)
		}
		return nil
	})
	wantRetry(t, s.Send(t.Context(), numbered(1)), "the file was moved away while it was written")
	wantOutcome(t, s.Send(t.Context(), numbered(1)), confirmed)
	wantFile(t, path, text(1))
}

func TestTheFolderGoesAndComesBack(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "folder")
	path := filepath.Join(folder, "changes.ndjson")
	must(t, os.Mkdir(folder, 0o700))
	s := newSender(t, Config{Path: path})
	wantOutcome(t, s.Send(t.Context(), numbered(1)), confirmed)
	must(t, os.RemoveAll(folder))
	wantRetry(t, s.Send(t.Context(), numbered(2)), "cannot open: no such file or directory")
	must(t, os.MkdirAll(path, 0o700))
	wantRetry(t, s.Send(t.Context(), numbered(2)), "cannot open: is a directory")
	must(t, os.Remove(path))
	must(t, os.Symlink("/dev/full", path))
	wantRetry(t, s.Send(t.Context(), numbered(2)), "cannot open: what is there is a symbolic link, and whoever made it "+
		"decides what is written to")
	must(t, os.Remove(path))
	wantOutcome(t, s.Send(t.Context(), numbered(2)), confirmed)
	wantFile(t, path, text(2))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFullDiskRecovers(t *testing.T) {
	folder := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "none", folder).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: a full disk cannot be tried here, because mounting is not permitted: %s", out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", folder).CombinedOutput(); err != nil {
			t.Errorf("cannot unmount: %s", out)
		}
	})
	path, ballast := filepath.Join(folder, "changes.ndjson"), filepath.Join(folder, "ballast")
	s := newSender(t, Config{Path: path})
	t.Cleanup(func() { closed(t, s) }) // before it is unmounted
	big := numbered(1)
	big.Body = []byte(`{"id":"` + strings.Repeat("x", 10_000) + `"}`)
	wantOutcome(t, s.Send(t.Context(), big), confirmed)
	_ = os.WriteFile(ballast, make([]byte, 1<<20), 0o600) // as much as there is room for
	want := strings.Repeat(string(big.Body)+"\n", 1)
	wantRetry(t, s.Send(t.Context(), big), "cannot write: no space left on device")
	wantRetry(t, s.Send(t.Context(), big), "cannot write: no space left on device")
	must(t, os.Remove(ballast))
	wantOutcome(t, s.Send(t.Context(), numbered(2)), confirmed)
	wantFile(t, path, want+text(2))
}

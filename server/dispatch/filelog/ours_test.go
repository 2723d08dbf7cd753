package filelog

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"numhook/server/dispatch"
	"numhook/server/event"
)

const linked = "cannot open: what is there is a symbolic link, and whoever made it decides what is written to"

// wantUntouched demands that a file holds what it held.
func wantUntouched(t *testing.T, path, text string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != text {
		t.Errorf("%s holds %q (%v)", filepath.Base(path), got, err)
	}
}

func TestALinkIsNotWrittenThrough(t *testing.T) {
	for name, link := range map[string]func(to, at string) error{"symbolic": os.Symlink, "hard": os.Link} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			path, theirs := filepath.Join(folder, "changes.ndjson"), filepath.Join(folder, "theirs")
			reason := linked
			if name == "hard" {
				reason = "cannot open: the file has another name, too (a hard link)"
			}
			must(t, os.WriteFile(theirs, []byte("theirs"), 0o600))
			s := newSender(t, Config{Path: path, Rotate: 200})
			must(t, link(theirs, path)) // after New, which refuses it
			if _, err := New(Config{Path: path}); event.KindOf(err) != event.Invalid {
				t.Errorf("New: %v", err)
			}
			wantRetry(t, s.Send(t.Context(), numbered(1)), reason)
			wantUntouched(t, theirs, "theirs")
			must(t, os.Remove(path))
			wantOutcome(t, s.Send(t.Context(), numbered(1)), confirmed)
			// While the file is open: put aside, and a link to it or to another put in its place.
			moved := filepath.Join(folder, "moved")
			for _, to := range []string{theirs, moved} {
				must(t, os.Rename(path, moved))
				if to == moved && name == "hard" {
					to = theirs
				}
				must(t, link(to, path))
				wantRetry(t, s.Send(t.Context(), numbered(2)), reason)
				must(t, os.Remove(path))
				must(t, os.Rename(moved, path))
			}
			wantUntouched(t, theirs, "theirs")
			wantUntouched(t, path, text(1))
		})
	}
}

// A full file is renamed to a name that others may have taken: neither a link there nor what it leads to is touched.
func TestALinkAtTheNameOfAFullFile(t *testing.T) {
	folder := t.TempDir()
	path, theirs := filepath.Join(folder, "changes.ndjson"), filepath.Join(folder, "theirs")
	must(t, os.WriteFile(theirs, []byte("theirs"), 0o600))
	must(t, os.Symlink(theirs, path+"."+instant().UTC().Format(turnedTime)+"-1"))
	s := begin(&writer{disk: system{}, path: path, now: instant, rotate: int64(len(text(1)))})
	t.Cleanup(func() { closed(t, s) })
	wantOutcome(t, s.Send(t.Context(), numbered(1)), confirmed)
	wantOutcome(t, s.Send(t.Context(), numbered(2)), confirmed)
	wantUntouched(t, theirs, "theirs")
	wantFile(t, path+"."+instant().UTC().Format(turnedTime)+"-2", text(1))
	wantFile(t, path, text(2))
}

func TestOthersCannotWriteToTheFile(t *testing.T) {
	for _, mode := range []os.FileMode{0o600, 0o640, 0o644, 0o660, 0o602, 0o666, 0o777} {
		path := filepath.Join(t.TempDir(), "changes.ndjson")
		must(t, os.WriteFile(path, nil, 0o600))
		must(t, os.Chmod(path, mode))
		s := newSender(t, Config{Path: path})
		wantOutcome(t, s.Send(t.Context(), numbered(1)), confirmed)
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != mode&^0o022 {
			t.Errorf("%04o became %04o (%v)", mode, info.Mode().Perm(), err)
		}
		closed(t, s)
	}
}

func TestTheFileOfSomebodyElseIsNotWrittenTo(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: only root can give a file away")
	}
	path := filepath.Join(t.TempDir(), "changes.ndjson")
	s := newSender(t, Config{Path: path})
	must(t, os.WriteFile(path, nil, 0o600))
	must(t, os.Chown(path, 65534, 65534))
	wantRetry(t, s.Send(t.Context(), numbered(1)), "cannot open: the file belongs to another user")
	want := fmt.Sprintf("cannot use the file %q: the file belongs to another user", path)
	if _, err := New(Config{Path: path}); err == nil || err.Error() != want {
		t.Errorf("New: %v", err)
	}
	wantUntouched(t, path, "")
}

// TestFailingAttemptsLeaveNothingOpen makes each kind of attempt that ends early thousands of times.
func TestFailingAttemptsLeaveNothingOpen(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "changes.ndjson")
	disk := &faulty{}
	s := onFaulty(t, path, disk)
	wantOutcome(t, s.Send(t.Context(), numbered(0)), confirmed)
	before := open(t)
	for i := range 500 {
		for _, call := range []string{"open", "lock", "chmod", "sync", "write", "syncFolder"} {
			if call == "chmod" {
				must(t, os.Chmod(path, 0o666))
			}
			disk.once(call, os.ErrPermission)
			if got := s.Send(t.Context(), numbered(i)); got.Verdict == event.Confirmed && call != "open" && call != "lock" &&
				call != "chmod" && call != "syncFolder" {
				t.Fatalf("%s: %+v", call, got)
			}
		}
		must(t, os.Rename(path, path+".old"))
		must(t, os.Symlink(path+".old", path))
		wantRetry(t, s.Send(t.Context(), numbered(i)), linked)
		must(t, os.Rename(path+".old", path))
	}
	var none dispatch.Outcome
	disk.set(nil)
	if got := s.Send(t.Context(), numbered(1)); got == none || got.Verdict != event.Confirmed {
		t.Errorf("the outcome is %+v", got)
	}
	if after := open(t); after > before {
		t.Errorf("%d descriptors are open, and were %d", after, before)
	}
}

func open(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("SKIPPED: there is no list of open descriptors here")
	}
	return len(list)
}

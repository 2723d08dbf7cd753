package filelog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

func instant() time.Time { return time.Date(2026, 1, 31, 15, 4, 5, 0, time.FixedZone("CET", 3600)) }

var confirmed = dispatch.Outcome{Verdict: event.Confirmed, Alive: true}

func numbered(i int) dispatch.Envelope {
	return dispatch.Envelope{ID: fmt.Sprint("id", i), Body: fmt.Appendf(nil, `{"id":"id%d","value":"some value"}`, i)}
}

func newSender(t *testing.T, cfg Config) *Sender {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s) })
	return s
}

func closed(t *testing.T, s *Sender) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func wantOutcome(t *testing.T, got, want dispatch.Outcome) {
	t.Helper()
	if got != want {
		t.Fatalf("the outcome is %+v, want %+v", got, want)
	}
}

func wantRetry(t *testing.T, got dispatch.Outcome, reason string) {
	t.Helper()
	wantOutcome(t, got, dispatch.Outcome{Verdict: event.Retry, Reason: reason})
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Fatalf("%s is %q (%v), want %q", filepath.Base(path), got, err, want)
	}
}

// text is the lines of the envelopes.
func text(numbers ...int) string {
	var b strings.Builder
	for _, i := range numbers {
		b.Write(numbered(i).Body)
		b.WriteByte('\n')
	}
	return b.String()
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit, tick := time.After(30*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("it does not hold that %s", what)
		}
	}
}

func TestALineIsDurableBeforeItIsConfirmed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changes.ndjson")
	disk := &faulty{}
	s := onFaulty(t, path, disk)
	wantOutcome(t, s.Send(t.Context(), numbered(1)), confirmed)
	wantOutcome(t, s.Send(t.Context(), numbered(2)), confirmed)
	wantFile(t, path, text(1, 2))
	if got := strings.Join(disk.calls, " "); got != "open lock syncFolder write sync write sync" {
		t.Errorf("the calls were %s", got)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the file has mode %v (%v)", info.Mode(), err)
	}
}

// counted tells how often somebody began to wait for its end.
type counted struct {
	context.Context
	asked atomic.Int64
}

func (c *counted) Done() <-chan struct{} {
	c.asked.Add(1)
	return c.Context.Done()
}

func TestConcurrentSendsShareOneSync(t *testing.T) {
	disk := &faulty{hold: make(chan struct{})}
	path := filepath.Join(t.TempDir(), "changes.ndjson")
	s := onFaulty(t, path, disk)
	var sends sync.WaitGroup
	waiting := &counted{Context: t.Context()}
	send := func(i int) {
		sends.Go(func() {
			if got := s.Send(waiting, numbered(i)); got != confirmed {
				t.Errorf("the outcome is %+v", got)
			}
		})
	}
	send(0)
	eventually(t, "the first line is written", func() bool { return disk.count("write") == 1 })
	for i := 1; i <= 50; i++ {
		send(i)
	}
	eventually(t, "all wait", func() bool { return waiting.asked.Load() >= 51 })
	var ended sync.WaitGroup
	stop := make(chan struct{})
	ended.Go(func() { // lets every sync through
		for {
			select {
			case disk.hold <- struct{}{}:
			case <-stop:
				return
			}
		}
	})
	sends.Wait()
	close(stop)
	ended.Wait()
	if n := disk.count("sync"); n > 10 { // one or two more than two, when the scheduler is late
		t.Errorf("51 lines took %d syncs", n)
	}
	if got, _ := os.ReadFile(path); bytes.Count(got, []byte("\n")) != 51 {
		t.Errorf("the file is %q", got)
	}
}

func TestABodyBecomesOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changes.ndjson")
	s := newSender(t, Config{Path: path})
	wantOutcome(t, s.Send(t.Context(), dispatch.Envelope{Body: []byte("{\n  \"a\": [1,\r\n 2]\n}\n")}), confirmed)
	wantFile(t, path, "{\"a\":[1,2]}\n")
	for _, body := range []string{"", "{\n", "a\nb"} {
		wantOutcome(t, s.Send(t.Context(), dispatch.Envelope{Body: []byte(body)}),
			dispatch.Outcome{Verdict: event.Refused, Reason: "the change is not JSON", Alive: true})
	}
	wantFile(t, path, "{\"a\":[1,2]}\n")
}

// stopped is a context whose time is over, and whose timer has not run: a process that goes on after a stop finds it
// so.
type stopped struct{ context.Context }

func (stopped) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestNothingIsWrittenAfterTheAttemptsTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changes.ndjson")
	s := newSender(t, Config{Path: path})
	wantRetry(t, s.Send(stopped{t.Context()}, numbered(1)), "time-out")
	wantFile(t, path, "")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wantRetry(t, s.Send(ended, numbered(2)), "cut short")
	wantOutcome(t, s.Send(t.Context(), numbered(3)), confirmed)
	wantFile(t, path, text(3))
}

func TestAnAttemptEndsWhileTheDiskHangs(t *testing.T) {
	disk := &faulty{hold: make(chan struct{})}
	path := filepath.Join(t.TempDir(), "changes.ndjson")
	s := onFaulty(t, path, disk)
	ctx, cancel := context.WithCancel(t.Context())
	got := make(chan dispatch.Outcome, 2)
	go func() { got <- s.Send(ctx, numbered(1)) }()
	eventually(t, "the line is written", func() bool { return disk.count("write") == 1 })
	go func() { got <- s.Send(ctx, numbered(2)) }() // waits for its turn
	cancel()
	wantRetry(t, <-got, "cut short")
	wantRetry(t, <-got, "cut short")
	close(disk.hold)
	wantOutcome(t, s.Send(t.Context(), numbered(3)), confirmed)
	wantFile(t, path, text(1, 3))
}

func TestNothingIsWrittenAfterClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changes.ndjson")
	s := newSender(t, Config{Path: path})
	wantOutcome(t, s.Send(t.Context(), numbered(1)), confirmed)
	closed(t, s)
	wantRetry(t, s.Send(t.Context(), numbered(2)), "the sender is closed")
	wantFile(t, path, text(1))
}

func TestOneProcessWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "changes.ndjson")
	first, second := newSender(t, Config{Path: path}), newSender(t, Config{Path: path})
	wantOutcome(t, first.Send(t.Context(), numbered(1)), confirmed)
	wantRetry(t, second.Send(t.Context(), numbered(2)), "cannot open: the file is in use by another process")
	closed(t, first)
	wantOutcome(t, second.Send(t.Context(), numbered(2)), confirmed)
	wantFile(t, path, text(1, 2))
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	fifo := filepath.Join(folder, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cfg       Config
		why, hint string
	}{
		{Config{}, `cannot use the file "": the path names no file`, "write it as file:/path/of/the/file.ndjson"},
		{Config{Path: "/"}, `cannot use the file "/": the path names no file`, "write it as file:/path/of/the/file.ndjson"},
		{Config{Path: "a", Rotate: -1}, `cannot use the file "a": the size to rotate at and the number of files to keep ` +
			`cannot be negative`, ""},
		{Config{Path: "a", Keep: -1}, `cannot use the file "a": the size to rotate at and the number of files to keep ` +
			`cannot be negative`, ""},
		{Config{Path: folder}, fmt.Sprintf("cannot use the file %q: what is there is not a regular file", folder),
			"write the name of a file"},
		{Config{Path: fifo}, fmt.Sprintf("cannot use the file %q: what is there is not a regular file", fifo),
			"write the name of a file"},
		{Config{Path: "/dev/full"}, `cannot use the file "/dev/full": what is there is not a regular file`,
			"write the name of a file"},
		{Config{Path: folder + "/none/a"}, fmt.Sprintf("cannot use the file %q: its folder is not there", folder+"/none/a"),
			"mkdir -p " + folder + "/none"},
		{Config{Path: folder + "/file/a"}, fmt.Sprintf("cannot use the file %q: its folder is not there", folder+"/file/a"),
			"mkdir -p " + folder + "/file"},
	} {
		_, err := New(c.cfg)
		wrong, ok := errors.AsType[*event.Error](err)
		if !ok || wrong.Error() != c.why || wrong.Hint != c.hint || wrong.Kind != event.Invalid {
			t.Errorf("%+v: %v, hint %q", c.cfg, err, wrong.Hint)
		}
	}
}

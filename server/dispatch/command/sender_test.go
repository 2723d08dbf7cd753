package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

var (
	confirmed = dispatch.Outcome{Verdict: event.Confirmed, Alive: true}
	change    = dispatch.Envelope{ID: "the-id", Number: "+12025550143", Body: []byte(`{"value":"a 'quoted' $HOME"}`)}
)

// longTime is for a program that ends by itself; shortTime is for one that does not.
const (
	longTime  = 30 * time.Second
	shortTime = 300 * time.Millisecond
)

// sh is a sender of a shell script. The folder is $1.
func sh(t *testing.T, folder, script string) *Sender {
	t.Helper()
	s, err := New(Config{Path: "/bin/sh", Args: []string{"-c", script, "script", folder}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// send makes one attempt of that length, and demands that it does not take much longer.
func send(t *testing.T, s *Sender, within time.Duration, e dispatch.Envelope) dispatch.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	begun := time.Now()
	got := s.Send(ctx, e)
	if took := time.Since(begun); took > within+10*time.Second {
		t.Errorf("an attempt of %v took %v", within, took)
	}
	return got
}

func wantOutcome(t *testing.T, got, want dispatch.Outcome) {
	t.Helper()
	if got != want {
		t.Errorf("the outcome is %+v, want %+v", got, want)
	}
}

func wantRetry(t *testing.T, got dispatch.Outcome, reason string) {
	t.Helper()
	got.Output = ""                                         // what a shell says of a signal
	killed := reason == "time-out" || reason == "cut short" // while it was at work
	wantOutcome(t, got, dispatch.Outcome{Verdict: event.Retry, Reason: reason, Underway: killed})
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestTheExitCodeDecides(t *testing.T) {
	for script, want := range map[string]dispatch.Outcome{
		"exit 0":   confirmed,
		"exit 65":  {Verdict: event.Refused, Reason: "exit 65", Alive: true},
		"exit 75":  {Verdict: event.Retry, Reason: "exit 75"},
		"exit 1":   {Verdict: event.Retry, Reason: "exit 1", Alive: true},
		"exit 255": {Verdict: event.Retry, Reason: "exit 255", Alive: true},
		"/no/such/program": {Verdict: event.Retry, Reason: "exit 127", Alive: true, Output: "script: 1: /no/such/program: " +
			"not found"},
		"kill -KILL $$":     {Verdict: event.Retry, Reason: "signal: killed", Underway: true},
		"kill -TERM $$":     {Verdict: event.Retry, Reason: "signal: terminated", Underway: true},
		"cat; exit 65":      {Verdict: event.Refused, Reason: "exit 65", Alive: true},
		"exec <&- >&- 2>&-": confirmed,
	} {
		t.Run(script, func(t *testing.T) { wantOutcome(t, send(t, sh(t, "", script), longTime, change), want) })
	}
}

func TestWhatAProgramGets(t *testing.T) {
	t.Setenv("NUMHOOK_SECRETS", "a secret")
	t.Setenv("PATH", "/usr/bin:/bin")
	folder := t.TempDir()
	wantOutcome(t, send(t, sh(t, folder, `cat >"$1"/input; cat /proc/$$/environ >"$1"/environment`), longTime, change),
		confirmed)
	if got := read(t, folder+"/input"); got != string(change.Body)+"\n" {
		t.Errorf("it read %q", got)
	}
	got := strings.Split(strings.TrimSuffix(read(t, folder+"/environment"), "\x00"), "\x00")
	slices.Sort(got)
	if want := []string{"LANG=C.UTF-8", "NUMHOOK_ID=the-id", "PATH=/usr/bin:/bin"}; !slices.Equal(got, want) {
		t.Errorf("its environment is %q", got)
	}
}

func TestArgumentsMeetNoShell(t *testing.T) {
	folder := t.TempDir()
	s, err := New(Config{Path: "/usr/bin/env", Args: []string{"sh", "-c", `printf '%s|' "$@" >"$0"/arguments`, folder,
		"a b", "$HOME", "; rm x", ""}})
	if err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, send(t, s, longTime, change), confirmed)
	if got := read(t, folder+"/arguments"); got != "a b|$HOME|; rm x||" {
		t.Errorf("the arguments are %q", got)
	}
}

func TestAProgramThatDoesNotReadHoldsUpNobody(t *testing.T) {
	big := change
	big.Body = make([]byte, 1<<20) // more than a pipe holds
	wantOutcome(t, send(t, sh(t, "", "exit 0"), longTime, big), confirmed)
	wantOutcome(t, send(t, sh(t, "", "head -c 10 >/dev/null; exit 0"), longTime, big), confirmed)
	wantRetry(t, send(t, sh(t, "", "sleep 1000"), shortTime, big), "time-out")
}

func TestAProgramThatWritesWithoutEnd(t *testing.T) {
	wantRetry(t, send(t, sh(t, "", "yes"), shortTime, change), "time-out")
	wantRetry(t, send(t, sh(t, "", "yes >&2"), shortTime, change), "time-out")
	wantOutcome(t, send(t, sh(t, "", "yes | head -c 50000000; yes | head -c 50000000 >&2"), longTime, change), confirmed)
}

func TestAProgramIsToldToEndAndThenKilled(t *testing.T) {
	for name, script := range map[string]string{
		"ends without a word":     `echo $$ >"$1"/pid; exec sleep 1000`,
		"would like to confirm":   `trap "exit 0" TERM; echo $$ >"$1"/pid; while :; do sleep 0.01; done`,
		"would like to refuse":    `trap "exit 65" TERM; echo $$ >"$1"/pid; while :; do sleep 0.01; done`,
		"does not listen":         `trap "" TERM; echo $$ >"$1"/pid; while :; do sleep 0.01; done`,
		"sleeps in another child": `echo $$ >"$1"/pid; sleep 1000; exit 0`,
		"is stopped":              `echo $$ >"$1"/pid; kill -STOP $$`,
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			wantRetry(t, send(t, sh(t, folder, script), shortTime, change), "time-out")
			wantGone(t, read(t, folder+"/pid"))
		})
	}
}

func TestSIGTERMComesBeforeTheTimeIsOver(t *testing.T) {
	folder := t.TempDir()
	s := sh(t, folder, `trap 'touch "$1"/told; exit 1' TERM; while :; do sleep 0.01; done`)
	wantRetry(t, send(t, s, 2*time.Second, change), "time-out") // 200 ms to tidy up
	if _, err := os.Stat(folder + "/told"); err != nil {
		t.Error(err)
	}
}

func TestNothingOutlivesTheAttempt(t *testing.T) {
	folder := t.TempDir()
	s := sh(t, folder, `sleep 1000 & echo $! >"$1"/pid; exit 0`) // it holds all that the program held
	wantOutcome(t, send(t, s, longTime, change), confirmed)
	wantGone(t, read(t, folder+"/pid"))
}

// wantGone demands that a process has ended; that nobody has taken notice of its end is somebody else's fault.
func wantGone(t *testing.T, pid string) {
	t.Helper()
	limit, tick := time.After(10*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		stat, err := os.ReadFile(filepath.Join("/proc", strings.TrimSpace(pid), "stat"))
		if err != nil || strings.Contains(string(stat), ") Z ") || strings.Contains(string(stat), ") X ") {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("process %s is still there: %s", pid, stat)
		}
	}
}

// stopped is a context whose time is over, and whose timer has not run: a process that goes on after a stop finds it
// so.
type stopped struct{ context.Context }

func (stopped) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestAProgramGetsNothingAfterTheAttemptsTime(t *testing.T) {
	folder := t.TempDir()
	s := sh(t, folder, `touch "$1"/started`)
	wantOutcome(t, s.Send(stopped{t.Context()}, change), dispatch.Outcome{Verdict: event.Retry, Reason: "time-out"})
	if _, err := os.Stat(folder + "/started"); err == nil {
		t.Error("the program was started")
	}
	input, feed, err := os.Pipe() // the time ran out while it started
	if err != nil {
		t.Fatal(err)
	}
	go give(stopped{t.Context()}, feed, change.Body)
	if got, err := io.ReadAll(input); len(got) != 0 || err != nil {
		t.Errorf("the program read %q (%v)", got, err)
	}
}

func TestCancelAndCloseEndWhatRuns(t *testing.T) {
	for name, end := range map[string]func(cancel func(), s *Sender){
		"cancel": func(cancel func(), _ *Sender) { cancel() },
		"close":  func(_ func(), s *Sender) { _ = s.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			s := sh(t, folder, `trap "" TERM; echo $$ >"$1"/new; mv "$1"/new "$1"/pid; while :; do sleep 0.01; done`)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			got := make(chan dispatch.Outcome, 1)
			go func() { got <- s.Send(ctx, change) }()
			limit, tick := time.After(longTime), time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for _, err := os.Stat(folder + "/pid"); err != nil; _, err = os.Stat(folder + "/pid") {
				select {
				case <-tick.C:
				case <-limit:
					t.Fatal("the program does not begin")
				}
			}
			end(cancel, s)
			wantRetry(t, <-got, "cut short")
			wantGone(t, read(t, folder+"/pid"))
		})
	}
}

func TestNothingIsStartedAfterClose(t *testing.T) {
	s := sh(t, "", "exit 0")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantRetry(t, s.Send(t.Context(), change), "the sender is closed")
}

func TestAProgramThatCannotBeStarted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("no program"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	wantRetry(t, send(t, s, longTime, change), "cannot start: exec format error: it is neither a binary for this "+
		"machine nor a script that begins with #!")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantRetry(t, send(t, s, longTime, change), "cannot start: no such file or directory")
}

func TestManyAtOnce(t *testing.T) {
	folder := t.TempDir()
	s := sh(t, folder, `cat >"$1"/$NUMHOOK_ID`)
	var sends sync.WaitGroup
	for i := range 30 {
		sends.Go(func() {
			e := dispatch.Envelope{ID: fmt.Sprint("id", i), Body: fmt.Appendf(nil, `{"id":%d}`, i)}
			wantOutcome(t, send(t, s, longTime, e), confirmed)
		})
	}
	sends.Wait()
	for i := range 30 {
		if got := read(t, fmt.Sprintf("%s/id%d", folder, i)); got != fmt.Sprintf("{\"id\":%d}\n", i) {
			t.Errorf("program %d read %q", i, got)
		}
	}
}

// TestMain lets the test program be the receiver that dies.
func TestMain(m *testing.M) {
	if folder := os.Getenv("PROGRAM_TEST_DIE"); folder != "" {
		s, err := New(Config{Path: "/bin/sh", Args: []string{"-c", `trap "" TERM; echo $$ >"$1"/pid; kill -KILL $PPID; ` +
			`while :; do sleep 0.01; done`, "script", folder}})
		if err != nil {
			panic(err)
		}
		s.Send(context.Background(), change)
	}
	os.Exit(m.Run())
}

func TestAReceiverThatDiesTakesItsProgramsAlong(t *testing.T) {
	folder := t.TempDir()
	receiver := exec.CommandContext(t.Context(), os.Args[0])
	receiver.Env = append(os.Environ(), "PROGRAM_TEST_DIE="+folder)
	if err := receiver.Run(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the receiver ended with %v", err)
	}
	wantGone(t, read(t, folder+"/pid"))
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	folder := t.TempDir()
	file := func(name string, mode os.FileMode) string {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.WriteFile(path, []byte("#!/bin/sh\n"), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for path, want := range map[string][2]string{
		"": {"there is no path", "write it as exec:/path/of/the/program"},
		folder + "/none": {"there is no such file", "the path is not looked for in PATH; a relative one begins at the " +
			"directory that numhook is started in"},
		folder:               {"it is not a file", ""},
		"/dev/null":          {"it is not a file", ""},
		file("plain", 0o644): {"it is not executable", "chmod +x " + folder + "/plain"},
		file("public", 0o777): {"everybody may change it, and so run what they like as numhook's user",
			"chmod o-w " + folder + "/public"},
	} {
		_, err := New(Config{Path: path})
		wrong, ok := errors.AsType[*event.Error](err)
		if !ok || wrong.Kind != event.Invalid || wrong.Error() != fmt.Sprintf("cannot run the program %q: %s", path,
			want[0]) || wrong.Hint != want[1] {
			t.Errorf("%q: %v, hint %q", path, err, wrong.Hint)
		}
	}
	if _, err := New(Config{Path: file("good", 0o700)}); err != nil {
		t.Error(err)
	}
}

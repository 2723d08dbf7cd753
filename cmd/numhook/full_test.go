package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// An output that takes nothing is told of once, however many entries there are.
func TestAFullOutputIsToldOfOnce(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("SKIPPED: there is no /dev/full here: %v", err)
	}
	defer full.Close()
	r := startReceiver(t)
	for i := range 3 {
		body := cnamBody(int64(i+1), "A", "+12025550100")
		if got := r.postWith("/", body, signed(testSecret, body)); got.status != 200 {
			t.Fatalf("the answer is %v", got)
		}
	}
	cmd := r.command(t.Context(), "events", "list", "--format", "json")
	var told strings.Builder
	cmd.Stdout, cmd.Stderr = full, &told
	if err := cmd.Run(); err == nil || strings.Count(told.String(), "no space left") != 1 {
		t.Errorf("%v, and it says %s", err, &told)
	}
}

func TestARateThatIsNoNumberIsRefused(t *testing.T) {
	t.Parallel()
	for _, rate := range []string{"NaN", "Inf", "-1"} {
		if got := newSite(t).run("send", "--rate", rate, "--url", "http://127.0.0.1:1/", "x"); got.code != exitUse ||
			!strings.Contains(got.stderr, "--rate") {
			t.Errorf("--rate %s: exit code %d, %s", rate, got.code, got.stderr)
		}
	}
}

// A verb that waits for a file that nobody writes to ends with a second signal.
func TestAVerbThatWaitsIsInterrupted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	pipe := filepath.Join(s.folder, "pipe")
	if err := exec.Command("mkfifo", pipe).Run(); err != nil {
		t.Skipf("SKIPPED: there is no mkfifo here: %v", err)
	}
	cmd := s.command(t.Context(), "spec", "diff", pipe, pipe)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	// It opens for writing only once somebody reads; from then on the verb waits for what nobody writes.
	eventually(t, startTime, "the verb reads", func() bool {
		writer, err := os.OpenFile(pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			t.Cleanup(func() { writer.Close() })
		}
		return err == nil
	})
	eventually(t, endTime, "it ends", func() bool {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
			return true
		default:
			return false
		}
	})
}

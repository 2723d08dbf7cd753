package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"numhook/server"
)

// freeAddress is one on which nobody listens. Somebody else could come before the receiver does, which has not been
// seen.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startLoggingTo runs a receiver whose log goes to a file or a pipe, which the test's process gives up.
func startLoggingTo(t *testing.T, log *os.File) *receiver {
	t.Helper()
	s := newSite(t)
	deliveries, operator := freeAddress(t), freeAddress(t)
	// it ends in its clean-up
	process := s.command(context.Background(), "serve", "--listen", deliveries, "--operator-listen", operator)
	process.Stderr = log
	r := s.begin(process)
	log.Close()
	r.url, r.operator = "http://"+deliveries, "http://"+operator
	r.awaitReady()
	return r
}

// A reader of the log that goes away, one that stalls, and a disk that is full stand in the way of no answer and not of
// the end.
func TestNoReaderOfTheLogStandsInTheWay(t *testing.T) {
	during := 20 * time.Second
	if testing.Short() {
		during = 9 * time.Second // the buffer and the pipe are full after some six
	}
	pipe := func(t *testing.T) (read, write *os.File) {
		t.Helper()
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		return read, write
	}
	for name, log := range map[string]func(t *testing.T) *os.File{
		"dies": func(t *testing.T) *os.File {
			read, write := pipe(t)
			read.Close()
			return write
		},
		"stalls": func(t *testing.T) *os.File {
			read, write := pipe(t)
			t.Cleanup(func() { read.Close() })
			return write
		},
		"has a full disk": func(t *testing.T) *os.File {
			full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Skipf("SKIPPED, so nobody has shown what a full disk does: %v", err)
			}
			return full
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it mostly waits
			r := startLoggingTo(t, log(t))
			again, sent, slowest := time.NewTicker(time.Second/200), 0, time.Duration(0)
			defer again.Stop()
			for began := time.Now(); time.Since(began) < during; <-again.C {
				sent++
				got := r.post("/", cnamBody(int64(sent), "A", "+12025550100"))
				if got.status != http.StatusOK || got.took > server.SenderPatience {
					t.Fatalf("delivery %d: %v", sent, got)
				}
				slowest = max(slowest, got.took)
			}
			lost := r.metrics()["numhook_log_lines_dropped_total"]
			if lost == 0 && (name != "stalls" || sent > 4000) {
				t.Errorf("no lost line was counted of %d", sent)
			}
			if got := r.ready(); got.status != http.StatusOK || (lost > 0) != strings.Contains(got.body, "were dropped") {
				t.Errorf("readyz: %v", got)
			}
			began := time.Now()
			if code := r.stop(); code != exitGood {
				t.Errorf("the exit code is %d", code)
			}
			if took := time.Since(began); took > drainTime+drainMargin {
				t.Errorf("it took %v to drain", took)
			}
			t.Logf("%d deliveries, the slowest answered after %v; %v lines were lost; it ended after %v", sent, slowest, lost,
				time.Since(began))
		})
	}
}

// A reader that stalls and reads on is told how many lines it has missed.
func TestALogSaysWhatItLost(t *testing.T) {
	t.Parallel() // it mostly waits
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	r := startLoggingTo(t, write)
	sent := 0
	eventually(t, 10*startTime, "lines are lost", func() bool {
		for range 100 {
			sent++
			r.post("/", cnamBody(int64(sent), "A", "+12025550100"))
		}
		return r.metrics()["numhook_log_lines_dropped_total"] > 10
	})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(r.log, read)
	}()
	eventually(t, startTime, "the log says what was lost", func() bool {
		for _, entry := range r.log.entries() {
			if lines, ok := entry["lines"].(float64); ok && lines > 10 {
				return true
			}
		}
		return false
	})
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
	<-ended
}

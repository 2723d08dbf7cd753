package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writing are the calls that can change a file. The engine makes some of them and not others; the suite tries all, and
// its report says how many it met.
var writing = []string{"write", "pwrite64", "fsync", "fdatasync", "ftruncate"}

// watched keeps strace to the calls on the store's files that matter here.
func (s *site) watched() []string {
	flags := []string{"-e", "trace=unlink,pread64," + strings.Join(writing, ",")}
	for _, path := range s.storeFiles() {
		flags = append(flags, "-P", path)
	}
	return flags
}

// occasions are which of a thread's calls fail, in strace's words: all, one in the middle, the first, and again and
// again.
var occasions = []string{"1+", "5", "1", "3+6"}

// callsFail: each of the calls fails, for want of space and for a broken disk, while the receiver runs and while it
// opens what a crash left.
func (s *faultSuite) callsFail(t *testing.T) {
	defer s.done(t)
	strace := needStrace(t)
	t.Run("all", func(t *testing.T) { // ends when all that run at once have ended
		for _, name := range append(writing, "pread64") {
			for _, errno := range []string{"EIO", "ENOSPC"} {
				t.Run(name+" "+errno, func(t *testing.T) {
					t.Parallel()
					s.callFails(t, strace, name, errno)
				})
			}
		}
	})
}

func (s *faultSuite) callFails(t *testing.T, strace, name, errno string) {
	v, load := s.embedded(t), newTraffic(t, rand.Uint64())
	row := faultRow{Part: "SQLite: " + name + " fails"}
	for _, when := range occasions[:s.size.occasions] {
		for range s.size.again {
			inject := []string{"-e", fmt.Sprintf("inject=%s:error=%s:when=%s", name, errno, when)}
			// a store truncates its log when it begins it again, and that it does after an fsync that failed
			if name == "ftruncate" {
				inject = append(inject, "-e", fmt.Sprintf("inject=fsync:error=%s:when=3+9", errno))
			}
			row.Faults += s.failWhileItRuns(v, load, strace, inject, when == "1+" && (name == "pwrite64" || name == "fsync"))
			row.Faults += failWhileItOpens(v, load, strace, inject)
			row.Rounds += 2
		}
		if row.Faults == 0 {
			t.Logf("the store makes no call of %s", name)
			break
		}
	}
	s.verdict(load, v.snapshot(), row)
}

// failWhileItRuns lets calls of a receiver under load fail, and returns how many did. always says that all do without
// which nothing can be stored.
func (s *faultSuite) failWhileItRuns(v *vault, load *traffic, strace string, inject []string, always bool) int {
	f := v.fleet(1)
	r := f.receivers[0]
	var calls []call
	load.under(f, rand.Int(), stormSenders/2, func() {
		tr := r.attach(strace, append(v.watched(), inject...)...)
		tr.awaitFaults(s.size.faults, s.size.faultTime)
		if always && injected(tr.calls()) > 0 {
			load.refusedBy(r)
		}
		tr.detach()
		calls = tr.calls()
		eventually(load, faultWait, "the receiver is ready again", func() bool { return r.ready().status == http.StatusOK })
		load.awaitAccepted(5)
	})
	if load.random(uint64(len(calls))).IntN(2) == 0 {
		r.kill()
	} else if code := r.stop(); code != exitGood {
		load.Errorf("the receiver ended with code %d", code)
	}
	load.distrustful(v, calls)
	load.reopen(v)
	return injected(calls)
}

// awaitFaults waits until so many calls have failed, or for a time: some calls are made rarely or never.
func (tr *tracer) awaitFaults(enough int, most time.Duration) {
	tr.Helper()
	limit, look := time.NewTimer(most), time.NewTicker(20*time.Millisecond)
	defer limit.Stop()
	defer look.Stop()
	for injected(tr.calls()) < enough {
		select {
		case <-look.C:
		case <-limit.C:
			return
		}
	}
}

// refusedBy demands that the receiver acknowledges nothing and says so.
func (tr *traffic) refusedBy(r *receiver) {
	tr.Helper()
	eventually(tr, faultWait, "readyz is red", func() bool { return r.ready().status == http.StatusServiceUnavailable })
	for n := range 3 {
		body := cnamBody(int64(n), "NOT NOW", fmt.Sprintf("+1202555%04d", rand.IntN(10_000)))
		if got, err := tr.attempt(r, tr.random(0), body, true); err != nil || got.status != http.StatusServiceUnavailable {
			tr.Errorf("a delivery while every call fails: %v (%v)", got, err)
		}
	}
}

// distrustful demands that after a failed fsync of the log nothing is written to it until it was started again.
func (tr *traffic) distrustful(v *vault, calls []call) {
	tr.Helper()
	log := v.file() + "-wal"
	distrusted := 0 // the line of the failure
	for _, c := range calls {
		switch {
		case c.path() != log:
		case c.name == "fsync" && c.failed:
			distrusted = c.begin
		case c.name == "unlink" && !c.failed, c.name == "ftruncate" && !c.failed && c.args[1] == "0":
			distrusted = 0
		case c.name == "pwrite64" && distrusted != 0:
			tr.Errorf("the log was written in line %d of the trace, although its fsync had failed in line %d and it was not "+
				"begun anew", c.begin, distrusted)
			return
		}
	}
}

// failWhileItOpens lets calls fail while a receiver opens what a crash left, and returns how many did. It may refuse,
// or serve in the end.
func failWhileItOpens(v *vault, load *traffic, strace string, inject []string) int {
	load.crash(v)
	trace := filepath.Join(v.folder, "opening")
	r := v.startTraced(strace, trace, append(v.watched(), inject...)...)
	limit := time.Now().Add(2 * time.Second) // where every call fails it may never be ready
	eventually(load, faultWait, "the receiver serves, waits or refuses", func() bool {
		return r.hasEnded() || r.findAddresses() && (r.ready().status == http.StatusOK || time.Now().After(limit))
	})
	for n := range 3 {
		if r.url == "" {
			break
		}
		body := addressBody(int64(n), "While it opens", fmt.Sprintf("+1202555%04d", rand.IntN(10_000)))
		if _, err := load.attempt(r, load.random(0), body, true); err != nil && !closedConnection(err) {
			load.Errorf("no answer: %v", err)
		}
	}
	if !r.hasEnded() {
		r.kill()
	} else if code := r.process.ProcessState.ExitCode(); code != exitUse {
		load.Errorf("the receiver refused with exit code %d, want %d: %s", code, exitUse, r.log)
	}
	calls := readTrace(r, trace)
	load.distrustful(v, calls)
	load.reopen(v)
	return injected(calls)
}

func (r *receiver) hasEnded() bool {
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// crash leaves a store whose log was not copied.
func (tr *traffic) crash(v *vault) {
	tr.Helper()
	f := v.fleet(1)
	tr.under(f, rand.Int(), stormSenders/2, func() {
		tr.awaitAccepted(5)
		f.receivers[0].kill()
	})
}

// reopen opens the store as a receiver does, lets it write, closes it, and has the file checked.
func (tr *traffic) reopen(v *vault) {
	tr.Helper()
	if err := reopened(tr.Context(), v.file()); err != nil {
		tr.Fatal(err)
	}
}

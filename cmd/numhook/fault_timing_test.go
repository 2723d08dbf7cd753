package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// stage is a moment in the life of a receiver. live starts one on the vault, brings it there under strace with the
// flags given, and reports whether it was killed by them; otherwise it ends it.
type stage struct {
	name string
	live func(v *vault, load *traffic, strace string, flags []string) (killed bool, calls []call)
}

var stages = []stage{{"while it stores", liveToStore}, {"while it opens", liveToOpen}, {"while it closes", liveToClose}}

// killedAtCalls: a copy of one store is taken into use, and the process killed at the first, second, third, ... of each
// call.
func (s *faultSuite) killedAtCalls(t *testing.T) {
	defer s.done(t)
	strace := needStrace(t)
	source, load := s.embedded(t), newTraffic(t, rand.Uint64())
	load.crash(source)
	load.reopen(s.copied(t, source))
	for _, at := range stages {
		t.Run(at.name, func(t *testing.T) {
			row := faultRow{Part: "SQLite: killed at a call " + at.name, Acknowledged: len(load.acknowledged)}
			defer func() { s.report.note(row) }()
			_, calls := at.live(s.copied(t, source), load.fork(t), strace, nil)
			if most(calls, "pwrite64") == 0 || most(calls, "fsync") == 0 {
				t.Fatalf("nothing is written %s", at.name)
			}
			for _, name := range append(writing, "unlink") {
				made := most(calls, name)
				for which := 1 + max(made-1, 0)%s.size.calls; which <= made; which += s.size.calls {
					row.add(s.killAt(t, source, load, at, strace, fmt.Sprintf("inject=%s:signal=KILL:when=%d", name, which)))
				}
				t.Logf("at %d calls of %s, killed %d times so far", made, name, row.Kills)
			}
		})
	}
}

// most is how often the thread that made the call most often did so: strace counts each thread's calls.
func most(calls []call, name string) (made int) {
	counts := map[string]int{}
	for _, c := range calls {
		if c.name == name {
			counts[c.thread]++
			made = max(made, counts[c.thread])
		}
	}
	return made
}

// killAt kills one process at one call, and holds what it leaves against what was acknowledged. Where no thread comes
// as far this time, it is tried again.
func (s *faultSuite) killAt(
	t *testing.T, source *vault, load *traffic, at stage, strace, inject string,
) (row faultRow) {
	t.Helper()
	for range 4 {
		v, own := s.copied(t, source), load.fork(t)
		killed, _ := at.live(v, own, strace, []string{"-e", inject})
		row.Rounds++
		own.reopen(v)
		stored := v.snapshot()
		found := own.weigh(stored)
		row.add(faultRow{Lost: found.Lost, Duplicated: found.Duplicated, Wrong: found.Wrong, Refused: found.Refused})
		own.check(stored)
		if killed {
			row.Kills++
			return row
		}
	}
	t.Logf("no thread came as far as %s", inject)
	return row
}

// fork is traffic that begins with what was sent and acknowledged so far.
func (tr *traffic) fork(t testing.TB) *traffic {
	return &traffic{
		TB: t, random: tr.random, answers: map[int]int{},
		bodies: maps.Clone(tr.bodies), acknowledged: maps.Clone(tr.acknowledged), refused: maps.Clone(tr.refused),
	}
}

// copied is a vault with a copy of the files of another one, which nobody serves.
func (s *faultSuite) copied(t *testing.T, from *vault) *vault {
	t.Helper()
	v := s.embedded(t)
	if err := os.MkdirAll(filepath.Dir(v.file()), 0o700); err != nil {
		t.Fatal(err)
	}
	for i, path := range from.storeFiles() {
		raw, err := os.ReadFile(path)
		if os.IsNotExist(err) || strings.HasSuffix(path, "-shm") {
			continue
		}
		if err == nil {
			err = os.WriteFile(v.storeFiles()[i], raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// deliverOne delivers an event of some size, which takes several calls to store.
func deliverOne(load *traffic, r *receiver) answer {
	load.Helper()
	numbers := make([]string, 70)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("+120255502%02d", i)
	}
	got, err := load.attempt(r, load.random(0), cnamBody(1_739_923_528_200, "ONE MORE", numbers...), true)
	if err != nil && !closedConnection(err) {
		load.Errorf("no answer: %v", err)
	}
	return got
}

func liveToStore(v *vault, load *traffic, strace string, flags []string) (bool, []call) {
	r := v.start()
	tr := r.attach(strace, append(v.watched(), flags...)...)
	killed := deliverOne(load, r).status != http.StatusOK
	if killed {
		r.awaitEnd(endTime)
	}
	tr.detach()
	r.kill()
	return killed, tr.calls()
}

func liveToOpen(v *vault, _ *traffic, strace string, flags []string) (bool, []call) {
	trace := filepath.Join(v.folder, "trace")
	r := v.startTraced(strace, trace, append(v.watched(), flags...)...)
	eventually(v, startTime, "the receiver serves or is dead", func() bool { return r.hasEnded() || r.findAddresses() })
	killed := r.hasEnded()
	r.kill()
	return killed, readTrace(r, trace)
}

func liveToClose(v *vault, load *traffic, strace string, flags []string) (bool, []call) {
	r := v.start()
	if got := deliverOne(load, r); got.status != http.StatusOK {
		load.Errorf("answer %v", got)
	}
	tr := r.attach(strace, append(v.watched(), flags...)...)
	r.signal(syscall.SIGTERM)
	code := r.awaitEnd(endTime)
	tr.detach()
	if code > exitGood {
		load.Errorf("the receiver ended with code %d", code)
	}
	return code != exitGood, tr.calls() // killed by a signal, it has no code
}

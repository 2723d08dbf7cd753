package main

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"
)

// checkLatest holds what came to a system of mode latest against the store: no older value after a newer one, and at
// the end the newest of each number.
func (s *system) checkLatest(l snapshot) {
	s.Helper()
	last := map[snapshotSubject]arrival{}
	for _, a := range s.came() {
		of := snapshotSubject{a.Number, a.Attribute}
		if before, known := last[of]; known && a.TS < before.TS {
			s.Errorf("system %s got an older value after a newer one: %d (event %s, attempt %d), "+
				"%v after %d (event %s, attempt %d)",
				s.name, a.TS, a.EventID, a.Attempt, a.at.Sub(before.at), before.TS, before.EventID, before.Attempt)
		}
		last[of] = a
	}
	want := l.current()
	for of, value := range want {
		if a, known := last[of]; !known || !sameJSON(a.Value, []byte(value)) {
			s.Errorf("system %s ends with %s %s = %s (event_ts %d), want %s", s.name, of.number, of.attribute, a.Value, a.TS,
				value)
		}
	}
	if len(last) != len(want) {
		s.Errorf("system %s got %d values, want %d", s.name, len(last), len(want))
	}
}

// checkEvery holds what came to a system of mode every against the store: each event at least once for each of its
// numbers, and nothing else.
func (s *system) checkEvery(l snapshot) {
	s.Helper()
	type about struct{ id, number string }
	came := map[about]bool{}
	for _, a := range s.came() {
		came[about{a.EventID, a.Number}] = true
	}
	want := 0
	for _, e := range l.events {
		for _, number := range e.numbers {
			want++
			if !came[about{e.id, number}] {
				s.Errorf("system %s never got event %s for one of its numbers", s.name, e.id)
			}
		}
	}
	if len(came) != want {
		s.Errorf("system %s got %d changes, want %d", s.name, len(came), want)
	}
}

// One receiver, one load, and a system for each way in which a system can be bad. At the end each has every number's
// newest value, and none ever got an older one after a newer one; the good one beside them got all as if it were alone.
func TestEverySystemEndsWithTheNewestValues(t *testing.T) {
	t.Parallel() // it mostly waits
	// A system that applies what it was sent later than the timeout may get it out of order: this one notes what came as
	// soon as the machine lets it.
	const patience = "    timeout: 2s\n    concurrency: 8\n" + retryFast
	good, audit := newSystem(t, "good", "latest", patience), newSystem(t, "audit", "every", patience)
	down, flapping := newSystem(t, "down", "latest", patience), newSystem(t, "flapping", "latest", patience)
	slowly, failed, cut := newSystem(t, "slowly", "latest", patience), newSystem(t, "failed", "latest", patience),
		newSystem(t, "cut", "latest", patience)
	slowly.behave(some(lateBy(20*time.Millisecond, 1)))
	failed.behave(some(failing(2)))
	cut.behave(some(cutting(1)))
	down.down()
	systems := []*system{good, audit, down, flapping, slowly, failed, cut}

	s := newSite(t)
	r := s.start("--config", s.configure("alone", systems...))
	load := newTraffic(t, uint64(time.Now().UnixNano()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { load.run(ctx, r, 0, 2) })
	for turn := range 6 { // the load goes on
		if turn%2 == 0 {
			flapping.down()
		} else {
			flapping.up()
		}
		accepted := load.accepted()
		eventually(t, 2*startTime, "the load is taken", func() bool { return load.accepted() >= accepted+40 })
	}
	cancel()
	wg.Wait()
	if got := s.status("down"); got.Waiting+got.Attempting == 0 || got.Dead != 0 || len(down.came()) != 0 {
		t.Errorf("while its system is down: %+v, and %d envelopes came", got, len(down.came()))
	}
	s.settled(startTime, good)
	down.up()
	s.settled(5*time.Minute, systems...) // the breaker of one that was down for long waits for a minute
	l := s.snapshot()
	load.check(l)
	for _, sys := range systems {
		if sys == audit {
			sys.checkEvery(l)
		} else {
			sys.checkLatest(l)
		}
		t.Logf("%s got %d envelopes of %d events", sys.name, len(sys.came()), len(l.events))
	}
	t.Logf("answers %v", load.answers)
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// A receiver without a configuration enqueues to the downstreams that others have registered, and so does a redrive.
func TestEnqueuedByWhoeverStores(t *testing.T) { onEachEngine(t, enqueuedByWhoeverStores) }

func enqueuedByWhoeverStores(t *testing.T, s *site) {
	crm := newSystem(t, "crm", "latest", retryFast)
	configFile := s.configure("alone", crm)
	if code := s.start("--config", configFile).stop(); code != exitGood {
		t.Fatalf("the exit code is %d", code)
	}
	r := s.start()
	if got := r.post("/", cnamBody(1, "ONE", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	if got := s.status("crm"); got.Waiting != 1 {
		t.Errorf("owed by a receiver without a configuration: %+v", got)
	}
	entry := s.quarantine(cnamBody(2, "TWO", "+12025550102"))
	if got := s.run("quarantine", "redrive", entry); got.code != exitGood {
		t.Fatalf("redrive: %+v", got)
	}
	if got := s.status("crm"); got.Waiting != 2 || len(crm.came()) != 0 {
		t.Errorf("owed by a redrive: %+v, and %d envelopes came", got, len(crm.came()))
	}
	if code := r.stop(); code != exitGood {
		t.Fatalf("the exit code is %d", code)
	}
	r = s.start("--config", configFile)
	s.settled(startTime, crm)
	crm.checkLatest(s.snapshot())

	// And beside the receiver that runs, which looks by itself.
	if got := s.run("quarantine", "redrive", s.quarantine(cnamBody(3, "THREE", "+12025550103"))); got.code != exitGood {
		t.Fatalf("redrive: %+v", got)
	}
	crm.await(3)
	s.settled(startTime, crm)
	crm.checkLatest(s.snapshot())
	if got := len(crm.came()); got != 3 {
		t.Errorf("%d envelopes came, want 3", got)
	}
	if code := r.stop(); code != exitGood {
		t.Fatalf("the exit code is %d", code)
	}
}

// What has been delivered is delivered again by a replay, under the identity that it had, to whom it is meant.
func TestReplayedUnderTheSameIdentity(t *testing.T) { onEachEngine(t, replayedUnderTheSameIdentity) }

func replayedUnderTheSameIdentity(t *testing.T, s *site) {
	crm, audit := newSystem(t, "crm", "latest", retryFast), newSystem(t, "audit", "every", retryFast)
	r := s.start("--config", s.configure("alone", crm, audit))
	for ts, name := range []string{"OLD", "NEW"} {
		if got := r.post("/", cnamBody(int64(ts), name, "+12025550101", "+12025550102")); got.status != http.StatusOK {
			t.Fatal(got)
		}
		s.settled(startTime, crm, audit)
	}
	before, told := crm.came(), len(audit.came())
	if len(before) != 4 || told != 4 {
		t.Fatalf("%d and %d envelopes came, want 4 and 4", len(before), told)
	}
	if got := s.run("replay", "--downstream", "crm", "--number", "12025550101"); got.code != exitGood || got.stderr != "" {
		t.Fatalf("replay: %+v", got)
	}
	again := crm.await(5)[4]
	s.settled(startTime, crm, audit)
	first := arrival{}
	for _, a := range before {
		if a.Number == "+12025550101" && a.TS == 1 {
			first = a
		}
	}
	if again.id != first.id || again.Number != first.Number || !sameJSON(again.Value, json.RawMessage(`"NEW"`)) ||
		again.Attempt != 1 {
		t.Errorf("replayed: %+v, want it as it was: %+v", again, first)
	}
	if got := s.run("replay", "--downstream", "audit", "--number", "+12025550102"); got.code != exitGood {
		t.Fatalf("replay: %+v", got)
	}
	audit.await(told + 2)
	s.settled(startTime, crm, audit)
	if len(crm.came()) != 5 || len(audit.came()) != told+2 {
		t.Errorf("after two replays %d and %d envelopes came, want 5 and %d", len(crm.came()), len(audit.came()), told+2)
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

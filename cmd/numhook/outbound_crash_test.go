package main

import (
	"context"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"numhook/server/dispatch"
	"numhook/server/store/postgres/postgrestest"
)

// Two receivers on one database. The one that has an attempt under way is killed; the other makes it again within the
// lease, under the same identity.
func TestKilledInTheMiddleOfAnAttempt(t *testing.T) {
	t.Parallel() // it mostly waits
	const timeout = time.Second
	crm := newSystem(t, "crm", "latest", "    timeout: 1s\n"+retryFast)
	held, _ := release(t)
	crm.behave(holding(held))
	s := newSite(t)
	s.database = postgrestest.New(t)
	s.env = append(s.env, "NUMHOOK_STORE="+s.database)
	receivers := map[string]*receiver{}
	for _, name := range []string{"one", "two"} {
		receivers[name] = s.start("--config", s.configure(name, crm))
	}
	if got := receivers["one"].post("/", cnamBody(1, "ONE", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	first := crm.await(1)[0]
	killed, other := receivers[first.receiver], receivers["one"]
	if killed == nil {
		t.Fatalf("the attempt is nobody's: %+v", first)
	}
	if killed == other {
		other = receivers["two"]
	}
	killed.kill()
	began := time.Now()
	crm.behave(confirm)
	// what is held holds up nobody else
	if got := other.post("/", cnamBody(1, "ONE", "+12025550102")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	if second := crm.await(2)[1]; second.Number != "+12025550102" || second.receiver == first.receiver {
		t.Errorf("beside the attempt that hangs came %+v", second)
	}
	eventually(t, dispatch.Lease(timeout)+startTime, "the attempt is made anew",
		func() bool { return len(crm.came()) >= 3 })
	took := time.Since(began)
	again := crm.came()[2]
	if again.id != first.id || again.receiver == first.receiver || again.TS != first.TS || again.Attempt != first.Attempt+
		1 {
		t.Errorf("made anew: %+v, want what was begun: %+v", again, first)
	}
	if limit := dispatch.Lease(timeout) + 3*dispatch.ReapEvery + drainMargin; took > limit {
		t.Errorf("it took %v, want at most %v", took, limit)
	}
	s.settled(startTime, crm)
	if got := len(crm.came()); got != 3 {
		t.Errorf("%d envelopes came, want 3", got)
	}
	t.Logf("made anew by the other receiver after %v (a lease is %v)", took, dispatch.Lease(timeout))
	if code := other.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// Several receivers share the work, and one that dies under load costs nothing: at the end all is as if there had been
// one.
func TestReceiversShareTheWork(t *testing.T) {
	t.Parallel() // it mostly waits
	const patience = "    timeout: 500ms\n" + retryFast
	crm, audit := newSystem(t, "crm", "latest", patience), newSystem(t, "audit", "every", patience)
	crm.behave(some(failing(1)))
	audit.behave(some(cutting(1)))
	s := newSite(t)
	s.database = postgrestest.New(t)
	s.env = append(s.env, "NUMHOOK_STORE="+s.database)
	one, two := s.start("--config", s.configure("one", crm, audit)), s.start("--config", s.configure("two", crm, audit))
	load := newTraffic(t, uint64(time.Now().UnixNano()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { load.run(ctx, one, 0, 2) })
	wg.Go(func() { load.run(ctx, two, 1, 2) })
	for _, enough := range []int{100, 200} {
		eventually(t, 2*startTime, "the load is taken", func() bool { return load.accepted() >= enough })
		if enough == 100 {
			one.kill()
		}
	}
	cancel()
	wg.Wait()
	s.settled(dispatch.Lease(500*time.Millisecond)+2*time.Minute, crm, audit)
	l := s.snapshot()
	load.check(l)
	crm.checkLatest(l)
	audit.checkEvery(l)
	by := map[string]int{}
	for _, a := range audit.came() {
		by[a.receiver]++
	}
	if by["one"] == 0 || by["two"] == 0 {
		t.Errorf("the work was shared as %v", by)
	}
	t.Logf("%d events; the receivers made attempts as %v", len(l.events), by)
	if code := two.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// A receiver with a store of its own is alone on it: what it was killed over is not waited for a lease when it starts
// again, only for the timeout.
func TestKilledAndStartedAgain(t *testing.T) {
	t.Parallel() // it mostly waits
	const timeout = 4 * time.Second
	crm := newSystem(t, "crm", "latest", "    timeout: 4s\n"+retryFast)
	held, _ := release(t)
	crm.behave(holding(held))
	s := newSite(t)
	r := s.start("--config", s.configure("alone", crm))
	if got := r.post("/", cnamBody(1, "ONE", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	first := crm.await(1)[0]
	r.kill()
	began := time.Now()
	crm.behave(confirm)
	r = s.start("--config", s.configure("alone", crm))
	again := crm.await(2)[1]
	if took := time.Since(began); took < timeout || took >= dispatch.Lease(timeout) {
		t.Errorf("made anew after %v", took)
	}
	if again.id != first.id {
		t.Errorf("made anew as %s, want %s", again.id, first.id)
	}
	s.settled(startTime, crm)
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// On SIGTERM an attempt that is under way may end, and its end is recorded.
func TestDrainsWithAnAttemptUnderWay(t *testing.T) {
	t.Parallel() // it mostly waits
	crm := newSystem(t, "crm", "latest", retryFast)
	held, let := release(t)
	crm.behave(holding(held))
	s := newSite(t)
	r := s.start("--config", s.configure("alone", crm))
	if got := r.post("/", cnamBody(1, "ONE", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	crm.await(1)
	r.signal(syscall.SIGTERM)
	eventually(t, endTime, "it drains", func() bool { return r.log.has("draining") })
	let()
	if code := r.awaitEnd(endTime); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
	if got := s.status("crm"); got.Waiting+got.Attempting+got.Dead != 0 {
		t.Errorf("after the drain: %+v, want nothing owed", got)
	}
	if got := len(crm.came()); got != 1 {
		t.Errorf("%d envelopes came, want 1", got)
	}
}

// A system that never answers does not keep the process: the row stays as it is, and is made again by whoever starts
// next once its time has passed.
func TestDrainsBesideASystemThatNeverAnswers(t *testing.T) {
	t.Parallel() // it mostly waits
	crm := newSystem(t, "crm", "latest", "    timeout: 15s\n"+retryFast)
	held, _ := release(t)
	crm.behave(holding(held))
	s := newSite(t)
	r := s.start("--config", s.configure("alone", crm))
	if got := r.post("/", cnamBody(1, "ONE", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	first := crm.await(1)[0]
	began := time.Now()
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
	if took, limit := time.Since(began), drainTime+dispatch.DefaultDrainTime+dispatch.RecordTime; took > limit+
		drainMargin {
		t.Errorf("it took %v to drain, want at most %v", took, limit)
	}
	if got := s.status("crm"); got.Attempting != 1 || got.Waiting+got.Dead != 0 {
		t.Errorf("after the drain: %+v, want one row that rests", got)
	}
	crm.behave(confirm)
	began = time.Now()
	r = s.start("--config", s.configure("alone", crm))
	if again := crm.await(2)[1]; again.id != first.id || time.Since(began) < 15*time.Second {
		t.Errorf("made anew as %s after %v, want %s", again.id, time.Since(began), first.id)
	}
	s.settled(startTime, crm)
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

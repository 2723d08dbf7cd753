package main

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
)

// quarantine puts a delivery that fits into quarantine, as one that did not fit an older document, and returns the
// entry's id.
func (s *site) quarantine(body string) string {
	s.Helper()
	opened, err := openOperator(s.Context(), s.storeURL())
	if err != nil {
		s.Fatal(err)
	}
	defer func() {
		if err := opened.Close(); err != nil {
			s.Error(err)
		}
	}()
	id, err := opened.Quarantine(s.Context(), event.Quarantined{
		Reason: event.Invalid, EventName: cnamEvent, Violations: []event.Finding{{Kind: event.Violation, Rule: "type",
			Message: "it was not as the document says"}},
		Delivery: event.Delivery{Received: time.Now(), Path: "/", Body: []byte(body)},
	})
	if err != nil {
		s.Fatal(err)
	}
	return strconv.FormatInt(id, 10)
}

// A system that is gone says so once, and is left alone until an operator resumes it; what is enqueued for it is kept
// and goes on being enqueued.
func TestGoneSystemIsPausedUntilItIsResumed(t *testing.T) {
	onEachEngine(t, goneSystemIsPausedUntilItIsResumed)
}

func goneSystemIsPausedUntilItIsResumed(t *testing.T, s *site) {
	crm := newSystem(t, "crm", "latest", "    concurrency: 1\n"+retryFast)
	crm.behave(answering(http.StatusGone))
	r := s.start("--config", s.configure("alone", crm))
	if got := r.post("/", cnamBody(1, "ONE", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	s.awaitStatus(startTime, "crm", "is paused", func(d event.DownstreamStatus) bool {
		return !d.Paused.IsZero() &&
			d.Attempting == 0
	})
	if got := r.post("/", cnamBody(2, "TWO", "+12025550101", "+12025550102")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	got := s.status("crm")
	if got.PausedWhy == "" || got.Paused.IsZero() || got.Waiting != 2 || got.Attempting != 0 || got.Dead != 0 {
		t.Errorf("paused: %+v", got)
	}
	if code := r.stop(); code != exitGood { // a restart does not resume it
		t.Fatalf("the exit code is %d", code)
	}
	r = s.start("--config", s.configure("alone", crm))
	if came := len(crm.came()); came != 1 {
		t.Errorf("%d envelopes came before it was resumed, want 1", came)
	}
	crm.behave(confirm)
	if got := s.run("downstreams", "resume", "crm"); got.code != exitGood {
		t.Fatalf("resume: %+v", got)
	}
	crm.await(3)
	s.settled(startTime, crm)
	crm.checkLatest(s.snapshot())
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// Paused and removed by an operator beside the running receiver.
func TestPausedAndRemovedByAnOperator(t *testing.T) { onEachEngine(t, pausedAndRemovedByAnOperator) }

func pausedAndRemovedByAnOperator(t *testing.T, s *site) {
	crm, other := newSystem(t, "crm", "latest", retryFast), newSystem(t, "other", "latest", retryFast)
	r := s.start("--config", s.configure("alone", crm, other))
	if got := s.run("downstreams", "pause", "crm", "--why", "its disk is full"); got.code != exitGood {
		t.Fatalf("pause: %+v", got)
	}
	for ts := range 3 {
		if got := r.post("/", cnamBody(int64(ts), "NAME "+strconv.Itoa(ts), "+12025550101")); got.status != http.StatusOK {
			t.Fatal(got)
		}
		other.await(ts + 1)
	}
	if got := s.status("crm"); got.Waiting != 1 || len(crm.came()) != 0 {
		t.Errorf("paused: %+v, and %d envelopes came", got, len(crm.came()))
	}
	if got := s.run("downstreams", "resume", "crm"); got.code != exitGood {
		t.Fatalf("resume: %+v", got)
	}
	if came := crm.await(1); came[0].TS != 2 {
		t.Errorf("after the pause came %+v, want the newest value", came)
	}
	s.settled(startTime, crm, other)
	if got := s.run("downstreams", "remove", "crm", "--yes"); got.code != exitGood {
		t.Fatalf("remove: %+v", got)
	}
	if got := r.post("/", cnamBody(9, "LAST", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	other.await(4)
	s.settled(startTime, other)
	if got := s.run("downstreams", "status", "crm"); got.code != exitNo {
		t.Errorf("a removed downstream's status: %+v", got)
	}
	eventually(t, startTime, "readyz warns of what was removed and is still served", func() bool {
		got, err := r.get("/readyz")
		return err == nil && got.status == http.StatusOK && strings.Contains(got.body, `"downstreams":"nothing is owed to `+
			`crm any more`)
	})
	if len(crm.came()) != 1 {
		t.Errorf("%d envelopes came to a removed downstream, want 1", len(crm.came()))
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
	// Counted when the receiver has ended: its log is written beside what readyz answers.
	if told := strings.Count(r.log.String(), "a downstream is served and was removed"); told != 1 {
		t.Errorf("the log tells of it %d times, want once", told)
	}
	// Who starts with its name in the configuration registers it again, and it starts from now.
	r = s.start("--config", s.configure("alone", crm, other))
	if got := s.status("crm"); got.State != stateActive || got.Waiting != 0 {
		t.Errorf("registered anew: %+v", got)
	}
	if got := r.post("/", cnamBody(10, "NEXT", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	crm.await(2)
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// A refusal is for an operator: the row is dead until it is retried, and nobody else waits for it.
func TestDeadRowsWaitForAnOperator(t *testing.T) { onEachEngine(t, deadRowsWaitForAnOperator) }

func deadRowsWaitForAnOperator(t *testing.T, s *site) {
	crm := newSystem(t, "crm", "latest", retryFast)
	crm.behave(answering(http.StatusUnprocessableEntity))
	r := s.start("--config", s.configure("alone", crm))
	if got := r.post("/", cnamBody(1, "ONE", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	s.awaitStatus(startTime, "crm", "has a dead row", func(d event.DownstreamStatus) bool { return d.Dead == 1 })
	var rows []deliveryRow
	s.read(&rows, "deliveries", "list")
	if len(rows) != 1 || rows[0].State != event.Dead || rows[0].Tries != 1 || rows[0].Reason == "" ||
		rows[0].Number != "+12025550101" {
		t.Fatalf("the dead row: %+v", rows)
	}
	crm.behave(confirm)
	if got := s.run("deliveries", "retry", strconv.FormatInt(rows[0].ID, 10)); got.code != exitGood {
		t.Fatalf("retry: %+v", got)
	}
	came := crm.await(2)
	s.settled(startTime, crm)
	if came[0].id != came[1].id {
		t.Errorf("retried as %s, want %s", came[1].id, came[0].id)
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// A configuration's start: now is nothing of what had come before, a snapshot is each number's values once, the
// beginning is every event.
func TestStartsOfANewDownstream(t *testing.T) { onEachEngine(t, startsOfANewDownstream) }

func startsOfANewDownstream(t *testing.T, s *site) {
	r := s.start()
	for ts, name := range []string{"OLD", "NEW"} {
		if got := r.post("/", cnamBody(int64(ts), name, "+12025550101", "+12025550102")); got.status != http.StatusOK {
			t.Fatal(got)
		}
	}
	if code := r.stop(); code != exitGood {
		t.Fatalf("the exit code is %d", code)
	}
	now, snapshot := newSystem(t, "fromnow", "latest", "    start: now"), newSystem(t, "snapshot", "latest",
		"    start: snapshot")
	beginning, every := newSystem(t, "beginning", "latest", "    start: beginning"),
		newSystem(t, "every", "every", "    start: beginning")
	r = s.start("--config", s.configure("alone", now, snapshot, beginning, every))
	for _, sys := range []*system{now, snapshot, beginning, every} {
		s.awaitStatus(startTime, sys.name, "is filled", func(d event.DownstreamStatus) bool { return d.Filled })
	}
	s.settled(startTime, now, snapshot, beginning, every)
	l := s.snapshot()
	snapshot.checkLatest(l)
	beginning.checkLatest(l)
	every.checkEvery(l)
	for _, want := range []struct {
		sys  *system
		came int
	}{{now, 0}, {snapshot, 2}, {beginning, 2}, {every, 4}} {
		if got := len(want.sys.came()); got != want.came {
			t.Errorf("%d envelopes came to %s, want %d", got, want.sys.name, want.came)
		}
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
	// Once filled, a restart enqueues nothing again.
	r = s.start("--config", s.configure("alone", now, snapshot, beginning, every))
	if got := r.post("/", cnamBody(5, "NEXT", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	now.await(1)
	s.settled(startTime, now, snapshot, beginning, every)
	if got := len(snapshot.came()); got != 3 {
		t.Errorf("%d envelopes came to snapshot after the restart, want 3", got)
	}
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// release is a context that ends when the function is called, or with the test.
func release(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx, cancel
}

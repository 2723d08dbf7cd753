package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"numhook/server/event"
)

// What was acknowledged is there, once and whole, whenever the process is killed: under load, and while it opens the
// file that the last one left.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	rounds, seed := 24, rand.Uint64()
	if testing.Short() {
		rounds = 4
	}
	s, load, random := newSite(t), newTraffic(t, seed), rand.New(rand.NewPCG(seed, 1))
	var slowest time.Duration
	for round := range rounds {
		if round%3 == 2 { // killed while it opens the file
			r := s.launch()
			<-time.After(time.Duration(random.IntN(150)) * time.Millisecond)
			r.kill()
		}
		began := time.Now()
		r := s.start()
		slowest = max(slowest, time.Since(began))
		load.check(readSnapshot(t, s.file()))
		killUnderLoad(load, r, round, random)
		if t.Failed() {
			t.FailNow()
		}
	}
	r := s.start()
	stored := readSnapshot(t, s.file())
	load.check(stored)
	checkThroughTheVerbs(s, stored)
	if code := r.stop(); code != exitGood {
		t.Errorf("the last receiver ended with code %d", code)
	}
	t.Logf("%d events, %d distinct acknowledged, answers %v, the slowest start took %v", len(stored.events),
		len(load.acknowledged), load.answers, slowest)
}

// killUnderLoad kills the process at a random moment after it has acknowledged something.
func killUnderLoad(load *traffic, r *receiver, round int, random *rand.Rand) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	before := load.accepted()
	var wg sync.WaitGroup
	wg.Go(func() { load.run(ctx, r, round, 12) })
	eventually(r, startTime, "a delivery is acknowledged", func() bool { return load.accepted() > before })
	<-time.After(time.Duration(random.IntN(200_000)) * time.Microsecond)
	r.kill()
	cancel()
	wg.Wait()
}

// checkThroughTheVerbs reads the whole store once more, as an operator would.
func checkThroughTheVerbs(s *site, stored snapshot) {
	s.Helper()
	var events []struct {
		ID  string
		Seq int64
	}
	s.read(&events, "events", "list")
	if len(events) != len(stored.events) {
		s.Fatalf("events list shows %d events, want %d", len(events), len(stored.events))
	}
	for i, e := range events {
		if e.ID != stored.events[i].id || e.Seq != stored.events[i].seq {
			s.Errorf("events list shows %+v at %d, want %s", e, i, stored.events[i].id)
		}
	}
	var numbers []event.Number
	s.read(&numbers, "numbers", "list")
	want := stored.current()
	for _, n := range numbers {
		for _, v := range n.Values {
			of := snapshotSubject{n.Number, string(v.Attribute)}
			var compact json.RawMessage
			if err := json.Unmarshal([]byte(want[of]), &compact); err != nil || v.State != event.Current ||
				!sameJSON(v.Value, compact) {
				s.Errorf("numbers list shows %s as %s %s, want %s", of, v.State, v.Value, want[of])
			}
			delete(want, of)
		}
	}
	if len(want) != 0 {
		s.Errorf("numbers list leaves out %d values", len(want))
	}
}

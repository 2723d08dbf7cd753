package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
)

// deck is a set of events that speak of many numbers, and what they must come to, in whatever order they are stored.
type deck struct {
	bodies []string                               // every event, some of them several times, in no order
	newest map[snapshotSubject]int64              // the greatest event_ts of each subject
	values map[snapshotSubject]map[int64][]string // what was sent for it, by event_ts
}

// newDeck makes as many events as numbers; each speaks of a few of them.
func newDeck(load *traffic, numbers int) *deck {
	d := &deck{newest: map[snapshotSubject]int64{}, values: map[snapshotSubject]map[int64][]string{}}
	random := load.random(2)
	for serial := range numbers {
		ts := 1_739_923_528_000 + int64(random.IntN(max(2, numbers/10))) // some tie
		about := make([]string, 1+random.IntN(8))
		first := (serial*7 + random.IntN(3)) % numbers
		for i := range about {
			about[i] = fmt.Sprintf("+1312%07d", (first+i)%numbers)
		}
		attribute, body, value := "cnam", cnamBody(ts, fmt.Sprint("N", serial), about...), fmt.Sprintf(`"N%d"`, serial)
		if random.IntN(2) == 0 {
			attribute, body = "emergency_address", addressBody(ts, fmt.Sprint("A", serial), about...)
			value = fmt.Sprintf(`{"address_line1":"A%d"}`, serial)
		}
		load.sent(body)
		for range 1 + random.IntN(3) {
			d.bodies = append(d.bodies, body)
		}
		for _, number := range about {
			of := snapshotSubject{number, attribute}
			if d.values[of] == nil {
				d.values[of] = map[int64][]string{}
			}
			d.values[of][ts] = append(d.values[of][ts], value)
			if before, known := d.newest[of]; !known || ts > before {
				d.newest[of] = ts
			}
		}
	}
	random.Shuffle(len(d.bodies), func(i, j int) { d.bodies[i], d.bodies[j] = d.bodies[j], d.bodies[i] })
	return d
}

// shuffled: three receivers on one database take the same events in no order and in duplicate, all at once. The values
// that come of it are those that a single reader of the events would come to.
func (s *faultSuite) shuffled(t *testing.T) {
	defer s.done(t)
	v, load := s.database(t), newTraffic(t, rand.Uint64())
	f, d := v.fleet(3), newDeck(load, s.size.numbers)
	var wg sync.WaitGroup
	next := make(chan string)
	for i := range 24 {
		random := load.random(uint64(3 + i))
		wg.Go(func() {
			for body := range next {
				if got, err := load.attempt(f.any(random), random, body, true); err != nil || got.status != http.StatusOK {
					t.Errorf("nothing is amiss, and the answer is %v (%v)", got, err)
				}
			}
		})
	}
	for _, body := range d.bodies {
		next <- body
	}
	close(next)
	wg.Wait()
	stored := v.snapshot()
	d.check(t, stored)
	t.Logf("%d deliveries of %d events for %d numbers", len(d.bodies), len(stored.events), s.size.numbers)
	s.finish(load, v, f, faultRow{Part: "PostgreSQL: shuffled over three receivers", Rounds: 1})
}

// check demands of every subject its newest value, or one of them where several tie.
func (d *deck) check(t *testing.T, l snapshot) {
	t.Helper()
	current := l.current()
	if len(current) != len(d.newest) {
		t.Errorf("%d subjects have a value, want %d", len(current), len(d.newest))
	}
	for of, ts := range d.newest {
		rows := l.changes[of]
		if len(rows) == 0 || rows[len(rows)-1].ts != ts {
			t.Errorf("the newest change of a subject is not that of %d", ts)
			continue
		}
		fits := false
		for _, value := range d.values[of][ts] {
			fits = fits || sameJSON([]byte(value), []byte(current[of]))
		}
		if !fits {
			t.Errorf("a subject's value is %s, want one of %q", current[of], d.values[of][ts])
		}
	}
}

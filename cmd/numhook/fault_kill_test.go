package main

import (
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"numhook/server/store/postgres/postgrestest"
)

const (
	stormSenders = 6
	longestKill  = 200 * time.Millisecond // from an acknowledgement to a kill
	killsAStore  = 20                     // after which a new store is begun, so that reading all of it stays cheap
	faultWait    = 2 * time.Minute        // for whatever has to come back by itself
)

// killed: the one receiver on an embedded store is killed at random moments under load, every third time also while it
// opens what the last one left.
func (s *faultSuite) killed(t *testing.T) {
	defer s.done(t)
	for done := 0; done < s.size.kills; {
		v, load := s.embedded(t), newTraffic(t, rand.Uint64())
		row := faultRow{Part: "SQLite: receiver killed"}
		for ; row.Kills < killsAStore && done+row.Kills < s.size.kills; row.Rounds++ {
			if row.Rounds%3 == 2 {
				r := v.launchProgram(v.program)
				pause(load, uint64(row.Rounds), longestKill/4)
				r.kill()
				row.Kills++
			}
			f := v.fleet(1)
			load.under(f, row.Rounds, stormSenders, func() {
				pause(load, uint64(row.Rounds), longestKill)
				f.receivers[0].kill()
			})
			row.Kills++
		}
		done += row.Kills
		last := v.start()
		s.verdict(load, v.snapshot(), row)
		checkThroughTheVerbs(v.site, v.snapshot())
		if code := last.stop(); code != exitGood {
			t.Errorf("the last receiver ended with code %d", code)
		}
	}
}

// oneOfThreeKilled: of three receivers on one database, one after the other is killed under load, and another takes its
// place.
func (s *faultSuite) oneOfThreeKilled(t *testing.T) {
	defer s.done(t)
	for done := 0; done < s.size.oneOfThree; {
		v, load := s.database(t), newTraffic(t, rand.Uint64())
		f := v.fleet(3)
		row := faultRow{Part: "PostgreSQL: one of three receivers killed"}
		load.under(f, 0, stormSenders, func() {
			for ; row.Kills < killsAStore && done+row.Kills < s.size.oneOfThree; row.Kills++ {
				pause(load, uint64(row.Kills), longestKill)
				index := row.Kills % len(f.receivers)
				f.receivers[index].kill()
				load.awaitAccepted(3) // by the other two
				f.replace(index, v.start())
				row.Rounds++
			}
		})
		done += row.Kills
		s.finish(load, v, f, row)
	}
}

// databaseStopped: the database server stops as in a crash, again and again, and three receivers get over it.
func (s *faultSuite) databaseStopped(t *testing.T) {
	defer s.done(t)
	v, load := s.database(t), newTraffic(t, rand.Uint64())
	f := v.fleet(3)
	row := faultRow{Part: "PostgreSQL: server stopped as in a crash"}
	load.under(f, 0, stormSenders, func() {
		for ; row.Kills < s.size.stops; row.Kills++ {
			pause(load, uint64(row.Kills), longestKill)
			if err := s.server.Stop(postgrestest.Immediate); err != nil {
				t.Fatal(err)
			}
			refused := load.answered(http.StatusServiceUnavailable)
			eventually(t, faultWait, "deliveries are refused",
				func() bool { return load.answered(http.StatusServiceUnavailable) > refused+3 })
			for _, r := range f.receivers {
				eventually(t, faultWait, "readyz is red", func() bool { return r.ready().status == http.StatusServiceUnavailable })
			}
			pause(load, uint64(row.Kills), time.Second)
			if err := s.server.Start(); err != nil {
				t.Fatal(err)
			}
			for _, r := range f.receivers {
				eventually(t, faultWait, "the receiver is ready again", func() bool { return r.ready().status == http.StatusOK })
			}
			load.awaitAccepted(10)
			row.Rounds++
		}
	})
	s.finish(load, v, f, row)
}

// restartedInTurn: three receivers are ended as an operator does and started again, one after the other, under load.
func (s *faultSuite) restartedInTurn(t *testing.T) {
	defer s.done(t)
	v, load := s.database(t), newTraffic(t, rand.Uint64())
	f := v.fleet(3)
	row := faultRow{Part: "PostgreSQL: receivers restarted in turn"}
	load.under(f, 0, stormSenders, func() {
		for ; row.Rounds < s.size.turns; row.Rounds++ {
			for index := range f.receivers {
				load.awaitAccepted(5)
				if code := f.receivers[index].stop(); code != exitGood {
					t.Errorf("a receiver ended with code %d", code)
				}
				f.replace(index, v.start())
			}
		}
	})
	load.onlyClosed()
	s.finish(load, v, f, row)
}

// finish ends the receivers of a fleet and holds the store against what they acknowledged.
func (s *faultSuite) finish(load *traffic, v *vault, f *fleet, row faultRow) {
	load.Helper()
	for _, r := range f.receivers {
		if code := r.stop(); code != exitGood {
			load.Errorf("a receiver ended with code %d", code)
		}
	}
	stored := v.snapshot()
	s.verdict(load, stored, row)
	checkThroughTheVerbs(v.site, stored)
	load.Logf("%s: answers %v, the slowest after %v, %d events", row.Part, load.answers, load.slowest, len(stored.events))
}

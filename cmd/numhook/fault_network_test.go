package main

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"
	"time"

	"numhook/server"
)

// network: the way from two of three receivers to the database is cut, slow, or ends in the middle of a transaction,
// while deliveries come in.
func (s *faultSuite) network(t *testing.T) {
	defer s.done(t)
	t.Run("storm", s.networkStorm)
	t.Run("ambiguous", s.ambiguousCommits)
}

// behind is the vault as it is seen from behind a proxy.
func (v *vault) behind(p *proxy) *vault {
	v.Helper()
	site, seen := *v.site, *v
	site.env = append([]string(nil), v.env...)
	seen.site = &site
	for i, variable := range site.env {
		if way, found := cutStore(variable); found {
			way.Host = p.address()
			site.env[i] = storeVariable + way.String()
		}
	}
	return &seen
}

const storeVariable = "NUMHOOK_STORE="

// cutStore reads the database's URL out of an environment variable.
func cutStore(variable string) (*url.URL, bool) {
	if len(variable) < len(storeVariable) || variable[:len(storeVariable)] != storeVariable {
		return nil, false
	}
	way, err := url.Parse(variable[len(storeVariable):])
	return way, err == nil && way.Host != ""
}

// slow is more than the sender waits for.
const slow = 5 * time.Second

func (s *faultSuite) networkStorm(t *testing.T) {
	v, load := s.database(t), newTraffic(t, rand.Uint64())
	ways := []*proxy{newProxy(t, s.server.Address()), newProxy(t, s.server.Address())}
	f := &fleet{receivers: []*receiver{v.behind(ways[0]).start(), v.behind(ways[1]).start(), v.start()}}
	random := load.random(1)
	row := faultRow{Part: "PostgreSQL: network cut, slow, reset"}
	load.under(f, 0, stormSenders, func() {
		for range s.size.disruptions {
			for _, c := range []conduct{{refuse: true}, {hold: slow}, {budget: 1 + random.IntN(20_000)},
				{mute: time.Millisecond + rand.N(200*time.Millisecond)}} {
				for _, way := range ways[:1+random.IntN(2)] {
					way.do(c)
				}
				lasts := 300*time.Millisecond + time.Duration(random.IntN(700))*time.Millisecond
				if c.hold > 0 {
					lasts += c.hold
				}
				<-time.After(lasts)
				for _, way := range ways {
					way.do(conduct{})
				}
				for _, r := range f.receivers {
					eventually(t, faultWait, "the receiver is ready again", func() bool { return r.ready().status == http.StatusOK })
				}
				load.awaitAccepted(5)
				row.Rounds++
			}
		}
	})
	for _, way := range ways {
		row.Faults += way.harm()
	}
	if load.slowest > server.SenderPatience+drainMargin {
		t.Errorf("an answer took %v, and the sender waits for %v", load.slowest, server.SenderPatience)
	}
	load.onlyClosed()
	s.finish(load, v, f, row)
}

// ambiguousCommits: the answer to a commit is lost. The receiver must not say 200 on a guess, and when the sender tries
// again, the event is there once.
func (s *faultSuite) ambiguousCommits(t *testing.T) {
	v, load := s.database(t), newTraffic(t, rand.Uint64())
	way := newProxy(t, s.server.Address())
	r := v.behind(way).start()
	row := faultRow{Part: "PostgreSQL: answer to a commit lost"}
	ambiguous := 0
	random := load.random(0)
	for n := range 3 * s.size.disruptions {
		body := cnamBody(int64(n), "AMBIGUOUS", "+12025550100")
		way.do(conduct{mute: 300 * time.Millisecond})
		got, err := load.attempt(r, random, body, true)
		if err != nil || got.status == http.StatusOK {
			t.Errorf("a delivery whose commit was not confirmed: %v (%v)", got, err)
		}
		if _, there := v.snapshot().bodies()[identity(t, body)]; there {
			ambiguous++
		}
		way.do(conduct{})
		eventually(t, faultWait, "the receiver is ready again", func() bool { return r.ready().status == http.StatusOK })
		if got, err := load.attempt(r, random, body, true); err != nil || got.status != http.StatusOK {
			t.Errorf("the sender tries again: %v (%v)", got, err)
		}
		row.Rounds++
	}
	row.Faults = way.harm()
	t.Logf("of %d deliveries %d were durable although nobody knew", row.Rounds, ambiguous)
	if ambiguous == 0 {
		t.Error("no commit was ambiguous, so nothing was shown")
	}
	s.finish(load, v, &fleet{receivers: []*receiver{r}}, row)
}

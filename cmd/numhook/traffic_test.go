package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// traffic is a sender's side of a load: what it delivered, and what was acknowledged. Events are of both kinds, for one
// number or several, some late, some with no value, some repeated, some with other white space; some deliveries break
// the contract.
type traffic struct {
	testing.TB
	random func(stream uint64) *rand.Rand

	mu           sync.Mutex
	serial       int
	bodies       map[string][]string // every form in which an event was delivered, by identity
	acknowledged map[string]int      // how often an event was answered 200, by identity
	refused      map[string]int      // how often a broken body was answered 400
	open         []string            // delivered once and not answered: the sender would try again
	answers      map[int]int         // deliveries by status; 0 is none
	failures     []error             // of deliveries that got no answer
	slowest      time.Duration       // of all answers
}

func newTraffic(t testing.TB, seed uint64) *traffic {
	t.Logf("the traffic's seed is %d", seed)
	return &traffic{
		TB: t, random: func(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) },
		bodies: map[string][]string{}, acknowledged: map[string]int{}, refused: map[string]int{}, answers: map[int]int{},
	}
}

// run has so many senders deliver to the receiver until the context ends, and returns when all have stopped.
func (tr *traffic) run(ctx context.Context, r *receiver, round, senders int) {
	var wg sync.WaitGroup
	for i := range senders {
		random := tr.random(uint64(round)<<16 | uint64(i))
		wg.Go(func() {
			own := "" // what this sender delivered before
			for ctx.Err() == nil {
				own = tr.deliver(r, random, own)
				if own == "" {
					return // nobody answers any more
				}
			}
		})
	}
	wg.Wait()
}

// deliver makes one delivery and returns its body, or an empty one when nobody answers.
func (tr *traffic) deliver(r *receiver, random *rand.Rand, before string) string {
	body, good := tr.next(random, before)
	if _, err := tr.attempt(r, random, body, good); err != nil {
		return ""
	}
	return body
}

// attempt delivers a body, by a random path, and notes the answer. good says whether it fits the contract.
func (tr *traffic) attempt(r *receiver, random *rand.Rand, body string, good bool) (answer, error) {
	id := ""
	if good {
		id = tr.sent(body)
	}
	path := "/"
	if random.IntN(3) == 0 {
		path = "/" + addressEvent
		if strings.Contains(body, cnamEvent) {
			path = "/" + cnamEvent
		}
	}
	got, err := r.deliver(path, body, signed(testSecret, body))
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if err != nil {
		got.status = 0
	}
	tr.answers[got.status]++
	tr.slowest = max(tr.slowest, got.took)
	switch {
	case err != nil:
		tr.failures = append(tr.failures, err)
		tr.open = append(tr.open, body)
	case good && got.status == http.StatusOK:
		tr.acknowledged[id]++
	case !good && got.status == http.StatusBadRequest:
		tr.refused[body]++
	case got.status == http.StatusServiceUnavailable:
		tr.open = append(tr.open, body)
		if got.header.Get("Retry-After") == "" {
			tr.Errorf("a 503 without Retry-After: %v", got)
		}
	default:
		tr.Errorf("answer %v for %s", got, body)
	}
	return got, err
}

// sent notes that a body is delivered, and returns the event's identity.
func (tr *traffic) sent(body string) string {
	id := identity(tr, body)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if !slices.Contains(tr.bodies[id], body) {
		tr.bodies[id] = append(tr.bodies[id], body)
	}
	return id
}

// next is a body, and whether it fits the contract.
func (tr *traffic) next(random *rand.Rand, before string) (body string, good bool) {
	if dice := random.IntN(100); dice < 25 {
		again := before
		if dice < 15 {
			again = tr.unanswered(before)
		}
		switch {
		case again == "":
		case dice < 3 || strings.Contains(again, broken):
			return again, !strings.Contains(again, broken)
		default:
			return "\r\n " + strings.ReplaceAll(again, `,"`, ", \t\"") + "\n", true
		}
	}
	tr.mu.Lock()
	tr.serial++
	serial := tr.serial
	tr.mu.Unlock()
	ts := 1_739_923_528_000 + int64(random.IntN(400)) // many tie, and many come late
	numbers := make([]string, 1+random.IntN(4))
	if random.IntN(40) == 0 {
		numbers = make([]string, 70)
	}
	first := random.IntN(50)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("+120255501%02d", (first+i)%100)
	}
	value := fmt.Sprintf("Value %d", serial)
	switch dice := random.IntN(100); {
	case dice < 4:
		return strings.Replace(cnamBody(ts, value, numbers...), `"carrier_code":3457`, `"carrier_code":"`+broken+`"`, 1),
			false
	case dice < 8: // no value: it changes nothing
		return strings.Replace(cnamBody(ts, value, numbers...), fmt.Sprintf(`"cnam":%q,`, value), "", 1), true
	case dice < 54:
		return cnamBody(ts, value, numbers...), true
	}
	return addressBody(ts, value, numbers...), true
}

// broken is in every body that breaks the contract.
const broken = "no code"

// unanswered takes a body that was delivered and not answered, or else returns the one given.
func (tr *traffic) unanswered(otherwise string) string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if len(tr.open) == 0 {
		return otherwise
	}
	body := tr.open[len(tr.open)-1]
	tr.open = tr.open[:len(tr.open)-1]
	return body
}

// answered is how many deliveries got the status so far.
func (tr *traffic) answered(status int) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.answers[status]
}

func (tr *traffic) accepted() int { return tr.answered(http.StatusOK) }

// check holds the store against what was acknowledged: all of that is there, as it was sent, and nothing that nobody
// sent.
func (tr *traffic) check(l snapshot) {
	tr.Helper()
	l.check(tr)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	stored := l.bodies()
	for id, times := range tr.acknowledged {
		if _, kept := stored[id]; !kept {
			tr.Errorf("event %s was acknowledged %d times and is not there", id, times)
		}
	}
	for id, body := range stored {
		sent := false
		for _, form := range tr.bodies[id] {
			sent = sent || form == body
		}
		if !sent {
			tr.Errorf("event %s is stored with a body that nobody sent", id)
		}
	}
	for body, times := range tr.refused {
		if l.held[body] < times {
			tr.Errorf("a broken delivery was answered 400 %d times, and is in quarantine %d times", times, l.held[body])
		}
	}
}

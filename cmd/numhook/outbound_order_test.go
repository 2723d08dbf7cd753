package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"
)

// applied are the values that a system has put into its own records, each at a time of its own: what was sent may
// take effect later than its connection lasts.
type applied struct {
	mu     sync.Mutex
	list   []application
	manner manner // of answering; nil answers once the value is applied
	delay  func() time.Duration
}

type application struct {
	arrival
	at time.Time
}

// apply takes the change and applies it after a delay, whatever becomes of the connection meanwhile.
func (a *applied) apply(w http.ResponseWriter, r *http.Request, earlier int) {
	a.mu.Lock()
	took := a.delay()
	a.list = append(a.list, application{r.Context().Value(arrivalKey{}).(arrival), time.Now().Add(took)})
	answer := a.manner
	a.mu.Unlock()
	if answer != nil {
		answer(w, r, earlier)
		return
	}
	select {
	case <-time.After(took):
		confirm(w, r, earlier)
	case <-r.Context().Done():
	}
}

// behave changes how it answers, and how long it takes to apply.
func (a *applied) behave(m manner, delay func() time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.manner, a.delay = m, delay
}

// inOrder are the values in the order in which they took effect.
func (a *applied) inOrder() []application {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := slices.Clone(a.list)
	slices.SortStableFunc(list, func(a, b application) int { return a.at.Compare(b.at) })
	return list
}

// check demands that no older value took effect after a newer one, and that each number ends with its newest.
func (a *applied) check(t *testing.T, l snapshot) {
	t.Helper()
	last := map[snapshotSubject]application{}
	for _, now := range a.inOrder() {
		of := snapshotSubject{now.Number, now.Attribute}
		if before, known := last[of]; known && now.TS < before.TS {
			t.Errorf("an older value was applied after a newer one: %d, %v after %d", now.TS, now.at.Sub(before.at), before.TS)
		}
		last[of] = now
	}
	for of, value := range l.current() {
		if now, known := last[of]; !known || !sameJSON(now.Value, []byte(value)) {
			t.Errorf("%s ends with %s (event_ts %d), want %s", of.number, now.Value, now.TS, value)
		}
	}
}

func soon() time.Duration { return rand.N(20 * time.Millisecond) }

// The downstream takes a value and needs two seconds for it; the receiver is killed meanwhile, and started again; a
// newer value comes.
func TestNothingOvertakesWhatTheDeadHadSent(t *testing.T) {
	t.Parallel() // it mostly waits
	crm := newSystem(t, "crm", "latest", "    timeout: 5s\n"+retryFast)
	values := &applied{delay: func() time.Duration { return 2 * time.Second }}
	crm.behave(values.apply)
	s := newSite(t)
	configFile := s.configure("alone", crm)
	r := s.start("--config", configFile)
	if got := r.post("/", cnamBody(1, "V1", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	crm.await(1)
	<-time.After(300 * time.Millisecond)
	r.kill()
	values.behave(nil, soon)
	r = s.start("--config", configFile)
	if got := r.post("/", cnamBody(2, "V2", "+12025550101")); got.status != http.StatusOK {
		t.Fatal(got)
	}
	s.settled(startTime, crm)
	values.check(t, s.snapshot())
	if code := r.stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// orderRounds is how many rounds of trouble there are: all with NUMHOOK_FAULT=full.
func orderRounds() int {
	if os.Getenv("NUMHOOK_FAULT") == "full" {
		return 200
	}
	return 8
}

// Rounds of kill, SIGTERM, cut and stall, with a downstream that takes effect up to its timeout late: no older value
// is applied after a newer one, and nothing is left undelivered.
func TestFaultOrder(t *testing.T) { onEachEngine(t, faultOrder) }

func faultOrder(t *testing.T, s *site) {
	timeout, numbers := 2*time.Second, 20
	if s.database != "" { // beside others a lease is waited out: more numbers, so that some are always free
		timeout, numbers = 500*time.Millisecond, 90
	}
	crm := newSystem(t, "crm", "latest", "    timeout: "+timeout.String()+"\n"+retryFast)
	values := &applied{delay: soon}
	crm.behave(values.apply)
	late := func() time.Duration { return rand.N(timeout) }
	configFile := s.configure("alone", crm)
	o := &ordered{receiver: s.start("--config", configFile), numbers: numbers, accepted: map[int64]time.Time{}}
	if s.database != "" {
		s.start("--config", configFile) // one that stays up, and hands on beside those that end
	}
	load, end := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { o.run(load) })
	defer running.Wait()
	defer end()
	done := map[string]int{}
	for round := range orderRounds() {
		kind := []string{"kill", "SIGTERM", "cut", "stall"}[round%4]
		done[kind]++
		values.behave(nil, late) // so that some are under way
		<-time.After(200*time.Millisecond + rand.N(300*time.Millisecond))
		switch kind {
		case "kill":
			o.replace(func(r *receiver) { r.kill() }, s, configFile)
		case "SIGTERM":
			o.replace(func(r *receiver) { r.stop() }, s, configFile)
		case "cut":
			values.behave(func(_ http.ResponseWriter, r *http.Request, _ int) {
				<-time.After(rand.N(300 * time.Millisecond))
				panic(http.ErrAbortHandler)
			}, late)
			<-time.After(timeout / 2)
		case "stall":
			values.behave(func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() }, late)
			<-time.After(timeout)
		}
		values.behave(nil, soon)
		<-time.After(rand.N(300 * time.Millisecond))
	}
	end()
	running.Wait()
	s.settled(2*time.Minute, crm)
	values.check(t, s.snapshot())
	t.Logf("rounds %v: %d values accepted, %d requests came; from the answer to the sender until applied: %s",
		done, len(o.accepted), len(values.inOrder()), o.delays(values.inOrder()))
	if code := o.current().stop(); code != exitGood {
		t.Errorf("the exit code is %d", code)
	}
}

// ordered is a load of ever newer values for a few numbers, to whichever receiver there is.
type ordered struct {
	mu       sync.Mutex
	receiver *receiver
	numbers  int
	accepted map[int64]time.Time // by event_ts; read when run has ended
}

// delays tells how long it took from the answer to the sender until a value was applied, of those that were not
// overtaken by a newer one while they waited.
func (o *ordered) delays(values []application) string {
	var took []time.Duration
	seen := map[int64]bool{}
	for _, v := range values {
		if at, ok := o.accepted[v.TS]; ok && !seen[v.TS] {
			took, seen[v.TS] = append(took, v.at.Sub(at)), true
		}
	}
	if len(took) == 0 {
		return "none"
	}
	slices.Sort(took)
	part := func(of float64) time.Duration { return took[int(of*float64(len(took)-1))].Round(time.Millisecond) }
	return fmt.Sprintf("median %v, 95 of 100 within %v, 99 within %v, all within %v", part(.5), part(.95), part(.99),
		part(1))
}

func (o *ordered) current() *receiver {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.receiver
}

// replace ends the receiver, and starts another one.
func (o *ordered) replace(end func(*receiver), s *site, configFile string) {
	end(o.current())
	next := s.start("--config", configFile)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.receiver = next
}

// run posts until ctx ends. What a dead receiver does not take is passed over.
func (o *ordered) run(ctx context.Context) {
	for ts := int64(1); ctx.Err() == nil; ts++ {
		body := cnamBody(ts, fmt.Sprintf("V%d", ts), fmt.Sprintf("+120255501%02d", ts%int64(o.numbers)))
		r := o.current()
		if got, err := r.deliver("/", body, signed(testSecret, body)); err == nil && got.status == http.StatusOK {
			o.accepted[ts] = time.Now()
		} else if err == nil && got.status != http.StatusServiceUnavailable {
			r.Errorf("a delivery got %v", cmp.Or(err, errors.New(got.String())))
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

package dispatch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"numhook/server/event"
)

// PollEvery is how often a worker looks for what is due when nothing tells it to: what another process stored, what an
// operator resumed.
const PollEvery = time.Second

// Who has more to hand on than slots gathers slots that were freed, so that a claim, which is a transaction, is worth
// it.
const (
	gatherTime = 2 * time.Millisecond // at most
	gatherPart = 4                    // of the slots are enough
)

// burstTime is how much of a worker's rate may be spent at once.
const burstTime = 100 * time.Millisecond

// worker serves one downstream. Its run is one goroutine, each attempt has another to itself; no worker waits for a
// second one.
type worker struct {
	WorkerConfig
	d       *Dispatch
	breaker *breaker
	limiter *rate.Limiter // nil for no limit
	filled  chan struct{} // closed when claims may begin

	claiming, recording, reaping storeErrors

	woken chan struct{} // capacity 1: something became due
	freed chan struct{} // capacity 1: an attempt ended
	wakes atomic.Int64  // how often it was woken

	claimed time.Time // when run last claimed

	attempts sync.WaitGroup
	handed   chan func() // to a goroutine whose attempt has ended
	over     chan struct{}

	mu      sync.Mutex
	slots   int       // taken by attempts
	resting int       // rows that rest
	due     time.Time // when something will be due, as far as this worker knows; zero for never
}

func newWorker(d *Dispatch, cfg WorkerConfig) *worker {
	serving := &worker{
		WorkerConfig: cfg, d: d, breaker: newBreaker(d.random), filled: make(chan struct{}),
		woken: make(chan struct{}, 1), freed: make(chan struct{}, 1),
		handed: make(chan func()), over: make(chan struct{}),
	}
	for what, e := range map[string]*storeErrors{"claim": &serving.claiming, "record": &serving.recording,
		"watch": &serving.reaping} {
		e.log, e.what, e.downstream = d.log, what, cfg.Downstream.Name
	}
	if cfg.Rate > 0 {
		serving.limiter = rate.NewLimiter(rate.Limit(cfg.Rate), max(1, int(cfg.Rate*burstTime.Seconds())))
	}
	return serving
}

// wake tells the worker that something became due. It never blocks.
func (w *worker) wake() {
	w.wakes.Add(1)
	signal(w.woken)
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// run claims and begins attempts until stop ends, and returns when the attempts have ended. Their sending ends with
// sends, their recording with records.
func (w *worker) run(stop, sends, records context.Context) {
	defer w.attempts.Wait()
	defer close(w.over)
	if w.d.alone {
		w.reclaim(stop)
	}
	select {
	case <-w.filled:
	case <-stop.Done():
		return
	}
	for stop.Err() == nil {
		next := w.round(stop, sends, records)
		if !w.await(stop, next) {
			return
		}
	}
}

// look is what makes a worker look again.
type look struct {
	within time.Duration // in any case after that
	news   bool          // when it is woken, or something is due
	freed  bool          // when an attempt ended
}

// await waits until it is time to look again, and reports false when stop ended.
func (w *worker) await(stop context.Context, next look) bool {
	until, gathering := time.Now().Add(next.within), false
	var woken, freed <-chan struct{}
	if next.news {
		woken = w.woken
	}
	if next.news || next.freed {
		freed = w.freed
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := time.Until(until)
		if due := w.nextDue(); next.news && !due.IsZero() {
			wait = min(wait, time.Until(due))
		}
		timer.Reset(max(wait, 0))
		select {
		case <-stop.Done():
			return false
		case <-woken:
			return true
		case <-timer.C:
			return true
		case <-freed:
			switch {
			case !next.freed: // what ended may be due again before what was waited for
			case next.news || w.enough():
				return true
			case !gathering:
				gathering = true
				if enough := time.Now().Add(gatherTime); enough.Before(until) {
					until = enough
				}
			}
		}
	}
}

// round claims what there is room for, begins it, and says when to look again.
func (w *worker) round(stop, sends, records context.Context) look {
	if early := YieldEvery - time.Since(w.claimed); early > 0 && w.d.pressure.high() {
		return look{within: early}
	}
	limit, next := w.room(time.Now())
	if limit == 0 {
		return next
	}
	w.claimed = time.Now()
	w.setDue(time.Time{}) // the store knows better, and what ends from now on is noted again
	wakes := w.wakes.Load()
	deadline := leaseDeadline{asked: w.d.instant(), timeout: w.Timeout}
	attempts, due, err := w.claim(records, limit)
	if err != nil {
		return look{within: w.claiming.met(stop, err)}
	}
	w.claiming.over(stop)
	if w.limiter != nil {
		w.limiter.ReserveN(time.Now(), len(attempts))
	}
	if stop.Err() != nil {
		w.giveBack(records, attempts, "shutting down")
		return next
	}
	for _, a := range attempts {
		w.begin(stop, sends, records, &flight{Attempt: a, deadline: deadline, wakes: wakes})
	}
	next = look{within: PollEvery, news: true, freed: len(attempts) == limit || w.Downstream.Mode == event.Every}
	if !due.IsZero() {
		if wait := due.Sub(w.d.now()); wait > 0 {
			w.noteDue(time.Now().Add(wait))
		} else {
			next.freed = true // it waits for what is under way
		}
	}
	if len(attempts) < limit {
		return next
	}
	more, full := w.room(time.Now())
	if more > 0 {
		full.within = 0
	}
	return full
}

// room is how many attempts may begin now, and when to look again when there is none.
func (w *worker) room(now time.Time) (int, look) {
	next := look{within: PollEvery, freed: true}
	limit, wait := w.breaker.room(w.free(), now)
	if wait > 0 {
		next.within = wait
	}
	if limit == 0 || w.limiter == nil {
		return limit, next
	}
	// A few at a time: a claim is a transaction.
	want := min(limit, max(1, w.limiter.Burst()/2))
	allowed := w.limiter.TokensAt(now)
	if allowed >= float64(want) {
		return min(limit, int(allowed)), next
	}
	missing := (float64(want) - allowed) / w.Rate
	next.within = max(time.Duration(missing*float64(time.Second)), time.Millisecond)
	return 0, next
}

// claim does not end with the worker: a claim that was made and then not heard of would stand for a lease.
func (w *worker) claim(records context.Context, limit int) ([]event.Attempt, time.Time, error) {
	ctx, cancel := context.WithTimeout(records, StoreTime)
	defer cancel()
	return w.d.queue.Claim(ctx, w.Downstream.Name, limit)
}

// giveBack releases what was claimed and will not be begun. What cannot be released is taken over after a lease.
func (w *worker) giveBack(ctx context.Context, attempts []event.Attempt, why string) {
	claims := make([]event.Claimed, len(attempts))
	for i, a := range attempts {
		claims[i] = event.Claimed{Row: a.Row, Claim: a.Claim}
	}
	if len(claims) == 0 {
		return
	}
	if err := w.release(ctx, claims, why); err != nil {
		w.reaping.met(ctx, err)
	}
}

func (w *worker) free() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.Concurrency - w.slots
}

// enough reports whether enough slots are free for a claim.
func (w *worker) enough() bool {
	free := w.free()
	return free == w.Concurrency || free*gatherPart >= w.Concurrency
}

func (w *worker) nextDue() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.due
}

func (w *worker) setDue(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = at
}

// noteDue notes that something will be due then, if nothing is before.
func (w *worker) noteDue(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.due.IsZero() || at.Before(w.due) {
		w.due = at
	}
}

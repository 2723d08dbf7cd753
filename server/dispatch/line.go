package dispatch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"numhook/server/event"
)

// PollEvery is how often a line looks for what is due when nothing tells it to: what another process stored, what an operator resumed.
const PollEvery = time.Second

// Who has more to hand on than places gathers places that were freed, so that a claim, which is a transaction, is worth it.
const (
	gatherTime = 2 * time.Millisecond // at most
	gatherPart = 4                    // of the places are enough
)

// burstTime is how much of a line's rate may be spent at once.
const burstTime = 100 * time.Millisecond

// line serves one downstream. Its run is one goroutine, each attempt another; no line waits for a second one.
type line struct {
	Line
	d       *Dispatch
	breaker *breaker
	limiter *rate.Limiter // nil for no limit
	filled  chan struct{} // closed when claims may begin

	claiming, recording, watching trouble

	woken chan struct{} // capacity 1: something became due
	freed chan struct{} // capacity 1: an attempt ended
	wakes atomic.Int64  // how often it was woken

	claimed time.Time // when run last claimed

	attempts sync.WaitGroup
	mu       sync.Mutex
	places   int       // taken by attempts
	resting  int       // rows that rest
	due      time.Time // when something will be due, as far as this line knows; zero for never
}

func newLine(d *Dispatch, l Line) *line {
	serving := &line{
		Line: l, d: d, breaker: newBreaker(d.random), filled: make(chan struct{}),
		woken: make(chan struct{}, 1), freed: make(chan struct{}, 1),
	}
	for what, t := range map[string]*trouble{"claim": &serving.claiming, "record": &serving.recording, "watch": &serving.watching} {
		t.log, t.what, t.downstream = d.log, what, l.Downstream.Name
	}
	if l.Rate > 0 {
		serving.limiter = rate.NewLimiter(rate.Limit(l.Rate), max(1, int(l.Rate*burstTime.Seconds())))
	}
	return serving
}

// wake tells the line that something became due. It never blocks.
func (l *line) wake() {
	l.wakes.Add(1)
	signal(l.woken)
}

func signal(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// run claims and begins attempts until stop ends, and returns when the attempts have ended. Their sending ends with sends, their recording with records.
func (l *line) run(stop, sends, records context.Context) {
	defer l.attempts.Wait()
	if l.d.alone {
		l.inherit(stop)
	}
	select {
	case <-l.filled:
	case <-stop.Done():
		return
	}
	for stop.Err() == nil {
		next := l.pass(stop, sends, records)
		if !l.await(stop, next) {
			return
		}
	}
}

// look is what makes a line look again.
type look struct {
	within time.Duration // in any case after that
	news   bool          // when it is woken, or something is due
	freed  bool          // when an attempt ended
}

// await waits until it is time to look again, and reports false when stop ended.
func (l *line) await(stop context.Context, next look) bool {
	until, gathering := time.Now().Add(next.within), false
	var woken, freed <-chan struct{}
	if next.news {
		woken = l.woken
	}
	if next.news || next.freed {
		freed = l.freed
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait := time.Until(until)
		if due := l.nextDue(); next.news && !due.IsZero() {
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
			case next.news || l.enough():
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

// pass claims what there is room for, begins it, and says when to look again.
func (l *line) pass(stop, sends, records context.Context) look {
	if early := YieldEvery - time.Since(l.claimed); early > 0 && l.d.pressure.high() {
		return look{within: early}
	}
	limit, next := l.room(time.Now())
	if limit == 0 {
		return next
	}
	l.claimed = time.Now()
	l.setDue(time.Time{}) // the store knows better, and what ends from now on is noted anew
	wakes := l.wakes.Load()
	fence := fence{asked: l.d.instant(), timeout: l.Timeout}
	attempts, due, err := l.claim(records, limit)
	if err != nil {
		return look{within: l.claiming.met(stop, err)}
	}
	l.claiming.over(stop)
	if l.limiter != nil {
		l.limiter.ReserveN(time.Now(), len(attempts))
	}
	if stop.Err() != nil {
		l.giveBack(records, attempts, "shutting down")
		return next
	}
	for _, a := range attempts {
		l.begin(stop, sends, records, &flight{Attempt: a, fence: fence, wakes: wakes})
	}
	next = look{within: PollEvery, news: true, freed: len(attempts) == limit || l.Downstream.Mode == event.Every}
	if !due.IsZero() {
		if wait := due.Sub(l.d.now()); wait > 0 {
			l.noteDue(time.Now().Add(wait))
		} else {
			next.freed = true // it waits for what is under way
		}
	}
	if len(attempts) < limit {
		return next
	}
	more, full := l.room(time.Now())
	if more > 0 {
		full.within = 0
	}
	return full
}

// room is how many attempts may begin now, and when to look again when there is none.
func (l *line) room(now time.Time) (int, look) {
	next := look{within: PollEvery, freed: true}
	limit, wait := l.breaker.room(l.free(), now)
	if wait > 0 {
		next.within = wait
	}
	if limit == 0 || l.limiter == nil {
		return limit, next
	}
	// A few at a time: a claim is a transaction.
	want := min(limit, max(1, l.limiter.Burst()/2))
	allowed := l.limiter.TokensAt(now)
	if allowed >= float64(want) {
		return min(limit, int(allowed)), next
	}
	missing := (float64(want) - allowed) / l.Rate
	next.within = max(time.Duration(missing*float64(time.Second)), time.Millisecond)
	return 0, next
}

// claim does not end with the line: a claim that was made and then not heard of would stand for a lease.
func (l *line) claim(records context.Context, limit int) ([]event.Attempt, time.Time, error) {
	ctx, cancel := context.WithTimeout(records, StoreTime)
	defer cancel()
	return l.d.keeper.Claim(ctx, l.Downstream.Name, limit)
}

// giveBack releases what was claimed and will not be begun. What cannot be released is taken over after a lease.
func (l *line) giveBack(ctx context.Context, attempts []event.Attempt, why string) {
	claims := make([]event.Claimed, len(attempts))
	for i, a := range attempts {
		claims[i] = event.Claimed{Row: a.Row, Claim: a.Claim}
	}
	if len(claims) == 0 {
		return
	}
	if err := l.release(ctx, claims, why); err != nil {
		l.watching.met(ctx, err)
	}
}

func (l *line) free() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Concurrency - l.places
}

// enough reports whether enough places are free for a claim.
func (l *line) enough() bool {
	free := l.free()
	return free == l.Concurrency || free*gatherPart >= l.Concurrency
}

func (l *line) nextDue() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.due
}

func (l *line) setDue(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = at
}

// noteDue notes that something will be due then, if nothing is before.
func (l *line) noteDue(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due.IsZero() || at.Before(l.due) {
		l.due = at
	}
}

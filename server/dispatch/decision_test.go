package dispatch

import (
	"math"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
)

func TestBackoffWait(t *testing.T) {
	b := Backoff{First: time.Second, Factor: 3, Max: time.Minute}
	const most = 0.9999999999
	for _, c := range []struct {
		b      Backoff
		try    int
		random float64
		asked  time.Duration
		want   time.Duration
	}{
		{b, 1, 0, 0, 0},
		{b, 1, 0.5, 0, 500 * time.Millisecond},
		{b, 2, 0.5, 0, 1500 * time.Millisecond},
		{b, 3, 0.5, 0, 4500 * time.Millisecond},
		{b, 4, 0.5, 0, 13500 * time.Millisecond},
		{b, 5, 0.5, 0, 30 * time.Second}, // 81 s is more than the longest
		{b, math.MaxInt, 0.5, 0, 30 * time.Second},
		{b, 0, 0.5, 0, 500 * time.Millisecond},
		{b, 1, 0.5, 20 * time.Second, 20 * time.Second}, // no less than was asked for
		{b, 5, 0.5, 20 * time.Second, 30 * time.Second},
		{b, 1, 0.5, 48 * time.Hour, time.Minute}, // and no more than the longest
		{b, 1, 0.5, math.MaxInt64, time.Minute},
		{b, 1, 0.5, math.MinInt64, 500 * time.Millisecond},
		{Backoff{First: time.Second, Factor: 1, Max: event.LongestWait}, 1, 0.5, 48 * time.Hour, event.LongestWait},
		{Backoff{First: time.Hour, Factor: 10, Max: 1 << 62}, 9, most, 0, time.Duration(most * float64(event.LongestWait))},
		{Backoff{First: time.Second, Factor: 1, Max: time.Minute}, 1000, 0.25, 0, 250 * time.Millisecond},
	} {
		if got := c.b.Wait(c.try, c.random, c.asked); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestBackoffDefaults(t *testing.T) {
	for _, c := range []struct{ given, want Backoff }{
		{Backoff{}, Backoff{First: time.Second, Factor: 2, Max: time.Hour}},
		{Backoff{First: 2 * time.Hour}, Backoff{First: 2 * time.Hour, Factor: 2, Max: 2 * time.Hour}},
	} {
		if got, err := c.given.withDefaults(); got != c.want || err != nil {
			t.Errorf("%+v: %+v %v", c.given, got, err)
		}
	}
	for _, factor := range []float64{0.9, -1, math.NaN(), math.Inf(1)} {
		if _, err := (Backoff{Factor: factor}).withDefaults(); err == nil || err.Error() != "the factor is at least 1" {
			t.Errorf("factor %v: %v", factor, err)
		}
	}
}

func TestConclude(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	a := event.Attempt{Row: 7, Claim: 8, Seq: 9, Try: 2, Since: now.Add(-time.Hour)}
	patient := Backoff{First: time.Second, Factor: 2, Max: time.Minute}
	hasty := patient
	hasty.GiveUpAfter = time.Hour
	slower := hasty
	slower.GiveUpAfter += time.Nanosecond
	retry := func(after time.Duration, why string) event.Result {
		return event.Result{Row: 7, Claim: 8, Seq: 9, Verdict: event.Retry, After: after, Reason: why}
	}
	dead := func(why string) event.Result {
		return event.Result{Row: 7, Claim: 8, Seq: 9, Verdict: event.Refused, Reason: why}
	}
	good := event.Result{Row: 7, Claim: 8, Seq: 9, Verdict: event.Confirmed}
	for name, c := range map[string]struct {
		o    Outcome
		b    Backoff
		want event.Result
	}{
		"confirmed":      {Outcome{Verdict: event.Confirmed, Reason: "fine", After: time.Hour}, patient, good},
		"confirmed late": {confirmed, hasty, good},
		"refused":        {refused, patient, dead("the answer was 422")},
		"retry":          {failing, patient, retry(time.Second, "the connection failed")},
		"retry, asked to wait": {Outcome{Verdict: event.Retry, Reason: "busy", After: 50 * time.Second}, patient,
			retry(50*time.Second, "busy")},
		"retry, asked for too much": {Outcome{Verdict: event.Retry, Reason: "busy", After: 1000 * time.Hour}, patient,
			retry(time.Minute, "busy")},
		"given up":           {failing, hasty, dead("given up after 1h0m0s: the connection failed")},
		"not yet given up":   {failing, slower, retry(time.Second, "the connection failed")},
		"no verdict":         {Outcome{}, patient, retry(time.Second, "no reason given")},
		"paused":             {Outcome{Verdict: event.Refused, Pause: true, Reason: "gone"}, hasty, retry(0, "gone")},
		"more than one line": {Outcome{Verdict: event.Refused, Reason: " a\r\n\tb\xff c "}, patient, dead("a b? c")},
		"a long reason": {Outcome{Verdict: event.Refused, Reason: strings.Repeat("é", 150)[1:] + "x"}, patient,
			dead("?" + strings.Repeat("é", 99))},
		"confirmed, with output": {Outcome{Verdict: event.Confirmed, Output: "said"}, patient, good},
		"with output": {Outcome{Verdict: event.Refused, Reason: "exit 65", Output: "one\ntwo"}, patient,
			event.Result{Row: 7, Claim: 8, Seq: 9, Verdict: event.Refused, Reason: "exit 65", Output: "one\ntwo"}},
		"with too much output": {Outcome{Verdict: event.Refused, Reason: "exit 65",
			Output: strings.Repeat("é", event.LongestOutput/2) + "x"}, patient,
			event.Result{Row: 7, Claim: 8, Seq: 9, Verdict: event.Refused, Reason: "exit 65",
				Output: strings.Repeat("é", event.LongestOutput/2-1) + "x"}},
	} {
		if got := conclude(a, c.o, c.b, now, 0.5); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestLeaseDeadline(t *testing.T) {
	asked := instant{monotonic: epoch, wall: epoch.Add(time.Hour)}
	d := leaseDeadline{asked: asked, timeout: 10 * time.Second}
	at := func(monotonic, wall time.Duration) instant {
		return instant{monotonic: asked.monotonic.Add(monotonic), wall: asked.wall.Add(wall)}
	}
	for _, c := range []struct {
		name      string
		now       instant
		mayBegin  bool
		fallsWith time.Duration // after it was asked
	}{
		{"at once", at(0, 0), true, 10 * time.Second},
		{"later", at(time.Second, time.Second), true, 11 * time.Second},
		{"at the last moment", at(LeaseMargin, LeaseMargin), true, 15 * time.Second},
		{"too late", at(LeaseMargin+1, LeaseMargin+1), false, 15 * time.Second},
		{"the wall clock was set back", at(LeaseMargin+1, -time.Hour), false, 15 * time.Second},
		{"the machine slept", at(time.Second, time.Hour), false, 11 * time.Second},
	} {
		if got := d.mayBegin(c.now); got != c.mayBegin {
			t.Errorf("%s: may begin %v", c.name, got)
		}
		if got := d.until(c.now).Sub(asked.monotonic); got != c.fallsWith {
			t.Errorf("%s: falls after %v, want %v", c.name, got, c.fallsWith)
		}
	}
	if got := d.recordBy().Sub(asked.monotonic); got != 30*time.Second {
		t.Errorf("to be recorded within %v", got)
	}
	if StoreTime >= LeaseMargin || DeadlineAfter(time.Second) >= Lease(time.Second) {
		t.Error("the spans do not nest")
	}
}

func TestReaper(t *testing.T) {
	r := newReaper(5 * time.Second) // a lease of 20 s
	one, two, again := event.Claimed{Row: 1, Claim: 1}, event.Claimed{Row: 2, Claim: 2}, event.Claimed{Row: 1, Claim: 3}
	for _, c := range []struct {
		second int
		held   []event.Claimed
		left   []event.Claimed
	}{
		{0, []event.Claimed{one}, nil},
		{10, []event.Claimed{one, two}, nil},
		{19, []event.Claimed{one, two}, nil},
		{20, []event.Claimed{one, two}, []event.Claimed{one}},
		{21, []event.Claimed{again, two}, nil},
		{30, []event.Claimed{again, two}, []event.Claimed{two}},
		{40, []event.Claimed{again}, nil},
		{41, []event.Claimed{again}, []event.Claimed{again}},
		{42, nil, nil},
		{43, []event.Claimed{again}, nil}, // not held in between: whoever claimed it again has a lease of their own
	} {
		mustEqual(t, time.Duration(c.second*int(time.Second)).String(),
			r.left(c.held, epoch.Add(time.Duration(c.second)*time.Second)), c.left)
	}
}

func TestBreaker(t *testing.T) {
	b := newBreaker(func() float64 { return 0.5 }) // stays open for three quarters of a span
	now := epoch
	expect := func(what string, room int, wait time.Duration, state BreakerState) {
		t.Helper()
		gotRoom, gotWait := b.room(8, now)
		if gotRoom != room || gotWait != wait || b.state != state {
			t.Errorf("%s: room %d after %v, %s; want %d after %v, %s", what, gotRoom, gotWait, b.state, room, wait, state)
		}
	}
	begin := func(want bool) bool {
		t.Helper()
		trial, _ := b.begin(now)
		if trial != want {
			t.Errorf("trial %v", trial)
		}
		return trial
	}
	fail := func(trial bool) { b.end(trial, failing, now) }

	expect("new", 8, 0, Closed)
	for range BreakAfter - 1 {
		fail(begin(false))
	}
	b.end(false, Outcome{Verdict: event.Refused}, now) // says nothing
	expect("four failures", 8, 0, Closed)
	b.end(false, refused, now) // alive
	for range BreakAfter - 1 {
		fail(begin(false))
	}
	expect("four again", 8, 0, Closed)
	b.end(false, Outcome{Verdict: event.Retry, Alive: true}, now)
	for range BreakAfter {
		fail(begin(false))
	}
	expect("five", 0, 750*time.Millisecond, Open)
	fail(false) // what was under way
	expect("a sixth", 0, 750*time.Millisecond, Open)

	for _, span := range []int{1, 2, 4, 8, 16, 32, 60, 60} { // seconds
		wait := time.Duration(span) * time.Second * 3 / 4
		expect("open", 0, wait, Open)
		now = now.Add(wait - 1)
		expect("nearly over", 0, 1, Open)
		now = now.Add(1)
		expect("over", 1, 0, Open)
		trial := begin(true)
		begin(false)
		expect("trial", 0, 0, HalfOpen)
		fail(false) // not the trial
		expect("a straggler", 0, 0, HalfOpen)
		fail(trial)
	}
	now = now.Add(time.Minute)
	b.end(begin(true), Outcome{Verdict: event.Refused}, now)
	expect("the trial said nothing", 1, 0, Open)
	b.end(begin(true), Outcome{Verdict: event.Retry, After: 5 * time.Minute}, now)
	expect("asked to wait", 0, 5*time.Minute, Open)
	now = now.Add(5 * time.Minute)
	b.end(begin(true), Outcome{Verdict: event.Retry, After: time.Hour}, now)
	expect("asked to wait for long", 0, LongestAsked, Open)
	b.end(false, confirmed, now) // what was under way
	expect("alive", 8, 0, Closed)
	for range BreakAfter {
		fail(begin(false))
	}
	expect("open again, from the beginning", 0, 750*time.Millisecond, Open)
	b.end(false, Outcome{Verdict: event.Refused, Pause: true}, now)
	expect("410", 8, 0, Closed)
}

func TestPauseGrows(t *testing.T) {
	var got []time.Duration
	for _, failures := range []int{1, 2, 3, 6, 7, 1000} {
		got = append(got, pause(failures))
	}
	const ms = time.Millisecond
	mustEqual(t, "pauses", got, []time.Duration{100 * ms, 200 * ms, 400 * ms, 3200 * ms, 5000 * ms, 5000 * ms})
}

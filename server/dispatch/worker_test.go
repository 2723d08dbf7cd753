package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"numhook/server/event"
)

func bodies(got []receipt) (list []string) {
	for _, r := range got {
		list = append(list, r.body)
	}
	return list
}

func mustEqual[T comparable](t *testing.T, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func named(name string, s Sender) WorkerConfig {
	return WorkerConfig{Downstream: event.Downstream{Name: name}, Sender: s}
}

// A woken worker hands on at once; one that nobody wakes, within the poll.
func TestWakeAndPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		h := newHarness(t, Config{}, named("carrier", d))
		h.start()
		h.advance(300 * time.Millisecond)
		h.enqueue("1", 1, "A")
		h.Wake()
		synctest.Wait()
		h.advance(100 * time.Millisecond)
		h.enqueue("2", 1, "B") // by another process: no wake. The last look was that of the wake, at 300 ms.
		h.advance(2 * time.Second)
		mustEqual(t, "receipts", d.receipts(), []receipt{{300 * time.Millisecond, "1=A"}, {1300 * time.Millisecond, "2=B"}})
		if took, err := h.halt(); err != nil || took != 0 {
			t.Errorf("halt: %v after %v", err, took)
		}
	})
}

// A worker never claims more than it has slots for, fills a slot as soon as it is free, and asks seldom when there is
// nothing.
func TestSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now(), send: func(ctx context.Context, nth int) Outcome {
			rest(ctx, time.Duration(nth)*100*time.Millisecond)
			return confirmed
		}}
		h, queue := backlog(t, d, 2, 4)
		h.start()
		h.advance(time.Second + 50*time.Millisecond)
		got := d.receipts()
		slices.SortStableFunc(got[:2], func(a, b receipt) int { return strings.Compare(a.body, b.body) })
		mustEqual(t, "receipts", got, []receipt{{0, "0=A"}, {0, "1=A"}, {100 * time.Millisecond, "2=A"},
			{200 * time.Millisecond, "3=A"}})
		mustEqual(t, "limits", queue.claims(), []int{2, 1, 1, 1})
		h.halt()
	})
}

// An attempt that fails is tried again after its backoff, not before, and under the same identity.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now(), send: func(_ context.Context, nth int) Outcome {
			switch nth {
			case 1:
				return failing
			case 2:
				return Outcome{Verdict: event.Retry, Reason: "the answer was 503", After: 20 * time.Second}
			}
			return confirmed
		}}
		cfg := named("carrier", d)
		cfg.Backoff = Backoff{First: 250 * time.Millisecond, Factor: 2, Max: time.Minute}
		h := newHarness(t, Config{Random: func() float64 { return 0.5 }}, cfg)
		id := h.enqueue("1", 1, "A")
		h.start()
		h.advance(time.Minute)
		mustEqual(t, "receipts", d.receipts(), []receipt{{0, "1=A"}, {125 * time.Millisecond, "1=A"},
			{20*time.Second + 125*time.Millisecond, "1=A"}})
		mustEqual(t, "log", h.logLines("attempt", "level", "downstream", "outcome", "reason", "event_id", "attribute", "try",
			"took_ms", "behind_ms", "error"), []string{
			"level=WARN downstream=carrier outcome=retry reason=the connection failed event_id=" + id.String() +
				" attribute=cnam try=1 took_ms=0 behind_ms=0",
			"level=WARN downstream=carrier outcome=retry reason=the answer was 503 event_id=" + id.String() +
				" attribute=cnam try=2 took_ms=0 behind_ms=125",
			"level=INFO downstream=carrier outcome=confirmed event_id=" + id.String() + " attribute=cnam try=3 took_ms=0 " +
				"behind_ms=20125",
		})
		h.halt()
	})
}

// A value that comes while an older one of its subject is being sent is sent as soon as that attempt has ended, not a
// poll later.
func TestNewerValueDuringAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now(), send: func(ctx context.Context, nth int) Outcome {
			rest(ctx, 100*time.Millisecond)
			return confirmed
		}}
		h := newHarness(t, Config{}, named("carrier", d))
		h.store.SetWake(h.Wake)
		h.start()
		h.enqueue("1", 1, "A")
		h.advance(50 * time.Millisecond)
		h.enqueue("1", 2, "B")
		h.advance(500 * time.Millisecond)
		mustEqual(t, "receipts", d.receipts(), []receipt{{0, "1=A"}, {100 * time.Millisecond, "1=B"}})
		h.halt()
	})
}

// In mode every the events of one number go out one after the other, in their order, each as soon as the one before it
// is confirmed.
func TestEveryInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now(), send: func(ctx context.Context, nth int) Outcome {
			rest(ctx, 10*time.Millisecond)
			return confirmed
		}}
		cfg := named("carrier", d)
		cfg.Downstream.Mode = event.Every
		h := newHarness(t, Config{}, cfg)
		for _, ts := range []int64{3, 1, 2} {
			h.enqueue("1", ts, fmt.Sprint(ts))
		}
		h.start()
		h.advance(200 * time.Millisecond)
		mustEqual(t, "receipts", d.receipts(), []receipt{{0, "1=1"}, {10 * time.Millisecond, "1=2"},
			{20 * time.Millisecond, "1=3"}})
		h.halt()
	})
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, fast := &downstream{began: time.Now()}, &downstream{began: time.Now()}
		slow := named("slow", d)
		slow.Rate = 4
		quick := named("quick", fast)
		quick.Rate, quick.Concurrency = 200, 64
		h := newHarness(t, Config{}, slow, quick)
		for i := range 1000 {
			h.enqueue(fmt.Sprint(i), 1, "A")
		}
		h.start()
		h.advance(time.Second + time.Millisecond)
		var at []time.Duration
		for _, got := range d.receipts() {
			at = append(at, got.at)
		}
		const quarter = 250 * time.Millisecond
		mustEqual(t, "times", at, []time.Duration{0, quarter, 2 * quarter, 3 * quarter, 4 * quarter})
		if n := len(fast.receipts()); n < 200 || n > 220 { // a second's worth, and the burst
			t.Errorf("200 a second made %d in a second", n)
		}
		h.halt()
	})
}

// A downstream that does not live is left alone, tried once at growing intervals, and gets everything when it is back.
func TestBreakerKeepsClaimsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		d := &downstream{began: began, send: func(context.Context, int) Outcome {
			if time.Since(began) < 5*time.Second {
				return failing
			}
			return confirmed
		}}
		cfg := named("carrier", d)
		cfg.Concurrency = 1
		cfg.Backoff = Backoff{First: time.Millisecond, Factor: 1, Max: time.Millisecond}
		h := newHarness(t, Config{}, cfg)
		for i := range 20 {
			h.enqueue(fmt.Sprint(i), 1, "A")
		}
		h.start()
		h.advance(4 * time.Second)
		var seconds []int
		for _, got := range d.receipts() {
			seconds = append(seconds, int(got.at.Round(time.Second).Seconds()))
		}
		mustEqual(t, "seconds of attempts", seconds, []int{0, 0, 0, 0, 0, 1, 3})
		mustEqual(t, "log", h.logLines("breaker", "level", "downstream", "from", "to"), []string{
			"level=WARN downstream=carrier from=closed to=open",
			"level=INFO downstream=carrier from=open to=half-open", "level=WARN downstream=carrier from=half-open to=open",
			"level=INFO downstream=carrier from=open to=half-open", "level=WARN downstream=carrier from=half-open to=open",
		})
		h.advance(4 * time.Second)
		if n := len(d.receipts()); n != 5+2+20 {
			t.Errorf("%d attempts, want 27", n)
		}
		mustEqual(t, "end", h.logLines("breaker", "from", "to")[5:], []string{"from=open to=half-open",
			"from=half-open to=closed"})
		h.halt()
	})
}

// A slow downstream and a dead one cost a third nothing.
func TestWorkersDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &downstream{began: time.Now(), send: func(ctx context.Context, _ int) Outcome {
			<-ctx.Done()
			return failing
		}}
		dead := &downstream{began: time.Now(), send: func(context.Context, int) Outcome { return failing }}
		fast := &downstream{began: time.Now()}
		h := newHarness(t, Config{}, named("slow", slow), named("dead", dead), named("fast", fast))
		h.store.SetWake(h.Wake)
		h.start()
		for i := range 100 {
			h.enqueue(fmt.Sprint(i), 1, "A")
			h.advance(time.Millisecond)
		}
		h.advance(10 * time.Millisecond)
		for i, got := range fast.receipts() {
			if want := (receipt{time.Duration(i) * time.Millisecond, fmt.Sprintf("%d=A", i)}); got != want {
				t.Fatalf("receipt %d is %v, want %v", i, got, want)
			}
		}
		if len(fast.receipts()) != 100 || len(slow.receipts()) != DefaultConcurrency {
			t.Errorf("fast got %d, slow %d", len(fast.receipts()), len(slow.receipts()))
		}
		h.halt()
	})
}

// 410: nothing more is sent until an operator resumes, and then the same change goes first.
func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now(), send: func(_ context.Context, nth int) Outcome {
			if nth == 1 {
				return Outcome{Verdict: event.Refused, Pause: true, Reason: "the answer was 410", Alive: true}
			}
			return confirmed
		}}
		cfg := named("carrier", d)
		cfg.Concurrency = 1
		h := newHarness(t, Config{}, cfg)
		h.enqueue("1", 1, "A")
		h.enqueue("2", 1, "B")
		h.start()
		h.advance(time.Hour)
		mustEqual(t, "receipts", d.receipts(), []receipt{{0, "1=A"}})
		statuses, err := h.store.Downstreams(t.Context())
		if err != nil || statuses[0].PausedWhy != "the answer was 410" || statuses[0].Waiting != 2 || statuses[0].Dead != 0 {
			t.Errorf("standing: %+v %v", statuses, err)
		}
		mustEqual(t, "log", h.logLines("attempt", "level", "outcome", "reason"),
			[]string{"level=ERROR outcome=paused reason=the answer was 410"})
		if err := h.store.Resume(t.Context(), "carrier"); err != nil {
			t.Fatal(err)
		}
		h.advance(PollEvery)
		got := bodies(d.receipts())
		slices.Sort(got)
		mustEqual(t, "after resuming", got, []string{"1=A", "1=A", "2=B"})
		h.halt()
	})
}

// A panic is an outcome, and so is a change that cannot be wrapped.
func TestPanicAndWrapError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now(), send: func(_ context.Context, nth int) Outcome {
			switch nth {
			case 1:
				panic("the value A")
			case 2:
				return Outcome{}
			}
			return confirmed
		}}
		wrap := func(a event.Attempt) (Envelope, error) {
			switch a.Number {
			case "bad":
				return Envelope{}, errors.New("the value A")
			case "mad":
				if a.Try == 1 {
					panic("the value A")
				}
			}
			return plainWrap(a)
		}
		cfg := named("carrier", d)
		cfg.Concurrency = 1
		h := newHarness(t, Config{Wrap: wrap}, cfg)
		for _, number := range []string{"good", "bad", "mad"} {
			h.enqueue(number, 1, "A")
		}
		h.start()
		h.advance(time.Minute)
		mustEqual(t, "log", h.logLines("attempt", "outcome", "reason", "try"), []string{
			"outcome=retry reason=panic in the sender try=1",
			"outcome=refused reason=the change cannot be put into an envelope try=1",
			"outcome=retry reason=panic in the envelope try=1",
			"outcome=retry reason=the sender gave no verdict try=2",
			"outcome=confirmed try=2",
			"outcome=confirmed try=3",
		})
		mustEqual(t, "panics", h.logLines("panic in an attempt", "in", "type"), []string{"in=sender type=string",
			"in=envelope type=string"})
		for _, line := range h.logLines("attempt", "reason", "error") {
			if line == "the value A" {
				t.Error("a value was logged")
			}
		}
		h.halt()
	})
}

// While the store is failing the worker asks it seldom, says so once, and goes on by itself.
func TestStoreErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &downstream{began: time.Now()}
		h := newHarness(t, Config{})
		began := time.Now()
		queue := &countingQueue{Queue: h.store, fail: func() error {
			if time.Since(began) < time.Minute {
				return &event.Error{Kind: event.Unavailable, Text: "cannot claim: the disk is full"}
			}
			return nil
		}}
		h.configure(Config{Queue: queue}, named("carrier", d))
		h.store.SetWake(h.Wake)
		h.start()
		for i := range 50 {
			h.enqueue(fmt.Sprint(i), 1, "A")
			h.advance(time.Second)
		}
		h.advance(20 * time.Second)
		if n := len(queue.claims()); n > 80 {
			t.Errorf("%d claims in 70 s", n)
		}
		if n := len(d.receipts()); n != 50 {
			t.Errorf("%d receipts", n)
		}
		mustEqual(t, "log", h.logLines("claim", "level", "downstream", "outcome", "error", "failures"), []string{
			"level=ERROR downstream=carrier outcome=failed error=cannot claim: the disk is full",
			"level=INFO downstream=carrier outcome=recovered failures=17",
		})
		h.halt()
	})
}

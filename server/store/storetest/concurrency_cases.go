package storetest

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server/event"
)

// concurrencyCases: many at once.
func concurrencyCases() []OutboxCase {
	return []OutboxCase{
		{"claims exclude each other", claimsExclude},
		{"only the newest is owed of what comes at once", newestOfMany},
		{"while values come and go", valuesComeAndGo},
		{"lines while events come", linesWhileEventsCome},
		{"histories of what is owed", outboxHistories},
	}
}

func claimsExclude(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt)
	const claimants = 8
	count := 2000
	if testing.Short() {
		count = 500
	}
	var numbers []string
	for i := range count {
		numbers = append(numbers, fmt.Sprintf("+1555%07d", i))
	}
	appendNew(t, s, cnam(1, "A", numbers...))
	for _, name := range []string{"newest", "all"} {
		var mu sync.Mutex
		times, twice := map[int64]int{}, false
		var wg sync.WaitGroup
		for i := range claimants {
			wg.Go(func() {
				for {
					list, _, err := s.Claim(t.Context(), name, 1+7*i)
					if err != nil {
						t.Errorf("cannot claim: %v", err)
					}
					if len(list) == 0 {
						return
					}
					mu.Lock()
					for _, a := range list {
						times[a.Row]++
						twice = twice || times[a.Row] > 1
					}
					over := twice
					mu.Unlock()
					if over { // the rest shows no more
						return
					}
				}
			})
		}
		wg.Wait()
		same(t, "rows claimed", len(times), count)
		for _, n := range times {
			if !same(t, "claims of one row", n, 1) {
				break
			}
		}
		wantCounts(t, s, name, 0, int64(count), 0)
	}
}

func newestOfMany(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly, allOfIt)
	const writers, rounds = 16, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				e := cnam(int64((i*writers+w)*37%97), fmt.Sprintf("%d.%d", w, i), []string{alice, bob, carol}[w%3], "shared")
				if _, err := s.Append(t.Context(), e); err != nil {
					t.Errorf("cannot append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	wantNewestOutbox(t, s, "newest", event.Waiting)
	wantCounts(t, s, "all", 2*writers*rounds, 0, 0)
	confirm(t, s, claim(t, s, "newest", 10, 4)...)
	for range rounds {
		confirm(t, s, claim(t, s, "all", 10, 4)...) // one a number at a time
	}
}

// wantNewestOutbox wants each number's current values to be what the downstream's rows are about, in the state.
func wantNewestOutbox(t TB, s Outbox, downstream string, state event.OutboxState) {
	t.Helper()
	numbers, err := s.Numbers(t.Context(), "", 1000)
	same(t, "error", err, nil)
	var got, want []row
	for _, o := range byNumber(allOutbox(t, s, event.OutboxFilter{Downstream: downstream})) {
		got = append(got, row{o.Number, string(o.Value), o.State, 0})
	}
	for _, n := range numbers {
		for _, c := range n.Values {
			want = append(want, row{n.Number, string(c.Value), state, 0})
		}
	}
	same(t, "the newest of each number", got, want)
}

// drain claims and records until there is nothing left and nobody writes any more. It tells told of every attempt
// before its result is recorded.
func drain(t TB, s Outbox, name string, writing *atomic.Bool, told func(event.Attempt)) {
	const atMost = 20 * time.Second // for what another holds, who may have failed
	for n, last := 0, time.Now(); ; {
		still := writing.Load()
		list, _, err := s.Claim(t.Context(), name, 5)
		if err != nil {
			t.Errorf("cannot claim: %v", err)
			return
		}
		for _, a := range list {
			told(a)
			v := event.Confirmed
			if n++; n%3 == 0 {
				v = event.Retry
			}
			if held, err := s.Record(t.Context(), result(a, v, 0)); err != nil || !held {
				t.Errorf("cannot record: %v %v", held, err)
				return
			}
		}
		if len(list) > 0 || still {
			last = time.Now()
			continue
		}
		held, err := s.Held(t.Context(), name)
		if err != nil || len(held) == 0 {
			same(t, "error", err, nil)
			return
		}
		if time.Since(last) > atMost {
			t.Errorf("nobody records the result of %d attempts", len(held))
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// valuesComeAndGo: whatever the order in which attempts end and values come, no older value is handed out after a newer
// one, and the newest one is the last.
func valuesComeAndGo(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, newestOnly)
	var writing atomic.Bool
	writing.Store(true)
	var mu sync.Mutex
	last := map[string]event.Attempt{}
	var appended atomic.Int64
	told := func(a event.Attempt) {
		for n := appended.Load(); appended.Load() == n && writing.Load(); { // an attempt takes a while, in which values come
			runtime.Gosched()
		}
		mu.Lock()
		defer mu.Unlock()
		if before := last[a.Number]; cmp.Or(cmp.Compare(a.TS, before.TS), cmp.Compare(a.Seq, before.Seq)) < 0 {
			t.Errorf("an older value was handed out after a newer one: %d.%d after %d.%d", a.TS, a.Seq, before.TS, before.Seq)
		}
		last[a.Number] = a
	}
	numbers := []string{alice, bob, carol}
	var writers, claimants sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 40 {
				e := cnam(int64(1+(i*4+w)*31%83), fmt.Sprint(w, i), numbers[:1+(i+w)%3]...)
				if _, err := s.Append(t.Context(), e); err != nil {
					t.Errorf("cannot append: %v", err)
				}
				appended.Add(1)
			}
		})
	}
	for range 3 {
		claimants.Go(func() { drain(t, s, "newest", &writing, told) })
	}
	writers.Wait()
	writing.Store(false)
	claimants.Wait()
	wantNewestOutbox(t, s, "newest", event.Delivered)
	for _, number := range numbers {
		n, err := s.Number(t.Context(), number)
		same(t, "error", err, nil)
		same(t, "the last value handed out", string(last[number].Value), string(n.Values[0].Value))
	}
}

// linesWhileEventsCome: of each number, every event is handed out, in the order of event_ts in which they were stored.
func linesWhileEventsCome(t TB, location Location, _ *Clock) {
	s := openOutbox(t, location)
	defer closeStore(t, s)
	register(t, s, allOfIt)
	var writing atomic.Bool
	writing.Store(true)
	var mu sync.Mutex
	order := map[string][]int64{}
	told := func(a event.Attempt) {
		mu.Lock()
		defer mu.Unlock()
		if list := order[a.Number]; a.Try == 1 {
			order[a.Number] = append(list, a.TS)
		} else if list[len(list)-1] != a.TS {
			t.Errorf("event %d came again after event %d of its number", a.TS, list[len(list)-1])
		}
	}
	numbers := []string{alice, bob, carol}
	const rounds = 40
	var writers, claimants sync.WaitGroup
	for _, number := range numbers {
		writers.Go(func() {
			for i := range rounds {
				if _, err := s.Append(t.Context(), cnam(int64(i), "A", number)); err != nil {
					t.Errorf("cannot append: %v", err)
				}
			}
		})
	}
	for range 3 {
		claimants.Go(func() { drain(t, s, "all", &writing, told) })
	}
	writers.Wait()
	writing.Store(false)
	claimants.Wait()
	for _, number := range numbers {
		list := order[number]
		same(t, "events handed out", len(list), rounds)
		same(t, "in order", slices.IsSorted(list), true)
	}
	wantCounts(t, s, "all", 0, 0, 0)
}

// SharedOutboxCases are what two stores must pass that are open on one location at once.
func SharedOutboxCases() []SharedOutboxCase {
	return []SharedOutboxCase{
		{"two stores owe alike", twoEnqueue},
		{"two stores share the claims", twoClaim},
	}
}

func twoEnqueue(t TB, one, other Outbox, clock *Clock) {
	register(t, one, newestOnly)
	appendNew(t, other, cnam(1, "A", alice))
	register(t, other, allOfIt) // while one has its eyes on what it registered itself
	appendNew(t, one, cnam(2, "B", alice))
	id, err := one.Quarantine(t.Context(), refusal(1))
	same(t, "error", err, nil)
	if _, err := other.Redrive(t.Context(), id, cnam(3, "C", alice)); err != nil {
		t.Fatalf("cannot redrive: %v", err)
	}
	for _, s := range []Outbox{one, other} {
		wantOutbox(t, s, "newest", row{alice, `"C"`, event.Waiting, 0})
		wantOutbox(t, s, "all", row{alice, `"B"`, event.Waiting, 0}, row{alice, `"C"`, event.Waiting, 0})
	}
	register(t, other, narrow(newestOnly, "newest", event.Only{Prefixes: []string{bob}}))
	appendNew(t, one, cnam(4, "D", carol))
	wantOutbox(t, one, "newest", row{alice, `"C"`, event.Waiting, 0})
	same(t, "error", other.Pause(t.Context(), "all", "for the test"), nil)
	wantNext(t, one, "all", time.Time{})
	same(t, "error", one.Resume(t.Context(), "all"), nil)
	confirm(t, one, claim(t, other, "all", 10, 2)...)
	same(t, "error", other.Remove(t.Context(), "all"), nil)
	appendNew(t, one, cnam(5, "E", bob))
	wantOutbox(t, one, "all")
	wantOutbox(t, other, "newest", row{alice, `"C"`, event.Waiting, 0}, row{bob, `"E"`, event.Waiting, 0})
	stuck := claim(t, one, "newest", 10, 2)[0]
	clock.Move(time.Minute)
	wantHeld(t, other, "newest", claimed(t, one, "newest")...)
	n, err := other.Release(t.Context(), "newest", []event.Claimed{{Row: stuck.Row, Claim: stuck.Claim}})
	same(t, "error", err, nil)
	same(t, "released", n, 1)
	record(t, one, stuck, event.Confirmed, 0, false)
	confirm(t, other, claim(t, other, "newest", 10, 1)...)
}

// claimed are the claims that the store lists, as attempts.
func claimed(t TB, s Outbox, downstream string) (list []event.Attempt) {
	t.Helper()
	held, err := s.Held(t.Context(), downstream)
	same(t, "error", err, nil)
	for _, c := range held {
		list = append(list, event.Attempt{Row: c.Row, Claim: c.Claim})
	}
	return list
}

func twoClaim(t TB, one, other Outbox, _ *Clock) {
	register(t, one, newestOnly, allOfIt)
	const count = 300
	var numbers []string
	for i := range count {
		numbers = append(numbers, fmt.Sprintf("+1555%07d", i))
	}
	appendNew(t, one, cnam(1, "A", numbers...), cnam(2, "B", numbers...))
	var mu sync.Mutex
	newest, all := map[string]string{}, map[string]string{}
	var writing atomic.Bool
	var wg sync.WaitGroup
	for _, s := range []Outbox{one, other} {
		for range 2 {
			wg.Go(func() {
				drain(t, s, "newest", &writing, func(a event.Attempt) {
					mu.Lock()
					defer mu.Unlock()
					newest[a.Number] = string(a.Value)
				})
			})
			wg.Go(func() {
				drain(t, s, "all", &writing, func(a event.Attempt) {
					mu.Lock()
					defer mu.Unlock()
					if all[a.Number] += string(a.Value); a.Try > 1 {
						all[a.Number] = all[a.Number][:len(all[a.Number])-len(a.Value)] // once more the same
					}
				})
			})
		}
	}
	wg.Wait()
	for _, number := range numbers {
		if !same(t, "newest handed out", newest[number], `"B"`) || !same(t, "handed out in order", all[number], `"A""B"`) {
			return
		}
	}
	for _, s := range []Outbox{one, other} {
		wantCounts(t, s, "newest", 0, 0, 0)
		wantCounts(t, s, "all", 0, 0, 0)
	}
}

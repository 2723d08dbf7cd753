package storetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"numhook/server/event"
)

// randomEvents is a history of so many events for few numbers and few moments, so that ties, late ones and repetitions
// abound.
func randomEvents(random *rand.Rand, count int) []event.Event {
	numbers := []string{alice, bob, carol, "+15550100004", "+4930123456", ""}
	var list []event.Event
	for i := range count {
		if len(list) > 0 && random.IntN(5) == 0 {
			list = append(list, again(list[random.IntN(len(list))], i+1))
			continue
		}
		random.Shuffle(len(numbers), func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
		some := append([]string(nil), numbers[:random.IntN(len(numbers)+1)]...)
		attribute := []event.Attribute{event.CNAM, event.EmergencyAddress}[random.IntN(2)]
		value := fmt.Sprintf(`"value %d"`, i)
		if random.IntN(10) == 0 {
			value = ""
		}
		list = append(list, at(sample(attribute, randomTime(random), value, some...), random))
	}
	return list
}

// randomTime is an event_ts, one in eight of them near the receipt or far ahead of it.
func randomTime(random *rand.Rand) int64 {
	ts := int64(random.IntN(12))
	if random.IntN(8) > 0 {
		return ts
	}
	return []int64{someTime.UnixMilli() + ts, someTime.Add(event.TooFarAhead).UnixMilli() + ts,
		math.MaxInt64 - ts}[random.IntN(3)]
}

// at is the event, received at one of few moments.
func at(e event.Event, random *rand.Rand) event.Event {
	e.Delivery.Received = someTime.Add(time.Duration(random.IntN(12_000)) * time.Microsecond)
	return e
}

// seeds are how many histories run one after the other: half of them in the short form, which costs a quarter, because
// all that is there is compared again and again.
func seeds(whole uint64) uint64 {
	if testing.Short() {
		return whole / 2
	}
	return whole
}

// histories runs random histories one step after the other, with refusals, redrives and reopenings between, and
// compares each receipt and in the end everything with the model.
func histories(t TB, location Location) {
	s := open(t, location)
	defer func() { closeStore(t, s) }()
	m := NewModel()
	for seed := range seeds(4) {
		random := rand.New(rand.NewPCG(seed, 1))
		for i, e := range randomEvents(random, 120) {
			switch random.IntN(12) {
			case 0:
				q := refusal(random.IntN(8))
				id, err := s.Quarantine(t.Context(), q)
				if err != nil {
					t.Fatalf("cannot quarantine: %v", err)
				}
				entry := m.Quarantine(copyQuarantined(q))
				if random.IntN(2) == 0 {
					continue
				}
				r, err := s.Redrive(t.Context(), id, e)
				same(t, "error", err, nil)
				want, _ := m.Redrive(entry, copyEvent(e))
				same(t, "receipt of a redrive", r, want)
			case 1:
				if i%10 == 0 {
					s = reopen(t, s, location)
				}
			default:
				r, err := s.Append(t.Context(), e)
				same(t, "error", err, nil)
				same(t, "receipt", r, m.Append(copyEvent(e)))
			}
		}
	}
	wantContents(t, s, m.contents())
	for _, number := range m.Numbers() {
		wantHistory(t, s, number, m.History(number)...)
		wantAsOf(t, s, m, number)
	}
}

// shuffledHistories runs a random history twice over from many callers at once, in another order each.
func shuffledHistories(t TB, location Location) {
	s := open(t, location)
	const callers = 12
	events := randomEvents(rand.New(rand.NewPCG(99, 2)), 150)
	identities := map[event.ID]bool{}
	for _, e := range events {
		identities[e.ID] = true
	}
	var wg sync.WaitGroup
	for caller := range callers {
		random := rand.New(rand.NewPCG(99, uint64(caller)))
		wg.Go(func() {
			for _, i := range random.Perm(len(events)) {
				if i%(callers/2) != caller%(callers/2) {
					continue
				}
				if r, err := s.Append(t.Context(), events[i]); err != nil || r.ID != events[i].ID {
					t.Errorf("append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	m := wantModel(t, s)
	same(t, "events", len(m.events), len(identities))
	s = reopen(t, s, location)
	defer closeStore(t, s)
	same(t, "events after reopening", len(wantModel(t, s).events), len(identities))
}

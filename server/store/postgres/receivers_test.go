package postgres_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
	"numhook/server/store/storetest"
)

// receivers opens so many stores on one database.
func receivers(t *testing.T, url string, n int, opts postgres.Options) []*postgres.Store {
	t.Helper()
	stores := make([]*postgres.Store, n)
	for i := range stores {
		stores[i] = opened(t)(postgres.Open(t.Context(), url, opts))
	}
	return stores
}

// TestTenThousandNumbers: three receivers get the events of 10,000 numbers shuffled, some of them several times, and
// end with what a model has that gets each once and in order.
func TestTenThousandNumbers(t *testing.T) {
	t.Parallel()
	const numbers, events, callers = 10_000, 6_000, 48
	stores := receivers(t, postgrestest.New(t), 3, postgres.Options{Writers: 2})
	random := rand.New(rand.NewPCG(1, 2))
	model := storetest.NewModel()
	var deliveries []event.Event
	for i := range events {
		var list []string
		for range 1 + random.IntN(6) {
			list = append(list, fmt.Sprintf("+1555%07d", random.IntN(numbers)))
		}
		slices.Sort(list)
		e := caller(int64(i), "name", slices.Compact(list)...) // no two have one event_ts
		model.Append(e)
		for range 1 + random.IntN(2)*random.IntN(3) {
			deliveries = append(deliveries, e)
		}
	}
	random.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })

	var next, stored atomic.Int64
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(deliveries)); n = next.Add(1) - 1 {
				r, err := stores[(c+int(n))%len(stores)].Append(t.Context(), deliveries[n])
				if err != nil {
					t.Errorf("cannot append: %v", err)
					return
				}
				if !r.Duplicate {
					stored.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if stored.Load() != events {
		t.Errorf("%d receipts that are not duplicates, want %d", stored.Load(), events)
	}
	for i, s := range stores {
		found := 0
		for after := ""; ; {
			page, err := s.Numbers(t.Context(), after, 1000)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, got := range page {
				want, ok := model.Number(got.Number, events)
				if !ok || len(got.Values) != 1 || got.Values[0].EventID != want.Values[0].EventID ||
					got.Values[0].State != event.Current {
					t.Errorf("receiver %d: a number has %+v, want %+v", i, got.Values, want.Values)
				}
				after = got.Number
				found++
			}
		}
		if found != len(model.Numbers()) {
			t.Errorf("receiver %d: %d numbers, want %d", i, found, len(model.Numbers()))
		}
	}
}

// TestTiesAtOnce: several receivers get different values of one number with one event_ts at the same moment. Whichever
// it is, all see the same, and it is the one with the highest seq.
func TestTiesAtOnce(t *testing.T) {
	t.Parallel()
	stores := receivers(t, postgrestest.New(t), 3, postgres.Options{})
	const rounds = 30
	for round := range rounds {
		number := fmt.Sprint("+", round)
		var wg sync.WaitGroup
		for i, s := range stores {
			for c := range 4 {
				wg.Go(func() {
					if _, err := s.Append(t.Context(), caller(7, fmt.Sprint(round, i, c), number, "+shared")); err != nil {
						t.Errorf("cannot append: %v", err)
					}
				})
			}
		}
		wg.Wait()
	}
	events, err := stores[0].Events(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != rounds*12 {
		t.Fatalf("%d events, want %d", len(events), rounds*12)
	}
	last := map[string]event.ID{}
	for _, e := range events {
		for _, number := range e.Numbers {
			last[number] = e.ID
		}
	}
	for _, s := range stores {
		for number, want := range last {
			got, err := s.Number(t.Context(), number)
			if err != nil {
				t.Fatal(err)
			}
			if got.Values[0].EventID != want {
				t.Errorf("%s: the current value is not the one with the highest place", number)
			}
			history, err := s.History(t.Context(), number)
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range history {
				want := event.Replaced
				if i == len(history)-1 {
					want = event.Current
				}
				if c.State != want {
					t.Errorf("%s: change %d of %d is %s, want %s", number, i, len(history), c.State, want)
				}
			}
		}
	}
}

// TestPagesMissNothing: who follows the list while several receivers store sees every event, in order.
func TestPagesMissNothing(t *testing.T) {
	t.Parallel()
	stores := receivers(t, postgrestest.New(t), 3, postgres.Options{Writers: 3})
	const callers, rounds = 24, 60
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range rounds {
				s := stores[(c+i)%len(stores)]
				if _, err := s.Append(t.Context(), caller(int64(i), fmt.Sprint(c), fmt.Sprint("+", c))); err != nil {
					t.Errorf("cannot append: %v", err)
				}
				if _, err := s.Quarantine(t.Context(), event.Quarantined{Reason: event.Malformed,
					Delivery: event.Delivery{Body: fmt.Append(nil, c, i)}}); err != nil {
					t.Errorf("cannot quarantine: %v", err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()
	seen, entries := 0, 0
	for afterEvent, afterEntry, finished := int64(0), int64(0), false; ; {
		events, err := stores[0].Events(t.Context(), afterEvent, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			seen++
			afterEvent = e.Seq
		}
		quarantine, err := stores[1].Quarantines(t.Context(), event.Held, afterEntry, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range quarantine {
			entries++
			afterEntry = q.ID
		}
		if len(events)+len(quarantine) > 0 {
			continue
		}
		if finished {
			break
		}
		select {
		case <-done:
			finished = true // one more look at what came last
		default:
		}
	}
	if seen != callers*rounds || entries != callers*rounds {
		t.Errorf("saw %d events and %d entries, want %d of each", seen, entries, callers*rounds)
	}
}

// TestListWaitsForALowerSeq: a transaction has drawn a place and not ended; an event with a higher seq is committed
// meanwhile.
func TestListWaitsForALowerSeq(t *testing.T) {
	t.Parallel()
	url := postgrestest.New(t)
	s := opened(t)(postgres.Open(t.Context(), url, postgres.Options{}))
	mustAppend(t, s, caller(1, "first", "+1"))
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{postgres.Placing, "CREATE TEMPORARY TABLE place AS SELECT " +
		"nextval('numhook.event_places')"} {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, s, caller(3, "third", "+1")) // does not wait
	listed := make(chan []event.Stored, 1)
	go func() {
		list, err := s.Events(t.Context(), 0, 10)
		if err != nil {
			t.Errorf("cannot list: %v", err)
		}
		listed <- list
	}()
	mustAppend(t, s, caller(4, "fourth", "+1")) // nor for the reader
	select {
	case list := <-listed:
		t.Fatalf("listed %d events although a lower place is still open", len(list))
	default:
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Events(ctx, 0, 10); event.KindOf(err) != event.Unavailable {
		t.Errorf("a caller who is gone: %v", err)
	}
	if _, err := tx.Exec(t.Context(), `INSERT INTO numhook.events SELECT nextval, 2, 2, NULL, 1, NULL, sha256('x'), '', `+
		`'', '[]', NULL, '[]', '[]', '', '{}', '' FROM place`); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	var ts []int64
	for _, e := range <-listed {
		ts = append(ts, e.TS)
	}
	if !slices.Equal(ts, []int64{1, 2, 3}) && !slices.Equal(ts, []int64{1, 2, 3, 4}) {
		t.Errorf("listed event_ts %v, want 1 2 3, and perhaps 4", ts)
	}
}

// TestOpenedAtOnce: however many receivers start together on an empty database, the schema is made once and all of them
// serve.
func TestOpenedAtOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.New(t)
	var wg sync.WaitGroup
	for i := range 5 {
		wg.Go(func() {
			s, err := postgres.Open(t.Context(), url, postgres.Options{})
			if err != nil {
				t.Errorf("cannot open: %v", err)
				return
			}
			if _, err := s.Append(t.Context(), caller(int64(i), "name", "+1")); err != nil {
				t.Errorf("cannot append: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	r, err := postgres.OpenReader(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if list, err := r.Events(t.Context(), 0, 10); err != nil || len(list) != 5 {
		t.Errorf("%d events, %v", len(list), err)
	}
}

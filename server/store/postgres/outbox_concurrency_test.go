package postgres_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
	"numhook/server/store/postgres"
	"numhook/server/store/postgres/postgrestest"
)

// located is an event that sets the address of the numbers.
func located(ts int64, numberLine, country string, numbers ...string) event.Event {
	e := caller(ts, numberLine, numbers...)
	e.Attribute, e.Name = event.EmergencyAddress, "number_management.peering_number_emergency_address_updated"
	e.Value = fmt.Appendf(nil, `{"address_line1":%q,"country":%q}`, numberLine, country)
	e.Delivery.Body = append(e.Delivery.Body, e.Value...)
	e.ID = sha256.Sum256(e.Delivery.Body)
	return e
}

// version orders the values of a subject.
type version struct{ ts, seq int64 }

func (v version) compare(w version) int {
	return cmp.Or(cmp.Compare(v.ts, w.ts), cmp.Compare(v.seq, w.seq))
}

// told keeps what downstreams were told, and holds it to the order.
type told struct {
	t    *testing.T
	mu   sync.Mutex
	last map[string]version // by downstream and number
}

func (o *told) tell(a event.Attempt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	key, v := a.Downstream+" "+a.Number+" "+string(a.Attribute), version{a.TS, a.Seq}
	if before, ok := o.last[key]; ok && a.Downstream != "all" && v.compare(before) < 0 {
		o.t.Errorf("%s is told an older value after a newer one", a.Downstream)
	}
	o.last[key] = v
}

// deliver claims and records until nothing is left and nobody stores any more.
func deliver(t *testing.T, s *postgres.Store, downstream string, storing *atomic.Bool, tell func(event.Attempt)) {
	random := rand.New(rand.NewPCG(rand.Uint64(), 1))
	for {
		still := storing.Load()
		list, _, err := s.Claim(t.Context(), downstream, 1+random.IntN(20))
		if err != nil {
			t.Errorf("cannot claim: %v", err)
			return
		}
		var wg sync.WaitGroup
		for _, a := range list {
			tell(a)
			r := event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq, Verdict: event.Confirmed}
			if random.IntN(4) == 0 {
				r.Verdict, r.Reason = event.Retry, "not now"
			}
			wg.Go(func() {
				if held, err := s.Record(t.Context(), r); err != nil || !held {
					t.Errorf("cannot record: %v %v", held, err)
				}
			})
		}
		wg.Wait()
		if len(list) > 0 || still {
			continue
		}
		if held, err := s.Held(t.Context(), downstream); err != nil || len(held) == 0 {
			return
		}
	}
}

// TestEnqueuedByTwo: two receivers store events of the same few numbers, in opposite orders, while both deliver, and an
// operator replays. Nothing deadlocks, no older value is told after a newer one, and at the end each downstream is
// enqueued, and has, what it would have had the events come one after the other.
func TestEnqueuedByTwo(t *testing.T) {
	t.Parallel()
	server, url := postgrestest.Shared(t), postgrestest.New(t)
	stores := []*postgres.Store{}
	for range 2 {
		s, err := postgres.Open(t.Context(), url, postgres.Options{Patience: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, s)
	}
	downstreams := []event.Downstream{
		{Name: "newest", Mode: event.Latest, Start: event.FromNow},
		{Name: "us", Mode: event.Latest, Start: event.FromNow, Only: event.Only{CarrierCodes: []int32{3457},
			Countries: []string{"US"}}},
		{Name: "all", Mode: event.Every, Start: event.FromNow},
	}
	for _, d := range downstreams {
		if _, err := stores[0].Register(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	const callers, rounds, numbers = 16, 40, 40
	order := &told{t: t, last: map[string]version{}}
	var storing atomic.Bool
	storing.Store(true)
	var writers, others sync.WaitGroup
	for c := range callers {
		writers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(c), 2))
			for i := range rounds {
				var list []string
				for n := range numbers {
					if random.IntN(4) == 0 {
						list = append(list, fmt.Sprint("+", n))
					}
				}
				if c%2 == 0 {
					slices.Reverse(list)
				}
				e := located(int64(random.IntN(callers*rounds)), fmt.Sprint(c, " ", i), []string{"US", "CA"}[random.IntN(2)],
					list...)
				if _, err := stores[c%2].Append(t.Context(), e); err != nil {
					t.Errorf("cannot append: %v", err)
				}
			}
		})
	}
	for _, s := range stores {
		for _, d := range downstreams {
			for range 2 {
				others.Go(func() { deliver(t, s, d.Name, &storing, order.tell) })
			}
		}
	}
	others.Go(func() { replay(t, stores[0], downstreams, &storing) })
	writers.Wait()
	storing.Store(false)
	others.Wait()
	wantOutboxInOrder(t, stores[1], downstreams)
	for _, s := range stores {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := deadlocks(t, server, url); n != 0 {
		t.Errorf("%d deadlocks", n)
	}
}

// replay makes current values enqueued again, for as long as events are stored.
func replay(t *testing.T, s *postgres.Store, downstreams []event.Downstream, storing *atomic.Bool) {
	for storing.Load() {
		list, err := s.Numbers(t.Context(), "", 1000)
		if err != nil {
			t.Errorf("cannot list numbers: %v", err)
			return
		}
		var changes []event.Change
		for _, n := range list {
			changes = append(changes, n.Values...)
		}
		for _, d := range downstreams {
			if _, err := s.Enqueue(t.Context(), d.Name, changes, true, false); err != nil {
				t.Errorf("cannot owe: %v", err)
			}
		}
	}
}

// wantOutboxInOrder compares the outbox with what the events enqueue in the order of their seqs.
func wantOutboxInOrder(t *testing.T, s *postgres.Store, downstreams []event.Downstream) {
	t.Helper()
	want, newest := map[string]version{}, map[string]version{}
	events, err := s.Events(t.Context(), 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		v := version{e.TS, e.Seq}
		for _, number := range e.Numbers {
			superseded := newest[number].ts > e.TS
			if before, ok := newest[number]; !ok || v.compare(before) > 0 {
				newest[number] = v
			}
			for _, d := range downstreams {
				passes := d.Only.Passes(e.CarrierCode, event.Country(e.Attribute, e.Value), number)
				key := d.Name + " " + number
				_, has := want[key]
				switch {
				case d.Mode == event.Every:
					want[fmt.Sprint(key, " ", e.ID)] = v
				case !superseded && (passes || has):
					want[key] = v
				}
			}
		}
	}
	rows, err := s.OutboxRows(t.Context(), event.OutboxFilter{}, 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	seqs := map[event.ID]int64{}
	for _, e := range events {
		seqs[e.ID] = e.Seq
	}
	for _, o := range rows {
		key, v := o.Downstream+" "+o.Number, version{o.TS, seqs[o.EventID]}
		if o.State != event.Delivered {
			t.Errorf("%s: a row is %s", o.Downstream, o.State)
		}
		if o.Downstream == "all" {
			key = fmt.Sprint(key, " ", o.EventID)
		} else if v != newest[o.Number] {
			t.Errorf("%s: a row is not about the newest value", key)
		}
		if w, ok := want[key]; ok && w != v {
			t.Errorf("%s: a row is about %v, want %v", key, v, w)
		}
		got[key] = true
	}
	for key := range want {
		if !got[key] {
			t.Errorf("%s: nothing is owed", key)
		}
	}
	if len(rows) != len(got) || len(events) == 0 {
		t.Errorf("%d rows about %d subjects, of %d events", len(rows), len(got), len(events))
	}
}

// deadlocks is how many the server has found in the database.
func deadlocks(t *testing.T, server *postgrestest.Server, url string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.AdminURL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	eventually(t, "the sessions have ended", func() bool {
		var sessions int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = $1",
			postgrestest.Database(url)).Scan(&sessions)
		return err == nil && sessions == 0
	})
	if err := conn.QueryRow(t.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = $1",
		postgrestest.Database(url)).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOutboxThroughRestarts: the server is stopped hard, again and again, while events are stored, claimed and
// recorded. Whoever tries again loses nothing: what is left under a claim that nobody heard of is released at the end,
// as after a lease, and delivered.
func TestOutboxThroughRestarts(t *testing.T) {
	t.Parallel()
	server := postgrestest.Own(t)
	url, err := server.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stores := receivers(t, url, 2, postgres.Options{})
	downstreams := []event.Downstream{{Name: "newest", Mode: event.Latest, Start: event.FromNow},
		{Name: "all", Mode: event.Every, Start: event.FromNow}}
	for _, d := range downstreams {
		if _, err := stores[0].Register(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	const callers, rounds = 8, 40
	var storing atomic.Bool
	storing.Store(true)
	var progress atomic.Int64
	var writers, others sync.WaitGroup
	insist := func(what string, do func() error) {
		for err := do(); err != nil; err = do() {
			if event.KindOf(err) != event.Unavailable || t.Context().Err() != nil {
				t.Errorf("cannot %s: %v", what, err)
				return
			}
		}
	}
	for c := range callers {
		writers.Go(func() {
			for i := range rounds {
				e := located(int64(i), fmt.Sprint(c, " ", i), "US", fmt.Sprint("+", c), "+shared")
				insist("append", func() error {
					_, err := stores[c%2].Append(t.Context(), e)
					return err
				})
				progress.Add(1)
			}
		})
	}
	order := &told{t: t, last: map[string]version{}}
	for _, s := range stores {
		for _, d := range downstreams {
			others.Go(func() {
				for idle := 0; idle < 2; {
					still := storing.Load()
					var list []event.Attempt
					insist("claim", func() (err error) {
						list, _, err = s.Claim(t.Context(), d.Name, 10)
						return err
					})
					for _, a := range list {
						order.tell(a)
						insist("record", func() error {
							_, err := s.Record(t.Context(), event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq, Verdict: event.Confirmed})
							return err
						})
					}
					if idle++; len(list) > 0 || still {
						idle = 0
					}
				}
			})
		}
	}
	for stop := int64(1); stop <= 3; stop++ {
		eventually(t, "some were stored", func() bool { return progress.Load() >= stop*callers*rounds/4 })
		if err := server.Stop(postgrestest.Immediate); err != nil {
			t.Fatal(err)
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
	}
	writers.Wait()
	storing.Store(false)
	others.Wait()
	storing.Store(false)
	for _, d := range downstreams {
		held, err := stores[0].Held(t.Context(), d.Name)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d rows were left under a claim", d.Name, len(held))
		if n, err := stores[1].Release(t.Context(), d.Name, held); err != nil || n != len(held) {
			t.Errorf("%d of %d were released: %v", n, len(held), err)
		}
		deliver(t, stores[1], d.Name, &storing, order.tell)
	}
	wantOutboxInOrder(t, stores[0], downstreams)
}

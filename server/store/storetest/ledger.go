package storetest

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store"
)

// Clock is a clock that stands still until a case moves it. It is safe for concurrent use.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock returns a clock that shows some time.
func NewClock() *Clock { return &Clock{at: someTime.Add(1000 * time.Hour)} }

// Now is what the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Move sets the clock forward, or back.
func (c *Clock) Move(by time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
	return c.at
}

// Ledger is a store that keeps what downstreams are owed.
type Ledger interface {
	store.Store
	store.Owing
	store.OwedReader
}

// OwingCase is one promise about what is owed, on a place of its own whose stores take the time of what is owed from the clock.
type OwingCase struct {
	Name string
	Test func(t TB, place Place, clock *Clock)
}

// OwingCases are all that one open store must pass that implements store.Owing and store.OwedReader.
func OwingCases() []OwingCase {
	return slices.Concat(oweCases(), claimCases(), lineCases(), registryCases(), deskCases(), crowdCases())
}

// RunOwing holds an engine to the suite about what is owed. newPlace gives each case an empty place, whose stores take the time of what is owed from now.
func RunOwing(t *testing.T, newPlace func(t *testing.T, now func() time.Time) Place) {
	for _, c := range OwingCases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			c.Test(t, newPlace(t, clock.Now), clock)
		})
	}
}

// SharedOwingCase is one promise about what is owed of two stores on one place.
type SharedOwingCase struct {
	Name string
	Test func(t TB, one, other Ledger, clock *Clock)
}

// RunOwingShared holds an engine to what two stores must pass that are open on one place. newPair opens them, and closes them when the test ends.
func RunOwingShared(t *testing.T, newPair func(t *testing.T, now func() time.Time) (one, other store.Store)) {
	for _, c := range SharedOwingCases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			one, other := newPair(t, clock.Now)
			c.Test(t, ledger(t, one), ledger(t, other), clock)
		})
	}
}

func ledger(t TB, s store.Store) Ledger {
	t.Helper()
	l, ok := s.(Ledger)
	if !ok {
		t.Fatalf("the store keeps nothing of what is owed: it lacks store.Owing or store.OwedReader")
	}
	return l
}

func openLedger(t TB, place Place) Ledger {
	t.Helper()
	return ledger(t, open(t, place))
}

// The downstreams of most cases.
var (
	newestOnly = event.Downstream{Name: "newest", Mode: event.Latest, Start: event.FromNow}
	allOfIt    = event.Downstream{Name: "all", Mode: event.Every, Start: event.FromNow}
)

func register(t TB, s store.Owing, list ...event.Downstream) {
	t.Helper()
	for _, d := range list {
		if _, err := s.Register(t.Context(), d); err != nil {
			t.Fatalf("cannot register: %v", err)
		}
	}
}

// narrow is the downstream under another name, and with a filter.
func narrow(d event.Downstream, name string, only event.Only, events ...string) event.Downstream {
	d.Name, d.Only, d.Events = name, only, events
	return d
}

// claim wants so many attempts, by number and then by place.
func claim(t TB, s store.Owing, downstream string, limit, want int) []event.Attempt {
	t.Helper()
	list, _, err := s.Claim(t.Context(), downstream, limit)
	if err != nil {
		t.Fatalf("cannot claim: %v", err)
	}
	if len(list) != want {
		t.Fatalf("%d rows were claimed, want %d", len(list), want)
	}
	slices.SortStableFunc(list, func(a, b event.Attempt) int {
		return cmp.Or(strings.Compare(a.Number, b.Number), cmp.Compare(a.Seq, b.Seq))
	})
	return list
}

// claimOne wants one attempt with the value.
func claimOne(t TB, s store.Owing, downstream, value string) event.Attempt {
	t.Helper()
	a := claim(t, s, downstream, 10, 1)[0]
	same(t, "value claimed", string(a.Value), value)
	return a
}

// wantNext wants nothing to be due, and the next at the time.
func wantNext(t TB, s store.Owing, downstream string, next time.Time) {
	t.Helper()
	list, got, err := s.Claim(t.Context(), downstream, 10)
	same(t, "error", err, nil)
	same(t, "rows claimed", len(list), 0)
	if !got.Equal(next) {
		t.Errorf("next is due at %v, want %v", got, next)
	}
}

// result is the result of the attempt, with a reason where it needs one.
func result(a event.Attempt, v event.Verdict, after time.Duration) event.Result {
	r := event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq, Verdict: v, After: after}
	if v != event.Confirmed {
		r.Reason = string(v) + " by the test"
	}
	return r
}

// record wants the row to be under the claim of the attempt, or not.
func record(t TB, s store.Owing, a event.Attempt, v event.Verdict, after time.Duration, held bool) {
	t.Helper()
	got, err := s.Record(t.Context(), result(a, v, after))
	if err != nil {
		t.Fatalf("cannot record: %v", err)
	}
	same(t, "held at the time of "+string(v), got, held)
}

func confirm(t TB, s store.Owing, list ...event.Attempt) {
	t.Helper()
	for _, a := range list {
		record(t, s, a, event.Confirmed, 0, true)
	}
}

// row is what most cases look at of a row.
type row struct {
	number, value string
	state         event.OwedState
	tries         int
}

// allOwed lists every row that passes, page by page.
func allOwed(t TB, s store.OwedReader, f event.OwedFilter) (all []event.Owed) {
	t.Helper()
	for after := int64(0); ; after = all[len(all)-1].ID {
		list, err := s.Owed(t.Context(), f, after, 1000)
		if err != nil {
			t.Fatalf("cannot list what is owed: %v", err)
		}
		if len(list) == 0 {
			return all
		}
		for _, o := range list {
			if o.ID <= after {
				t.Fatalf("rows are not in ascending order: %d after %d", o.ID, after)
			}
		}
		all = append(all, list...)
	}
}

// byNumber orders rows by what they are about.
func byNumber(list []event.Owed) []event.Owed {
	slices.SortStableFunc(list, func(a, b event.Owed) int {
		return cmp.Or(strings.Compare(a.Number, b.Number), strings.Compare(string(a.Attribute), string(b.Attribute)), cmp.Compare(a.TS, b.TS))
	})
	return list
}

// wantOwed compares what the downstream is owed, by number, attribute and event_ts.
func wantOwed(t TB, s store.OwedReader, downstream string, want ...row) {
	t.Helper()
	var got []row
	for _, o := range byNumber(allOwed(t, s, event.OwedFilter{Downstream: downstream})) {
		got = append(got, row{o.Number, string(o.Value), o.State, o.Tries})
	}
	same(t, "owed to "+downstream, got, want)
}

// onlyRow is the one row of the downstream.
func onlyRow(t TB, s store.OwedReader, downstream string) event.Owed {
	t.Helper()
	list := allOwed(t, s, event.OwedFilter{Downstream: downstream})
	if len(list) != 1 {
		t.Fatalf("%d rows are owed to %s, want 1", len(list), downstream)
	}
	o, err := s.OwedRow(t.Context(), list[0].ID)
	same(t, "error", err, nil)
	alone := o
	alone.Output = "" // which a list leaves out
	same(t, "the row alone", alone, list[0])
	return o
}

// standing is how the downstream stands.
func standing(t TB, s store.OwedReader, name string) event.Standing {
	t.Helper()
	list, err := s.Downstreams(t.Context())
	if err != nil {
		t.Fatalf("cannot list downstreams: %v", err)
	}
	i := slices.IndexFunc(list, func(d event.Standing) bool { return d.Name == name })
	if i < 0 {
		t.Fatalf("downstream %s is not there", name)
	}
	return plain(list[i])
}

// plain leaves out what tells of a clock that was set.
func plain(s event.Standing) event.Standing {
	s.At, s.Newest, s.LastDue = time.Time{}, time.Time{}, time.Time{}
	return s
}

// wantCounts compares the numbers of rows of a downstream that are waiting, attempting and dead.
func wantCounts(t TB, s store.OwedReader, downstream string, waiting, attempting, dead int64) {
	t.Helper()
	got := standing(t, s, downstream)
	same(t, "waiting, attempting and dead", []int64{got.Waiting, got.Attempting, got.Dead}, []int64{waiting, attempting, dead})
}

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

// Outbox is a store that keeps the outbox.
type Outbox interface {
	store.Store
	store.Outbox
	store.OutboxReader
}

// OutboxCase is one promise about the outbox, on a location of its own whose stores take the outbox's time from the
// clock.
type OutboxCase struct {
	Name string
	Test func(t TB, location Location, clock *Clock)
}

// OutboxCases are all that one open store must pass that implements store.Outbox and store.OutboxReader.
func OutboxCases() []OutboxCase {
	return slices.Concat(enqueueCases(), claimCases(), lineCases(), registryCases(), operatorCases(), concurrencyCases())
}

// RunOutbox holds an engine to the suite of the outbox. newLocation gives each case an empty location, whose stores
// take the outbox's time from now.
func RunOutbox(t *testing.T, newLocation func(t *testing.T, now func() time.Time) Location) {
	for _, c := range OutboxCases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			c.Test(t, newLocation(t, clock.Now), clock)
		})
	}
}

// SharedOutboxCase is one promise about the outbox of two stores on one location.
type SharedOutboxCase struct {
	Name string
	Test func(t TB, one, other Outbox, clock *Clock)
}

// RunOutboxShared holds an engine to what two stores must pass that are open on one location. newPair opens them, and
// closes them when the test ends.
func RunOutboxShared(t *testing.T, newPair func(t *testing.T, now func() time.Time) (one, other store.Store)) {
	for _, c := range SharedOutboxCases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			one, other := newPair(t, clock.Now)
			c.Test(t, outbox(t, one), outbox(t, other), clock)
		})
	}
}

func outbox(t TB, s store.Store) Outbox {
	t.Helper()
	l, ok := s.(Outbox)
	if !ok {
		t.Fatalf("the store keeps nothing of what is owed: it lacks store.Owing or store.OwedReader")
	}
	return l
}

func openOutbox(t TB, location Location) Outbox {
	t.Helper()
	return outbox(t, open(t, location))
}

// The downstreams of most cases.
var (
	newestOnly = event.Downstream{Name: "newest", Mode: event.Latest, Start: event.FromNow}
	allOfIt    = event.Downstream{Name: "all", Mode: event.Every, Start: event.FromNow}
)

func register(t TB, s store.Outbox, list ...event.Downstream) {
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
func claim(t TB, s store.Outbox, downstream string, limit, want int) []event.Attempt {
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
func claimOne(t TB, s store.Outbox, downstream, value string) event.Attempt {
	t.Helper()
	a := claim(t, s, downstream, 10, 1)[0]
	same(t, "value claimed", string(a.Value), value)
	return a
}

// wantNext wants nothing to be due, and the next at the time.
func wantNext(t TB, s store.Outbox, downstream string, next time.Time) {
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
func record(t TB, s store.Outbox, a event.Attempt, v event.Verdict, after time.Duration, held bool) {
	t.Helper()
	got, err := s.Record(t.Context(), result(a, v, after))
	if err != nil {
		t.Fatalf("cannot record: %v", err)
	}
	same(t, "held at the time of "+string(v), got, held)
}

func confirm(t TB, s store.Outbox, list ...event.Attempt) {
	t.Helper()
	for _, a := range list {
		record(t, s, a, event.Confirmed, 0, true)
	}
}

// row is what most cases look at of a row.
type row struct {
	number, value string
	state         event.OutboxState
	tries         int
}

// allOutbox lists every row that passes, page by page.
func allOutbox(t TB, s store.OutboxReader, f event.OutboxFilter) (all []event.OutboxRow) {
	t.Helper()
	for after := int64(0); ; after = all[len(all)-1].ID {
		list, err := s.OutboxRows(t.Context(), f, after, 1000)
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
func byNumber(list []event.OutboxRow) []event.OutboxRow {
	slices.SortStableFunc(list, func(a, b event.OutboxRow) int {
		return cmp.Or(strings.Compare(a.Number, b.Number), strings.Compare(string(a.Attribute), string(b.Attribute)),
			cmp.Compare(a.TS, b.TS))
	})
	return list
}

// wantOutbox compares the outbox of the downstream, by number, attribute and event_ts.
func wantOutbox(t TB, s store.OutboxReader, downstream string, want ...row) {
	t.Helper()
	var got []row
	for _, o := range byNumber(allOutbox(t, s, event.OutboxFilter{Downstream: downstream})) {
		got = append(got, row{o.Number, string(o.Value), o.State, o.Tries})
	}
	same(t, "owed to "+downstream, got, want)
}

// onlyRow is the one row of the downstream.
func onlyRow(t TB, s store.OutboxReader, downstream string) event.OutboxRow {
	t.Helper()
	list := allOutbox(t, s, event.OutboxFilter{Downstream: downstream})
	if len(list) != 1 {
		t.Fatalf("%d rows are owed to %s, want 1", len(list), downstream)
	}
	o, err := s.OutboxRow(t.Context(), list[0].ID)
	same(t, "error", err, nil)
	alone := o
	alone.Output = "" // which a list leaves out
	same(t, "the row alone", alone, list[0])
	return o
}

// status is how the downstream stands.
func status(t TB, s store.OutboxReader, name string) event.DownstreamStatus {
	t.Helper()
	list, err := s.Downstreams(t.Context())
	if err != nil {
		t.Fatalf("cannot list downstreams: %v", err)
	}
	i := slices.IndexFunc(list, func(d event.DownstreamStatus) bool { return d.Name == name })
	if i < 0 {
		t.Fatalf("downstream %s is not there", name)
	}
	return plain(list[i])
}

// plain leaves out what tells of a clock that was set.
func plain(s event.DownstreamStatus) event.DownstreamStatus {
	s.At, s.Newest, s.LastDue = time.Time{}, time.Time{}, time.Time{}
	return s
}

// wantCounts compares the numbers of rows of a downstream that are waiting, attempting and dead.
func wantCounts(t TB, s store.OutboxReader, downstream string, waiting, attempting, dead int64) {
	t.Helper()
	got := status(t, s, downstream)
	same(t, "waiting, attempting and dead", []int64{got.Waiting, got.Attempting, got.Dead},
		[]int64{waiting, attempting, dead})
}

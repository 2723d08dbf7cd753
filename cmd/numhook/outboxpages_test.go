package main

import (
	"context"
	"slices"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store"
)

// someRows are rows as a store has them; between is called before each read.
type someRows struct {
	store.OutboxReader
	rows    []event.OutboxRow
	reads   int
	between func()
}

func (s *someRows) OutboxRows(
	_ context.Context, filter event.OutboxFilter, after int64, limit int,
) (page []event.OutboxRow, err error) {
	s.reads++
	if s.between != nil {
		s.between()
	}
	for _, o := range s.rows {
		if o.ID > after && len(page) < limit && (filter.State == "" || o.State == filter.State) {
			page = append(page, o)
		}
	}
	return page, nil
}

// readAll reads page after page, each of which must be full but the last.
func readAll(t *testing.T, from store.OutboxReader, after int64, limit int) (ids []int64) {
	t.Helper()
	number, name, state := "", "", &choice{value: stateOpen}
	rows := newOutboxPages(from, deliveryFlags{downstream: &name, number: &number, state: state}.filters(), after)
	for {
		rows, err := rows.next(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range rows {
			ids = append(ids, o.ID)
		}
		if len(rows) < limit {
			return ids
		}
	}
}

func TestOpenRowsComeInOrderOfTheirIDs(t *testing.T) {
	states := []event.OutboxState{event.Waiting, event.Delivered, event.Dead, event.Attempting, event.Skipped,
		event.Waiting, event.Waiting}
	from := &someRows{}
	var want []int64
	for id := int64(1); id <= 400; id++ {
		state := states[int(id*id)%len(states)]
		from.rows = append(from.rows, event.OutboxRow{ID: 3 * id, State: state})
		if slices.Contains(openStates, state) && id > 10 {
			want = append(want, 3*id)
		}
	}
	for _, limit := range []int{1, 2, 7, 100, 1000} {
		from.reads = 0
		if got := readAll(t, from, 30, limit); !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %v, want %v", limit, got, want)
		}
		if most := len(want)/limit + 2*len(openStates); from.reads > most {
			t.Errorf("in pages of %d: %d reads, want at most %d", limit, from.reads, most)
		}
	}
	if got := readAll(t, &someRows{}, 0, 5); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

// A row that changes its state between two reads is listed once at most.
func TestOpenRowsAreListedOnceWhileTheyChange(t *testing.T) {
	from := &someRows{}
	for id := int64(1); id <= 40; id++ {
		from.rows = append(from.rows, event.OutboxRow{ID: id, State: event.Waiting})
	}
	from.between = func() {
		for i := range from.rows {
			if i%3 == from.reads%3 {
				from.rows[i].State = openStates[(i+from.reads)%len(openStates)]
			}
		}
	}
	for _, limit := range []int{1, 3, 50} {
		got := readAll(t, from, 0, limit)
		if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) || len(got) == 0 {
			t.Errorf("in pages of %d: %v", limit, got)
		}
	}
}

func TestWaitsAndAgesAsPeopleReadThem(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0s"}, {1499 * time.Microsecond, "1ms"}, {999 * time.Millisecond, "999ms"},
		{42*time.Second + 900*time.Millisecond, "42s"}, {200 * time.Second, "3m20s"},
		{time.Hour, "1h0m"}, {5*time.Hour + 12*time.Minute + 59*time.Second, "5h12m"},
		{76*time.Hour + 59*time.Minute, "3d4h"},
	} {
		if got := rough(c.d); got != c.want {
			t.Errorf("%d is %s, want %s", c.d, got, c.want)
		}
	}
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	if got := age(now.Add(time.Minute), now); got != "0s" { // of a clock that is ahead
		t.Errorf("of the future: %s", got)
	}
	for _, c := range []struct {
		state event.OutboxState
		due   time.Duration
		want  string
	}{
		{event.Waiting, 0, "now"}, {event.Waiting, -time.Hour, "now"}, {event.Waiting, 90 * time.Second, "in 1m30s"},
		{event.Waiting, event.LongestWait, "in 1d0h"},
		{event.Waiting, event.LongestWait + time.Second, "now"}, // the clock was set back
		{event.Attempting, time.Hour, "-"}, {event.Dead, 0, "-"},
	} {
		if got := dueIn(event.OutboxRow{State: c.state, Due: now.Add(c.due)}, now); got != c.want {
			t.Errorf("%s, due in %v: %s, want %s", c.state, c.due, got, c.want)
		}
	}
}

package main

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store/storetest"
)

// The newest first are the same entries the other way round, whatever the size of a page and whatever became of some.
func TestNewestQuarantineFirst(t *testing.T) {
	s := storetest.NewFake(t)
	pages := func(state event.QuarantineState, newest bool, after int64, limit int) (ids []int64) {
		p := quarantinePages{from: s, state: state, newest: newest, after: after}
		for {
			entries, err := p.next(t.Context(), limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range entries {
				ids = append(ids, q.ID)
			}
			if len(entries) < limit {
				return ids
			}
		}
	}
	for n := range 2*page + 7 {
		for _, state := range []event.QuarantineState{"", event.Held} {
			if n%100 > 7 && n < 2*page {
				continue
			}
			want := pages(state, false, 0, page)
			slices.Reverse(want)
			for _, limit := range []int{1, 50, page} {
				if limit == 1 && n > 300 {
					continue
				}
				if got := pages(state, true, 0, limit); !slices.Equal(got, want) {
					t.Fatalf("%d entries, %q, pages of %d: %v, want %v", n, state, limit, got, want)
				}
			}
			if got := pages(state, true, 5, 3); len(want) > 5 && !slices.Equal(got, want[max(0, len(want)-len(got)):]) {
				t.Fatalf("before 5: %v", got)
			}
		}
		id, err := s.Quarantine(t.Context(), event.Quarantined{Reason: event.Malformed, Delivery: event.Delivery{
			Received: time.Unix(1_760_000_000, 0).UTC(), Path: "/", Body: []byte(strconv.Itoa(n))}})
		if err == nil && n%3 == 0 {
			err = s.Discard(t.Context(), id)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestNamesWholeNumbersOnly(t *testing.T) {
	for body, want := range map[string]bool{
		`{"n":["+12025550143"]}`: true, `{"n":["12025550143"`: true, "12025550143": true, "+120255501431": false,
		"912025550143": false, "912025550143 12025550143": true, "": false,
	} {
		if got := names([]byte(body), "+12025550143"); got != want {
			t.Errorf("%s: %t, want %t", body, got, want)
		}
	}
	if names([]byte("12"), "") || names([]byte("12"), "+") {
		t.Error("nothing is named")
	}
}

package storetest

import (
	"fmt"
	"time"
)

// lookedAt is how many of the events that were stored last the newest receipt may be taken from.
const lookedAt = 16

// newestReceipt is what Clock tells of the model's events.
func (m *Model) newestReceipt() (newest time.Time) {
	for _, e := range m.events[max(len(m.events)-lookedAt, 0):] {
		if at := kept(e.Delivery.Received); at.After(newest) {
			newest = at
		}
	}
	return newest
}

// newestReceipt: an event that was received under a clock that was ahead is noticed, also behind a few that came after
// it.
func newestReceipt(t TB, location Location) {
	s := open(t, location)
	wantNewest := func(what string, want time.Time) {
		t.Helper()
		before := time.Now()
		now, newest, err := s.Clock(t.Context())
		same(t, "error of "+what, err, nil)
		same(t, what, newest, want)
		if now.Before(before.Add(-time.Minute)) || now.After(time.Now().Add(time.Minute)) {
			t.Errorf("the store's clock shows %v at %v", now, before)
		}
	}
	wantNewest("of no event", time.Time{})
	ahead := cnam(1, "A", alice)
	ahead.Delivery.Received = someTime.Add(time.Hour)
	appendNew(t, s, ahead)
	wantNewest("of one event", someTime.Add(time.Hour))
	for i := range lookedAt / 2 {
		appendNew(t, s, cnam(int64(2+i), fmt.Sprint(i), alice))
	}
	wantNewest("behind a few", someTime.Add(time.Hour))
	s = reopen(t, s, location)
	defer closeStore(t, s)
	wantNewest("after reopening", someTime.Add(time.Hour))
}

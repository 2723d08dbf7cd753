package storetest

import (
	"testing"
	"time"

	"numhook/server/store"
)

// fakeLocation keeps the fake that was opened last.
func fakeLocation(t TB) Location {
	var last *Fake
	return func() (store.Store, error) {
		if last == nil {
			last = NewFake(t)
		} else {
			last = last.Reopen()
		}
		return last, nil
	}
}

func TestFake(t *testing.T) {
	Run(t, func(t *testing.T) Location { return fakeLocation(t) })
}

func TestFakeShared(t *testing.T) {
	RunShared(t, func(t *testing.T) (one, other store.Store) {
		f := NewFake(t)
		return f, f
	})
}

func TestFakeOutbox(t *testing.T) {
	RunOutbox(t, func(t *testing.T, now func() time.Time) Location { return outboxLocation(t, now) })
}

// outboxLocation keeps the fake that was opened last, on another clock.
func outboxLocation(t TB, now func() time.Time) Location {
	plain := fakeLocation(t)
	return func() (store.Store, error) {
		s, err := plain()
		s.(*Fake).SetClock(now)
		return s, err
	}
}

func TestFakeOutboxShared(t *testing.T) {
	RunOutboxShared(t, func(t *testing.T, now func() time.Time) (one, other store.Store) {
		f := NewFake(t)
		f.SetClock(now)
		return f, f
	})
}

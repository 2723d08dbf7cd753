package storetest

import (
	"testing"
	"time"

	"numhook/server/store"
)

// fakePlace keeps the fake that was opened last.
func fakePlace(t TB) Place {
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
	Run(t, func(t *testing.T) Place { return fakePlace(t) })
}

func TestFakeShared(t *testing.T) {
	RunShared(t, func(t *testing.T) (one, other store.Store) {
		f := NewFake(t)
		return f, f
	})
}

func TestFakeOwing(t *testing.T) {
	RunOwing(t, func(t *testing.T, now func() time.Time) Place { return owingPlace(t, now) })
}

// owingPlace keeps the fake that was opened last, on another clock.
func owingPlace(t TB, now func() time.Time) Place {
	plain := fakePlace(t)
	return func() (store.Store, error) {
		s, err := plain()
		s.(*Fake).SetClock(now)
		return s, err
	}
}

func TestFakeOwingShared(t *testing.T) {
	RunOwingShared(t, func(t *testing.T, now func() time.Time) (one, other store.Store) {
		f := NewFake(t)
		f.SetClock(now)
		return f, f
	})
}

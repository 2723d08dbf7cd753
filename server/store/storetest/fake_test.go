package storetest

import (
	"testing"

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

// Package storetest holds every engine to the rules of package store: one suite of cases that assert exact rows and
// bytes, a small sequential model of the right answer, histories from a seed that are compared with it, and a strict
// fake for the tests of whoever uses a store.
package storetest

import (
	"context"
	"testing"

	"numhook/server/store"
)

// TB is the part of a test that the suite needs. A recorder can stand in for it, so that a test can show that the suite
// fails where it should.
type TB interface {
	Helper()
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Location is where a store is kept. It opens the store; when that has been closed, it can be called again, and finds
// what was kept.
type Location func() (store.Store, error)

// Case is one promise of a store, on a location of its own.
type Case struct {
	Name string
	Test func(t TB, location Location)
}

// Cases are all that one open store must pass.
func Cases() []Case {
	return []Case{
		{"an empty store", emptyStore},
		{"an event comes back as it was", eventComesBack},
		{"an event without anything", bareEvent},
		{"identity", identity},
		{"identity is not the bytes", identityIsNotBytes},
		{"identity for ever", identityForEver},
		{"the newest wins", newestWins},
		{"a tie goes to the later", tieGoesToLater},
		{"an absurd event_ts", absurdTime},
		{"an absurd event_ts is redriven", absurdRedriven},
		{"attributes are independent", attributesAreIndependent},
		{"as of", asOf},
		{"absence is not a deletion", absence},
		{"many numbers", manyNumbers},
		{"ten thousand numbers", tenThousandNumbers},
		{"extreme times", extremeTimes},
		{"a large body", largeBody},
		{"all of unicode", allOfUnicode},
		{"times of receipt", timesOfReceipt},
		{"pages of numbers", pagesOfNumbers},
		{"numbers that pass", numbersThatPass},
		{"pages of events", pagesOfEvents},
		{"pages of quarantine", pagesOfQuarantine},
		{"events that pass", eventsThatPass},
		{"identities by prefix", identitiesByPrefix},
		{"quarantine keeps everything", quarantineKeeps},
		{"quarantine counts repetitions", quarantineCounts},
		{"quarantine of replays", quarantineReplays},
		{"quarantine discards", quarantineDiscard},
		{"redrive", redrive},
		{"redrive of what is already there", redriveDuplicate},
		{"redrive again", redriveAgain},
		{"challenge", challenge},
		{"the newest receipt", newestReceipt},
		{"activity", activity},
		{"activity at once", activityAtOnce},
		{"accesses", accesses},
		{"pages of accesses", pagesOfAccesses},
		{"accesses at once", accessesAtOnce},
		{"reopening changes nothing", reopening},
		{"nothing after close", nothingAfterClose},
		{"close finishes what was begun", closeFinishes},
		{"a caller who is gone", callerGone},
		{"callers who leave", callersLeave},
		{"a store of its own", noAliases},
		{"duplicates at once", duplicatesAtOnce},
		{"writers at once", writersAtOnce},
		{"an event is seen whole", seenWhole},
		{"quarantine at once", quarantineAtOnce},
		{"histories", histories},
		{"shuffled histories", shuffledHistories},
	}
}

// Run holds an engine to the suite. newLocation gives each case an empty location.
func Run(t *testing.T, newLocation func(t *testing.T) Location) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel() // it mostly waits for a disk or a server
			c.Test(t, newLocation(t))
		})
	}
}

// SharedCases are what two stores must pass that are open on one location at once, as two receivers are, or a receiver
// and an operator.
func SharedCases() []SharedCase {
	return []SharedCase{
		{"two stores see each other", twoSeeEachOther},
		{"two stores, the same events", twoSameEvents},
		{"two stores, the same numbers", twoSameNumbers},
		{"two stores redrive", twoRedrive},
	}
}

// SharedCase is one promise of two stores on one location.
type SharedCase struct {
	Name string
	Test func(t TB, one, other store.Store)
}

// RunShared holds an engine to the shared cases. newPair opens two stores on one empty place, and closes them when the
// test ends.
func RunShared(t *testing.T, newPair func(t *testing.T) (one, other store.Store)) {
	for _, c := range SharedCases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			one, other := newPair(t)
			c.Test(t, one, other)
		})
	}
}

// open opens the location, or ends the case.
func open(t TB, location Location) store.Store {
	t.Helper()
	s, err := location()
	if err != nil {
		t.Fatalf("cannot open the place: %v", err)
	}
	return s
}

// reopen closes the store and opens its place again.
func reopen(t TB, s store.Store, location Location) store.Store {
	t.Helper()
	closeStore(t, s)
	return open(t, location)
}

func closeStore(t TB, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("cannot close the store: %v", err)
	}
}

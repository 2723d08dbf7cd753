package main

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// fleet are the receivers behind one address. A test takes some away and puts others in their places while deliveries
// go on.
type fleet struct {
	mu        sync.Mutex
	receivers []*receiver
}

func (f *fleet) any(random *rand.Rand) *receiver {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.receivers[random.IntN(len(f.receivers))]
}

func (f *fleet) replace(index int, by *receiver) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.receivers[index] = by
}

// How the sender of a storm behaves.
const (
	stormBodies  = 3 // that a sender has under way at a time
	stormCopies  = 3 // of one body at most, at once
	stormRetries = 3 // the sender's own number of retries, though it takes 85 minutes for them
)

// storm lets so many senders deliver to the fleet until the context ends, and returns when all have stopped. Each has
// some events under way at once, in no order, some of them several times, and retries what was refused or not answered,
// each time at any of the receivers.
func (tr *traffic) storm(ctx context.Context, f *fleet, round, senders int) {
	var wg sync.WaitGroup
	for i := range senders {
		random := tr.random(uint64(round)<<16 | uint64(i) | 1<<60)
		wg.Go(func() {
			before := ""
			for ctx.Err() == nil {
				before = tr.gust(ctx, f, random, before)
			}
		})
	}
	wg.Wait()
}

// gust delivers some bodies at once and waits until all are answered, or given up. It returns one of them.
func (tr *traffic) gust(ctx context.Context, f *fleet, random *rand.Rand, before string) (one string) {
	var wg sync.WaitGroup
	for range 1 + random.IntN(stormBodies) {
		body, good := tr.next(random, before)
		one = body
		for range 1 + random.IntN(stormCopies) {
			own := rand.New(rand.NewPCG(random.Uint64(), 0))
			wg.Go(func() { tr.insist(ctx, f, own, body, good) })
		}
	}
	wg.Wait()
	return one
}

// insist delivers a body until it is answered for good.
func (tr *traffic) insist(ctx context.Context, f *fleet, random *rand.Rand, body string, good bool) {
	for range 1 + stormRetries {
		got, err := tr.attempt(f.any(random), random, body, good)
		if err == nil && got.status != http.StatusServiceUnavailable {
			return
		}
		select {
		case <-time.After(time.Duration(1+random.IntN(60)) * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}

// closedConnection reports whether a delivery failed because the receiver was no longer there, which the sender takes
// for a reason to try again.
func closedConnection(err error) bool {
	for _, cause := range []error{syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return strings.Contains(err.Error(), "server closed idle connection") // net/http keeps this one to itself
}

// onlyClosed fails for each delivery that got no answer for another reason.
func (tr *traffic) onlyClosed() {
	tr.Helper()
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for _, err := range tr.failures {
		if !closedConnection(err) {
			tr.Errorf("a delivery got no answer: %v", err)
		}
	}
}

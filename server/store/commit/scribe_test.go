package commit

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// scribe is a writer whose transactions take a time, and fail as told.
type scribe struct {
	takes   time.Duration
	tidies  time.Duration
	fail    func(batch []int) error
	tidy    error
	revive  func() error
	mu      sync.Mutex
	batches [][]int
	revived int
	closed  bool
}

func (s *scribe) Write(batch []int) error {
	advance(s.takes)
	if s.fail != nil {
		if err := s.fail(batch); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, slices.Clone(batch))
	return nil
}

func (s *scribe) Tidy() error {
	if s.tidies > 0 {
		advance(s.tidies)
	}
	defer func() { s.tidy = nil }()
	return s.tidy
}

func (s *scribe) Revive() error {
	s.revived++
	if s.revive == nil {
		return nil
	}
	return s.revive()
}

func (s *scribe) Close() error {
	s.closed = true
	return nil
}

func (s *scribe) written() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(slices.Concat(s.batches...)))
}

// advance lets the fake clock run.
func advance(d time.Duration) { <-time.After(d) }

func options() Options {
	return Options{Batch: 4, BatchBytes: 100, Queue: 8, QueueBytes: 50, Patience: 2 * time.Second,
		RetryAfter: 250 * time.Millisecond}
}

func open(opts Options, scribes ...*scribe) *Committer[int] {
	writers := make([]Writer[int], len(scribes))
	for i, s := range scribes {
		writers[i] = s
	}
	return New(opts, writers...)
}

// submitted are the answers to submissions made at once, each by its number.
type submitted struct {
	mu      sync.Mutex
	answers map[int]error
	all     sync.WaitGroup
}

func submit(c *Committer[int], bytes int64, works ...int) *submitted {
	s := &submitted{answers: map[int]error{}}
	for _, n := range works {
		s.all.Go(func() {
			err := c.Submit(context.Background(), n, bytes)
			s.mu.Lock()
			defer s.mu.Unlock()
			s.answers[n] = err
		})
		synctest.Wait() // one after the other into the queue
	}
	return s
}

func (s *submitted) wait() map[int]error {
	s.all.Wait()
	return s.answers
}

func mustClose(t *testing.T, c *Committer[int]) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// counts is an observer.
type counts struct {
	mu             sync.Mutex
	batches, works int
	took           time.Duration
	deepest        int
}

func (c *counts) Batch(works int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batches, c.works, c.took = c.batches+1, c.works+works, c.took+took
}

func (c *counts) Queue(depth int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deepest = max(c.deepest, depth)
}

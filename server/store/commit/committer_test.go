package commit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatWaitsIsWrittenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scribe{takes: time.Millisecond}
		c := open(options(), s)
		for n, err := range submit(c, 1, 0, 1, 2, 3, 4, 5).wait() {
			if err != nil {
				t.Errorf("work %d: %v", n, err)
			}
		}
		mustClose(t, c)
		want := [][]int{{0}, {1, 2, 3, 4}, {5}}
		if !slices.EqualFunc(s.batches, want, slices.Equal) {
			t.Errorf("batches %v, want %v", s.batches, want)
		}
	})
}

func TestBatchIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scribe{takes: time.Millisecond}
		opts := options()
		opts.QueueBytes = 1000
		c := open(opts, s)
		submit(c, 60, 0, 1, 2, 3, 4).wait()
		mustClose(t, c)
		want := [][]int{{0}, {1, 2}, {3, 4}}
		if !slices.EqualFunc(s.batches, want, slices.Equal) {
			t.Errorf("batches %v, want %v", s.batches, want)
		}
	})
}

// resubmit has callers submit one work after the other, each of whom needs a moment between two, until each had its
// turn so many times.
func resubmit(t *testing.T, c *Committer[int], callers, rounds int, pause time.Duration) {
	t.Helper()
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			for range rounds {
				if err := c.Submit(t.Context(), n, 1); err != nil {
					t.Errorf("work of caller %d: %v", n, err)
				}
				advance(pause)
			}
		})
	}
	wg.Wait()
}

func TestCallersStayTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scribe{takes: 4 * time.Millisecond}
		opts := options()
		opts.Batch, opts.Queue = 100, 100
		c := open(opts, s)
		start := time.Now()
		resubmit(t, c, 20, 50, 500*time.Microsecond)
		took := time.Since(start)
		mustClose(t, c)
		if most := 54; len(s.batches) > most || took > 54*5*time.Millisecond {
			t.Errorf("50 rounds of 20 callers: %d batches in %v, want at most %d", len(s.batches), took, most)
		}
	})
}

func TestTheLastOneWaitsOnlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scribe{takes: 4 * time.Millisecond}
		c := open(options(), s)
		start := time.Now()
		submit(c, 1, 0).wait() // alone: one transaction
		if took := time.Since(start); took != 4*time.Millisecond {
			t.Errorf("alone: %v, want 4ms", took)
		}
		submit(c, 1, 1, 2, 3, 4).wait() // one of them, then the other three
		for i, want := range []time.Duration{5 * time.Millisecond, 4 * time.Millisecond} {
			start = time.Now()
			submit(c, 1, 10+i).wait()
			if took := time.Since(start); took != want {
				t.Errorf("after many, number %d: %v, want %v", i+1, took, want)
			}
		}
		mustClose(t, c)
	})
}

func TestQueueIsBounded(t *testing.T) {
	for _, bound := range []struct {
		name  string
		bytes int64
		fits  int // beside the one that is being written
	}{{"in number", 1, 8}, {"in bytes", 20, 2}, {"a lone large one fits", 70, 1}} {
		t.Run(bound.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &scribe{takes: 500 * time.Millisecond}
				c := open(options(), s)
				first := submit(c, bound.bytes, 0)
				works := make([]int, bound.fits)
				for i := range works {
					works[i] = i + 1
				}
				waiting := submit(c, bound.bytes, works...)
				if err := c.Submit(t.Context(), 99, bound.bytes); !errors.Is(err, ErrFull) {
					t.Errorf("one too many: %v, want %v", err, ErrFull)
				}
				first.wait()
				waiting.wait()
				if err := c.Submit(t.Context(), 100, bound.bytes); err != nil {
					t.Errorf("after the queue was emptied: %v", err)
				}
				mustClose(t, c)
			})
		})
	}
}

func TestPatienceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scribe{takes: 3 * time.Second}
		c := open(options(), s)
		start := time.Now()
		answers := submit(c, 1, 0, 1).wait()
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("refused after %v, want the patience of 2s", took)
		}
		for _, n := range []int{0, 1} {
			if !errors.Is(answers[n], ErrSlow) {
				t.Errorf("work %d: %v, want %v", n, answers[n], ErrSlow)
			}
		}
		mustClose(t, c)
		if got := s.written(); !slices.Equal(got, []int{0}) {
			t.Errorf("written %v: what was begun is finished, what waited is left out", got)
		}
	})
}

func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scribe{takes: 500 * time.Millisecond}
		c := open(options(), s)
		begun := submit(c, 1, 0)
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		answer := make(chan error, 1)
		go func() { answer <- c.Submit(ctx, 1, 1) }()
		synctest.Wait()
		cancel(gone)
		if err := <-answer; !errors.Is(err, gone) {
			t.Errorf("%v, want %v", err, gone)
		}
		if err := c.Submit(ctx, 2, 1); !errors.Is(err, gone) {
			t.Errorf("submitted after the end of its context: %v, want %v", err, gone)
		}
		begun.wait()
		mustClose(t, c)
		if got := s.written(); !slices.Equal(got, []int{0}) {
			t.Errorf("written %v, want [0]", got)
		}
	})
}

func TestCloseDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scribe{takes: 500 * time.Millisecond}
		c := open(options(), s)
		works := submit(c, 1, 0, 1, 2)
		go func() {
			synctest.Wait()
			if err := c.Submit(context.Background(), 3, 1); !errors.Is(err, ErrClosed) {
				t.Errorf("submitted while closing: %v, want %v", err, ErrClosed)
			}
		}()
		mustClose(t, c)
		mustClose(t, c)
		for n, err := range works.wait() {
			if err != nil {
				t.Errorf("work %d: %v", n, err)
			}
		}
		if got := s.written(); !slices.Equal(got, []int{0, 1, 2}) || !s.closed {
			t.Errorf("written %v, closed %v", got, s.closed)
		}
	})
}

func TestSpoiledWorkFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scribe{takes: time.Millisecond, fail: func(batch []int) error {
			if slices.Contains(batch, 2) {
				return &Spoiled{errors.New("2 cannot be written")}
			}
			return nil
		}}
		c := open(options(), s)
		answers := submit(c, 1, 0, 1, 2, 3).wait()
		mustClose(t, c)
		for n, err := range answers {
			if _, spoiled := errors.AsType[*Spoiled](err); spoiled != (n == 2) || (err == nil) == spoiled {
				t.Errorf("work %d: %v", n, err)
			}
		}
		if got := s.written(); !slices.Equal(got, []int{0, 1, 3}) {
			t.Errorf("written %v, want [0 1 3]", got)
		}
	})
}

func TestBusyLeavesTheWriterWell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var busy atomic.Bool
		busy.Store(true)
		s := &scribe{fail: func([]int) error {
			if busy.Load() {
				return &Busy{errors.New("locked")}
			}
			return nil
		}}
		c := open(options(), s)
		if _, ok := errors.AsType[*Busy](c.Submit(t.Context(), 0, 1)); !ok {
			t.Error("the answer is not Busy")
		}
		busy.Store(false)
		if err := c.Submit(t.Context(), 1, 1); err != nil || s.revived != 0 {
			t.Errorf("%v, revived %d times, want nil at once", err, s.revived)
		}
		mustClose(t, c)
	})
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &counts{}
		opts := options()
		opts.Observer = seen
		c := open(opts, &scribe{takes: time.Millisecond})
		submit(c, 1, 0, 1, 2, 3, 4, 5, 6).wait()
		mustClose(t, c)
		if seen.batches != 3 || seen.works != 7 || seen.took != 3*time.Millisecond || seen.deepest != 2 {
			t.Errorf("saw %d batches, %d works, %v, depth %d; want 3, 7, 3ms, 2", seen.batches, seen.works, seen.took,
				seen.deepest)
		}
	})
}

// What a writer still does after a batch counts for those who wait for it, and for nobody else.
func TestObserverSeesWhatABatchWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := &counts{}
		opts := options()
		opts.Observer = seen
		c := open(opts, &scribe{takes: time.Millisecond, tidies: 40 * time.Millisecond})
		submit(c, 1, 0).wait()
		synctest.Wait() // the observer hears of it after the caller
		first := seen.took
		submit(c, 1, 1).wait()
		synctest.Wait()
		second := seen.took - first
		advance(time.Second)
		submit(c, 1, 2).wait()
		mustClose(t, c)
		if first != time.Millisecond || second != 41*time.Millisecond || seen.took != 43*time.Millisecond {
			t.Errorf("the batches took %v, %v and all %v; want 1ms, 41ms and 43ms", first, second, seen.took)
		}
	})
}

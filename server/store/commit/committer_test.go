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

func TestDownUntilRevived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, missing := errors.New("broken"), errors.New("still missing")
		var down atomic.Bool
		down.Store(true)
		s := &scribe{
			fail: func([]int) error {
				if down.Load() {
					return broken
				}
				return nil
			},
			revive: func() error {
				if down.Load() {
					return missing
				}
				return nil
			},
		}
		c := open(options(), s)
		if err := c.Submit(t.Context(), 0, 1); !errors.Is(err, broken) {
			t.Errorf("%v, want %v", err, broken)
		}
		advance(time.Second)
		start := time.Now()
		if err := c.Submit(t.Context(), 1, 1); !errors.Is(err, missing) || time.Since(start) != 0 {
			t.Errorf("%v after %v, want %v at once", err, time.Since(start), missing)
		}
		down.Store(false)
		advance(250 * time.Millisecond)
		if err := c.Submit(t.Context(), 2, 1); err != nil {
			t.Errorf("after the trouble: %v", err)
		}
		mustClose(t, c)
		if got := s.written(); !slices.Equal(got, []int{2}) {
			t.Errorf("written %v, want [2]", got)
		}
	})
}

func TestPanicAndTidyTakeTheWriterDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := &scribe{tidy: errors.New("no room"), fail: func([]int) error {
			if calls++; calls == 2 {
				panic("impossible")
			}
			return nil
		}}
		c := open(options(), s)
		if err := c.Submit(t.Context(), 0, 1); err != nil {
			t.Errorf("a durable work: %v", err)
		}
		if err := c.Submit(t.Context(), 1, 1); err == nil || err.Error() != "no room" {
			t.Errorf("%v, want no room", err)
		}
		advance(time.Second)
		if err := c.Submit(t.Context(), 2, 1); err == nil || err.Error() != "panic while writing: impossible" {
			t.Errorf("%v, want the panic", err)
		}
		advance(time.Second)
		if err := c.Submit(t.Context(), 3, 1); err != nil || s.revived != 2 {
			t.Errorf("%v, revived %d times, want 2", err, s.revived)
		}
		mustClose(t, c)
	})
}

func TestOneWriterOfTwoIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		sick := &scribe{takes: time.Millisecond, fail: func([]int) error { return broken },
			revive: func() error { return broken }}
		well := &scribe{takes: time.Millisecond}
		c := open(options(), sick, well)
		failed := 0
		for n := range 20 {
			for _, err := range submit(c, 1, n, n+100).wait() {
				if err != nil {
					failed++
				}
			}
		}
		if failed != 1 || len(well.written()) != 39 {
			t.Errorf("%d of 40 failed and the writer that is well wrote %d: want 1, the one that broke it, and 39", failed,
				len(well.written()))
		}
		late := submit(c, 1, 200)
		mustClose(t, c)
		if err := late.wait()[200]; err != nil {
			t.Errorf("while closing: %v", err)
		}
	})
}

func TestAllWritersDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		var down atomic.Bool
		down.Store(true)
		fail := func([]int) error {
			if down.Load() {
				return broken
			}
			return nil
		}
		revive := func() error { return fail(nil) }
		a, b := &scribe{takes: time.Millisecond, fail: fail, revive: revive}, &scribe{takes: time.Millisecond, fail: fail,
			revive: revive}
		c := open(options(), a, b)
		for range 3 {
			start := time.Now()
			for n, err := range submit(c, 1, 0, 1, 2).wait() {
				if !errors.Is(err, broken) {
					t.Errorf("work %d: %v, want %v", n, err, broken)
				}
			}
			if took := time.Since(start); took > 2*time.Millisecond {
				t.Errorf("refused after %v", took)
			}
		}
		down.Store(false)
		advance(time.Second)
		if err := c.Submit(t.Context(), 3, 1); err != nil {
			t.Errorf("after the trouble: %v", err)
		}
		mustClose(t, c)
	})
}

func TestReviveThatHangsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		s := &scribe{fail: func([]int) error { return broken }, revive: func() error {
			advance(5 * time.Second)
			return broken
		}}
		c := open(options(), s)
		_ = c.Submit(t.Context(), 0, 1)
		advance(300 * time.Millisecond) // now it hangs
		if err := c.Submit(t.Context(), 1, 1); !errors.Is(err, broken) {
			t.Errorf("%v, want the trouble rather than slowness", err)
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
		first := seen.took
		submit(c, 1, 1).wait()
		second := seen.took - first
		advance(time.Second)
		submit(c, 1, 2).wait()
		mustClose(t, c)
		if first != time.Millisecond || second != 41*time.Millisecond || seen.took != 43*time.Millisecond {
			t.Errorf("the batches took %v, %v and all %v; want 1ms, 41ms and 43ms", first, second, seen.took)
		}
	})
}

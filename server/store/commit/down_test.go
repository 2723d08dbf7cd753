package commit

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

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

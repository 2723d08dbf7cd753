package operator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"numhook/server/event"
)

// Counts that take long are counted beside those who ask, and no answer is older than half a minute.
func TestSlowCountsHoldUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s statuses
		counted, took, fails := int64(0), time.Millisecond, error(nil)
		count := func(context.Context) ([]event.DownstreamStatus, error) {
			time.Sleep(took)
			counted++
			return []event.DownstreamStatus{{Waiting: counted}}, fails
		}
		ask := func(want int64, longest time.Duration) {
			t.Helper()
			began := time.Now()
			list, err := s.get(t.Context(), count)
			if err != nil || list[0].Waiting != want || time.Since(began) > longest {
				t.Fatalf("%v, %v after %v, want %d", list, err, time.Since(began), want)
			}
			synctest.Wait()
		}
		ask(1, took)
		ask(2, took) // quick ones are counted anew
		took = time.Second
		ask(3, took)
		ask(3, 0)
		time.Sleep(21 * time.Second)
		ask(3, 0) // somebody counts beside it
		ask(3, 0)
		time.Sleep(took)
		synctest.Wait()
		ask(4, 0)
		time.Sleep(31 * time.Second)
		ask(5, took)
		time.Sleep(31 * time.Second)
		fails = errors.New("no store")
		if _, err := s.get(t.Context(), count); !errors.Is(err, fails) {
			t.Errorf("%v", err)
		}
	})
}

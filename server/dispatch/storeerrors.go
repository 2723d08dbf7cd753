package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"numhook/server/event"
)

// The pauses while the store does not do what it is asked to: they double.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 5 * time.Second
)

// storeErrors is what a worker has with the store, in one of the things that it asks of it. It is logged once when it
// begins and once when it is over. It is safe for concurrent use.
type storeErrors struct {
	log        *slog.Logger
	what       string // the log line's text for it
	downstream string

	mu    sync.Mutex
	times int // in a row
}

// met notes a failure, and returns how long to pause.
func (e *storeErrors) met(ctx context.Context, err error) time.Duration {
	e.mu.Lock()
	e.times++
	times := e.times
	e.mu.Unlock()
	if times == 1 && ctx.Err() == nil {
		e.log.LogAttrs(ctx, slog.LevelError, e.what, slog.String("downstream", e.downstream),
			slog.String("outcome", "failed"), slog.String("error", shown(err)))
	}
	return pause(times)
}

// over notes a success.
func (e *storeErrors) over(ctx context.Context) {
	e.mu.Lock()
	times := e.times
	e.times = 0
	e.mu.Unlock()
	if times > 0 {
		e.log.LogAttrs(ctx, slog.LevelInfo, e.what, slog.String("downstream", e.downstream),
			slog.String("outcome", "recovered"), slog.Int("failures", times))
	}
}

// pause is how long to wait after so many failures in a row, from 1.
func pause(failures int) time.Duration {
	return min(firstPause<<min(failures-1, 10), longestPause)
}

// shown is what may be logged of an error: the store's own text speak of files and settings, those of an unknown kind
// could quote a value.
func shown(err error) string {
	if event.KindOf(err) == event.Unavailable {
		return err.Error()
	}
	return fmt.Sprintf("%T", err)
}

// rest waits, and reports false when ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

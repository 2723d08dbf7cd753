package operator

import (
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// How many tokens that are not known are looked at from one address, and how many addresses are remembered. A token is
// 256 bits by chance: the limit is there for the log and the processor.
const (
	failedEvery   = 6 * time.Second
	failedAtOnce  = 10
	mostAddresses = 4096
)

// failures bounds failed logins by address. It is safe for concurrent use.
type failures struct {
	every  rate.Limit
	atOnce int

	mu sync.Mutex
	of map[string]*rate.Limiter // guarded by mu
}

func newFailures(every rate.Limit, atOnce int) *failures {
	return &failures{every: every, atOnce: atOnce, of: map[string]*rate.Limiter{}}
}

// more counts a failure, and reports whether it is one too many.
func (f *failures) more(remote string, now time.Time) bool {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		remote = host
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	limit, ok := f.of[remote]
	if !ok {
		if len(f.of) >= mostAddresses { // those who try from so many are slowed down by nothing here
			clear(f.of)
		}
		limit = rate.NewLimiter(f.every, f.atOnce)
		f.of[remote] = limit
	}
	return !limit.AllowN(now, 1)
}

package dispatch

import "time"

// How long a claim counts. Each span is measured by one process alone, on its monotonic clock.
const (
	// FenceMargin is how long after it asked for a claim a line may still begin the attempt. It covers the claim's own transaction (StoreTime) and a goroutine
	// that had to wait for a processor.
	FenceMargin = 5 * time.Second

	// StoreTime bounds one call to the keeper. It is shorter than FenceMargin: what a claim brings can still be begun.
	StoreTime = 4 * time.Second

	// WatchEvery is how often a line looks for claims that their holders have left.
	WatchEvery = time.Second
)

// FenceAfter is how long after a claim was asked for its attempt has ended for certain: it begins within FenceMargin and has timeout to end.
func FenceAfter(timeout time.Duration) time.Duration { return timeout + FenceMargin }

// Lease is how long a claim must have stood unchanged before a watcher takes the row from it. The watcher sees the claim after it was made and the holder
// counts from before it asked, so anything above FenceAfter would do if no clock ran slow and every result were recorded at once; the second half is for
// recording, and for a holder that was stopped between its last look at the clock and the wire.
func Lease(timeout time.Duration) time.Duration { return 2 * FenceAfter(timeout) }

// instant is one moment on two clocks. The monotonic one decides; it can stand still while a machine sleeps, and then the wall clock tells. Where the two
// disagree, more time has passed, never less.
type instant struct{ monotonic, wall time.Time }

func (i instant) since(earlier instant) time.Duration {
	return max(i.monotonic.Sub(earlier.monotonic), i.wall.Sub(earlier.wall))
}

// fence bounds what may be done under one claim.
type fence struct {
	asked   instant // before the claim was asked for
	timeout time.Duration
}

// mayBegin reports whether an attempt may begin: all of its timeout lies before the fence.
func (f fence) mayBegin(now instant) bool { return now.since(f.asked) <= FenceMargin }

// falls is when an attempt that begins now has to end, on the monotonic clock: before now + timeout, and before the fence.
func (f fence) falls(now instant) time.Time {
	ends, last := now.monotonic.Add(f.timeout), f.asked.monotonic.Add(FenceAfter(f.timeout))
	if last.Before(ends) {
		return last
	}
	return ends
}

// recordBy is when a result is worth nothing any more: from then on a watcher may have taken the row.
func (f fence) recordBy() time.Time { return f.asked.monotonic.Add(Lease(f.timeout)) }

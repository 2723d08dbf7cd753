package dispatch

import "time"

// How long a claim counts. Each span is measured by one process alone, on its monotonic clock.
const (
	// LeaseMargin is how long after it asked for a claim a worker may still begin the attempt. It covers the claim's own
	// transaction (StoreTime) and a goroutine that had to wait for a processor.
	LeaseMargin = 5 * time.Second

	// StoreTime bounds one call to the queue. It is shorter than LeaseMargin: what a claim brings can still be begun.
	StoreTime = 4 * time.Second

	// ReapEvery is how often a worker looks for claims that their holders have left.
	ReapEvery = time.Second
)

// DeadlineAfter is how long after a claim was asked for its attempt has ended for certain: it begins within LeaseMargin
// and has timeout to end.
func DeadlineAfter(timeout time.Duration) time.Duration { return timeout + LeaseMargin }

// Lease is how long a claim must have stood unchanged before a reaper takes the row from it. The reaper sees the claim
// after it was made and the holder counts from before it asked, so anything above DeadlineAfter would do if no clock
// ran slow and every result were recorded at once; the second half is for recording, and for a holder that was stopped
// between its last look at the clock and the wire.
func Lease(timeout time.Duration) time.Duration { return 2 * DeadlineAfter(timeout) }

// instant is one instant on two clocks. The monotonic one decides; it can stand still while a machine sleeps, and then
// the wall clock tells. Where the two disagree, more time has passed, never less.
type instant struct{ monotonic, wall time.Time }

func (i instant) since(earlier instant) time.Duration {
	return max(i.monotonic.Sub(earlier.monotonic), i.wall.Sub(earlier.wall))
}

// leaseDeadline bounds what may be done under one claim.
type leaseDeadline struct {
	asked   instant // before the claim was asked for
	timeout time.Duration
}

// mayBegin reports whether an attempt may begin: all of its timeout lies before the lease deadline.
func (d leaseDeadline) mayBegin(now instant) bool { return now.since(d.asked) <= LeaseMargin }

// until is when an attempt that begins now has to end, on the monotonic clock: before now + timeout, and before the
// lease deadline.
func (d leaseDeadline) until(now instant) time.Time {
	ends, last := now.monotonic.Add(d.timeout), d.asked.monotonic.Add(DeadlineAfter(d.timeout))
	if last.Before(ends) {
		return last
	}
	return ends
}

// recordBy is when a result is worth nothing any more: from then on a reaper may have taken the row.
func (d leaseDeadline) recordBy() time.Time { return d.asked.monotonic.Add(Lease(d.timeout)) }

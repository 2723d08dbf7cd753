package dispatch

import (
	"sync/atomic"
	"time"
)

const (
	// deliveries that share a transaction, from which on the way in has all that the machine can give
	busyBatch = 16
	busyTime  = 100 * time.Millisecond // for which that is believed to go on
	// YieldEvery is how often a worker claims at most while the way in is under pressure. The outbox is safe and can wait;
	// a delivery that waits for three seconds has to be sent again.
	YieldEvery = 100 * time.Millisecond
)

// Pressure is how much the way in has to do. It is told as a store's Observer is. The zero value is none.
type Pressure struct {
	lastBusy atomic.Pointer[time.Time] // when the last crowd was seen
}

// Batch is told of one durable transaction with so many deliveries.
func (p *Pressure) Batch(deliveries int, _ time.Duration) {
	if deliveries >= busyBatch {
		now := time.Now()
		p.lastBusy.Store(&now)
	}
}

// Queue is told of what waits, which says less than what was done.
func (*Pressure) Queue(int) {}

// high reports whether the way in needs all it can get.
func (p *Pressure) high() bool {
	since := p.lastBusy.Load()
	return since != nil && time.Since(*since) < busyTime
}

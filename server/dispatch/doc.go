// Package dispatch is the way out: it hands changes on to the carrier's own systems until they confirm. It guarantees
// that in mode latest a downstream never gets an older value of a number after a newer one, that in mode every it gets
// each event at least once and those of one number in order as far as they are known, that one subject has one attempt
// under way, and that no downstream waits for another.
//
// # Life of the outbox
//
//  1. enqueued: the store writes it in the transaction of the event. A crash leaves both or neither.
//  2. claim: a worker (one a downstream) takes as many rows as it has free slots, in one durable transaction, under a
//     claim of their own.
//  3. attempt: the sender makes one try, bounded by the downstream's timeout. It must not begin to send once the lease
//     deadline has passed: a fixed time after the claim on this process's own monotonic clock. A crash here leaves the
//     row attempting.
//  4. outcome: Confirmed, Retry or Refused, a value.
//  5. record: the store takes it only under the claim it was made for, and puts the row to delivered, waiting or dead;
//     where a newer value came meanwhile, to waiting. In mode latest the row rests before that as long as what was sent
//     may still take effect: see Rest.
//
// A row that stays attempting under one and the same claim for a whole lease, by the stopwatch of whoever reaps, is
// released, and claimed again under the same identity. No two machines' clocks are compared: the holder stops well
// before the lease ends (the lease deadline), and the reaper begins to count only after the claim was made.
//
// # What a downstream can still see
//
// The same change twice: its answer was lost, or its result could not be recorded. And in mode latest an older value
// after a newer one where no clock of this side can help: what takes effect later than the timeout after its attempt
// began, because the network, a process that was stopped between its last look at the clock and the wire, or the
// downstream itself kept it for so long. event_ts settles both: what is older than the value held is to be passed over.
// (Of two with one event_ts, the one that comes later.)
//
// # Trouble
//
// A downstream that gives no sign of life is left alone by its worker's breaker and tried once in a while. While the
// store is failing a worker asks it ever more seldom, and says so once. Nothing waits for anything but its own
// downstream, and nothing needs to be told that it works again.
package dispatch

// Package dispatch is the way out: it hands changes on to the carrier's own systems until they confirm. It guarantees that in mode latest a downstream never gets
// an older value of a number after a newer one, that in mode every it gets each event at least once and those of one number in order as far as they are
// known, that one subject has one attempt under way, and that no downstream waits for another.
//
// # Life of what is owed
//
//  1. owed: the store writes it in the transaction of the event. A crash leaves both or neither.
//  2. claim: a line (one a downstream) takes as many rows as it has free places, in one durable transaction, under a claim of their own.
//  3. attempt: the sender makes one try, bounded by the downstream's timeout. It must not begin to send once the fence has fallen: a fixed time after the claim
//     on this process's own monotonic clock. A crash here leaves the row attempting.
//  4. outcome: Confirmed, Retry or Refused, a value.
//  5. record: the store takes it only under the claim it was made for, and puts the row to delivered, waiting or dead; where a newer value came
//     meanwhile, to waiting.
//
// A row that stays attempting under one and the same claim for a whole lease, by the stopwatch of whoever watches, is released, and claimed anew under the same
// identity. No two machines' clocks are compared: the holder stops well before the lease ends (the fence), and the watcher begins to count only
// after the claim was made.
package dispatch

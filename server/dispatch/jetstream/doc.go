// Package jetstream hands changes on to a NATS JetStream stream. It guarantees that an attempt is confirmed by nothing
// but the stream's own acknowledgement, that nothing of an attempt is written to a connection once its time is over,
// and that the same change carries the same Nats-Msg-Id whenever and by whomever it is sent.
//
// # Address
//
//	nats://[USER:PASSWORD@|TOKEN@]HOST[:4222][,HOST2[:4222]...]/SUBJECT[?PARAMETERS]
//
//	tls=true       ask for TLS; tls://... is the same. A server that demands TLS gets it in any case
//	stream=NAME    take an acknowledgement from this stream only
//	creds=FILE     a credentials file (JWT and seed), read again for every connection
//
// The stream is made by whoever owns the server: numhook makes none. A JetStream server acknowledges before it has
// called fsync, unless its sync_interval is always: without that, what it acknowledged may be lost with its machine's
// power, and numhook cannot know.
//
// # What an answer means
//
//	acknowledged, or a duplicate                   confirmed
//	larger than the server's or stream's maximum   refused
//	no stream has the subject, the stream is full  to be retried; no sign of life, for every change would fare the same
//	any other error of JetStream's                 to be retried
//	no answer, or the connection broke             to be retried, whether or not the stream has it
//
// # Repetitions
//
// The Nats-Msg-Id is the identity of the change, not of the event: an event that names three numbers makes three
// changes, and under the event's identity the stream would keep the first and drop the others. A stream forgets
// identities after its duplicate window, two minutes unless it says otherwise. So a consumer can see a change a second
// time when an attempt went unanswered and the next one came later than that window, and after a replay; and inside the
// window a replay of what the stream has is acknowledged and stored nowhere. A change that comes again after a newer
// one (two receivers at work, one of them cut off) is told by its event_ts: the greater one is the newer value.
//
// # The fence
//
// A connection that is lost is never taken up again with what had been meant for it: the client's own reconnecting,
// whose buffer would send changes when their time is over, is off, and another connection is made instead. A change is
// written to the socket before Send waits for the answer; the write looks at the clock first. A connection on which an
// attempt's time ended without an answer is reset, so that the kernel does not deliver later what is still in its
// buffer; other attempts that were waiting on it are retried under their identities. What remains is what the server's
// machine had taken before the end, and a stop of this process between that look at the clock and the write right after
// it.
package jetstream

// Package kafka hands changes on to a Kafka topic. It guarantees that an attempt is confirmed by nothing but the
// acknowledgement of all in-sync replicas, that changes of one number come to one partition in the order in which they
// were sent, and that no produce request which may hold a change is written once that change's time is over.
//
// # Address
//
//	kafka://[USER:PASSWORD@]HOST[:9092][,HOST2[:9092]...]/TOPIC[?PARAMETERS]
//
//	tls=true         speak TLS with every broker
//	sasl=MECHANISM   plain, scram-sha-256 or scram-sha-512, with the user and password of the url
//
// The hosts are asked for the others. The topic is made by whoever owns the brokers: numhook makes none. For acks=all
// to mean more than one machine the topic needs min.insync.replicas=2.
//
// # What is written
//
// The key is the number, so that the partition is the one that other clients choose by default (murmur2); what has no
// number has no key. The value is the envelope. The header numhook-id is the identity of the change, the same on every
// retry and replay. Adding partitions to a topic moves numbers to other partitions: consumers that must not mix up old
// and new drain the topic first, or compare event_ts.
//
// # What an answer means
//
//	acknowledged                                       confirmed
//	too large, not valid to the broker, also by itself refused
//	anything else, or no answer                        to be retried, whether or not it was written
//
// The producer is idempotent: within one attempt the client writes a batch again under the same sequence numbers, a few
// times, and the broker drops what it has. Another attempt is another sequence: a consumer can see a change twice when
// an attempt went unanswered, and tells it by numhook-id.
//
// # The deadline
//
// Attempts at a time share requests: the client fails a batch when the time of its first change is over, but it would
// go on with a batch for the sake of the first when the time of another is over. So every connection looks before it
// writes a produce request: while a change whose time is over has not been given back by the client, none is written.
// Where the client does not give it back soon, the client is given up, with whatever waits in it. A request that was
// cut off is reset with its connection, so that the kernel does not deliver later what is still in its buffer, and the
// client goes on under the next epoch of its producer id: a partition that has taken a later change from it refuses
// what it was cut off from. What remains is what a broker had taken before the end, and a stop of this process between
// the look at the clock and the write right after it.
package kafka

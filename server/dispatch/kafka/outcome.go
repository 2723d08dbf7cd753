package kafka

import (
	"errors"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"numhook/server/dispatch"
	"numhook/server/dispatch/netguard"
	"numhook/server/event"
)

func retry(reason string) dispatch.Outcome {
	return dispatch.Outcome{Verdict: event.Retry, Reason: reason}
}

const unknownReason = "the brokers did not take it"

// scope is what an error of a broker's is about.
type scope int

const (
	ofChange    scope = iota // this change: refused
	ofPartition              // its partition, for the time being: a sign of life, for the others may do
	ofTopic                  // all changes
	ofClient                 // this client, which does not recover by itself
)

// answers are the errors of brokers that have a reason of their own here. Any other is told by its name.
var answers = []struct {
	err    *kerr.Error
	scope  scope
	reason string
}{
	{kerr.MessageTooLarge, ofChange, "larger than the topic's max.message.bytes"},
	{kerr.RecordListTooLarge, ofChange, "larger than the topic's segment.bytes"},
	{kerr.InvalidRecord, ofChange, "the broker's own validation does not accept it"},
	{kerr.NotEnoughReplicas, ofPartition, "fewer in-sync replicas than min.insync.replicas"},
	{kerr.NotEnoughReplicasAfterAppend, ofPartition, "fewer in-sync replicas than min.insync.replicas"},
	{kerr.LeaderNotAvailable, ofPartition, "the partition has no leader"},
	{kerr.NotLeaderForPartition, ofPartition, "the partition's leader moves"},
	{kerr.FencedLeaderEpoch, ofPartition, "the partition's leader moves"},
	{kerr.RequestTimedOut, ofPartition, "the replicas did not acknowledge in time"},
	{kerr.KafkaStorageError, ofPartition, "the broker cannot write to its disk"},
	// a client does not take up a topic that was made again
	{kerr.UnknownTopicOrPartition, ofClient, "the topic does not exist"},
	{kerr.UnknownTopicID, ofClient, "the topic was deleted"},
	{kerr.TopicAuthorizationFailed, ofTopic, "the user may not write to the topic"},
	{kerr.ClusterAuthorizationFailed, ofClient, "the user may not write to any topic, or not produce idempotently"},
	{kerr.SaslAuthenticationFailed, ofTopic, "the broker refuses the credentials"},
	{kerr.UnsupportedSaslMechanism, ofTopic, "the broker does not know the sasl mechanism"},
	{kerr.IllegalSaslState, ofTopic, "the broker does not expect sasl"},
	{kerr.OutOfOrderSequenceNumber, ofClient, "the broker has lost what it had acknowledged"},
	{kerr.UnknownProducerID, ofClient, "the broker no longer knows the producer"},
	{kerr.InvalidProducerIDMapping, ofClient, "the broker no longer knows the producer"},
	{kerr.InvalidProducerEpoch, ofClient, "the broker no longer takes this producer"},
	{kerr.ProducerFenced, ofClient, "the broker no longer takes this producer"},
}

// judge is what became of a change, and whether the client is to be given up.
func judge(err error) (o dispatch.Outcome, giveUp bool) {
	if err == nil {
		return dispatch.Outcome{Verdict: event.Confirmed, Alive: true}, false
	}
	for _, a := range answers {
		if !errors.Is(err, a.err) {
			continue
		}
		o := retry(a.reason)
		if o.Alive = a.scope == ofChange || a.scope == ofPartition; a.scope == ofChange {
			o.Verdict = event.Refused
		}
		return o, a.scope == ofClient
	}
	answer, ok := errors.AsType[*kerr.Error](err)
	return retry(reasonOf(err)), ok && !answer.Retriable // who knows what it thinks of itself now
}

// reasonOf says in words of our own what failed: the client's errors hold addresses, and what brokers wrote.
func reasonOf(err error) string {
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return a.reason
		}
	}
	if answer, ok := errors.AsType[*kerr.Error](err); ok {
		return "the broker's answer is " + answer.Message // a name of a fixed list
	}
	switch {
	case errors.Is(err, kgo.ErrClientClosed):
		return "given up with another change"
	case errors.Is(err, kgo.ErrMaxBuffered):
		return "too many changes wait for the brokers"
	}
	if reason := netguard.Failure(err); reason != "" {
		return reason
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return "a broker does not answer"
	}
	if _, ok := errors.AsType[*kgo.ErrFirstReadEOF](err); ok {
		return "a broker closes new connections: it may want tls=true, sasl, or neither"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return "a broker closed the connection"
	}
	return unknownReason
}

package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"numhook/server/dispatch"
	"numhook/server/dispatch/netguard"
	"numhook/server/event"
)

// Errors of JetStream that the client has no names for (jetstream_errors_generated.go of the server).
const (
	storeFailed     jetstream.ErrorCode = 10077 // full and told to discard what is new, or the disk failed
	notExpected     jetstream.ErrorCode = 10060 // another stream than the one that stream= names
	noResources     jetstream.ErrorCode = 10023
	noMemory        jetstream.ErrorCode = 10028
	noStorage       jetstream.ErrorCode = 10047
	sealed          jetstream.ErrorCode = 10109
	headersTooLarge jetstream.ErrorCode = 10097
)

func retry(reason string) dispatch.Outcome {
	return dispatch.Outcome{Verdict: event.Retry, Reason: reason}
}

// underway is a retry of what the stream may still take.
func underway(reason string) dispatch.Outcome {
	return dispatch.Outcome{Verdict: event.Retry, Reason: reason, Underway: true}
}

func refuse(reason string) dispatch.Outcome {
	return dispatch.Outcome{Verdict: event.Refused, Reason: reason, Alive: true}
}

// judge is what an answer other than an acknowledgement means. See the package comment.
func judge(err error) dispatch.Outcome {
	if errors.Is(err, jetstream.ErrNoStreamResponse) {
		return retry("no stream has the subject, or JetStream is off: make a stream with it")
	}
	if errors.Is(err, jetstream.ErrInvalidJSAck) {
		return retry("the answer is no acknowledgement of JetStream's: something else answers on the subject")
	}
	answer, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return retry("the stream did not acknowledge")
	}
	switch answer.ErrorCode {
	case jetstream.JSErrCodeStreamMessageExceedsMaximum, headersTooLarge:
		return refuse("larger than the stream's max_msg_size")
	case storeFailed:
		return retry("the stream is full, or could not store it (JetStream error 10077)")
	case notExpected:
		return retry("the subject belongs to another stream than stream= names")
	case noResources, noMemory, noStorage:
		return retry(fmt.Sprintf("JetStream is out of resources (JetStream error %d)", answer.ErrorCode))
	case sealed:
		return retry("the stream is sealed")
	}
	return retry(fmt.Sprintf("JetStream error %d", answer.ErrorCode))
}

// reasonOf says in words of our own why there is no connection: the errors of the client hold addresses and what the
// server wrote.
func reasonOf(err error) string {
	for _, known := range []struct {
		err    error
		reason string
	}{
		{nats.ErrAuthorization, "the server refuses the credentials"},
		{nats.ErrAuthExpired, "the credentials have expired"},
		{nats.ErrAccountAuthExpired, "the account's credentials have expired"},
		{nats.ErrAuthRevoked, "the credentials have been revoked"},
		{nats.ErrPermissionViolation, "the user may not publish to the subject, or may not subscribe to _INBOX.> for the " +
			"acknowledgement"},
		{nats.ErrSecureConnWanted, "the server has no TLS, which the url asks for"},
		{nats.ErrNkeysNotSupported, "the server takes no credentials files"},
		{nats.ErrMaxConnectionsExceeded, "the server has its maximum of connections"},
		{nats.ErrMaxAccountConnectionsExceeded, "the account has its maximum of connections"},
		{nats.ErrStaleConnection, "the server no longer answered"},
		{nats.ErrNoInfoReceived, "what answers is no NATS server"},
		{fs.ErrNotExist, "the credentials file does not exist"},
		{fs.ErrPermission, "the credentials file cannot be read"},
		{errCreds, "the credentials file cannot be used"},
		{context.Canceled, "cut short"},
		{errOver, "it was given up with an attempt whose time was over"},
	} {
		if errors.Is(err, known.err) {
			return known.reason
		}
	}
	if reason := netguard.Failure(err); reason != "" {
		return reason
	}
	if errors.Is(err, nats.ErrTLS) {
		return "TLS: the handshake failed"
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, nats.ErrTimeout) {
		return "time-out"
	}
	return "closed by the other side"
}

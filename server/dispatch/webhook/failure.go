package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"numhook/server/dispatch"
	"numhook/server/dispatch/peer"
	"numhook/server/event"
)

// fail is the outcome of an attempt that got no answer.
func fail(t *trip, err error) dispatch.Outcome {
	return dispatch.Outcome{Verdict: event.Retry, Reason: reasonOf(t, err)}
}

// reasonOf says in words of our own why no answer came: the errors of net/http hold addresses, and parts of what the other side wrote.
func reasonOf(t *trip, err error) string {
	if errors.Is(err, peer.ErrGuarded) {
		return peer.ErrGuarded.Error()
	}
	if timedOut(t, err) {
		if t.connected {
			return "time-out"
		}
		return "time-out while connecting"
	}
	if errors.Is(err, context.Canceled) {
		return "cut short"
	}
	if reason := tlsReason(err); reason != "" {
		return reason
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		if lookup.IsNotFound {
			return "the host's name does not exist"
		}
		return "the host's name could not be looked up"
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error() // connection refused, connection reset by peer, no route to host, ...
	}
	if t.answered.Load() {
		return "the answer is not HTTP, or its header is larger than 64 KiB"
	}
	if t.connected {
		return "connection closed without an answer"
	}
	if errors.Is(err, io.EOF) {
		return "connection closed during the TLS handshake"
	}
	return "cannot connect"
}

func timedOut(t *trip, err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(t.ctx.Err(), context.DeadlineExceeded) {
		return true
	}
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// tlsReason says what was wrong with TLS, or is empty.
func tlsReason(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "TLS: the certificate is signed by an authority that is not trusted"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "TLS: the certificate is for another name"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "TLS: the certificate has expired, or is not valid yet"
		}
		return "TLS: the certificate is not valid for this use"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "TLS: the certificate cannot be verified"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "TLS: the other side does not speak it on this port"
	}
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" {
		return "TLS: the other side says: " + remote.Err.Error() // one of a fixed list of alerts
	}
	return ""
}

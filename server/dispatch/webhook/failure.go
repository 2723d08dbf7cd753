package webhook

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	"numhook/server/dispatch"
	"numhook/server/dispatch/netguard"
	"numhook/server/event"
)

// fail is the outcome of an attempt that got no answer.
func fail(t *inflight, err error) dispatch.Outcome {
	return dispatch.Outcome{Verdict: event.Retry, Reason: reasonOf(t, err), Underway: t.wrote.Load()}
}

// reasonOf says in words of our own why no answer came: the errors of net/http hold addresses, and parts of what the
// other side wrote.
func reasonOf(t *inflight, err error) string {
	if errors.Is(err, netguard.ErrGuarded) {
		return netguard.ErrGuarded.Error()
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
	if refused, ok := errors.AsType[proxyRefused](err); ok {
		return refused.Error()
	}
	if reason := netguard.Failure(err); reason != "" {
		if ofProxy(err) {
			return "the proxy: " + reason
		}
		return reason
	}
	if ofProxy(err) {
		return "the proxy cannot be connected to, or refuses"
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

func timedOut(t *inflight, err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(t.ctx.Err(), context.DeadlineExceeded) ||
		t.late() && t.ctx.Err() == nil {
		return true
	}
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

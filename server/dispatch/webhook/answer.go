package webhook

import (
	"net/http"
	"strconv"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// answer is what is looked at of an answer.
type answer struct {
	status  int
	proxied bool // through a proxy, which may have answered itself
	header  http.Header
}

// judge is what an answer means for the attempt. See the package comment.
func judge(a answer, now time.Time) dispatch.Outcome {
	status := a.status
	reason := "status " + strconv.Itoa(status)
	retry := dispatch.Outcome{Verdict: event.Retry, Reason: reason, Underway: ofGateway(status)}
	switch {
	case status >= 200 && status <= 299:
		return dispatch.Outcome{Verdict: event.Confirmed, Alive: true}
	case status >= 300 && status <= 399:
		retry.Reason += ": redirects are not followed, put the final address into url"
		return retry
	case status == http.StatusProxyAuthRequired && a.proxied:
		retry.Reason = proxyRefused{status}.Error()
		return retry
	case status == http.StatusGone:
		return dispatch.Outcome{Verdict: event.Retry, Pause: true, Reason: reason, Alive: true}
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests,
		status >= 500 && status <= 599:
		// A 500 may be about this one change, and must not hold up those behind it; the others speak of the downstream as a
		// whole.
		retry.After, retry.Alive = retryAfter(a.header, now), status == http.StatusInternalServerError
		return retry
	case status >= 400 && status <= 499:
		return dispatch.Outcome{Verdict: event.Refused, Reason: reason, Alive: true}
	}
	return retry // 101, or a number that no specification knows
}

// ofGateway reports whether the status is what a proxy, a balancer or a mesh says for a back end that it no longer
// hears: that one may be at work on the request. Any other answer is taken for the end of it.
func ofGateway(status int) bool {
	return status >= http.StatusBadGateway && status <= http.StatusGatewayTimeout || status >= 520 && status <= 599
}

// retryAfter reads Retry-After: seconds, or a date, which is held against the answer's own Date where there is one, so
// that a difference between the two clocks does not count. What cannot be read, and what lies in the past, is 0.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if isDigits(text) {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds > int64(event.LongestWait/time.Second) { // all digits: it can only be too large
			return event.LongestWait
		}
		return time.Duration(seconds) * time.Second
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		now = date
	}
	return min(max(until.Sub(now), 0), event.LongestWait)
}

func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

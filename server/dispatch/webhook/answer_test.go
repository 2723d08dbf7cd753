package webhook

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

var instant = time.Date(2026, 1, 31, 15, 4, 5, 0, time.UTC)

func TestWhatAStatusMeans(t *testing.T) {
	wait := http.Header{"Retry-After": {"7"}}
	for status := 100; status <= 999; status++ {
		reason := fmt.Sprint("status ", status)
		want := dispatch.Outcome{Verdict: event.Retry, Reason: reason, Underway: ofGateway(status)}
		switch {
		case status >= 200 && status < 300:
			want = dispatch.Outcome{Verdict: event.Confirmed, Alive: true}
		case status >= 300 && status < 400:
			want.Reason += ": redirects are not followed, put the final address into url"
		case status == 410:
			want = dispatch.Outcome{Verdict: event.Retry, Reason: reason, Pause: true, Alive: true}
		case status == 408, status == 425, status == 429, status >= 500 && status < 600:
			want.After, want.Alive = 7*time.Second, status == 500
		case status >= 400 && status < 500:
			want = dispatch.Outcome{Verdict: event.Refused, Reason: reason, Alive: true}
		}
		if got := judge(answer{status: status, header: wait}, instant); got != want {
			t.Errorf("status %d is %+v, want %+v", status, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"":                                 0,
		"0":                                0,
		"120":                              2 * time.Minute,
		"86400":                            24 * time.Hour,
		"86401":                            24 * time.Hour,
		"99999999999999999999999999":       24 * time.Hour,
		"9223372036854775807":              24 * time.Hour,
		"9223372036854775808":              24 * time.Hour,
		"-9223372036854775808":             0,
		"-1":                               0,
		"+1":                               0,
		"1.5":                              0,
		"1e3":                              0,
		" 1":                               0,
		"0x10":                             0,
		"\u0661":                           0,
		"soon":                             0,
		"Sat, 31 Jan 2026 15:05:05 GMT":    time.Minute,
		"Saturday, 31-Jan-26 15:05:05 GMT": time.Minute,
		"Sat Jan 31 15:05:05 2026":         time.Minute,
		"Sat, 31 Jan 2026 15:04:05 GMT":    0,
		"Sat, 31 Jan 2026 15:04:04 GMT":    0,
		"Thu, 01 Jan 1970 00:00:00 GMT":    0,
		"Fri, 31 Dec 9999 23:59:59 GMT":    24 * time.Hour,
		"2026-01-31T15:05:05Z":             0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {text}}, instant); got != want {
			t.Errorf("%q asks for %v, want %v", text, got, want)
		}
	}
	theirs := http.Header{"Retry-After": {"Sat, 31 Jan 2026 20:00:30 GMT"}, "Date": {"Sat, 31 Jan 2026 20:00:00 GMT"}}
	if got := retryAfter(theirs, instant); got != 30*time.Second {
		t.Errorf("by the clock of the other side it is %v", got)
	}
	if got := retryAfter(http.Header{}, instant); got != 0 {
		t.Errorf("nothing asks for %v", got)
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120", "")
	f.Add("Sat, 31 Jan 2026 15:05:05 GMT", "Sat, 31 Jan 2026 15:05:00 GMT")
	f.Add("9223372036854775808", "x")
	f.Fuzz(func(t *testing.T, text, date string) {
		got := retryAfter(http.Header{"Retry-After": {text}, "Date": {date}}, instant)
		if got < 0 || got > event.LongestWait || got%time.Second != 0 {
			t.Errorf("%q asks for %v", text, got)
		}
	})
}

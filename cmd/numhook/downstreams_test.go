package main

import (
	"strings"
	"testing"
	"time"

	"numhook/server/event"
)

// Everything is due and nothing is attempted: a breaker is open for a while at most, and then it is that nobody serves.
func TestDownstreamThatNobodyServes(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status event.DownstreamStatus
		says   string
	}{
		{event.DownstreamStatus{Waiting: 1, LastDue: now.Add(-time.Second)}, ""},
		{event.DownstreamStatus{Waiting: 1, LastDue: now.Add(time.Hour)}, ""},
		{event.DownstreamStatus{Waiting: 1, LastDue: now.Add(-time.Minute)}, "its breaker is open, or no running receiver"},
		{event.DownstreamStatus{Waiting: 1, LastDue: now.Add(-time.Hour)}, "no running receiver serves it: "},
		{event.DownstreamStatus{Waiting: 1, Attempting: 1, LastDue: now.Add(-time.Hour)}, ""},
		{event.DownstreamStatus{Waiting: 1, Paused: now, LastDue: now.Add(-time.Hour)}, ""},
		{event.DownstreamStatus{Dead: 1}, ""},
	} {
		c.status.At = now
		var text strings.Builder
		if err := writeDownstream(&text, c.status, now); err != nil {
			t.Fatal(err)
		}
		_, says, stalled := strings.Cut(text.String(), "  stalled ")
		if stalled != (c.says != "") || !strings.Contains(says, c.says) ||
			showDownstream(c.status).Stalled.IsZero() != (c.says == "") {
			t.Errorf("%+v: %s", c.status, text.String())
		}
	}
}

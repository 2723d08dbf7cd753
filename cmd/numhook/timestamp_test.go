package main

import (
	"testing"
	"time"
)

func TestTimestampHint(t *testing.T) {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"1700000000000": "", "2026-01-31": "", "2026-01-31T12:00:00Z": "", "yesterday": "", "946684800000": "",
		"1800000000000": "",
		"1700000000": "1700000000 is read as milliseconds since 1970: 1970-01-20T16:13:20.000Z; if seconds are meant, " +
			"write 1700000000000, or 2023-11-14T22:13:20Z",
		"1700000000123456": "1700000000123456 is read as milliseconds since 1970: 1700000000123456; " +
			"if microseconds are meant, write 1700000000123, or 2023-11-14T22:13:20.123Z",
		"1700000000123456789": "1700000000123456789 is read as milliseconds since 1970: 1700000000123456789; " +
			"if nanoseconds are meant, write 1700000000123, or 2023-11-14T22:13:20.123Z",
		"20260131": "20260131 is read as milliseconds since 1970: 1970-01-01T05:37:40.131Z; if a date is meant, write " +
			"2026-01-31",
		"2026": "2026 is read as milliseconds since 1970: 1970-01-01T00:00:02.026Z; a time can also be written as " +
			"2026-01-31T15:04:05Z or as 2026-01-31",
		"9223372036854775807": "9223372036854775807 is read as milliseconds since 1970: 9223372036854775807; " +
			"a time can also be written as 2026-01-31T15:04:05Z or as 2026-01-31",
		"-9223372036854775808": "-9223372036854775808 is read as milliseconds since 1970: -9223372036854775808; " +
			"a time can also be written as 2026-01-31T15:04:05Z or as 2026-01-31",
	} {
		if got := timestampHint(text, now); got != want {
			t.Errorf("%s: got  %s\nwant %s", text, got, want)
		}
	}
}

func TestTimestampForms(t *testing.T) {
	now := time.Date(2026, 11, 28, 17, 30, 0, 0, time.UTC)
	for text, want := range map[string]string{
		"1h": "2026-11-28T16:30:00Z", "1h30m": "2026-11-28T16:00:00Z", "3d": "2026-11-25T17:30:00Z",
		"2w": "2026-11-14T17:30:00Z", "now": "2026-11-28T17:30:00Z", "today": "2026-11-28T00:00:00Z",
		"yesterday": "2026-11-27T00:00:00Z", "2026-11-28 08:00": "2026-11-28T08:00:00Z",
		"2026-11-28T08:00": "2026-11-28T08:00:00Z", "2026-11-28 08:00:01": "2026-11-28T08:00:01Z",
		"2026-11-28": "2026-11-28T00:00:00Z", "2026-11-28T08:00:00+02:00": "2026-11-28T06:00:00Z",
	} {
		if got, err := timestamp(text, now); err != nil || time.UnixMilli(got).UTC().Format(time.RFC3339) != want {
			t.Errorf("%s is %d (%v), want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "someday", "-1h", "1x", "d", "99999999999d", "2026-11-31", "1h ago"} {
		if got, err := timestamp(text, now); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

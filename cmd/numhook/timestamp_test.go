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

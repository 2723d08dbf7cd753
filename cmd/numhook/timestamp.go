package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// timeForms are the forms of a time, in words.
const timeForms = "2026-01-31T15:04:05Z, 2026-01-31 15:04 or 2026-01-31 (UTC), 1h or 3d (ago), today, yesterday, " +
	"now, or milliseconds since 1970"

// timeLayouts are the ways of writing a time of the calendar. What names no zone is UTC.
var timeLayouts = []string{time.RFC3339Nano, time.DateOnly, time.DateTime, "2006-01-02 15:04", "2006-01-02T15:04:05",
	"2006-01-02T15:04"}

// timestamp reads a time, as of now. It returns milliseconds since the epoch.
func timestamp(text string, now time.Time) (int64, error) {
	if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
		return ms, nil
	}
	for _, layout := range timeLayouts {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UnixMilli(), nil
		}
	}
	today := now.UTC().Truncate(day)
	switch text {
	case "now":
		return now.UnixMilli(), nil
	case "today":
		return today.UnixMilli(), nil
	case "yesterday":
		return today.Add(-day).UnixMilli(), nil
	}
	if ago, ok := duration(text); ok {
		return now.Add(-ago).UnixMilli(), nil
	}
	return 0, fmt.Errorf("cannot read time %q: write it as %s", text, timeForms)
}

const day = 24 * time.Hour

// duration reads 90m, 1h30m, and also 3d and 2w.
func duration(text string) (time.Duration, bool) {
	for unit, length := range map[string]time.Duration{"d": day, "w": 7 * day} {
		digits, ok := strings.CutSuffix(text, unit)
		const most = 100_000 // days: time.Duration ends at 106,751
		if n, err := strconv.ParseUint(digits, 10, 32); ok && err == nil && n <= uint64(most*day/length) {
			return time.Duration(n) * length, true
		}
	}
	d, err := time.ParseDuration(text)
	return d, err == nil && d >= 0
}

// timestampFlag reads the time that a flag was given, or nil when it was not. Of a number that is no likely time it
// tells how it was read, and what was meant perhaps.
func timestampFlag(cmd *cobra.Command, flag, text string) (*int64, error) {
	if text == "" && !cmd.Flags().Changed(flag) {
		return nil, nil //nolint:nilnil // not given is no error
	}
	ms, err := timestamp(text, time.Now())
	if err != nil {
		return nil, err
	}
	if hint := timestampHint(text, time.Now()); hint != "" {
		tell(cmd.ErrOrStderr(), errors.New("--"+flag+" "+hint))
	}
	return &ms, nil
}

// unlikelyBefore is long before the first of the sender's events.
var unlikelyBefore = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// timestampHint is what there is to say of a number that was read as milliseconds and is then no time that anybody asks
// about. It is empty for any other text.
func timestampHint(text string, now time.Time) string {
	n, err := strconv.ParseInt(text, 10, 64)
	plausible := func(ms int64) bool { return ms >= unlikelyBefore.UnixMilli() && ms <= now.AddDate(1, 0, 0).UnixMilli() }
	if err != nil || plausible(n) {
		return ""
	}
	hint := text + " is read as milliseconds since 1970: " + sendersTime(n)
	const thousand = 1000
	for _, meant := range []struct {
		unit string
		ms   int64
	}{{"seconds", saturated(n, thousand)}, {"microseconds", n / thousand}, {"nanoseconds", n / thousand / thousand}} {
		if plausible(meant.ms) {
			at := time.UnixMilli(meant.ms).UTC().Format(time.RFC3339Nano)
			return fmt.Sprintf("%s; if %s are meant, write %d, or %s", hint, meant.unit, meant.ms, at)
		}
	}
	if date, err := time.Parse("20060102", text); err == nil && plausible(date.UnixMilli()) {
		return hint + "; if a date is meant, write " + date.Format(time.DateOnly)
	}
	return hint + "; a time can also be written as 2026-01-31T15:04:05Z or as 2026-01-31"
}

// saturated is the product, or the largest number where that does not hold it.
func saturated(n, by int64) int64 {
	if n > math.MaxInt64/by {
		return math.MaxInt64
	}
	return n * by
}

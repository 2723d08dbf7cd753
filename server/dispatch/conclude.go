package dispatch

import (
	"cmp"
	"strings"
	"time"
	"unicode/utf8"

	"numhook/server/event"
)

// longestReason bounds what is kept of a sender's text, in bytes.
const longestReason = 200

// conclude is what the store is told of an attempt that came to an outcome: now is the wall clock, random of [0, 1).
func conclude(a event.Attempt, o Outcome, b Backoff, now time.Time, random float64) event.Result {
	result := event.Result{Row: a.Row, Claim: a.Claim, Seq: a.Seq, Verdict: o.Verdict, Reason: reason(o),
		Output: output(o)}
	switch {
	case o.Pause: // nothing is claimed until somebody resumes, and then this row is the first
		result.Verdict = event.Retry
	case o.Verdict == event.Confirmed:
		result.Reason, result.Output = "", ""
	case o.Verdict == event.Refused:
	case b.gaveUp(a.Since, now):
		result.Verdict, result.Reason = event.Refused, oneLine("given up after "+b.GiveUpAfter.String()+": "+result.Reason)
	default: // whatever is unclear is tried again
		result.Verdict, result.After = event.Retry, b.Wait(a.Try, random, o.After)
	}
	return result
}

// reason is why an attempt did not succeed.
func reason(o Outcome) string {
	return cmp.Or(oneLine(o.Reason), "no reason given")
}

// output is what the sender kept of a program's words, or its end where that is more than the store takes.
func output(o Outcome) string {
	begin := max(len(o.Output)-event.LongestOutput, 0)
	for begin < len(o.Output) && !utf8.RuneStart(o.Output[begin]) {
		begin++
	}
	return o.Output[begin:]
}

// oneLine is the text as one short line of valid UTF-8.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " ")
	if len(text) <= longestReason {
		return text
	}
	end := longestReason
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

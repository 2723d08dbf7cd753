package event

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Mode is what a downstream wants to be told.
type Mode string

// The modes of a downstream.
const (
	Latest Mode = "latest" // each number's newest value, and none that a newer one has replaced
	Every  Mode = "every"  // every event, once for each of its numbers
)

// Start is what a downstream that the store sees for the first time gets of what had come before.
type Start string

// The starts of a downstream.
const (
	FromNow       Start = "now"       // nothing
	FromBeginning Start = "beginning" // what it would be sent now had it been there from the first event on
	FromSnapshot  Start = "snapshot"  // every number's current values, once
)

// Only narrows the outbox of a downstream. An empty list lets everything pass.
type Only struct {
	CarrierCodes []int32 `json:"carrier_codes,omitempty"`
	// of an emergency address; what names no country passes, and so does every CNAM
	Countries []string `json:"countries,omitempty"`
	Prefixes  []string `json:"prefixes,omitempty"` // a number passes that begins with one of them
}

// Downstream is a system that changes are handed on to, as far as the store has to know it.
type Downstream struct {
	Name   string   `json:"name"`
	Mode   Mode     `json:"mode"`
	Start  Start    `json:"start"`
	Events []string `json:"events,omitempty"` // the sender's names; empty for all
	Only   Only     `json:"only"`
}

// Wants reports whether the downstream is told of events of the name.
func (d Downstream) Wants(name string) bool {
	return len(d.Events) == 0 || slices.Contains(d.Events, name)
}

// Passes reports whether what an event of the carrier says about the number gets through. country is that of Country.
func (o Only) Passes(carrier int32, country, number string) bool {
	return (len(o.CarrierCodes) == 0 || slices.Contains(o.CarrierCodes, carrier)) &&
		(len(o.Countries) == 0 || country == "" || slices.Contains(o.Countries, country)) &&
		(len(o.Prefixes) == 0 ||
			slices.ContainsFunc(o.Prefixes, func(prefix string) bool { return strings.HasPrefix(number, prefix) }))
}

// DownstreamStatus is a downstream's status.
type DownstreamStatus struct {
	Downstream
	Registered time.Time // when the store saw it for the first time
	Filled     bool      // all that its Start asks for is enqueued
	Paused     time.Time // since when nothing is claimed for it; zero when it is not paused
	PausedWhy  string

	Waiting    int64 // rows in each state that is not an end
	Attempting int64
	Dead       int64
	Oldest     time.Time // since when the oldest row that is waiting or attempting is enqueued; zero when there is none

	// What tells of a clock that was set: both are after At where rows were written under a clock that was ahead.
	At      time.Time // what the outbox's clock showed when this was read
	Newest  time.Time // since when the newest of those rows is enqueued
	LastDue time.Time // when the last of those that are waiting, and that no other holds up, is due
}

// OutboxState is how a row of the outbox stands. A row is a subject of a downstream: a number's attribute (mode
// latest), or what one event says about a number (mode every). A delivered row stays: it says what the downstream
// knows.
type OutboxState string

// The states of the outbox. A newer value (mode latest) makes a row waiting from every state but attempting, where it
// waits its turn.
//
//	owed -> waiting -> (claimed) -> attempting -> (confirmed) -> delivered
//	           ^  ^                     |    `-> (refused for good, or given up) -> dead
//	           |  `---- (to be retried) '
//	           `------- (a newer value, retry, replay) from delivered, dead, skipped
//	waiting, dead -> (skip) -> skipped
const (
	Waiting    OutboxState = "waiting"
	Attempting OutboxState = "attempting"
	Delivered  OutboxState = "delivered"
	Dead       OutboxState = "dead"
	Skipped    OutboxState = "skipped"
)

// LongestWait bounds every wait for the next attempt that a downstream can be given.
const LongestWait = 24 * time.Hour

// ClockSlack is what clocks may differ by, and be set by, without anybody taking notice.
const ClockSlack = time.Second

// LongestOutput is how many bytes of an attempt's output are kept, at most.
const LongestOutput = 4 << 10

// OutboxRow is one row of the outbox, as people look at it.
type OutboxRow struct {
	ID         int64
	Downstream string
	Number     string // empty for an event without numbers
	Attribute  Attribute
	State      OutboxState
	EventID    ID // of the event whose value is enqueued, or was delivered
	EventName  string
	TS         int64 // that event's event_ts
	Value      json.RawMessage
	Tries      int       // attempts begun for this value
	Since      time.Time // when it was enqueued
	Due        time.Time // when the next attempt may begin; zero unless it is waiting
	Attempted  time.Time // when the last attempt ended; zero before the first
	Reason     string    // what the last attempt ended in: one short line without personal data
	Output     string    // what the last attempt's program printed, as Result.Output; a list leaves it out
}

// OutboxFilter narrows a list of the outbox; zero values let everything pass.
type OutboxFilter struct {
	Downstream string
	Number     string
	State      OutboxState
	Until      int64 // the last id that is looked at
}

// Attempt is one try to deliver one row, as the store hands it out.
type Attempt struct {
	Row int64 // OutboxRow.ID
	// the fencing number: one that no other claim of the row has; the store takes a result only under the newest
	Claim int64
	Seq   int64 // the version: the seq of the event whose value this is

	Downstream  string
	Number      string
	Attribute   Attribute
	Value       json.RawMessage // nil when the event carried none
	Previous    json.RawMessage // the value that this one follows on the sender's clock; nil when there is none
	Superseded  bool            // a newer value had been stored before this one (mode every)
	TS          int64
	EventID     ID
	EventName   string
	AccountID   string
	CarrierCode int32
	Received    time.Time
	Try         int       // from 1, of this value
	Since       time.Time // when it was enqueued
	// why what is kept does not agree with its event's identity, in one line without values: it MUST NOT be handed on;
	// empty when it agrees
	Damaged string
}

// Verdict is what an attempt came to.
type Verdict string

// The verdicts.
const (
	Confirmed Verdict = "confirmed" // the downstream has it
	Retry     Verdict = "retry"     // it may work later
	Refused   Verdict = "refused"   // it will not work: dead, until somebody retries or replays it
)

// Result is what the store is told of an attempt.
type Result struct {
	Row, Claim, Seq int64 // of the attempt
	Verdict         Verdict
	After           time.Duration // Retry: how long to wait from now on, at most LongestWait
	Reason          string        // one short line without personal data; empty when confirmed
	// the last lines that a failing program printed on standard error: at most LongestOutput bytes, each line escaped
	Output string
}

// Claimed is a row that somebody has claimed, and under which claim.
type Claimed struct{ Row, Claim int64 }

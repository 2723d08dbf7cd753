// Package store is the promise in words: what an engine MUST do so that an acknowledged event is on disk, exactly once,
// and every number ends up with its newest value. The engines are in the packages below it; storetest holds each of
// them to this page.
//
// An engine MUST:
//
//  1. return nil from Append only after the event, its changes, and the values that it sets are durable together, in
//     one transaction: after a crash or a power cut all of them are there, or none;
//  2. store an event once: two Appends of one identity, at any time and from any process, leave one event, and the
//     later one's receipt says Duplicate;
//  3. give every number, per attribute, the value with the greatest event_ts; on a tie the one that was stored later.
//     An older event that comes late is kept, marked superseded, and not applied. Where event_ts is compared, here and
//     in the outbox, it is that of event.Ordered: one that lies a day or more after its receipt counts as the receipt.
//     Where it is shown it is the sender's;
//  4. change nothing where an event has no value (event.Event.Changes): absence is not a deletion;
//  5. fail with kind Unavailable whenever it cannot promise this now (full, slow, read-only, gone, closing), and
//     recover by itself when the trouble is over. After a failed fsync nothing is acknowledged until the store has been
//     reopened and what it holds has been written again;
//  6. finish a write that it began even when the caller no longer waits;
//  11. keep the path of a delivery as event.CutPath, and the event name of a refused one as event.CutText.
package store

import (
	"context"
	"time"

	"numhook/server/event"
)

// Writer is how deliveries get in. All methods are safe for concurrent use.
type Writer interface {
	// Append makes the event durable. See the rules of the package.
	Append(ctx context.Context, e event.Event) (event.Receipt, error)
	// Quarantine makes a refused delivery durable, with its reasons, and returns its number. The same bytes with the same
	// PathEvent are one entry, whose Times grows; of what came first everything else is kept. One that was discarded is
	// held again.
	Quarantine(ctx context.Context, q event.Quarantined) (int64, error)
	// Redrive appends the event of a quarantine entry that is held or discarded and marks the entry redriven, in one
	// transaction. For an entry that is redriven already it changes nothing, and the receipt is that of a duplicate.
	// NotFound when there is no such entry.
	Redrive(ctx context.Context, quarantine int64, e event.Event) (event.Receipt, error)
	// Discard marks a held entry discarded: nobody needs to look at it any more. All that it holds is kept. One that is
	// discarded already stays so. NotFound when there is no such entry, Invalid when it is redriven.
	Discard(ctx context.Context, quarantine int64) error
	// RecordChallenge keeps the time of the last good challenge.
	RecordChallenge(ctx context.Context, at time.Time) error
	// RecordAccess makes an access durable, and returns its number: whoever shows personal data or changes something MUST
	// wait for it. The same access may be written twice where an answer of the database was lost.
	RecordAccess(ctx context.Context, a event.Access) (int64, error)
	// ConcludeAccess says what an access that was begun came to. One that is concluded stays as it is. NotFound when
	// there is no such access.
	ConcludeAccess(ctx context.Context, id int64, result event.AccessResult) error
	// AddActivity adds counts to those of the minute; a count of event.Owed replaces the one before.
	AddActivity(ctx context.Context, at time.Time, counts map[string]int64) error
	// FoldActivity makes hours of the minutes before the hour of the time given.
	FoldActivity(ctx context.Context, before time.Time) error
	// Ready proves with a durable write that Append would work now, or says why not.
	Ready(ctx context.Context) error
}

// Reader is how people look at what is kept. Lists are pages: at most limit rows, beginning after the last row of the
// page before; an empty page is the end. The rows of a list are without the bodies of their deliveries. Every call sees
// one state of the store. What was an empty list comes back nil, and a finding without its offset.
type Reader interface {
	// Numbers lists numbers in ascending order (of their bytes), beginning after the number given. The empty string comes
	// before all: a number that is itself empty is on no page.
	Numbers(ctx context.Context, after string, limit int) ([]event.Number, error)
	// NumbersPassing lists at most limit numbers that pass the filter, in ascending order, beginning after the number
	// given. It looks at event.NumbersLookedAt numbers at most, so that a page may be short, or empty: next is what the
	// next one begins after, and empty where nothing is left to be looked at.
	NumbersPassing(ctx context.Context, filter event.NumberFilter, after string, limit int) (numbers []string, next string,
		err error)
	// Number is one number with its current values. NotFound when no event ever changed it.
	Number(ctx context.Context, number string) (event.Number, error)
	// NumberAsOf is the number with the values that held at a time of the sender's clock: per attribute the change with
	// the greatest event_ts <= at (milliseconds since the epoch). NotFound when there was none.
	NumberAsOf(ctx context.Context, number string, at int64) (event.Number, error)
	// History lists every change of the number by attribute, event_ts and then order of storing, oldest first.
	History(ctx context.Context, number string) ([]event.Change, error)
	// Events lists events in the order in which they were stored, beginning after the seq given.
	Events(ctx context.Context, after int64, limit int) ([]event.Stored, error)
	// EventsPassing lists at most limit events that pass the filter, in its order, beginning after the event with the seq
	// given; 0 begins with the first. It looks at event.EventsLookedAt events at most, so that a page may be short, or
	// empty: next is where the next one begins, and 0 where nothing is left to be looked at.
	EventsPassing(ctx context.Context, filter event.Filter, after int64, limit int) (list []event.Stored, next int64,
		err error)
	// EventBodies is Events with the body of each: for what goes through everything that was received.
	EventBodies(ctx context.Context, after int64, limit int) ([]event.Stored, error)
	// Event is one event with its body. NotFound when there is none.
	Event(ctx context.Context, id event.ID) (event.Stored, error)
	// EventsByPrefix lists identities that begin with the hex digits given, in ascending order: all of them, or any limit
	// of them when there are more.
	EventsByPrefix(ctx context.Context, prefix string, limit int) ([]event.ID, error)
	// Quarantines lists entries by number, beginning after the number given; state may be empty for all.
	Quarantines(ctx context.Context, state event.QuarantineState, after int64, limit int) ([]event.Quarantined, error)
	// QuarantineEntry is one entry with its body. NotFound when there is none.
	QuarantineEntry(ctx context.Context, id int64) (event.Quarantined, error)
	// QuarantineHeld is how many entries are held, and how many bytes their bodies have. It is cheap enough to be asked
	// every few seconds.
	QuarantineHeld(ctx context.Context) (entries, bytes int64, err error)
	// QuarantineOf is the number of the entry with these bytes and this PathEvent, however it stands, or 0 when there is
	// none.
	QuarantineOf(ctx context.Context, body []byte, pathEvent string) (int64, error)
	// Accesses lists accesses, the newest first, those before the number given; 0 begins with the newest.
	Accesses(ctx context.Context, filter event.AccessFilter, before int64, limit int) ([]event.Access, error)
	// Activity lists what was counted from since on and before until, in steps of a minute or an hour, by time and name.
	// What was folded is an hour's.
	Activity(ctx context.Context, since, until time.Time, step time.Duration) ([]event.Activity, error)
	// LastChallenge is the time of the last good challenge, or the zero time.
	LastChallenge(ctx context.Context) (time.Time, error)
	// Clock is what the store's own clock shows now (the database's; of a file, this machine's), and the newest time of
	// receipt among the last few events that were stored, or the zero time. It is cheap enough to be asked every few
	// seconds.
	Clock(ctx context.Context) (now, newest time.Time, err error)
}

// Store is an open engine.
type Store interface {
	Writer
	Reader
	Outbox
	OutboxReader
	// Close finishes what was begun, refuses what comes after with kind Unavailable, and releases the engine.
	Close() error
}

// Observer is told what the writer does, for metrics. Its methods must not block.
type Observer interface {
	Batch(events int, took time.Duration) // one durable transaction
	Queue(depth int)                      // deliveries that wait for the writer
}

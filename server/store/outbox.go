package store

import (
	"context"
	"time"

	"numhook/server/event"
)

// Outbox is how the way out works on the outbox. All methods are safe for concurrent use, from any number of processes.
//
// An engine MUST, beside the rules of the package:
//
//  7. write the outbox in the transaction of the event: whoever stores an event (a receiver of any configuration, a
//     redrive) enqueues it to every downstream that is registered, as far as it passes the downstream's events and
//     Only;
//  8. keep one row a subject: (downstream, number, attribute) in mode latest, (downstream, number, attribute, event) in
//     mode every. In mode latest a row's version (event_ts, seq) only ever grows, a superseded change is never
//     enqueued, and of several values in one transaction only the newest; once a subject has a row, every newer value
//     of it is enqueued, even one that no longer passes Only: the downstream would keep the old one for ever. In mode
//     every an event without numbers is one row whose number is empty, and an event without a value is enqueued all the
//     same. What passes is for event.Downstream.Wants and event.Only.Passes to say. Of a row that a newer value makes
//     waiting, the value has not been tried yet, is due at once (or since when the row was, if it was waiting and due:
//     else a number that changes all the time would never get its turn), and is enqueued since now, unless the row was
//     waiting or attempting: then since when it was;
//  9. hand a row to one claim at a time: a row that is attempting is claimed by nobody until it is recorded or
//     released;
//  10. take a result only under the row's newest claim. When the row's version has grown meanwhile, the row is waiting
//     again, due at once (after Result.After for a Retry), whatever the verdict.
type Outbox interface {
	// Register makes the downstream known, or brings its Events and Only up to date; what is stored after its return is
	// enqueued for it. Its Start is that of the first time, and one that starts from now is filled. Kind Invalid when the
	// name is known under another mode.
	Register(ctx context.Context, d event.Downstream) (event.DownstreamStatus, error)
	// Filled notes that all that the downstream's Start asks for is enqueued. NotFound for an unknown one.
	Filled(ctx context.Context, downstream string) error
	// Enqueue enqueues changes that are in the store (Number, Attribute, TS, EventID, EventName, CarrierCode and Value are
	// looked at), as far as they pass the downstream's filters: those that are not yet, and with again also those that are
	// delivered, dead or skipped. In mode latest one that is no longer the newest is passed over. It returns how many rows
	// became waiting; a dry run only counts them. A row that was delivered, dead or skipped starts again: enqueued since
	// now, due at once, not tried yet. NotFound for an unknown downstream.
	Enqueue(ctx context.Context, downstream string, changes []event.Change, again, dryRun bool) (int, error)
	// Claim hands out at most limit rows that are due, those that have been due longest first; nothing while the
	// downstream is paused or unknown. In mode every a row is passed over while another row of its downstream and number,
	// of a lower (event_ts, seq), is waiting or attempting. A claim is durable before it returns. next is when the
	// earliest of the other waiting rows that no such row holds up will be due, or the zero time when there is none, or
	// nothing is claimed for the downstream.
	Claim(ctx context.Context, downstream string, limit int) (attempts []event.Attempt, next time.Time, err error)
	// Record takes the result of an attempt, and reports false, changing nothing, when the row is no longer under its
	// claim. What the row says of the attempt before (Reason, Output) is replaced.
	Record(ctx context.Context, r event.Result) (held bool, err error)
	// Held lists the rows that are attempting.
	Held(ctx context.Context, downstream string) ([]event.Claimed, error)
	// Release makes rows waiting again, due at once, each as long as it is still under the claim given, and returns how
	// many were.
	Release(ctx context.Context, downstream string, held []event.Claimed) (int, error)
	// Rewind mends what was written under a clock that has been set back since, and returns how many rows it changed:
	// those that are waiting and due later than longest from now are due now, and those that are waiting or attempting and
	// enqueued since later than now are enqueued since so much earlier as back says. Both are told from now by more than
	// event.ClockSlack.
	Rewind(ctx context.Context, downstream string, longest, back time.Duration) (int, error)
	// Pause lets nothing be claimed for the downstream, Resume ends that. One that is paused already stays paused since
	// when it was, for the new reason. NotFound for an unknown one.
	Pause(ctx context.Context, downstream, why string) error
	Resume(ctx context.Context, downstream string) error
	// Remove forgets the downstream and all that is enqueued for it. NotFound for an unknown one.
	Remove(ctx context.Context, downstream string) error
	// Retry makes a row that is waiting due at once, and one that is delivered, dead or skipped start again as in Enqueue;
	// Skip makes one that is waiting or dead skipped. NotFound when there is no such row, Invalid when it is in another
	// state.
	Retry(ctx context.Context, row int64) error
	Skip(ctx context.Context, row int64) error
}

// OutboxReader is how people look at the outbox.
type OutboxReader interface {
	// Downstreams lists all that are registered, by name, with their counts.
	Downstreams(ctx context.Context) ([]event.DownstreamStatus, error)
	// OutboxRows lists rows by id, without their Output, beginning after the one given: at most limit; an empty page is
	// the end.
	OutboxRows(ctx context.Context, filter event.OutboxFilter, after int64, limit int) ([]event.OutboxRow, error)
	// OutboxRow is one row. NotFound when there is none.
	OutboxRow(ctx context.Context, id int64) (event.OutboxRow, error)
}

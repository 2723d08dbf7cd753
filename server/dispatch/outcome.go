package dispatch

import (
	"context"
	"time"

	"numhook/server/event"
)

// Envelope is what a downstream gets: one change, described by spec/downstream.json.
type Envelope struct {
	// identity of the change, the same on every retry, replay and receiver: downstreams tell repetitions by it
	ID     string
	Number string // what changes in order: the key of a partitioned log
	Body   []byte // JSON, without a line end
}

// Outcome is what an attempt came to.
type Outcome struct {
	Verdict event.Verdict
	After   time.Duration // Retry: how long the downstream asked to be left alone (Retry-After); 0 when it did not say
	Pause   bool          // the downstream wants nothing more (410): it is paused until an operator resumes it
	// one short line for logs and people, without personal data and without secrets; empty when confirmed
	Reason string
	// what a program printed, escaped, at most event.LongestOutput bytes: for people who look at the row, and never logged
	Output string
	// the downstream answered sensibly, even if it refused this one change: the breaker counts it as a sign of life
	Alive bool

	// Underway says that something was sent, perhaps before what came to this outcome, that the downstream has not
	// answered: it may still act on it.
	Underway bool
}

// Sender makes attempts. It is safe for concurrent use.
type Sender interface {
	// Send makes one try. It MUST end soon after ctx does, and MUST NOT begin to send what the downstream could act on
	// once ctx has ended. Whatever is unclear (the connection broke after the body was taken) is a Retry, and Underway.
	Send(ctx context.Context, e Envelope) Outcome
	// Close releases what the sender holds. Nothing is sent after it.
	Close() error
}

// Backoff is how a worker waits between attempts of one row: First, then Factor times as long each time up to Max, and
// of that a random part (full jitter).
type Backoff struct {
	First       time.Duration
	Factor      float64
	Max         time.Duration // at most event.LongestWait
	GiveUpAfter time.Duration // since it was enqueued; 0 for never
}

// WorkerConfig is one downstream, and how it is served.
type WorkerConfig struct {
	Downstream  event.Downstream
	Sender      Sender
	Timeout     time.Duration // of one attempt
	Concurrency int           // attempts at a time
	Rate        float64       // attempts a second; 0 for no limit
	Backoff     Backoff
}

// Queue is where the outbox is kept: a part of store.Outbox, which says what each method promises.
type Queue interface {
	Claim(ctx context.Context, downstream string, limit int) (attempts []event.Attempt, next time.Time, err error)
	Record(ctx context.Context, r event.Result) (held bool, err error)
	Held(ctx context.Context, downstream string) ([]event.Claimed, error)
	Release(ctx context.Context, downstream string, held []event.Claimed) (int, error)
	Rewind(ctx context.Context, downstream string, longest, back time.Duration) (int, error)
	Pause(ctx context.Context, downstream, why string) error
}

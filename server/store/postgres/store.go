// Package postgres keeps events in a PostgreSQL database, for any number of receivers at once, and guarantees the rules
// of package store for it: what Append acknowledged is in the database, whole and once, after a crash of a receiver, of
// the server, or of its machine.
//
// What makes that true: one transaction for everything that a batch of deliveries causes, whose COMMIT was confirmed by
// a server that waits for its log to be on the disk (fsync, full_page_writes and synchronous_commit are read at every
// connect, and a server without them is refused); a unique index on (event_ts, id); and no memory of ours: whatever an
// answer depends on is decided by the database.
//
// # One order
//
// An event's place (Stored.Seq) comes from a sequence, inside the transaction that stores it. So an event that was
// submitted after another one was acknowledged has the higher place, through whichever receivers they came; for two
// that were under way at the same moment the seqs decide, in the same way for everyone who looks, for ever: of two
// events that are ordered by an equal time (event.Ordered) the one with the higher place counts as stored later, and
// wins; and a change is superseded exactly when a newer one of its number has a lower seq. All of this is read from the
// rows themselves. There is no second copy of a current value and no flag that could disagree with them, so no two
// receivers have to agree on anything while they write, and none waits for another one, except for one that is storing
// the very same event, or making something enqueued about the same number to the same downstream.
//
// While transactions are under way, a lower seq may become visible after a higher one. Lists that are paged by seq wait
// those moments out (settled.go).
//
// # The outbox
//
// What an event enqueues is written by the statement that stores it (outbox.go), so nobody can store an event and
// enqueue nothing. What is enqueued for whom changes only while nobody stores (downstream.go). Rows are handed out
// under claims that wait for nobody (claim.go), and every other transaction takes their locks in the order of their
// keys: there are no deadlocks between receivers. Every time is the database's.
package postgres

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/store/commit"
	"numhook/server/store/sound"
)

// Options are the settings of a store that is opened for writing. The zero value is right for serving.
type Options struct {
	Observer    store.Observer // is told what the writers do; may be nil
	Check       sound.Check    // what is shown or handed on is held against it; the zero value finds everything good
	AllowUnsafe bool           // opens a store even where its promise does not hold: see the refusals of Open

	Writers     int           // transactions at a time; 0 means DefaultWriters
	MaxBatch    int           // deliveries in one transaction; 0 means DefaultMaxBatch, 1 means one transaction each
	QueueLength int           // deliveries that may wait for a writer; 0 means DefaultQueueLength
	Patience    time.Duration // how long a caller waits before it is refused; 0 means DefaultPatience

	Now func() time.Time // the outbox's clock; nil, as everywhere but in tests, means the database's
	// is called after a durable transaction of this store that made something due; it must not block; may be nil
	Wake func()
}

// Defaults and bounds. The sender gives up after 3 s: a refusal has to leave well before that, so a caller waits at
// most DefaultPatience. The bytes bound memory: a body may be as large as 1 MiB.
const (
	DefaultWriters     = 2
	DefaultMaxBatch    = 1024
	DefaultQueueLength = 8192
	DefaultPatience    = 2 * time.Second

	batchBytes = 8 << 20
	queueBytes = 48 << 20
	retryTime  = time.Second            // how long a writer tries to save a batch
	retryPause = 20 * time.Millisecond  // between two such attempts
	retryAfter = 250 * time.Millisecond // between two attempts to connect, afterwards
	// of one transaction: longer than anybody waits for it, so that a slow database gets on nevertheless
	writeTime = 10 * time.Second
	readers   = 4 // connections that read
	// connections that hand out the outbox, and change its rows; none is made before it is needed
	outboxConns = 4
	results     = 256 // results of attempts in one transaction
)

func (o Options) withDefaults() Options {
	if o.Writers <= 0 {
		o.Writers = DefaultWriters
	}
	if o.MaxBatch <= 0 {
		o.MaxBatch = DefaultMaxBatch
	}
	if o.QueueLength <= 0 {
		o.QueueLength = DefaultQueueLength
	}
	if o.Patience <= 0 {
		o.Patience = DefaultPatience
	}
	return o
}

// Store is an open PostgreSQL store. It implements store.Store and store.Outbox.
type Store struct {
	*Reader
	dsn        dsn
	opts       Options
	committer  *commit.Committer[work] // deliveries
	results    *commit.Committer[work] // results of attempts
	outboxPool *pgxpool.Pool           // for the outbox
	// when the last durable transaction ended, in nanoseconds since the epoch; 0 while a writer is in trouble
	wrote atomic.Int64
	ready sync.Mutex // one readiness check at a time
	latch sound.Latch
}

var (
	_ store.Store  = (*Store)(nil)
	_ store.Outbox = (*Store)(nil)
)

// Open opens the store at url for serving, beside any number of others, and creates or updates its schema when needed.
// What the URL leaves out comes from the environment that PostgreSQL's own programs use (PGPASSWORD, PGPASSFILE,
// PGSSLROOTCERT, ...).
//
// It refuses, with an event.Error that names the setting and the reason, a server on which the promise would not hold:
// see setting.go.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	return open(ctx, url, opts.withDefaults(), (*Store).migrate)
}

// OpenOperator opens an existing store for writing beside the receivers that serve it, for the work of an operator such
// as a redrive. It changes no schema, and leaves the judgement on the server's settings to the receivers.
func OpenOperator(ctx context.Context, url string) (*Store, error) {
	return open(ctx, url, Options{AllowUnsafe: true, Writers: 1}.withDefaults(), nil)
}

// OpenReader opens an existing store for reading only; the server may be a replica. It creates nothing where there is
// no store: kind NotFound.
func OpenReader(ctx context.Context, url string) (*Reader, error) {
	d, err := parse(url)
	if err != nil {
		return nil, err
	}
	return d.openReader(ctx)
}

// open connects, has the schema prepared, and starts the writers.
func open(
	ctx context.Context, url string, opts Options, prepare func(*Store, context.Context, *session) error,
) (*Store, error) {
	d, err := parse(url)
	if err != nil {
		return nil, err
	}
	s := &Store{dsn: d, opts: opts}
	if prepare != nil {
		first, err := s.connect(ctx, storingWays)
		if err != nil {
			return nil, d.openError(err)
		}
		if err := errors.Join(prepare(s, ctx, first), first.close()); err != nil {
			return nil, d.openError(err)
		}
	}
	if s.Reader, err = d.openReader(ctx); err != nil {
		return nil, err
	}
	s.Reader.Check(opts.Check)
	s.now = opts.Now
	writers := make([]commit.Writer[work], opts.Writers)
	for i := range writers {
		w := s.newWriter(storingWays)
		if err := w.connect(ctx); err != nil {
			for _, opened := range writers[:i] {
				err = errors.Join(err, opened.Close())
			}
			return nil, errors.Join(d.openError(err), s.Reader.Close())
		}
		writers[i] = w
	}
	if s.outboxPool, err = s.openOutboxPool(ctx); err != nil {
		for _, w := range writers {
			err = errors.Join(err, w.Close())
		}
		return nil, errors.Join(d.openError(err), s.Reader.Close())
	}
	bounds := commit.Options{
		Observer: opts.Observer, Batch: opts.MaxBatch, BatchBytes: batchBytes, Queue: opts.QueueLength,
		QueueBytes: queueBytes,
		Patience:   opts.Patience, RetryAfter: retryAfter,
	}
	s.committer = commit.New(bounds, writers...)
	bounds.Observer, bounds.Batch = nil, results
	s.results = commit.New(bounds, commit.Writer[work](s.newWriter(keepingWays))) // connects when the first result comes
	return s, nil
}

func (s *Store) newWriter(how map[string]string) *writer {
	w := &writer{store: s, batch: newBatch(), how: how}
	w.batch.now = s.opts.Now
	return w
}

// wake tells whoever hands on the outbox that something became due.
func (s *Store) wake() {
	if s.opts.Wake != nil {
		s.opts.Wake()
	}
}

// Close finishes what was begun and what waits, refuses what comes after, and ends the connections.
func (s *Store) Close() error {
	err := errors.Join(s.committer.Close(), s.results.Close())
	s.outboxPool.Close()
	return errors.Join(err, s.Reader.Close())
}

// submit has a writer do the work and waits until it is durable.
func (s *Store) submit(ctx context.Context, verb string, w work, bytes int64) error {
	return s.submitTo(ctx, s.committer, verb, w, bytes)
}

func (s *Store) submitTo(ctx context.Context, writers *commit.Committer[work], verb string, w work, bytes int64) error {
	if err := s.latch.Shut(verb); err != nil {
		return err
	}
	err := writers.Submit(ctx, w, bytes)
	if err == nil {
		return nil
	}
	if own, ok := errors.AsType[*commit.Spoiled](err); ok {
		return refused(verb, s.dsn.describe(own.Err).Error())
	}
	return s.dsn.unavailable(verb, err)
}

// Append implements store.Writer.
func (s *Store) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	return s.append(ctx, "append event", 0, e)
}

// Redrive implements store.Writer.
func (s *Store) Redrive(ctx context.Context, quarantine int64, e event.Event) (event.Receipt, error) {
	if quarantine <= 0 {
		return event.Receipt{}, noEntry("redrive", quarantine)
	}
	return s.append(ctx, "redrive quarantine entry", quarantine, e)
}

func (s *Store) append(ctx context.Context, verb string, redrives int64, e event.Event) (event.Receipt, error) {
	a, err := newAppending(e)
	if err != nil {
		return event.Receipt{}, err
	}
	a.redrives = redrives
	if err := s.submit(ctx, verb, a, a.weight()); err != nil {
		return event.Receipt{}, err
	}
	if a.refusal != nil {
		return event.Receipt{}, a.refusal
	}
	return a.receipt, nil
}

// Quarantine implements store.Writer.
func (s *Store) Quarantine(ctx context.Context, q event.Quarantined) (int64, error) {
	w, err := newQuarantining(q)
	if err == nil {
		err = s.submit(ctx, "quarantine delivery", w, int64(len(q.Delivery.Body)))
	}
	if err != nil {
		return 0, err
	}
	return w.id, nil
}

// RecordChallenge implements store.Writer.
func (s *Store) RecordChallenge(ctx context.Context, at time.Time) error {
	return s.submit(ctx, "record challenge", fact{"challenge", at}, 0)
}

// Ready implements store.Writer. A write that became durable within the last second is proof enough.
func (s *Store) Ready(ctx context.Context) error {
	s.ready.Lock()
	defer s.ready.Unlock()
	now := time.Now()
	if now.Sub(time.Unix(0, s.wrote.Load())) < time.Second && !s.committer.Closed() {
		return nil
	}
	return s.submit(ctx, "write to the store", fact{"ready", now}, 0)
}

// Package sqlite keeps events in one SQLite file, embedded, and guarantees the rules of package store for it: what
// Append acknowledged is in the file, whole and once, after a crash, a power cut, or a disk that failed and came back.
//
// What makes that true: WAL with synchronous=FULL, set and read back on opening (a commit returns after the fsync of
// the log); one transaction for everything that a batch of deliveries causes; a unique index on (event_ts, id); and
// after any failed write a fresh connection that first copies the whole log into the database file and starts the log
// again, before the next acknowledgement (session.go says why).
//
// One goroutine writes, in groups: while one transaction is on its way to the disk, whatever arrives waits for the
// next. Readers have their own connections and never wait for the writer, nor it for them.
package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/store/commit"
	"numhook/server/store/sound"
)

// Options are the settings of a store that is opened for writing. The zero value is right for serving.
type Options struct {
	Observer    store.Observer // is told what the writer does; may be nil
	Check       sound.Check    // what is shown or handed on is held against it; the zero value finds everything good
	AllowUnsafe bool           // opens a store even where its promise does not hold: see the refusals of Open
	// SQLite's synchronous setting; empty means FULL, and a lower one is refused unless AllowUnsafe
	Synchronous string

	MaxBatch    int           // deliveries in one transaction; 0 means DefaultMaxBatch, 1 means one transaction each
	QueueLength int           // deliveries that may wait for the writer; 0 means DefaultQueueLength
	LogPages    int           // pages of 4 KiB that the log takes before it is copied; 0 means logEnough
	Patience    time.Duration // how long a caller waits for the writer before it is refused; 0 means DefaultPatience

	Now func() time.Time // the outbox's time; nil means time.Now
	// is called after a durable transaction of this store that made something due; it must not block; may be nil
	Wake func()
}

// Defaults and bounds. The sender gives up after 3 s: a refusal has to leave well before that, so a caller waits at
// most DefaultPatience and a locked file is waited for a little less than that. The bytes bound memory: a body may be
// as large as 1 MiB.
const (
	DefaultMaxBatch    = 1024
	DefaultQueueLength = 8192
	DefaultPatience    = 2 * time.Second

	maxBatchBytes = 8 << 20
	maxQueueBytes = 48 << 20
	busyTimeout   = 1500 * time.Millisecond
	retryAfter    = 250 * time.Millisecond
	// an operator holds the serve lock for some milliseconds while it opens the store
	lockPatience = 200 * time.Millisecond

	operatorPatience = 30 * time.Second // no sender waits for an operator
	readers          = 4                // connections of a store that read beside its writer
)

func (o Options) withDefaults() Options {
	if o.Synchronous == "" {
		o.Synchronous = "FULL"
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
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Store is an open SQLite store. It implements store.Store, store.Outbox and store.OutboxReader.
type Store struct {
	Reader
	path      string
	opts      Options
	latch     sound.Latch
	found     finding  // when it was opened
	data      dataFile // for who syncs it beside SQLite
	lock      *os.File // held while serving, and by an operator while it opens a store that nobody serves
	operator  bool
	failed    bool        // a write has failed since the start; the writer's goroutine owns it, and what follows
	mayBeGone bool        // the log, with a connection; known here also where the lock file could not be written
	unsynced  bool        // see writeLog
	opened    os.FileInfo // of the file
	grown     int64       // how long it was
	logEnough int         // pages that the log takes before it is copied
	syncFile  func(*os.File) error

	committer *commit.Committer[work]
	closing   sync.Once
	ready     sync.Mutex // one readiness check at a time
	// when the last durable transaction ended, in nanoseconds since the epoch; 0 while the store is in trouble
	wrote atomic.Int64
}

var _ store.Store = (*Store)(nil)

// Open opens the store at path for serving, and creates it when there is none. Attempts that were under way when it was
// served last are due again. It takes an exclusive lock beside the file, so a second Open of the same path is refused,
// from any process, until the first is closed or its process has died; OpenReader and OpenOperator are welcome
// meanwhile.
//
// It refuses, with an event.Error that names the setting and the reason, what would break the promise: a synchronous
// setting below FULL, a file system in memory or on the network, a journal mode other than WAL, a file of another
// program, a schema newer than this program's.
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	opts = opts.withDefaults()
	if err := refuseBegin(path); err != nil {
		return nil, err
	}
	given := path
	path, err := makeFile(given)
	if err != nil {
		return nil, naming(given, openError(err))
	}
	if err := refuseUnsafe(path, opts); err != nil {
		return nil, naming(path, err)
	}
	s := newStore(path, opts)
	if s.lock, err = takeLock(path); err != nil {
		return nil, naming(path, err)
	}
	if s.found, err = inspect(ctx, path); err == nil {
		err = s.start(ctx)
	}
	if err != nil {
		_ = s.data.close()
		_ = s.lock.Close()
		return nil, naming(path, openError(err))
	}
	return s, nil
}

// OpenOperator opens an existing store for writing beside a serving process, for the work of an operator such as a
// redrive. It takes the file's write lock for one short transaction at a time.
func OpenOperator(ctx context.Context, path string) (*Store, error) {
	path, err := existing(path)
	if err == nil {
		err = refuseGone(path)
	}
	if err != nil {
		return nil, err
	}
	s := newStore(path, Options{AllowUnsafe: true, Patience: operatorPatience}.withDefaults())
	s.operator = true
	if s.lock, err = takeLock(path); err != nil && !errors.Is(err, errServed) {
		return nil, naming(path, err)
	}
	if err = nil; s.lock != nil {
		_, err = inspect(ctx, path)
	}
	if err == nil {
		err = s.start(ctx)
	}
	if s.lock != nil {
		_ = s.lock.Close() // from here on somebody may serve
		s.lock = nil
	}
	if err != nil {
		_ = s.data.close()
		return nil, naming(path, openError(err))
	}
	return s, nil
}

// OpenReader opens an existing store for reading only, beside whoever writes it. It creates nothing where there is no
// store: kind NotFound.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	path, err := existing(path)
	if err != nil {
		return nil, err
	}
	if err := refuseGone(path); err != nil {
		return nil, err
	}
	r := new(Reader)
	err = r.open(ctx, path)
	if err != nil && isUnwritableFolder(err) && r.openUnchanging(ctx, path) == nil {
		return r, nil
	}
	if err != nil {
		return nil, naming(path, openError(err))
	}
	return r, nil
}

func newStore(path string, opts Options) *Store {
	s := &Store{path: path, opts: opts, logEnough: cmp.Or(opts.LogPages, logEnough), syncFile: (*os.File).Sync}
	s.Reader.identities = opts.Check
	return s
}

// start connects, brings the schema up to date, and lets the writer run.
func (s *Store) start(ctx context.Context) error {
	if err := s.prepareFile(ctx); err != nil {
		return openError(err)
	}
	session, err := s.openSession(ctx)
	if err != nil {
		return openError(err)
	}
	s.clock = s.opts.Now
	if err := s.Reader.open(ctx, s.path); err != nil {
		_ = session.close()
		return openError(err)
	}
	s.committer = commit.New(commit.Options{
		Observer: s.opts.Observer, Batch: s.opts.MaxBatch, BatchBytes: maxBatchBytes, Queue: s.opts.QueueLength,
		QueueBytes: maxQueueBytes,
		Patience:   s.opts.Patience, RetryAfter: retryAfter,
	}, &writer{store: s, session: session})
	if err := s.releaseDead(ctx); err != nil {
		return errors.Join(err, s.committer.Close())
	}
	return nil
}

// prepareFile makes the file a WAL database of ours, with the latest schema.
func (s *Store) prepareFile(ctx context.Context) (err error) {
	if info, err := os.Stat(s.path); err == nil && info.Size() > 0 { // a new store has no log that may be gone
		if err := noteKept(s.lock, true); err != nil {
			return err
		}
	}
	// A migration may have to build a table again that others refer to.
	db, err := sql.Open("sqlite", dsn(s.path, "rw", "_foreign_keys=off", "_txlock=immediate", "_pragma=synchronous(FULL)"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if s.operator && s.lock == nil {
		return requireLatest(ctx, db)
	}
	if _, err := schemaOf(ctx, db); err != nil { // before anything of another program's is changed
		return err
	}
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" && !s.opts.AllowUnsafe {
		return unsafeSetting("journal_mode is "+mode+", not wal", noLog)
	}
	if err := migrate(ctx, db); err != nil {
		return err
	}
	_, err = settle(ctx, db) // all of the log goes into the file when this connection ends
	return err
}

// noLog is why the journal mode matters.
const noLog = "a reader would hold up the writer, and without a log nothing can be written anew after a failed write"

// Unclean reports whether the store had not been closed when it was opened.
func (s *Store) Unclean() bool { return s.found.unclean }

// Doubt is what is to be said of the files that were found, or empty.
func (s *Store) Doubt() string { return s.found.doubt }

// Close finishes what was begun and what waits, refuses what comes after, empties the log into the database file, and
// gives up the lock.
func (s *Store) Close() error {
	var err error
	s.closing.Do(func() {
		err = s.committer.Close()
		if s.lock != nil {
			err = errors.Join(err, s.lock.Close())
		}
	})
	if err != nil {
		return unavailable("close store", err)
	}
	return nil
}

// Append implements store.Writer.
func (s *Store) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	a, err := newAppending(e)
	if err == nil {
		err = s.submit(ctx, "append event", a, weigh(e))
	}
	if err != nil {
		return event.Receipt{}, err
	}
	return a.receipt, nil
}

// Redrive implements store.Writer.
func (s *Store) Redrive(ctx context.Context, quarantine int64, e event.Event) (event.Receipt, error) {
	a, err := newAppending(e)
	if err == nil {
		a.quarantine = quarantine
		err = s.submit(ctx, "redrive quarantine entry", redriving{a}, weigh(e))
	}
	if err == nil {
		err = a.refusal
	}
	if err != nil {
		return event.Receipt{}, err
	}
	return a.receipt, nil
}

// Quarantine implements store.Writer.
func (s *Store) Quarantine(ctx context.Context, q event.Quarantined) (int64, error) {
	w, err := newQuarantining(q)
	if err == nil {
		err = s.submit(ctx, "quarantine delivery", w, len(q.Delivery.Body))
	}
	if err != nil {
		return 0, err
	}
	return w.id, nil
}

// Discard implements store.Writer.
func (s *Store) Discard(ctx context.Context, quarantine int64) error {
	d := &discarding{id: quarantine}
	return s.settle(ctx, "discard quarantine entry", d, &d.attempt, 0)
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

// weigh is about what the event costs the writer, in bytes.
func weigh(e event.Event) int {
	const change = 64 // bytes of a row
	return len(e.Delivery.Body) + change*len(e.Numbers)
}

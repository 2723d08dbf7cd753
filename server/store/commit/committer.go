// Package commit makes many small writes durable together: while one transaction is on its way to the disk, whatever
// arrives waits, and goes into the next one as a whole. It guarantees that a caller gets its nil only after a writer
// reported the transaction with its work durable, that what waits is bounded in number and in bytes, that nobody waits
// longer than its patience, and that what a writer has begun is finished although nobody waits for it.
//
// It knows nothing of databases: an engine brings one Writer or several, each of which one goroutine owns.
package commit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Writer makes batches durable. One goroutine calls its methods, one at a time.
type Writer[W any] interface {
	// Write makes the whole batch durable in one transaction, and returns nil only then. Any error means that nothing of
	// the batch is known to be durable: a *Busy one leaves the writer well, a *Spoiled one has the works written one by
	// one, and after every other the writer is down.
	Write(batch []W) error
	// Tidy is called after the callers of a durable batch were answered, for what may wait until then. After an error the
	// writer is down.
	Tidy() error
	// Revive brings a writer that is down back, or says why it stays down. It is called again and again, every
	// Options.RetryAfter. Whatever the writer holds may be in any state: a panic is an error, too.
	Revive() error
	// Close releases the writer, which may be down.
	Close() error
}

// Busy is a failure that leaves the writer well: the batch was not written, and the next one may be.
type Busy struct{ Err error }

func (b *Busy) Error() string { return b.Err.Error() }

// Unwrap gives the cause.
func (b *Busy) Unwrap() error { return b.Err }

// Spoiled is a failure that lies in the works and not in the writer: one of them can be written by nobody.
type Spoiled struct{ Err error }

func (s *Spoiled) Error() string { return s.Err.Error() }

// Unwrap gives the cause.
func (s *Spoiled) Unwrap() error { return s.Err }

// The reasons for which a caller is refused without a writer's error.
var (
	ErrClosed = errors.New("the store is closing")
	ErrFull   = errors.New("too many deliveries wait for the store")
	ErrSlow   = errors.New("the store does not answer in time")
)

// Observer is told what the writers do. Its methods must not block.
type Observer interface {
	// Batch is told of one durable transaction, with so many works that are not Aside, when there is any, and of the time
	// from when the writer was to begin it: what it still did after the one before (Tidy) counts when somebody waited for
	// that.
	Batch(works int, took time.Duration)
	Queue(depth int) // works that wait for a writer
}

// Aside is implemented by works that are no deliveries: they go into the same transactions, and an Observer is not told
// of them.
type Aside interface{ Aside() }

// Options bound a Committer. Every number must be positive.
type Options struct {
	Observer   Observer      // may be nil
	Batch      int           // works in one transaction
	BatchBytes int64         // a batch takes no further work once it holds this many bytes
	Queue      int           // works that wait
	QueueBytes int64         // bytes that wait; a single larger work passes when nothing else waits
	Patience   time.Duration // how long a caller waits
	RetryAfter time.Duration // between two attempts to revive a writer
}

// Committer is a queue whose works are written together. All methods are safe for concurrent use.
type Committer[W any] struct {
	opts    Options
	mu      sync.RWMutex // guards closed, and that nothing is queued after it
	closed  bool
	queue   chan *request[W]
	queued  atomic.Int64 // bytes in the queue
	end     chan struct{}
	health  health
	workers []*worker[W]
	ended   sync.WaitGroup
}

// A request is waiting, then begun, unless its caller gave up before: then the writer leaves it out.
//
//	waiting -> (a writer takes it) -> begun -> answered
//	waiting -> (the caller no longer waits) -> abandoned
const (
	waiting int32 = iota
	begun
	abandoned
)

type request[W any] struct {
	work  W
	bytes int64
	state atomic.Int32
	done  chan error // holds one
}

// New starts the writers, which must be well.
func New[W any](opts Options, writers ...Writer[W]) *Committer[W] {
	c := &Committer[W]{opts: opts, queue: make(chan *request[W], opts.Queue), end: make(chan struct{})}
	c.health.start(len(writers))
	for _, w := range writers {
		w := &worker[W]{committer: c, writer: w}
		c.workers = append(c.workers, w)
		c.ended.Go(w.run)
	}
	return c
}

// Submit has a writer do the work and waits until it is durable; bytes is about what the work costs. It gives up when
// ctx ends or patience does; what a writer has begun by then is finished all the same, and the work is not the caller's
// to touch any more.
func (c *Committer[W]) Submit(ctx context.Context, work W, bytes int64) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	r := &request[W]{work: work, bytes: bytes, done: make(chan error, 1)}
	if err := c.enqueue(r); err != nil {
		return err
	}
	patience := time.NewTimer(c.opts.Patience)
	defer patience.Stop()
	var err error
	select {
	case err = <-r.done:
		return err
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-patience.C:
		if err = c.health.failure(); err == nil {
			err = ErrSlow
		}
	}
	r.state.CompareAndSwap(waiting, abandoned)
	return err
}

func (c *Committer[W]) enqueue(r *request[W]) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return ErrClosed
	}
	if before := c.queued.Add(r.bytes) - r.bytes; before > 0 && before+r.bytes > c.opts.QueueBytes {
		c.queued.Add(-r.bytes)
		return ErrFull
	}
	select {
	case c.queue <- r:
		return nil
	default:
		c.queued.Add(-r.bytes)
		return ErrFull
	}
}

// Waiting is how many works wait for a writer, and their bytes.
func (c *Committer[W]) Waiting() (works int, bytes int64) { return len(c.queue), c.queued.Load() }

// Closed reports whether Close was called.
func (c *Committer[W]) Closed() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.closed
}

// Close finishes what was begun and what waits, refuses what comes after, and closes the writers. A second Close does
// nothing.
func (c *Committer[W]) Close() error {
	c.mu.Lock()
	already := c.closed
	if !already {
		c.closed = true
		close(c.queue)
		close(c.end)
	}
	c.mu.Unlock()
	c.ended.Wait()
	if already {
		return nil
	}
	var err error
	for _, w := range c.workers {
		err = errors.Join(err, w.writer.Close())
	}
	return err
}

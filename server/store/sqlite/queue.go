package sqlite

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// work is one thing to write within the transaction of a batch.
type work interface {
	write(ctx context.Context, w *session) error
}

// verdict is an answer to one caller, such as NotFound. It is no trouble of the store's, and the batch goes on without it.
type verdict struct{ err error }

func (v *verdict) Error() string { return v.err.Error() }

// A request is waiting, then begun, unless its caller gave up before: then the writer leaves it out.
//
//	waiting -> (the writer takes it) -> begun -> answered
//	waiting -> (the caller no longer waits) -> abandoned
const (
	waiting int32 = iota
	begun
	abandoned
)

type request struct {
	work  work
	bytes int64
	state atomic.Int32

	verdict error      // the writer's, until done is answered
	done    chan error // holds one
}

// The reasons for which a caller is refused without an error of SQLite's.
var (
	errClosed = errors.New("the store is closing")
	errFull   = errors.New("too many deliveries wait for the disk")
	errSlow   = errors.New("the disk does not answer in time")
)

// submit has the writer do the work and waits until it is durable. It gives up when ctx ends or patience does; what the writer has begun by then is finished
// all the same.
func (s *Store) submit(ctx context.Context, verb string, w work, bytes int) error {
	if err := context.Cause(ctx); err != nil {
		return unavailable(verb, err)
	}
	r := &request{work: w, bytes: int64(bytes), done: make(chan error, 1)}
	if err := s.enqueue(r); err != nil {
		return unavailable(verb, err)
	}
	patience := time.NewTimer(s.opts.Patience)
	defer patience.Stop()
	var err error
	select {
	case err = <-r.done:
		return answer(verb, err)
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-patience.C:
		if err = errSlow; s.trouble.Load() != nil {
			err = *s.trouble.Load()
		}
	}
	r.state.CompareAndSwap(waiting, abandoned)
	return unavailable(verb, err)
}

// answer gives a verdict as it is, and any trouble as Unavailable.
func answer(verb string, err error) error {
	if err == nil {
		return nil
	}
	if v, ok := errors.AsType[*verdict](err); ok {
		return v.err
	}
	return unavailable(verb, err)
}

func (s *Store) enqueue(r *request) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return errClosed
	}
	// A lone large delivery always fits; beyond that, the bytes that wait are bounded.
	if before := s.queued.Add(r.bytes) - r.bytes; before > 0 && before+r.bytes > maxQueueBytes {
		s.queued.Add(-r.bytes)
		return errFull
	}
	select {
	case s.queue <- r:
		return nil
	default:
		s.queued.Add(-r.bytes)
		return errFull
	}
}

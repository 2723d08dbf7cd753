package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"

	codes "modernc.org/sqlite/lib"
)

// writer is the goroutine that writes, and what only it may touch.
type writer struct {
	store    *Store
	session  *session // nil while the store is in trouble
	retry    *time.Timer
	batch    []*request
	leftover *request // taken from the queue, but too large for the batch before
}

// run takes whatever waits into one transaction after the other, until the queue is closed and empty.
func (w *writer) run() {
	defer close(w.store.ended)
	w.retry = time.NewTimer(0)
	w.retry.Stop()
	for w.collect() {
		if o := w.store.opts.Observer; o != nil {
			o.Queue(len(w.store.queue))
		}
		switch {
		case len(w.batch) == 0: // everybody gave up
		case w.session == nil:
			w.refuse(w.batch, *w.store.trouble.Load())
		default:
			w.commit(w.batch)
		}
		clear(w.batch)
	}
}

// collect waits for a request, and takes what waits behind it, up to the bounds of a batch. It reports false when there will be none.
func (w *writer) collect() bool {
	w.batch = w.batch[:0]
	r := w.leftover
	if w.leftover = nil; r == nil {
		if r = w.next(); r == nil {
			return false
		}
	}
	w.letArrive()
	bytes := int64(0)
	for r != nil {
		if len(w.batch) > 0 && bytes+r.bytes > maxBatchBytes {
			w.leftover = r
			break
		}
		w.store.queued.Add(-r.bytes)
		if r.state.CompareAndSwap(waiting, begun) {
			w.batch = append(w.batch, r)
			bytes += r.bytes
		}
		if len(w.batch) >= w.store.opts.MaxBatch {
			break
		}
		select {
		case r = <-w.store.queue: // nil when it is closed and empty
		default:
			r = nil
		}
	}
	return true
}

// letArrive lets those run who are about to send something, such as callers that were just answered, for as long as more and more comes. Without it the
// first one of them would get a transaction for himself, and the others would wait for that.
func (w *writer) letArrive() {
	for arrived := -1; len(w.store.queue) > arrived && arrived < w.store.opts.MaxBatch; {
		arrived = len(w.store.queue)
		runtime.Gosched()
	}
}

// next waits for a request, and meanwhile brings a store in trouble back. It returns nil when the queue is closed and empty.
func (w *writer) next() *request {
	for {
		select {
		case r := <-w.store.queue:
			return r
		case <-w.retry.C:
			w.reopen()
		}
	}
}

func (w *writer) refuse(batch []*request, err error) {
	for _, r := range batch {
		r.done <- err
	}
}

// commit makes the batch durable in one transaction, and only then answers.
func (w *writer) commit(batch []*request) {
	start := time.Now()
	err := w.transact(batch)
	took := time.Since(start)
	switch faultOf(err) {
	case faultNone:
		w.store.wrote.Store(time.Now().UnixNano())
		w.store.trouble.Store(nil)
		for _, r := range batch {
			r.done <- r.verdict
		}
		w.committed(len(batch), took)
	case faultBusy: // nothing was begun
		w.store.trouble.Store(&err)
		w.refuse(batch, err)
	case faultOwn:
		if len(batch) == 1 {
			w.refuse(batch, &verdict{refused("write to the store", err.Error())})
			return
		}
		w.separate(batch)
	case faultStore:
		w.abandonSession(err)
		w.refuse(batch, err)
	}
}

// separate writes a batch once more, one by one, so that only what cannot be written is refused.
func (w *writer) separate(batch []*request) {
	for i := range batch {
		if w.session == nil {
			w.refuse(batch[i:], *w.store.trouble.Load())
			return
		}
		w.commit(batch[i : i+1])
	}
}

// committed does what follows a durable transaction and may not harm it.
func (w *writer) committed(events int, took time.Duration) {
	if o := w.store.opts.Observer; o != nil {
		o.Batch(events, took)
	}
	if err := w.session.log.care(w.session); err != nil {
		w.abandonSession(err)
	}
}

// transact writes the batch. When it returns an error other than of faultBusy, the session may be in any state, except that nothing of the batch was
// acknowledged.
func (w *writer) transact(batch []*request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while writing: %v", p)
		}
	}()
	ctx := context.Background() // what is begun is finished: no caller's context ends it
	s := w.session
	if err := w.lock(ctx); err != nil {
		return err
	}
	for _, r := range batch {
		r.verdict = nil
		err := r.work.write(ctx, s)
		if v, ok := errors.AsType[*verdict](err); ok {
			r.verdict = v
		} else if err != nil {
			return s.undo(ctx, err)
		}
	}
	if _, err := s.commit.ExecContext(ctx); err != nil {
		return s.undo(ctx, err)
	}
	return s.inPlace()
}

// lock takes the write lock of the file.
func (w *writer) lock(ctx context.Context) error {
	if w.store.operator {
		return w.lockAsOperator(ctx)
	}
	_, err := w.session.begin.ExecContext(ctx)
	if code(err) == codes.SQLITE_BUSY {
		return &busyError{err}
	}
	return err
}

// lockAsOperator takes the lock beside a serving process. Under load that one frees it for a few microseconds between two batches, which SQLite's own way of
// waiting, with pauses of up to 100 ms, would hardly ever meet: so this one looks often, and at random times.
func (w *writer) lockAsOperator(ctx context.Context) error {
	deadline := time.Now().Add(operatorPatience / 2)
	for {
		_, err := w.session.begin.ExecContext(ctx)
		if code(err) != codes.SQLITE_BUSY {
			return err
		}
		if time.Now().After(deadline) {
			return &busyError{err}
		}
		time.Sleep(rand.N(time.Millisecond))
	}
}

// abandonSession gives the connection up: what it believes about the file may not be so. The store is in trouble until reopen succeeds.
func (w *writer) abandonSession(err error) {
	w.store.wrote.Store(0)
	w.store.trouble.Store(&err)
	w.store.failed = true
	if errors.Is(err, errMoved) {
		_ = w.store.Reader.release() // before the writer: as the last one it saves what is only in a log that was deleted
	}
	_ = w.session.close() // it is given up because it fails: one failure more adds nothing
	w.session = nil
	w.retry.Reset(retryAfter)
}

// reopen tries to end the trouble.
func (w *writer) reopen() {
	ctx, cancel := context.WithTimeout(context.Background(), busyTimeout)
	defer cancel()
	session, err := w.store.openSession(ctx)
	if err == nil {
		if err = w.store.Reader.reopen(ctx); err != nil {
			_ = session.close() // the first error says enough
		}
	}
	if err != nil {
		w.store.trouble.Store(&err)
		w.retry.Reset(retryAfter)
		return
	}
	w.session = session
}

// close empties the log and lets the file go.
func (w *writer) close() error {
	if w.session == nil {
		return nil
	}
	w.session.log.settle()
	var err error
	if !w.store.operator {
		err = checkpoint(context.Background(), w.session.conn, "TRUNCATE").err
	}
	return errors.Join(err, w.session.close())
}

package commit

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// worker is one writer at its work, and what only its goroutine may touch.
type worker[W any] struct {
	committer *Committer[W]
	writer    Writer[W]
	down      error // why the writer is down; nil while it is well
	retry     *time.Timer
	batch     []*request[W]
	works     []W
	linger    *time.Timer
	// works that are likely to come: those of the last batch, whose callers may come back, and those that waited meanwhile
	expected int
	took     time.Duration // by the last batch
	kept     time.Duration // by what followed it, while others came and waited
}

// run takes whatever waits into one transaction after the other, until the queue is closed and empty.
func (w *worker[W]) run() {
	w.retry = time.NewTimer(0)
	w.retry.Stop()
	w.linger = time.NewTimer(0)
	w.linger.Stop()
	for w.collect() {
		if o := w.committer.opts.Observer; o != nil {
			o.Queue(len(w.committer.queue))
		}
		switch {
		case len(w.batch) == 0: // everybody gave up
		case w.down != nil:
			answer(w.batch, w.down)
		default:
			w.write(w.batch)
		}
		clear(w.batch)
	}
}

// collect waits for a request, and takes what waits behind it, up to the bounds of a batch. It reports false when there
// will be none.
func (w *worker[W]) collect() bool {
	w.batch = w.batch[:0]
	r := w.next()
	if r == nil {
		return false
	}
	w.letArrive()
	w.linger.Reset(min(w.took/lingerPart, lingerMost))
	defer w.linger.Stop()
	for bytes := int64(0); r != nil; r = w.another() {
		w.committer.queued.Add(-r.bytes)
		if r.state.CompareAndSwap(waiting, begun) {
			w.batch = append(w.batch, r)
			bytes += r.bytes
		}
		if len(w.batch) >= w.committer.opts.Batch || bytes >= w.committer.opts.BatchBytes {
			break
		}
	}
	return true
}

// Callers that submit one work after the other would fall into two halves, each of which waits for the other's
// transaction, if a writer went off with the first that comes back after it has answered many. So it lets those run who
// are about to submit, and then waits a moment for as many as it has just answered, beside those that waited already.
// Who is alone never waits.
const (
	lingerPart = 4 // of the time that the last batch took
	lingerMost = 2 * time.Millisecond
)

// letArrive lets other goroutines run, for as long as more and more comes of it.
func (w *worker[W]) letArrive() {
	for arrived := -1; len(w.committer.queue) > arrived && arrived < w.committer.opts.Batch; {
		arrived = len(w.committer.queue)
		runtime.Gosched()
	}
}

// another is the next request of the batch, or nil when it is complete.
func (w *worker[W]) another() *request[W] {
	select {
	case r := <-w.committer.queue: // nil when it is closed and empty
		return r
	default:
	}
	if len(w.batch) >= w.expected || w.down != nil {
		return nil
	}
	select {
	case r := <-w.committer.queue:
		return r
	case <-w.linger.C:
		w.expected = 0
		return nil
	}
}

// next waits for a request, and meanwhile brings a writer that is down back. It returns nil when there is nothing more
// to do for this writer.
//
// A writer that is down leaves the requests to those that are well. When none is, each refuses what comes, so that
// nobody waits in vain.
func (w *worker[W]) next() *request[W] {
	for {
		queue, end := w.committer.queue, chan struct{}(nil)
		others, changed := w.committer.health.look()
		if w.down != nil && others {
			queue, end = nil, w.committer.end
		}
		select {
		case r := <-queue:
			return r
		case <-w.retry.C:
			w.revive()
		case <-changed:
		case <-end: // whoever is well drains the queue; should it go down, it refuses the rest itself
			return nil
		}
	}
}

func answer[W any](batch []*request[W], err error) {
	for _, r := range batch {
		r.done <- err
	}
}

// write has the batch made durable, and only then answers nil.
func (w *worker[W]) write(batch []*request[W]) {
	w.works = w.works[:0]
	for _, r := range batch {
		w.works = append(w.works, r.work)
	}
	start := time.Now()
	err := w.guarded(func() error { return w.writer.Write(w.works) })
	took := time.Since(start)
	clear(w.works)
	_, busy := errors.AsType[*Busy](err)
	_, spoiled := errors.AsType[*Spoiled](err)
	switch {
	case err == nil:
		w.durable(batch, took)
	case busy:
		w.committer.health.note(err)
		answer(batch, err)
	case spoiled && len(batch) > 1:
		w.writeEach(batch)
	case spoiled:
		answer(batch, err)
	default:
		w.goDown(err)
		answer(batch, err)
	}
}

// durable answers, and does what follows a durable transaction and may not harm it.
func (w *worker[W]) durable(batch []*request[W], took time.Duration) {
	w.committer.health.note(nil)
	w.expected, w.took = len(batch)+len(w.committer.queue), took
	answer(batch, nil)
	if o := w.committer.opts.Observer; o != nil {
		if works := deliveries(batch); works > 0 {
			o.Batch(works, w.kept+took)
		}
	}
	start := time.Now()
	if err := w.guarded(w.writer.Tidy); err != nil {
		w.goDown(err)
	}
	if w.kept = 0; len(w.committer.queue) > 0 {
		w.kept = time.Since(start)
	}
}

// deliveries counts the works of the batch that are not Aside.
func deliveries[W any](batch []*request[W]) (count int) {
	for _, r := range batch {
		if _, aside := any(r.work).(Aside); !aside {
			count++
		}
	}
	return count
}

// writeEach lets only the works fail that are at fault.
func (w *worker[W]) writeEach(batch []*request[W]) {
	for i := range batch {
		if w.down != nil {
			answer(batch[i:], w.down)
			return
		}
		w.write(batch[i : i+1])
	}
}

// guarded turns a panic into an error, so that it takes one writer down and not the process with everybody's
// deliveries.
func (w *worker[W]) guarded(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while writing: %v", p)
		}
	}()
	return do()
}

func (w *worker[W]) goDown(err error) {
	w.down = err
	w.committer.health.down(err)
	w.retry.Reset(w.committer.opts.RetryAfter)
}

func (w *worker[W]) revive() {
	if err := w.guarded(w.writer.Revive); err != nil {
		w.down = err
		w.committer.health.note(err)
		w.retry.Reset(w.committer.opts.RetryAfter)
		return
	}
	w.down = nil
	w.committer.health.up()
}

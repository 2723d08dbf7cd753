package group

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// seat is one writer at its work, and what only its goroutine may touch.
type seat[W any] struct {
	commit  *Commit[W]
	writer  Writer[W]
	trouble error // why the writer is down; nil while it is well
	retry   *time.Timer
	batch   []*request[W]
	works   []W
	linger  *time.Timer
	likely  int           // works that are likely to come: those of the last batch, whose callers may come back, and those that waited meanwhile
	took    time.Duration // by the last batch
	kept    time.Duration // by what followed it, while others came and waited
}

// run takes whatever waits into one transaction after the other, until the queue is closed and empty.
func (s *seat[W]) run() {
	s.retry = time.NewTimer(0)
	s.retry.Stop()
	s.linger = time.NewTimer(0)
	s.linger.Stop()
	for s.collect() {
		if o := s.commit.opts.Observer; o != nil {
			o.Queue(len(s.commit.queue))
		}
		switch {
		case len(s.batch) == 0: // everybody gave up
		case s.trouble != nil:
			answer(s.batch, s.trouble)
		default:
			s.write(s.batch)
		}
		clear(s.batch)
	}
}

// collect waits for a request, and takes what waits behind it, up to the bounds of a batch. It reports false when there will be none.
func (s *seat[W]) collect() bool {
	s.batch = s.batch[:0]
	r := s.next()
	if r == nil {
		return false
	}
	s.letArrive()
	s.linger.Reset(min(s.took/lingerPart, lingerMost))
	defer s.linger.Stop()
	for bytes := int64(0); r != nil; r = s.another() {
		s.commit.queued.Add(-r.bytes)
		if r.state.CompareAndSwap(waiting, begun) {
			s.batch = append(s.batch, r)
			bytes += r.bytes
		}
		if len(s.batch) >= s.commit.opts.Batch || bytes >= s.commit.opts.BatchBytes {
			break
		}
	}
	return true
}

// Callers that submit one work after the other would fall into two halves, each of which waits for the other's transaction, if a writer went off with the
// first that comes back after it has answered many. So it lets those run who are about to submit, and then waits a moment for as many as it has just
// answered, beside those that waited already. Who is alone never waits.
const (
	lingerPart = 4 // of the time that the last batch took
	lingerMost = 2 * time.Millisecond
)

// letArrive lets other goroutines run, for as long as more and more comes of it.
func (s *seat[W]) letArrive() {
	for arrived := -1; len(s.commit.queue) > arrived && arrived < s.commit.opts.Batch; {
		arrived = len(s.commit.queue)
		runtime.Gosched()
	}
}

// another is the next request of the batch, or nil when it is complete.
func (s *seat[W]) another() *request[W] {
	select {
	case r := <-s.commit.queue: // nil when it is closed and empty
		return r
	default:
	}
	if len(s.batch) >= s.likely || s.trouble != nil {
		return nil
	}
	select {
	case r := <-s.commit.queue:
		return r
	case <-s.linger.C:
		s.likely = 0
		return nil
	}
}

// next waits for a request, and meanwhile brings a writer that is down back. It returns nil when there is nothing more to do for this writer.
//
// A writer that is down leaves the requests to those that are well. When none is, each refuses what comes, so that nobody waits in vain.
func (s *seat[W]) next() *request[W] {
	for {
		queue, end := s.commit.queue, chan struct{}(nil)
		others, changed := s.commit.health.look()
		if s.trouble != nil && others {
			queue, end = nil, s.commit.end
		}
		select {
		case r := <-queue:
			return r
		case <-s.retry.C:
			s.revive()
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
func (s *seat[W]) write(batch []*request[W]) {
	s.works = s.works[:0]
	for _, r := range batch {
		s.works = append(s.works, r.work)
	}
	start := time.Now()
	err := s.guarded(func() error { return s.writer.Write(s.works) })
	took := time.Since(start)
	clear(s.works)
	_, busy := errors.AsType[*Busy](err)
	_, spoiled := errors.AsType[*Spoiled](err)
	switch {
	case err == nil:
		s.durable(batch, took)
	case busy:
		s.commit.health.note(err)
		answer(batch, err)
	case spoiled && len(batch) > 1:
		s.writeEach(batch)
	case spoiled:
		answer(batch, err)
	default:
		s.goDown(err)
		answer(batch, err)
	}
}

// durable answers, and does what follows a durable transaction and may not harm it.
func (s *seat[W]) durable(batch []*request[W], took time.Duration) {
	s.commit.health.note(nil)
	s.likely, s.took = len(batch)+len(s.commit.queue), took
	answer(batch, nil)
	if o := s.commit.opts.Observer; o != nil {
		if works := deliveries(batch); works > 0 {
			o.Batch(works, s.kept+took)
		}
	}
	start := time.Now()
	if err := s.guarded(s.writer.Tidy); err != nil {
		s.goDown(err)
	}
	if s.kept = 0; len(s.commit.queue) > 0 {
		s.kept = time.Since(start)
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
func (s *seat[W]) writeEach(batch []*request[W]) {
	for i := range batch {
		if s.trouble != nil {
			answer(batch[i:], s.trouble)
			return
		}
		s.write(batch[i : i+1])
	}
}

// guarded turns a panic into an error, so that it takes one writer down and not the process with everybody's deliveries.
func (s *seat[W]) guarded(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while writing: %v", p)
		}
	}()
	return do()
}

func (s *seat[W]) goDown(err error) {
	s.trouble = err
	s.commit.health.down(err)
	s.retry.Reset(s.commit.opts.RetryAfter)
}

func (s *seat[W]) revive() {
	if err := s.guarded(s.writer.Revive); err != nil {
		s.trouble = err
		s.commit.health.note(err)
		s.retry.Reset(s.commit.opts.RetryAfter)
		return
	}
	s.trouble = nil
	s.commit.health.up()
}

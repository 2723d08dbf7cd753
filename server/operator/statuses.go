package operator

import (
	"context"
	"sync"
	"time"

	"numhook/server/event"
)

// How long counts are good that took long to count: nobody waits for them twice, and no processor is at work for them
// all the time.
const (
	slowCount   = 20 * time.Millisecond
	countedFor  = 20               // times as long as it took
	oldestCount = 30 * time.Second // older ones are nobody's answer
)

// statuses are how the downstreams stand. Where that is counted quickly it is counted for everybody who asks; else what
// was counted last is the answer, and somebody counts again beside it. It is safe for concurrent use.
type statuses struct {
	counting sync.Mutex // is held by whoever counts

	mu   sync.Mutex // guards what follows
	last []event.DownstreamStatus
	at   time.Time // when last was counted
	took time.Duration
}

func (s *statuses) get(
	ctx context.Context, count func(context.Context) ([]event.DownstreamStatus, error),
) ([]event.DownstreamStatus, error) {
	s.mu.Lock()
	last, age, took := s.last, time.Since(s.at), s.took
	s.mu.Unlock()
	if took < slowCount || age > oldestCount {
		return s.count(ctx, count)
	}
	if age > countedFor*took && s.counting.TryLock() {
		go func() {
			defer s.counting.Unlock()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), oldestCount)
			defer cancel()
			_, _ = s.count(ctx, count) // whoever asks when the last is too old is told why it fails
		}()
	}
	return last, nil
}

func (s *statuses) count(
	ctx context.Context, count func(context.Context) ([]event.DownstreamStatus, error),
) ([]event.DownstreamStatus, error) {
	began := time.Now()
	list, err := count(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last, s.at, s.took = list, time.Now(), time.Since(began)
	return list, nil
}

package sqlite

import (
	"context"
	"errors"

	"numhook/server/store/commit"
)

// work is one thing to write within the transaction of a batch.
type work interface {
	write(ctx context.Context, w *session) error
}

// idler is a work that may find that it has nothing to write.
type idler interface{ idle() bool }

// submit has the writer do the work and waits until it is durable. It gives up when ctx ends or patience does; what the
// writer has begun by then is finished all the same.
func (s *Store) submit(ctx context.Context, verb string, w work, bytes int) error {
	if err := s.latch.Shut(verb); err != nil {
		return err
	}
	err := s.committer.Submit(ctx, w, int64(bytes))
	if err == nil {
		return nil
	}
	if own, ok := errors.AsType[*commit.Spoiled](err); ok {
		return refused(verb, own.Error())
	}
	return unavailable(verb, err)
}

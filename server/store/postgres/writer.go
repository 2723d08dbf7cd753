package postgres

import (
	"context"
	"time"

	"numhook/server/store/commit"
)

// writer makes batches durable, on a session of its own.
type writer struct {
	store   *Store
	session *session // nil while the writer is down
	batch   *batch
	how     map[string]string // the ways of its session
}

var _ commit.Writer[work] = (*writer)(nil)

// Write makes the works durable in one transaction. What stands in the way it tries again for a while: a lost
// connection may have been an idle one that a proxy closed, or a server that restarts. That the attempt before may have
// been durable after all does no harm: its events are found by their identities.
func (w *writer) Write(works []work) error {
	limit := time.NewTimer(retryTime)
	defer limit.Stop()
	for {
		err := w.attempt(works)
		switch faultOf(err) {
		case faultNone:
			if len(w.batch.results) == 0 { // those may all have come too late, and changed nothing
				w.store.wrote.Store(time.Now().UnixNano())
			}
			if w.batch.woken {
				w.store.wake()
			}
			return nil
		case faultRefused:
			return &commit.Busy{Err: err}
		case faultOwn:
			return &commit.Spoiled{Err: err}
		case faultSession:
			w.abandon()
		}
		pause := time.NewTimer(retryPause)
		select {
		case <-pause.C:
		case <-limit.C:
			pause.Stop()
			if w.session != nil {
				return &commit.Busy{Err: err}
			}
			return err
		}
	}
}

func (w *writer) attempt(works []work) error {
	// what is begun is finished: no caller's context ends it
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	if w.session == nil {
		if err := w.connect(ctx); err != nil {
			return err
		}
	}
	w.batch.gather(works)
	return w.session.write(ctx, w.batch)
}

func (w *writer) connect(ctx context.Context) (err error) {
	w.session, err = w.store.openSession(ctx, w.how)
	return err
}

func (w *writer) abandon() {
	w.store.wrote.Store(0)
	if w.session != nil {
		_ = w.session.close() // its failure adds nothing
		w.session = nil
	}
}

// Tidy implements group.Writer: there is nothing to do between two batches.
func (w *writer) Tidy() error { return nil }

// Revive connects again. The server may be another one by now, so it is held to the same conditions as the first.
func (w *writer) Revive() error {
	w.abandon() // a session whose last use ended in a panic
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	return w.connect(ctx)
}

// Close implements group.Writer.
func (w *writer) Close() error {
	if w.session == nil {
		return nil
	}
	return w.session.close()
}

package command

import (
	"context"
	"sync"
	"time"
)

// watcher ends a program whose time is over.
type watcher struct {
	group group
	ended chan struct{}
	over  sync.WaitGroup
	late  bool // the program was told to end; read after stop
}

// watch begins to look after the group: SIGTERM a moment before the context's deadline or when it is cancelled, SIGKILL
// at the deadline, or a moment after a cancel.
func watch(ctx context.Context, group group) *watcher {
	w := &watcher{group: group, ended: make(chan struct{})}
	w.over.Go(func() { w.look(ctx) })
	return w
}

func (w *watcher) look(ctx context.Context) {
	grace, warn := longestGrace, (<-chan time.Time)(nil)
	until, bounded := ctx.Deadline()
	if bounded {
		left := time.Until(until)
		grace = min(grace, max(left/10, 0))
		timer := time.NewTimer(left - grace)
		defer timer.Stop()
		warn = timer.C
	}
	select {
	case <-w.ended:
		return
	case <-warn:
	case <-ctx.Done():
	}
	w.late = true
	w.group.terminate()
	last := time.NewTimer(grace)
	defer last.Stop()
	select {
	case <-w.ended:
	case <-last.C:
		w.group.kill()
	}
}

// stop is called when the program has ended. It kills what the program left in its group.
func (w *watcher) stop() {
	close(w.ended)
	w.over.Wait()
	w.group.kill()
}

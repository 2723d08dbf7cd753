package storetest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"
)

// recorder stands in for a test and notes its failures.
type recorder struct {
	ctx      context.Context
	mu       sync.Mutex
	failures []string
}

func (r *recorder) Helper()                  {}
func (r *recorder) Context() context.Context { return r.ctx }

func (r *recorder) Errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

// caseEnds bounds a case that a fault may keep from ending. It is so wide because the machine may be busy and the
// race detector on.
const caseEnds = 5 * time.Minute

// complaints are what a recorder notes that stands in for the test.
func complaints(t *testing.T, name string, test func(r *recorder)) []string {
	r := &recorder{ctx: t.Context()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v", p)
			}
		}()
		test(r)
	}()
	select {
	case <-done:
	case <-time.After(caseEnds):
		t.Fatalf("case %q does not end within %v", name, caseEnds)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failures
}

// A store without a fault passes through the same machinery.
func TestRecorderIsQuiet(t *testing.T) {
	for _, c := range Cases() {
		if list := failures(t, c, func(*faulty) {}); len(list) > 0 {
			t.Errorf("case %q fails: %s", c.Name, list[0])
		}
	}
}

package jetstream

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"
)

// late is a context whose timer has not fired although its time is over, as in a process that was stopped and has just
// gone on.
type late struct{ context.Context }

func (late) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestAWriteLooksAtTheClock(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	ours.SetWriteDeadline(time.Now().Add(10 * time.Second))
	w := &wire{Conn: ours, hands: map[*time.Time]context.Context{}}
	taken := make(chan string, 1)
	go func() {
		p := make([]byte, 10)
		n, _ := theirs.Read(p)
		taken <- string(p[:n])
	}()
	w.hand(late{t.Context()})()
	if n, err := w.Write([]byte("early")); n != 5 || err != nil {
		t.Fatalf("nobody is handing over: %d, %v", n, err)
	}
	if got := <-taken; got != "early" {
		t.Fatalf("taken %q", got)
	}
	defer w.hand(t.Context())()
	defer w.hand(late{t.Context()})()
	if n, err := w.Write([]byte("late")); n != 0 || !errors.Is(err, errOver) {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := theirs.Read(make([]byte, 1)); err == nil {
		t.Error("the connection was kept")
	}
}

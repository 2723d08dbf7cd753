package webhook

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"numhook/server/dispatch"
)

// stopped is a context whose time is over, and whose timer has not run: a process that goes on after a stop finds it
// so.
type stopped struct{ context.Context }

func (stopped) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestNotAByteIsWrittenAfterTheAttemptsTime(t *testing.T) {
	var connections, bytes atomic.Int64
	url := rawDownstream(t, func(c *net.TCPConn, _ int) {
		connections.Add(1)
		for {
			text, ok := takePost(c)
			bytes.Add(int64(len(text)))
			if !ok {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	s := newSender(t, Config{URL: url, AllowPrivate: true})
	wantRetry(t, s.Send(stopped{t.Context()}, change), "time-out") // on a new connection
	wantOutcome(t, s.Send(t.Context(), change), confirmed)
	one := bytes.Load()
	wantRetry(t, s.Send(stopped{t.Context()}, change), "time-out") // on one that was kept
	_ = s.Close()
	eventually(t, "the connections are closed", func() bool { return connections.Load() == 2 })
	if bytes.Load() != one {
		t.Errorf("%d bytes came after one POST of %d", bytes.Load()-one, one)
	}
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit, tick := time.After(30*time.Second), time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("it does not hold that %s", what)
		}
	}
}

// pair is a connection as the transport has it, and its other end.
func pair(t *testing.T) (*conn, net.Conn) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	near, err := new(net.Dialer).DialContext(t.Context(), "tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = near.Close(); _ = far.Close() })
	return &conn{Conn: near}, far
}

// TestTheTimeEndsBetweenTheConnectionAndTheWrite ends each of the ways in which an attempt can be over just then.
func TestTheTimeEndsBetweenTheConnectionAndTheWrite(t *testing.T) {
	cancelled, cancel := context.WithCancel(t.Context())
	far := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		trip *inflight
		end  func(*inflight)
	}{
		"cancelled":             {&inflight{ctx: cancelled}, func(*inflight) { cancel() }},
		"cancelled and bounded": {&inflight{ctx: cancelled, until: far, bounded: true}, func(*inflight) { cancel() }},
		"the deadline passed": {&inflight{ctx: t.Context(), until: far, bounded: true},
			func(t *inflight) { t.until = time.Now() }},
		"the wall clock's alone": {&inflight{ctx: t.Context(), until: far, bounded: true},
			func(t *inflight) { t.until = time.Now().Round(0) }},
	} {
		t.Run(name, func(t *testing.T) {
			near, far := pair(t)
			near.bind(c.trip)
			c.end(c.trip)
			if n, err := near.Write([]byte("late")); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%d bytes were written (%v)", n, err)
			}
			near.release(c.trip)
			if _, err := near.Write([]byte("next")); err != nil {
				t.Errorf("the next cannot write: %v", err)
			}
			_ = near.Close()
			if got, err := io.ReadAll(far); string(got) != "next" || err != nil {
				t.Errorf("the other side read %q (%v)", got, err)
			}
		})
	}
}

func TestReleasingDoesNotLetGoOfTheNext(t *testing.T) {
	near, _ := pair(t)
	first, next := &inflight{ctx: t.Context()}, &inflight{ctx: t.Context(), until: time.Now().Add(-time.Second),
		bounded: true}
	near.bind(first)
	near.bind(next) // net/http hands the connection on before the first is told of its answer
	near.release(first)
	if _, err := near.Write([]byte("late")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the next's fence is down: %v", err)
	}
}

func TestAConnectionThatWasUsedHasNoDeadline(t *testing.T) {
	d := newDownstream(t, func(http.ResponseWriter, *http.Request) {})
	s := d.sender(t)
	ctx, cancel := context.WithTimeout(t.Context(), shortTime)
	defer cancel()
	wantOutcome(t, s.Send(ctx, change), confirmed)
	<-ctx.Done()
	wantOutcome(t, s.Send(t.Context(), change), confirmed)
	if d.connections.Load() != 1 {
		t.Errorf("it took %d connections", d.connections.Load())
	}
}

// TestWhatWasGivenUpIsNotDeliveredLater has more under way than the other side has room for. Without the reset the
// kernel would go on sending.
func TestWhatWasGivenUpIsNotDeliveredLater(t *testing.T) {
	givenUp := make(chan struct{})
	type end struct {
		bytes int
		err   error
	}
	ended := make(chan end, 1)
	url := rawDownstream(t, func(c *net.TCPConn, _ int) {
		_ = c.SetReadBuffer(4 << 10)
		<-givenUp
		got, err := io.ReadAll(c)
		ended <- end{len(got), err}
	})
	s := newSender(t, Config{URL: url, AllowPrivate: true})
	big := dispatch.Envelope{ID: "chg_1", Body: []byte(`"` + strings.Repeat("x", 16<<20) + `"`)}
	ctx, cancel := context.WithTimeout(t.Context(), shortTime)
	defer cancel()
	wantRetry(t, s.Send(ctx, big), "time-out")
	close(givenUp)
	if got := <-ended; got.bytes >= len(big.Body) || !errors.Is(got.err, syscall.ECONNRESET) {
		t.Errorf("the other side read %d bytes, and then %v", got.bytes, got.err)
	}
}

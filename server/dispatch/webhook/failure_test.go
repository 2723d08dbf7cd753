package webhook

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

func TestASlowAnswerRunsOut(t *testing.T) {
	d := newDownstream(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	wantRetry(t, within(t, d.sender(t), shortTime), "time-out")
	url := rawDownstream(t, func(c *net.TCPConn, _ int) { // one byte of the header, and then nothing
		_, _ = takePost(c)
		_, _ = io.WriteString(c, "H")
		_, _ = io.Copy(io.Discard, c)
	})
	wantRetry(t, within(t, newSender(t, Config{URL: url, AllowPrivate: true}), shortTime), "time-out")
}

func TestTheBodyOfTheAnswerDoesNotCount(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"never ends": func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"is cut": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			fmt.Fprint(w, "short")
		},
		"is broken": func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk")
			_ = c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDownstream(t, handle)
			begun := time.Now()
			wantOutcome(t, within(t, d.sender(t), time.Minute), confirmed)
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestItCutsTheConnectionAfterItTookTheBody(t *testing.T) {
	var posts atomic.Int64
	url := rawDownstream(t, func(c *net.TCPConn, _ int) {
		if _, ok := takePost(c); ok {
			posts.Add(1)
		}
	})
	wantRetry(t, newSender(t, Config{URL: url, AllowPrivate: true}).Send(t.Context(), change),
		"connection closed without an answer")
	url = rawDownstream(t, func(c *net.TCPConn, _ int) {
		if _, ok := takePost(c); ok {
			posts.Add(1)
		}
		_ = c.SetLinger(0)
	})
	wantRetry(t, newSender(t, Config{URL: url, AllowPrivate: true}).Send(t.Context(), change), "connection reset by peer")
	if posts.Load() != 2 {
		t.Errorf("a new connection is not tried twice, and it got %d posts", posts.Load())
	}
}

// What was not answered, or only by somebody in between, may still take effect; what was never sent, or answered,
// cannot.
func TestWhatMayStillTakeEffect(t *testing.T) {
	refusing := newDownstream(t, nil)
	refusing.Close()
	underway := func(url string) bool {
		return within(t, newSender(t, Config{URL: url, AllowPrivate: true}), shortTime).Underway
	}
	answering := func(text string) string {
		return rawDownstream(t, func(c *net.TCPConn, _ int) {
			_, _ = takePost(c)
			_, _ = io.WriteString(c, text)
			if text == "" {
				_, _ = io.Copy(io.Discard, c)
			}
		})
	}
	for name, c := range map[string]struct {
		url  string
		want bool
	}{
		"nobody listens":     {refusing.URL, false},
		"no answer":          {answering(""), true},
		"a part of one":      {answering("HTTP/1.1 2"), true},
		"it fails":           {answering("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"), false},
		"it refuses":         {answering("HTTP/1.1 422 No\r\nContent-Length: 0\r\n\r\n"), false},
		"a gateway's failed": {answering("HTTP/1.1 502 No\r\nContent-Length: 0\r\n\r\n"), true},
		"a gateway's slow":   {answering("HTTP/1.1 504 No\r\nContent-Length: 0\r\n\r\n"), true},
	} {
		if got := underway(c.url); got != c.want {
			t.Errorf("%s: may still take effect %v, want %v", name, got, c.want)
		}
	}
}

func TestALostIdleConnectionIsReplacedWithinTheAttempt(t *testing.T) {
	var ids []string
	var mu sync.Mutex
	url := rawDownstream(t, func(c *net.TCPConn, nth int) {
		for post := 1; ; post++ {
			text, ok := takePost(c)
			if !ok || nth < 3 && post == 2 { // taken, and not answered
				return
			}
			mu.Lock()
			ids = append(ids, fmt.Sprint(nth, strings.Count(text, "Webhook-Id: chg_1\r\n")))
			mu.Unlock()
			_, _ = io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	s := newSender(t, Config{URL: url, AllowPrivate: true})
	twice := confirmed
	twice.Underway = true // what was sent first may have been taken up before the connection was lost
	for _, want := range []dispatch.Outcome{confirmed, twice, twice, confirmed} {
		wantOutcome(t, s.Send(t.Context(), change), want)
	}
	_ = s.Close()
	if want := []string{"1 1", "2 1", "3 1", "3 1"}; !slices.Equal(ids, want) {
		t.Errorf("answered were %q, want %q", ids, want)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	d := newDownstream(t,
		func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", largestAnswer)) })
	s := d.sender(t)
	for range 50 {
		wantOutcome(t, s.Send(t.Context(), change), confirmed)
	}
	if d.connections.Load() != 1 {
		t.Errorf("50 attempts took %d connections", d.connections.Load())
	}
	var sends sync.WaitGroup
	for range 4 {
		sends.Go(func() {
			for range 50 {
				wantOutcome(t, s.Send(t.Context(), change), confirmed)
			}
		})
	}
	sends.Wait()
	if n := d.connections.Load(); n > 12 {
		t.Errorf("four at a time took %d connections", n)
	}
}

func TestAServerOfHTTP10(t *testing.T) {
	url := rawDownstream(t, func(c *net.TCPConn, _ int) {
		if _, ok := takePost(c); ok {
			_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\n\r\nthanks")
		}
	})
	s := newSender(t, Config{URL: url, AllowPrivate: true})
	for range 3 {
		wantOutcome(t, s.Send(t.Context(), change), confirmed)
	}
}

func TestAnswersWithoutEnd(t *testing.T) {
	var written atomic.Int64
	endless := func(begin, text string) func(c *net.TCPConn, _ int) {
		return func(c *net.TCPConn, _ int) {
			_, _ = takePost(c)
			_, err := io.WriteString(c, begin)
			for more := []byte(strings.Repeat(text, 8<<10/len(text))); err == nil && written.Load() < 1<<30; {
				var n int
				n, err = c.Write(more)
				written.Add(int64(n))
			}
		}
	}
	for name, c := range map[string]struct {
		serve func(c *net.TCPConn, _ int)
		want  dispatch.Outcome
	}{
		"body": {endless("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", "x"), confirmed},
		"chunks": {endless("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
			dispatch.Outcome{Verdict: event.Retry, Reason: "status 503", Underway: true}},
		"header": {endless("HTTP/1.1 200 OK\r\n", "a: b\r\n"), dispatch.Outcome{Verdict: event.Retry, Reason: "the answer " +
			"is not HTTP, or its header is larger than 64 KiB", Underway: true}},
		"line": {endless("HTTP/1.1 200 ", "x"), dispatch.Outcome{Verdict: event.Retry, Reason: "the answer is not HTTP, " +
			"or its header is larger than 64 KiB", Underway: true}},
		"interim": {endless("", "HTTP/1.1 103 Early Hints\r\n\r\n"), dispatch.Outcome{Verdict: event.Retry,
			Reason: "the answer is not HTTP, or its header is larger than 64 KiB", Underway: true}},
	} {
		t.Run(name, func(t *testing.T) {
			written.Store(0)
			wantOutcome(t, within(t, newSender(t, Config{URL: rawDownstream(t, c.serve), AllowPrivate: true}), time.Minute),
				c.want)
			if n := written.Load(); n > 32<<20 { // what fits into the buffers of the kernel
				t.Errorf("%d bytes of the answer were taken", n)
			}
		})
	}
}

func TestWhatIsNoAnswer(t *testing.T) {
	for text, reason := range map[string]string{
		"":                             "connection closed without an answer",
		"SSH-2.0-OpenSSH_9.2\r\n":      "the answer is not HTTP, or its header is larger than 64 KiB",
		"HTTP/1.1 abc\r\n\r\n":         "the answer is not HTTP, or its header is larger than 64 KiB",
		"HTTP/1.1 200 OK\r\nno header": "the answer is not HTTP, or its header is larger than 64 KiB",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n": "status 101",
		"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n":                                 "status 999",
	} {
		url := rawDownstream(t, func(c *net.TCPConn, _ int) {
			_, _ = takePost(c)
			_, _ = io.WriteString(c, text)
		})
		wantRetry(t, newSender(t, Config{URL: url, AllowPrivate: true}).Send(t.Context(), change), reason)
	}
}

func TestNobodyIsThere(t *testing.T) {
	d := newDownstream(t, func(http.ResponseWriter, *http.Request) {})
	s := d.sender(t)
	d.Close()
	wantRetry(t, s.Send(t.Context(), change), "connection refused")
	s = newSender(t, Config{URL: "http://no-such-host.invalid/"})
	got := within(t, s, time.Minute)
	if got.Verdict != event.Retry || got.Reason != "the host's name does not exist" &&
		got.Reason != "the host's name could not be looked up" {
		t.Errorf("the outcome is %+v", got)
	}
}

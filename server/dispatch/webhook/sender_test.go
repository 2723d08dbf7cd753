package webhook

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

var (
	confirmed = dispatch.Outcome{Verdict: event.Confirmed, Alive: true}
	change    = dispatch.Envelope{ID: "chg_1", Number: "+12025550143", Body: []byte(`{"number":"+12025550143","value":"Zoë"}`)}
)

const shortTime = 200 * time.Millisecond // of an attempt that is to run out

func newSender(t testing.TB, cfg Config) *Sender {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func wantOutcome(t *testing.T, got, want dispatch.Outcome) {
	t.Helper()
	if got != want {
		t.Errorf("the outcome is %+v, want %+v", got, want)
	}
}

func wantRetry(t *testing.T, got dispatch.Outcome, reason string) {
	t.Helper()
	wantOutcome(t, got, dispatch.Outcome{Verdict: event.Retry, Reason: reason})
}

// within makes one attempt of that length.
func within(t *testing.T, s *Sender, length time.Duration) dispatch.Outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	return s.Send(ctx, change)
}

// downstream is a real server, and counts.
type downstream struct {
	*httptest.Server
	connections, posts atomic.Int64
}

func newDownstream(t testing.TB, handle http.HandlerFunc) *downstream {
	d := &downstream{}
	d.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.posts.Add(1)
		handle(w, r)
	}))
	d.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			d.connections.Add(1)
		}
	}
	d.Start()
	t.Cleanup(d.Close)
	return d
}

func (d *downstream) sender(t testing.TB) *Sender {
	return newSender(t, Config{URL: d.URL, AllowPrivate: true, Concurrency: 4})
}

// rawDownstream answers each connection by hand; nth counts them from 1.
func rawDownstream(t *testing.T, serve func(c *net.TCPConn, nth int)) (url string) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); served.Wait() })
	served.Go(func() {
		for nth := 1; ; nth++ {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				serve(c.(*net.TCPConn), nth)
			})
		}
	})
	return "http://" + listener.Addr().String()
}

// takePost reads one whole POST of ours.
func takePost(c net.Conn) (text string, ok bool) {
	var read []byte
	buffer := make([]byte, 4096)
	for !strings.HasSuffix(string(read), string(change.Body)) {
		n, err := c.Read(buffer)
		if err != nil {
			return string(read), false
		}
		read = append(read, buffer[:n]...)
	}
	return string(read), true
}

func TestWhatIsSent(t *testing.T) {
	type arrival struct {
		line, body string
		header     http.Header
		length     int64
	}
	var arrivals []arrival
	d := newDownstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrivals = append(arrivals, arrival{r.Method + " " + r.RequestURI + " " + r.Proto + " " + r.Host, string(body), r.Header, r.ContentLength})
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	})
	older, newer := parsed(t, randomSecret(32)), parsed(t, exampleSecret)
	s := newSender(t, Config{URL: d.URL + "/a%2Fb?k=v", AllowPrivate: true, Secrets: []Secret{older, newer}, Headers: map[string]string{"x-key": "value"}})
	now := time.Date(2026, 1, 31, 15, 4, 5, 999, time.UTC)
	s.now = func() time.Time { now = now.Add(time.Second); return now }
	wantOutcome(t, s.Send(t.Context(), change), confirmed)
	wantOutcome(t, s.Send(t.Context(), change), confirmed)
	if len(arrivals) != 2 {
		t.Fatalf("%d arrived", len(arrivals))
	}
	for i, seconds := range []int64{1769871846, 1769871848} { // now is asked for twice an attempt
		at := time.Unix(seconds, 0)
		want := http.Header{
			"Content-Type": {"application/json"}, "Content-Length": {fmt.Sprint(len(change.Body))}, "User-Agent": {"numhook"}, "X-Key": {"value"},
			"Webhook-Id": {"chg_1"}, "Webhook-Timestamp": {fmt.Sprint(seconds)},
			"Webhook-Signature": {Sign(older, "chg_1", at, change.Body) + " " + Sign(newer, "chg_1", at, change.Body)},
		}
		got := arrivals[i]
		if fmt.Sprint(got.header) != fmt.Sprint(want) {
			t.Errorf("the header is\n%v, want\n%v", got.header, want)
		}
		if got.line != "POST /a%2Fb?k=v HTTP/1.1 "+d.Listener.Addr().String() || got.body != string(change.Body) || got.length != int64(len(change.Body)) {
			t.Errorf("it is %q with %q (%d)", got.line, got.body, got.length)
		}
	}
}

func TestWithoutSecretsThereIsNoSignature(t *testing.T) {
	d := newDownstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(HeaderID) != "chg_1" || r.Header.Get(HeaderTimestamp) == "" || len(r.Header.Values(HeaderSignature)) != 0 {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	wantOutcome(t, d.sender(t).Send(t.Context(), change), confirmed)
}

func TestItAnswers500AndThen200(t *testing.T) {
	var down atomic.Bool
	d := newDownstream(t, func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "a body that is not quoted")
		}
	})
	s := d.sender(t)
	for range 3 { // it flaps
		down.Store(true)
		wantOutcome(t, s.Send(t.Context(), change), dispatch.Outcome{Verdict: event.Retry, After: 3 * time.Second, Reason: "status 503"})
		down.Store(false)
		wantOutcome(t, s.Send(t.Context(), change), confirmed)
	}
	if d.connections.Load() != 1 {
		t.Errorf("it took %d connections", d.connections.Load())
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := newDownstream(t, func(http.ResponseWriter, *http.Request) {})
	for _, to := range []string{elsewhere.URL, "http://169.254.169.254/latest/meta-data/", "/elsewhere"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			d := newDownstream(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.WriteHeader(status)
			})
			wantRetry(t, d.sender(t).Send(t.Context(), change), fmt.Sprintf("status %d: redirects are not followed, put the final address into url", status))
			if d.posts.Load() != 1 {
				t.Errorf("it got %d posts", d.posts.Load())
			}
		}
	}
	if elsewhere.connections.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

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
	wantRetry(t, newSender(t, Config{URL: url, AllowPrivate: true}).Send(t.Context(), change), "connection closed without an answer")
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
	for range 4 {
		wantOutcome(t, s.Send(t.Context(), change), confirmed)
	}
	_ = s.Close()
	if want := []string{"1 1", "2 1", "3 1", "3 1"}; !slices.Equal(ids, want) {
		t.Errorf("answered were %q, want %q", ids, want)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	d := newDownstream(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat("x", largestAnswer)) })
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
		"body":    {endless("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", "x"), confirmed},
		"chunks":  {endless("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"), dispatch.Outcome{Verdict: event.Retry, Reason: "status 503"}},
		"header":  {endless("HTTP/1.1 200 OK\r\n", "a: b\r\n"), dispatch.Outcome{Verdict: event.Retry, Reason: "the answer is not HTTP, or its header is larger than 64 KiB"}},
		"line":    {endless("HTTP/1.1 200 ", "x"), dispatch.Outcome{Verdict: event.Retry, Reason: "the answer is not HTTP, or its header is larger than 64 KiB"}},
		"interim": {endless("", "HTTP/1.1 103 Early Hints\r\n\r\n"), dispatch.Outcome{Verdict: event.Retry, Reason: "the answer is not HTTP, or its header is larger than 64 KiB"}},
	} {
		t.Run(name, func(t *testing.T) {
			written.Store(0)
			wantOutcome(t, within(t, newSender(t, Config{URL: rawDownstream(t, c.serve), AllowPrivate: true}), time.Minute), c.want)
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
	if got.Verdict != event.Retry || got.Reason != "the host's name does not exist" && got.Reason != "the host's name could not be looked up" {
		t.Errorf("the outcome is %+v", got)
	}
}

func TestANameThatLeadsToThisMachineIsRefusedWhenItIsDialled(t *testing.T) {
	d := newDownstream(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(d.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := newSender(t, Config{URL: "http://localhost:" + port})
	wantRetry(t, s.Send(t.Context(), change), "the host is at a loop-back, link-local, multicast or metadata address, and allow_private is not set")
	if n := d.connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	s = newSender(t, Config{URL: "http://localhost:" + port, AllowPrivate: true})
	wantOutcome(t, s.Send(t.Context(), change), confirmed)
}

func TestProxiesOfTheEnvironmentAreNotAsked(t *testing.T) {
	proxy := newDownstream(t, func(http.ResponseWriter, *http.Request) {})
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	_ = within(t, newSender(t, Config{URL: "http://no-such-host.invalid/"}), time.Minute)
	if proxy.connections.Load() != 0 {
		t.Error("the proxy was asked")
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	arrived := make(chan struct{})
	d := newDownstream(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(arrived)
		<-r.Context().Done()
	})
	s := d.sender(t)
	got := make(chan dispatch.Outcome, 1)
	go func() { got <- s.Send(t.Context(), change) }()
	<-arrived
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	wantRetry(t, <-got, "cut short")
	wantRetry(t, s.Send(t.Context(), change), "the sender is closed")
	if d.posts.Load() != 1 {
		t.Errorf("it got %d posts", d.posts.Load())
	}
}

// TestManyAtOnceWhileItFlaps sends each of many changes until it is confirmed, to a server that refuses, is slow and cuts connections.
func TestManyAtOnceWhileItFlaps(t *testing.T) {
	var answered atomic.Int64
	var mu sync.Mutex
	got := map[string]bool{}
	d := newDownstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		switch n := answered.Add(1); {
		case n%7 == 0:
			w.WriteHeader(http.StatusInternalServerError)
			return
		case n%11 == 0:
			panic(http.ErrAbortHandler)
		case n%13 == 0:
			<-r.Context().Done()
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if id := r.Header.Get(HeaderID); err == nil && strings.Contains(string(body), `"`+id+`"`) {
			got[id] = true
		}
	})
	d.Config.ErrorLog = nil
	s := d.sender(t)
	var sends sync.WaitGroup
	for sender := range 8 {
		sends.Go(func() {
			for i := range 25 {
				e := dispatch.Envelope{ID: fmt.Sprintf("chg_%d_%d", sender, i)}
				e.Body = fmt.Appendf(nil, `{"id":%q}`, e.ID)
				for done := false; !done; {
					ctx, cancel := context.WithTimeout(t.Context(), shortTime)
					done = s.Send(ctx, e) == confirmed
					cancel()
				}
				mu.Lock()
				if !got[e.ID] {
					t.Errorf("%s was confirmed, and did not arrive", e.ID)
				}
				mu.Unlock()
			}
		})
	}
	sends.Wait()
}

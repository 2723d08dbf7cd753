package webhook

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
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
	change    = dispatch.Envelope{ID: "chg_1", Number: "+12025550143",
		Body: []byte(`{"number":"+12025550143","value":"Zoë"}`)}
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
	// see TestWhatMayStillTakeEffect
	wantOutcome(t, got, dispatch.Outcome{Verdict: event.Retry, Reason: reason, Underway: got.Underway})
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
		arrivals = append(arrivals, arrival{r.Method + " " + r.RequestURI + " " + r.Proto + " " + r.Host, string(body),
			r.Header, r.ContentLength})
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
	})
	older, newer := parsed(t, randomSecret(32)), parsed(t, exampleSecret)
	s := newSender(t, Config{URL: d.URL + "/a%2Fb?k=v", AllowPrivate: true, Secrets: []Secret{older, newer},
		Headers: map[string]string{"x-key": "value"}})
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
			"Content-Type": {"application/json"}, "Content-Length": {fmt.Sprint(len(change.Body))}, "User-Agent": {"numhook"},
			"X-Key":      {"value"},
			"Webhook-Id": {"chg_1"}, "Webhook-Timestamp": {fmt.Sprint(seconds)},
			"Webhook-Signature": {Sign(older, "chg_1", at, change.Body) + " " + Sign(newer, "chg_1", at, change.Body)},
		}
		got := arrivals[i]
		if fmt.Sprint(got.header) != fmt.Sprint(want) {
			t.Errorf("the header is\n%v, want\n%v", got.header, want)
		}
		if got.line != "POST /a%2Fb?k=v HTTP/1.1 "+d.Listener.Addr().String() || got.body != string(change.Body) ||
			got.length != int64(len(change.Body)) {
			t.Errorf("it is %q with %q (%d)", got.line, got.body, got.length)
		}
	}
}

func TestWithoutSecretsThereIsNoSignature(t *testing.T) {
	d := newDownstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(HeaderID) != "chg_1" || r.Header.Get(HeaderTimestamp) == "" ||
			len(r.Header.Values(HeaderSignature)) != 0 {
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
		wantOutcome(t, s.Send(t.Context(), change), dispatch.Outcome{Verdict: event.Retry, After: 3 * time.Second,
			Reason: "status 503", Underway: true})
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
			wantRetry(t, d.sender(t).Send(t.Context(), change), fmt.Sprintf("status %d: redirects are not followed, put the "+
				"final address into url", status))
			if d.posts.Load() != 1 {
				t.Errorf("it got %d posts", d.posts.Load())
			}
		}
	}
	if elsewhere.connections.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestANameThatLeadsToThisMachineIsRefusedWhenItIsDialled(t *testing.T) {
	d := newDownstream(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(d.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := newSender(t, Config{URL: "http://localhost:" + port})
	wantRetry(t, s.Send(t.Context(), change), "the host is at a loop-back, link-local, multicast or metadata address, "+
		"and allow_private is not set")
	if n := d.connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	s = newSender(t, Config{URL: "http://localhost:" + port, AllowPrivate: true})
	wantOutcome(t, s.Send(t.Context(), change), confirmed)
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

// TestManyAtOnceWhileItFlaps sends each of many changes until it is confirmed, to a server that refuses, is slow and
// cuts connections.
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

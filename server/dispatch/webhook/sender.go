package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"numhook/server/certreload"
	"numhook/server/dispatch"
	"numhook/server/event"
)

// Limits. An attempt as a whole is bounded by its context.
const (
	// bytes of header, and again of body, that are read of an answer; with more, the connection is closed
	largestAnswer = 64 << 10
	drainPatience = time.Second
	// below the 60 s after which many servers and balancers drop a connection without a word
	idleConnections = 55 * time.Second
)

// Config is a downstream that takes POSTs.
type Config struct {
	URL          string            // http or https
	Secrets      []Secret          // each signs; none leaves webhook-signature out
	Renewed      func() []Secret   // the newest, for each attempt, instead of Secrets; may be nil
	Headers      map[string]string // sent as they are; values are taken for secrets
	HeadersFile  string            // others that are sent along, see ReadHeaders; read again when it changes
	Concurrency  int               // connections that are kept open; below 1 counts as 1
	AllowPrivate bool              // this machine, link-local and metadata addresses may be connected to
	CAFile       string            // PEM: trusted instead of the system's authorities; read again when it changes
	CertFile     string            // PEM: client certificate and its key; read again when they change
	KeyFile      string
	Proxy        string // http://, https:// or socks5://HOST:PORT; NoProxy for none; empty for what the environment says

	Name  string                   // of the downstream, with which what is renewed is named; may be empty
	Watch func(certreload.Watched) // is given what is to be looked after; may be nil
}

// Sender makes attempts with HTTP/1.1. It is safe for concurrent use.
type Sender struct {
	url       *url.URL
	headers   *headers
	secrets   func() []Secret
	transport *transport
	proxied   bool // something stands between the two
	now       func() time.Time

	mu    sync.RWMutex    // guards that nothing is sent after life has ended
	life  context.Context // ends with the sender
	end   context.CancelFunc
	sends sync.WaitGroup
}

var errClosed = errors.New("the sender is closed")

// New checks all that can be checked without a connection. No error quotes the URL, a header's value or a secret.
func New(cfg Config) (*Sender, error) {
	u, err := parseURL(cfg.URL, cfg.AllowPrivate)
	if err != nil {
		return nil, err
	}
	along, err := newHeaders(cfg)
	if err != nil {
		return nil, err
	}
	for _, secret := range cfg.Secrets {
		if len(secret.key) < shortestSecret {
			return nil, &event.Error{Kind: event.Invalid, Text: "cannot use the secret", Err: errors.New("it is empty")}
		}
	}
	encryption, err := secured(u, cfg)
	if err != nil {
		return nil, err
	}
	proxy, err := proxyFor(u, cfg.Proxy)
	if err != nil {
		return nil, err
	}
	s := &Sender{url: u, headers: along, secrets: cfg.Renewed, now: time.Now}
	if s.secrets == nil {
		s.secrets = func() []Secret { return cfg.Secrets }
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.transport = &transport{secured: encryption, make: func(secured *tls.Config) *http.Transport {
		return newTransport(cfg, secured, proxy)
	}}
	s.proxied = proxy != nil
	return s, nil
}

// inflightKey finds the inflight request in the context that net/http dials with, which has the values of the
// request's, but not its end.
type inflightKey struct{}

// dialing makes connections that know the inflight request they carry. It does not go on when the inflight request that
// it dials for is over.
func dialing(dialer *net.Dialer, proxied bool) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if t, ok := ctx.Value(inflightKey{}).(*inflight); ok {
			bounded, cancel := context.WithCancel(ctx)
			defer cancel()
			defer context.AfterFunc(t.ctx, cancel)()
			ctx = bounded
		}
		made, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if t, ok := ctx.Value(inflightKey{}).(*inflight); ok && t.bounded && proxied {
			_ = made.SetDeadline(t.until) // for what comes before the request, and net/http does not bound: the proxy's answer
		}
		return &conn{Conn: made}, nil
	}
}

// Send makes one try. See dispatch.Sender, and the package comment for what an answer means.
func (s *Sender) Send(ctx context.Context, e dispatch.Envelope) dispatch.Outcome {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return dispatch.Outcome{Verdict: event.Retry, Reason: err.Error()}
	}
	defer done()
	t, got, err := s.roundTrip(ctx, e)
	underway := false
	if err != nil && lostIdle(t, err) {
		underway = t.wrote.Load()          // the other side may have taken it before it cut the connection
		s.transport.CloseIdleConnections() // the others are likely to be gone, too
		t, got, err = s.roundTrip(ctx, e)
	}
	o := judge(got, s.now())
	if err != nil {
		o = fail(t, err)
	}
	o.Underway = o.Underway || underway
	return o
}

// Close ends the attempts under way, and waits for them.
func (s *Sender) Close() error {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.sends.Wait()
	s.transport.CloseIdleConnections()
	return nil
}

// begin gives an attempt a context that ends with the sender, too.
func (s *Sender) begin(ctx context.Context) (context.Context, func(), error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.life.Err() != nil {
		return nil, nil, errClosed
	}
	s.sends.Add(1)
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.life, cancel)
	return ctx, func() { stop(); cancel(); s.sends.Done() }, nil
}

// lostIdle reports whether an attempt failed because a connection that had been kept open was gone.
func lostIdle(t *inflight, err error) bool {
	return t.reused && !t.answered.Load() && !t.over() && !timedOut(t, err)
}

// roundTrip sends the request and reads the answer.
func (s *Sender) roundTrip(ctx context.Context, e dispatch.Envelope) (*inflight, answer, error) {
	t := &inflight{ctx: ctx}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t.until, t.bounded = ctx.Deadline()
	traced := httptrace.WithClientTrace(context.WithValue(ctx, inflightKey{}, t), &httptrace.ClientTrace{
		GotConn: func(got httptrace.GotConnInfo) {
			t.connected, t.reused, t.on = true, got.Reused, connOf(got.Conn)
			t.on.bind(t)
		},
		GotFirstResponseByte: func() { t.answered.Store(true) },
	})
	response, err := s.transport.newest().RoundTrip(s.request(traced, e))
	if t.on != nil {
		defer t.on.release(t)
	}
	if err != nil {
		return t, answer{}, err
	}
	// The status has said it all. What follows is read so that the connection can be used again, as long as it is short
	// and comes soon.
	patience := time.AfterFunc(drainPatience, cancel)
	defer patience.Stop()
	_, _ = io.CopyN(io.Discard, response.Body, largestAnswer+1)
	_ = response.Body.Close()
	return t, answer{response.StatusCode, s.proxied, response.Header}, nil
}

// request is the POST, signed again. It has no GetBody, so that net/http never sends it a second time by itself.
func (s *Sender) request(ctx context.Context, e dispatch.Envelope) *http.Request {
	at := s.now()
	headers := s.headers.newest().Clone()
	headers[HeaderID] = []string{e.ID}
	headers[HeaderTimestamp] = []string{timestamp(at)}
	if secrets := s.secrets(); len(secrets) > 0 {
		signatures := make([]string, len(secrets))
		for i, secret := range secrets {
			signatures[i] = Sign(secret, e.ID, at, e.Body)
		}
		headers[HeaderSignature] = []string{strings.Join(signatures, " ")}
	}
	r := &http.Request{
		Method: http.MethodPost, URL: s.url, Host: s.url.Host, Header: headers,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(bytes.NewReader(e.Body)), ContentLength: int64(len(e.Body)),
	}
	return r.WithContext(ctx)
}

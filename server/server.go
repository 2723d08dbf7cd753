package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/signature"
)

// Limits of one delivery. The sender documents that it waits 3 s for an answer and then counts the delivery as failed.
const (
	SenderPatience = 3 * time.Second // documented by the sender
	// from the last byte of the headers to our answer: what is left of the patience is for the network
	AnswerTime    = 2500 * time.Millisecond
	HeaderTimeout = 3 * time.Second  // for all headers; slower clients are cut off
	BodyTimeout   = 4 * time.Second  // for headers and body together; a slower sender no longer listens
	WriteTimeout  = 10 * time.Second // for the answer, counted from the end of the headers
	// between two deliveries on one connection; balancers keep theirs for up to 600 s
	IdleTimeout    = 620 * time.Second
	MaxHeaderBytes = 64 << 10 // ten times what the sender's headers come to
	DefaultMaxBody = 1 << 20  // the largest published event of the sender is under 10 KB
	RetryAfter     = 5        // seconds; what a 503 asks for
	MaxFindings    = 1000     // of each kind, that are kept and shown for one delivery; the rest is counted
)

// Store is where deliveries go. It is a part of the store's contract, package numhook/server/store, which says what
// each method promises.
type Store interface {
	Append(ctx context.Context, e event.Event) (event.Receipt, error)
	Quarantine(ctx context.Context, q event.Quarantined) (int64, error)
	Redrive(ctx context.Context, quarantine int64, e event.Event) (event.Receipt, error)
	RecordChallenge(ctx context.Context, at time.Time) error
}

// SecretSource says which secrets hold now. They may change while deliveries come in; each delivery goes by those that
// held when it was verified. A signature.Secrets is one that never changes. A source that can also look for newer ones
// is asked to before a delivery is called forged: Newer reports whether there are others than those.
type SecretSource interface {
	Current() signature.Secrets
}

type newerSource interface {
	Newer(than signature.Secrets) (signature.Secrets, bool)
}

// Config is what a Server needs. Secrets, Document and Store are required; zero values of the rest mean the defaults.
type Config struct {
	Secrets   SecretSource
	Document  *openapi3.T // the composed document
	Store     Store
	Tolerance time.Duration // of a delivery's timestamp; default signature.DefaultTolerance
	MaxBody   int64         // bytes; default DefaultMaxBody
	Now       func() time.Time
	Log       *slog.Logger
	Metrics   *Metrics
	Remote    func(*http.Request) string // who sent a request, for the log; default: the connection's other end
	Signed    func(context.Context)      // is told, with a request's context, that the sender signed it; default: nobody
}

// withDefaults is the configuration with nothing left out.
func (c Config) withDefaults() Config {
	if c.Secrets == nil {
		c.Secrets = signature.Secrets(nil)
	}
	if c.Tolerance <= 0 {
		c.Tolerance = signature.DefaultTolerance
	}
	if c.MaxBody <= 0 {
		c.MaxBody = DefaultMaxBody
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics()
	}
	if c.Remote == nil {
		c.Remote = func(r *http.Request) string { return r.RemoteAddr }
	}
	if c.Signed == nil {
		c.Signed = func(context.Context) {}
	}
	return c
}

// Server takes deliveries in. It is safe for concurrent use.
type Server struct {
	secrets    SecretSource
	tolerance  time.Duration
	maxBody    int64
	store      Store
	contract   *contract.Contract
	filters    filters
	known      knownNames
	now        func() time.Time
	log        *slog.Logger
	metrics    *Metrics
	remote     func(*http.Request) string
	signed     func(context.Context)
	buffers    *buffers
	strangers  *LimitedLog // the lines about deliveries that nobody has verified
	challenges challengeTimes
	draining   atomic.Bool
	routes     routes
}

// New builds a server, or says which part of the document it cannot serve.
func New(cfg Config) (*Server, error) {
	if cfg.Document == nil || cfg.Store == nil {
		return nil, errors.New("cannot build the server: a document and a store are required")
	}
	checks, err := contract.New(cfg.Document)
	if err != nil {
		return nil, fmt.Errorf("cannot build the server: %w", err)
	}
	cfg = cfg.withDefaults()
	s := &Server{
		secrets:   cfg.Secrets,
		tolerance: cfg.Tolerance,
		maxBody:   cfg.MaxBody,
		store:     cfg.Store,
		contract:  checks,
		filters:   newFilters(cfg.Document),
		known:     newKnownNames(cfg.Document),
		now:       cfg.Now,
		log:       cfg.Log,
		metrics:   cfg.Metrics,
		remote:    cfg.Remote,
		signed:    cfg.Signed,
		buffers:   newBuffers(cfg.MaxBody),
		strangers: NewLimitedLog(cfg.Log, cfg.Now),
	}
	s.challenges.store, s.challenges.log = s.store, s.log
	s.metrics.buffers.Store(s.buffers)
	s.metrics.expect(checks.Events())
	if s.routes, err = s.newRoutes(); err != nil {
		return nil, err
	}
	return s, nil
}

// Handler is the way in, for an HTTP server with this package's limits.
func (s *Server) Handler() http.Handler { return s.routes }

// Events are the names of the events of the contract.
func (s *Server) Events() []string { return s.contract.Events() }

// Drain makes every delivery that comes from now on end in 503. What has begun is finished.
func (s *Server) Drain() { s.draining.Store(true) }

// Close waits until what goes on beside the answers has ended. The server must have been drained.
func (s *Server) Close() { s.challenges.wait() }

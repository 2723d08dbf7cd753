package jetstream

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"numhook/server/dispatch"
)

const (
	firstRest = 100 * time.Millisecond // after the first connection that failed, then twice as long each time
	longRest  = 5 * time.Second
	settled   = 5 * time.Second // a connection that held as long as this was a good one
)

// Config says where changes go.
type Config struct {
	URL string // see the package comment
	// nil for a net.Dialer's. The Text of an event.Error that it returns is shown as the reason
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// the newest, asked for each connection; nil to verify against the system's authorities, without a client certificate
	TLS func() *tls.Config

	// the newest content of a credentials file, asked for each connection; nil for the file that the url names
	Credentials func() []byte
}

// Sender publishes changes on one connection, which it makes again for as long as it lives.
type Sender struct {
	address address
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     func() *tls.Config
	creds   func() []byte   // nil for the file that the address names
	ctx     context.Context //nolint:containedctx // the sender's life, which Close ends
	cancel  context.CancelFunc
	keeping sync.WaitGroup

	mu      sync.Mutex
	current *connection   // nil while there is none; guarded by mu
	reason  string        // why there is none; empty while the first try of it is under way; guarded by mu
	changed chan struct{} // closed when the two above change; guarded by mu
}

var _ dispatch.Sender = (*Sender)(nil)

// New begins to connect and does not wait for it: the server may be down. It fails for a url that cannot be used, and
// says what to write instead.
func New(c Config) (*Sender, error) {
	a, err := parse(c.URL)
	if err != nil {
		return nil, err
	}
	s := &Sender{address: a, dial: c.Dial, tls: c.TLS, creds: c.Credentials, changed: make(chan struct{})}
	if s.tls == nil {
		usual := &tls.Config{MinVersion: tls.VersionTLS12}
		s.tls = func() *tls.Config { return usual }
	}
	if s.dial == nil {
		s.dial = new(net.Dialer).DialContext
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.keeping.Go(s.keep)
	return s, nil
}

// Send makes one try. While there is no connection it fails at once, with the reason; only the first try to connect,
// and the first after a connection was lost, is waited for.
func (s *Sender) Send(ctx context.Context, e dispatch.Envelope) dispatch.Outcome {
	for {
		if ctx.Err() != nil {
			return retry("time-out before it was sent")
		}
		if s.ctx.Err() != nil {
			return retry("the sender is closed")
		}
		s.mu.Lock()
		c, reason, changed := s.current, s.reason, s.changed
		s.mu.Unlock()
		switch {
		case c != nil:
			return c.send(ctx, s.address, e)
		case reason != "":
			return retry("no connection: " + reason)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return retry("time-out while connecting")
		}
	}
}

// Close gives the connection up. An attempt under way ends as one to be retried.
func (s *Sender) Close() error {
	s.cancel()
	s.keeping.Wait()
	return nil
}

// keep has a connection, as far as that depends on it.
func (s *Sender) keep() {
	defer s.turn(nil, "the sender is closed")
	for failures := 0; s.ctx.Err() == nil; {
		c, err := s.connect()
		if err != nil {
			failures++
			s.turn(nil, reasonOf(err))
			s.rest(failures)
			continue
		}
		s.turn(c, "")
		since := time.Now()
		select {
		case <-c.gone:
		case <-s.ctx.Done():
		}
		c.close()
		if time.Since(since) >= settled {
			failures = 0
			s.turn(nil, "")
			continue
		}
		failures++
		s.turn(nil, reasonOf(c.why()))
		s.rest(failures)
	}
}

func (s *Sender) turn(c *connection, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.reason = c, reason
	close(s.changed)
	s.changed = make(chan struct{})
}

// rest waits between two tries: half of the time is certain and half is chance, so that receivers that lost the same
// server do not come back together.
func (s *Sender) rest(failures int) {
	long := min(longRest, firstRest<<min(failures-1, 10))
	timer := time.NewTimer(long/2 + rand.N(long/2))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.ctx.Done():
	}
}

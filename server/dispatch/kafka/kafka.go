package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// giveBackTime is how long after a change's time the client may take to give it back.
const giveBackTime = 100 * time.Millisecond

// Config says where changes go.
type Config struct {
	URL string // see the package comment
	// nil for a net.Dialer's. The Text of an event.Error that it returns is shown as the reason
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// the newest, asked for each connection; nil to verify against the system's authorities, without a client certificate
	TLS func() *tls.Config

	Credentials func() (user, password string) // the newest, asked for each connection; nil for those of the url
}

// Sender produces changes.
type Sender struct {
	address *address
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	tls     func() *tls.Config
	alone   chan struct{} // held by the attempt that has the client of its own
	leaving sync.WaitGroup

	mu     sync.Mutex
	shared *client // guarded by mu
	single *client // for one change at a time; nil until there is one; guarded by mu
	closed bool    // guarded by mu
}

var _ dispatch.Sender = (*Sender)(nil)

// New connects to nobody: that is done for the first change. It fails for a url that cannot be used, and says what to
// write instead.
func New(c Config) (*Sender, error) {
	a, err := parse(c.URL, c.Credentials)
	if err != nil {
		return nil, err
	}
	s := &Sender{address: a, dial: c.Dial, tls: c.TLS, alone: make(chan struct{}, 1)}
	if s.dial == nil {
		s.dial = new(net.Dialer).DialContext
	}
	if s.tls == nil {
		usual := &tls.Config{MinVersion: tls.VersionTLS12}
		s.tls = func() *tls.Config { return usual }
	}
	if s.shared, err = s.newClient(); err != nil {
		return nil, fmt.Errorf("cannot set up a Kafka client: %w", err)
	}
	return s, nil
}

// Send makes one try.
func (s *Sender) Send(ctx context.Context, e dispatch.Envelope) dispatch.Outcome {
	o, err := s.try(ctx, &s.shared, e)
	if !ofWholeBatch(err) {
		return o
	}
	// The broker's answer was about a batch, in which others may have been. By itself the change may be taken.
	select {
	case s.alone <- struct{}{}:
	case <-ctx.Done():
		return retry("time-out: " + o.Reason + ", perhaps for others that it was sent with")
	}
	defer func() { <-s.alone }()
	o, _ = s.try(ctx, &s.single, e)
	return o
}

func ofWholeBatch(err error) bool {
	return errors.Is(err, kerr.MessageTooLarge) || errors.Is(err, kerr.RecordListTooLarge) ||
		errors.Is(err, kerr.InvalidRecord)
}

// try makes one try on one of the clients.
func (s *Sender) try(ctx context.Context, slot **client, e dispatch.Envelope) (dispatch.Outcome, error) {
	if ctx.Err() != nil {
		return retry("time-out before it was sent"), nil
	}
	l, err := s.clientAt(slot)
	if err != nil || l == nil {
		return retry("the sender is closed"), err
	}
	back, written, err := l.produce(ctx, s.address.topic, e)
	o, giveUp := judge(err)
	if giveUp || !back {
		s.giveUp(slot, l)
	}
	if err == nil {
		return o, nil
	}
	switch {
	case s.isClosed():
		o, err = retry("the sender is closed"), nil
	case errors.Is(err, kgo.ErrRecordRetries):
		o, err = l.untaken("tried in vain"), nil
	case !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
	case ctx.Err() != nil:
		o, err = l.untaken("time-out"), nil
	default:
		o, err = l.untaken("given up with another change, whose time was over"), nil
	}
	// a broker's error may be about the second of two requests, of which the first was lost
	o.Underway = written && o.Verdict != event.Refused
	return o, err
}

// untaken is the outcome of a change that no broker said anything about, with what the client met meanwhile.
func (l *client) untaken(reason string) dispatch.Outcome {
	if last := l.lastError.Load(); last != nil {
		if why := reasonOf(*last); why != unknownReason {
			reason += ": " + why
		}
	}
	return retry(reason)
}

// clientAt is the one in that slot, made if there is none. It is nil when the sender is closed.
func (s *Sender) clientAt(slot **client) (*client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, nil
	}
	if *slot == nil {
		l, err := s.newClient()
		if err != nil { // the same options have made one before
			return nil, err
		}
		*slot = l
	}
	return *slot, nil
}

func (s *Sender) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// giveUp has a client send nothing more. What it has comes back to whoever waits for it.
func (s *Sender) giveUp(slot **client, l *client) {
	l.guard.close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if *slot != l { // somebody else was faster
		return
	}
	*slot = nil
	s.leaving.Go(l.kgo.Close)
}

// Close gives both clients up. An attempt under way ends as one to be retried.
func (s *Sender) Close() error {
	s.mu.Lock()
	s.closed = true
	shared, single := s.shared, s.single
	s.mu.Unlock()
	for slot, l := range map[**client]*client{&s.shared: shared, &s.single: single} {
		if l != nil {
			s.giveUp(slot, l)
		}
	}
	s.leaving.Wait()
	return nil
}

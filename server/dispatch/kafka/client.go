package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"numhook/server/dispatch"
)

// How the client tries within one attempt. It is bounded by the attempt's time, too; but where it gives up before, the
// reason is known.
const (
	dialTime     = 5 * time.Second
	replicasTime = 5 * time.Second // for the broker to hear from all in-sync replicas
	answerTime   = 5 * time.Second // on top of it, for its answer
	requestTime  = 5 * time.Second // for what is asked before producing, with its retries
	idleTime     = 5 * time.Minute // brokers close after 10 minutes by default
	linger       = time.Millisecond
	produceTries = 12 // again, after the first: they take 6 to 10 s
	requestTries = 2
	unknownTries = 2 // a topic that brokers do not know
	metadataRest = 500 * time.Millisecond
	shortRest    = 100 * time.Millisecond // between tries, then twice as long each time
	longRest     = time.Second
)

const headerID = "numhook-id"

// client is one client of the brokers. A client that cannot be trusted with what it has is given up as a whole.
type client struct {
	kgo       *kgo.Client
	guard     writeGuard
	lastError atomic.Pointer[error] // the last thing that the client said had failed, until something succeeds
}

func (s *Sender) newClient() (*client, error) {
	l := &client{}
	options := []kgo.Opt{
		kgo.SeedBrokers(s.address.Hosts...),
		kgo.ClientID("numhook"),
		kgo.WithLogger((*listener)(l)),
		kgo.DisableClientMetrics(),
		kgo.Dialer(s.dialer(&l.guard)),
		kgo.ConnIdleTimeout(idleTime),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		// else the client goes on with what a broker may have, for as long as it takes
		kgo.AllowIdempotentProduceCancellation(),
		kgo.ProducerLinger(linger),
		kgo.ProduceRequestTimeout(replicasTime),
		kgo.RequestTimeoutOverhead(answerTime),
		kgo.RecordRetries(produceTries),
		kgo.UnknownTopicRetries(unknownTries),
		kgo.RequestRetries(requestTries),
		kgo.RetryTimeout(requestTime),
		kgo.MetadataMinAge(metadataRest),
		kgo.RetryBackoffFn(func(fails int) time.Duration { return min(longRest, shortRest<<min(max(fails-1, 0), 10)) }),
	}
	if s.address.sasl != nil {
		options = append(options, kgo.SASL(s.address.sasl))
	}
	var err error
	l.kgo, err = kgo.NewClient(options...)
	return l, err
}

func (s *Sender) dialer(g *writeGuard) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, dialTime)
		defer cancel()
		below, err := s.dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if !s.address.secure {
			return &wire{Conn: below, below: below, guard: g}, nil
		}
		config := s.tls().Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(address)
		}
		secure := tls.Client(below, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = below.Close() // the handshake's error is the one to tell
			return nil, err
		}
		return &wire{Conn: secure, below: below, guard: g}, nil
	}
}

// listener hears what the client would log. It keeps the errors: a change whose time is over while the client is still
// trying comes back with nothing but that.
type listener client

// Level is what the client is to tell.
func (*listener) Level() kgo.LogLevel { return kgo.LogLevelInfo }

// Log keeps the error, if there is one that says something.
func (l *listener) Log(_ kgo.LogLevel, _ string, keyvals ...any) {
	for i := 0; i+1 < len(keyvals); i += 2 {
		err, ok := keyvals[i+1].(error)
		if !ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
			errors.Is(err, kgo.ErrClientClosed) || errors.Is(err, errOver) {
			continue
		}
		l.lastError.Store(&err)
	}
}

// produce gives one change to the client and waits until it comes back, or until a moment after its time. back is false
// when it has not come back, and written reports whether a broker may have been sent it.
func (l *client) produce(ctx context.Context, topic string, e dispatch.Envelope) (back, written bool, err error) {
	record := &kgo.Record{Topic: topic, Value: e.Body, Headers: []kgo.RecordHeader{{Key: headerID, Value: []byte(e.ID)}}}
	if e.Number != "" {
		record.Key = []byte(e.Number)
	}
	result := make(chan error, 1)
	p := l.guard.bind(ctx)
	l.kgo.TryProduce(ctx, record, func(_ *kgo.Record, err error) {
		l.guard.release(p)
		if err == nil {
			l.lastError.Store(nil)
		}
		result <- err
	})
	select {
	case err := <-result:
		return true, p.written.Load(), err
	case <-ctx.Done():
	}
	timer := time.NewTimer(giveBackTime)
	defer timer.Stop()
	select {
	case err := <-result:
		return true, p.written.Load(), err
	case <-timer.C:
		return false, p.written.Load(), ctx.Err()
	}
}

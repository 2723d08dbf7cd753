package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"numhook/server/dispatch"
	"numhook/server/event"
)

const (
	connectTime = 5 * time.Second  // for dialling, and again for the server's greeting
	pingEvery   = 10 * time.Second // two of them unanswered, and the connection is given up
	writeTime   = 5 * time.Second  // for one write to the socket
)

// connection is one connection to a server. Once it is gone it stays gone.
type connection struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	wire *wire
	gone chan struct{} // closed when the connection is

	mu    sync.Mutex
	fault error // why it was given up, as far as the server said so; guarded by mu
}

// connect makes a connection to one of the servers.
func (s *Sender) connect() (*connection, error) {
	c := &connection{gone: make(chan struct{})}
	d := &dialer{sender: s.ctx, dial: s.dial}
	options := s.options(c, d)
	if err := s.credentials(&options); err != nil {
		return nil, err
	}
	nc, err := options.Connect()
	if err == nil {
		c.nc, c.wire = nc, d.last
		c.js, err = jetstream.New(nc)
		if err == nil {
			return c, nil
		}
		c.close()
		return nil, err
	}
	if d.last != nil {
		d.last.release()
	}
	if errors.Is(err, nats.ErrNoServers) && d.err != nil { // the client keeps to itself that a connection was refused
		err = d.err
	}
	return nil, err
}

func (s *Sender) options(c *connection, d *dialer) nats.Options {
	o := nats.GetDefaultOptions()
	o.Servers = s.address.servers()
	o.Name = "numhook"
	o.CustomDialer = d
	o.SkipHostLookup = true  // the dialer's part
	o.AllowReconnect = false // see the package comment
	o.ReconnectBufSize = -1
	o.WriteBufferSize = 1 // so that publishing writes to the socket, and a goroutine of the client's does not do it later
	o.Timeout = connectTime
	o.FlusherTimeout = writeTime
	o.PingInterval = pingEvery
	o.Secure = s.address.secure
	o.TLSConfig = s.tls().Clone()
	o.ClosedCB = func(*nats.Conn) { close(c.gone) }
	// without one the client writes to standard error
	o.AsyncErrorCB = func(nc *nats.Conn, _ *nats.Subscription, err error) { c.failed(nc, err) }
	if s.address.User != nil {
		o.User = s.address.User.Username()
		password, found := s.address.User.Password()
		if o.Password = password; !found {
			o.User, o.Token = "", o.User
		}
	}
	return o
}

var errCreds = errors.New("cannot use the credentials file")

// credentials has the newest shown, for each connection again, and tells its errors from those of the server.
func (s *Sender) credentials(o *nats.Options) error {
	if s.address.creds == "" && s.creds == nil {
		return nil
	}
	shown := nats.UserCredentials(s.address.creds)
	if s.creds != nil {
		shown = nats.UserCredentialBytes(s.creds())
	}
	if err := shown(o); err != nil {
		return fmt.Errorf("%w: %w", errCreds, err)
	}
	sign := o.SignatureCB
	o.SignatureCB = func(nonce []byte) ([]byte, error) {
		signature, err := sign(nonce)
		if err != nil {
			err = fmt.Errorf("%w: %w", errCreds, err)
		}
		return signature, err
	}
	return nil
}

// CheckCredentials says what is wrong with the content of a credentials file, and quotes nothing of it.
func CheckCredentials(content []byte) error {
	var o nats.Options
	if err := nats.UserCredentialBytes(content)(&o); err != nil {
		return errCreds
	}
	if token, err := o.UserJWT(); err != nil || strings.Count(token, ".") != 2 {
		return errors.New("it holds no user's JWT (-----BEGIN NATS USER JWT-----)")
	}
	if _, err := o.SignatureCB([]byte("any")); err != nil {
		return errors.New("it holds no seed of a user's key (-----BEGIN USER NKEY SEED-----)")
	}
	return nil
}

// failed is told what the server objects to without answering anybody. After a missing permission every attempt would
// wait for an answer until its time is over: the connection is given up, and whoever waits on it is told.
func (c *connection) failed(nc *nats.Conn, err error) {
	c.mu.Lock()
	if c.fault == nil {
		c.fault = err
	}
	c.mu.Unlock()
	if errors.Is(err, nats.ErrPermissionViolation) {
		nc.Close()
	}
}

// why is what the server objected to before the connection was gone.
func (c *connection) why() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault != nil {
		return c.fault
	}
	if c.wire.wasReset.Load() {
		return errOver
	}
	return c.nc.LastError()
}

// close gives the connection up; nothing is written to it after that.
func (c *connection) close() {
	if c.wire.release() {
		c.wire.reset() // before the client would write what it has left
	}
	c.nc.Close()
	<-c.gone
}

// send publishes one change and waits for the stream's word.
func (c *connection) send(ctx context.Context, a address, e dispatch.Envelope) dispatch.Outcome {
	options := []jetstream.PublishOpt{jetstream.WithMsgID(e.ID), jetstream.WithRetryAttempts(0)}
	if a.stream != "" {
		options = append(options, jetstream.WithExpectStream(a.stream))
	}
	handed := c.wire.hand(ctx)
	future, err := c.js.PublishMsgAsync(&nats.Msg{Subject: a.subject, Data: e.Body}, options...)
	handed()
	if err != nil {
		return c.unsent(ctx, err)
	}
	acknowledged, refused := future.Ok(), future.Err()
	select {
	case <-acknowledged:
		return dispatch.Outcome{Verdict: event.Confirmed, Alive: true}
	case err := <-refused:
		return judge(err)
	case <-c.gone:
		return underway("the connection was lost before the stream acknowledged: " + reasonOf(c.why()))
	case <-ctx.Done():
		select {
		case <-acknowledged:
			return dispatch.Outcome{Verdict: event.Confirmed, Alive: true}
		default:
		}
		c.wire.reset()
		return underway("time-out: the stream did not acknowledge")
	}
}

// unsent is the outcome of an attempt that could not be handed over, or not wholly.
func (c *connection) unsent(ctx context.Context, err error) dispatch.Outcome {
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return refuse("larger than the server's max_payload")
	case errors.Is(err, nats.ErrHeadersNotSupported):
		return retry("the server takes no headers, without which the stream could not tell repetitions")
	case errors.Is(err, errOver) || ctx.Err() != nil:
		return retry("time-out before it was sent")
	}
	lost := retry("the connection was lost before it was sent: " + reasonOf(c.why()))
	lost.Underway = !errors.Is(err, nats.ErrConnectionClosed) // else not a byte was
	return lost
}

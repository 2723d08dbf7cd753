package jetstream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// Numbers with changes in order, one attempt of each at a time, retried until confirmed: what dispatch does. The server
// is killed and started again meanwhile.
func TestAServerThatIsKilledUnderLoadHasEachChangeOnce(t *testing.T) {
	const numbers, changes, kills = 8, 150, 3
	server := start(t, serving{Port: freePort(t), Store: t.TempDir()})
	url := fmt.Sprintf("nats://127.0.0.1:%d", server.Port)
	makeStream(t, admin(t, url), jetstream.StreamConfig{})
	s := sender(t, Config{URL: url + "/numhook.changes"})

	var load sync.WaitGroup
	progress := make(chan struct{}, numbers*changes)
	retried := make([]int, numbers)
	for number := range numbers {
		load.Go(func() {
			for change := range changes {
				e := envelope(fmt.Sprintf("%d-%04d", number, change))
				for {
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
					got := s.Send(ctx, e)
					cancel()
					if got == confirmed {
						break
					}
					if got.Verdict != event.Retry || got.Reason == "" || t.Context().Err() != nil {
						t.Errorf("%s: %+v", e.ID, got)
						return
					}
					retried[number]++
				}
				progress <- struct{}{}
			}
		})
	}
	for kill := 1; kill <= kills; kill++ {
		for range numbers * changes / (kills + 1) {
			<-progress
		}
		server.kill()
		server = start(t, server.serving)
	}
	load.Wait()

	ids, _ := stored(t, admin(t, url))
	if len(ids) != numbers*changes {
		t.Errorf("%d stored, want %d", len(ids), numbers*changes)
	}
	for number := range numbers {
		var got, want []string
		for _, id := range ids {
			if strings.HasPrefix(id, fmt.Sprint(number, "-")) {
				got = append(got, id)
			}
		}
		for change := range changes {
			want = append(want, fmt.Sprintf("%d-%04d", number, change))
		}
		if !slices.Equal(got, want) {
			t.Errorf("number %d: stored %v", number, got)
		}
	}
	if sum := total(retried); sum == 0 {
		t.Error("nothing was retried: the kills hit no attempt")
	}
}

func total(numbers []int) (sum int) {
	for _, n := range numbers {
		sum += n
	}
	return sum
}

func TestNothingIsSentAfterTheTimeIsOver(t *testing.T) {
	js := embed(t, nil)
	admin := admin(t, js.ClientURL())
	makeStream(t, admin, jetstream.StreamConfig{})
	s := sender(t, Config{URL: js.ClientURL() + "/numhook.changes"})
	if got := s.Send(within(t, time.Minute), envelope("first")); got != confirmed {
		t.Fatalf("%+v", got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got, want := s.Send(ended, envelope("late")), retry("time-out before it was sent"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Send(within(t, time.Minute), envelope("last")); got != confirmed {
		t.Fatalf("%+v", got)
	}
	if ids, _ := stored(t, admin); !slices.Equal(ids, []string{"first", "last"}) {
		t.Errorf("stored %v", ids)
	}
}

// A line to the server that can be stopped: what is written to it is held up, as by a network that has gone away.
type stoppable struct {
	net.Conn
	mu      sync.Mutex
	stopped chan struct{} // while stopped; guarded by mu
	closed  chan struct{}
	once    sync.Once
}

func (c *stoppable) Write(p []byte) (int, error) {
	c.mu.Lock()
	stopped := c.stopped
	c.mu.Unlock()
	if stopped != nil {
		select {
		case <-stopped:
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	return c.Conn.Write(p)
}

func (c *stoppable) stop() (goOn func()) {
	stopped := make(chan struct{})
	c.mu.Lock()
	c.stopped = stopped
	c.mu.Unlock()
	return func() {
		c.mu.Lock()
		c.stopped = nil
		c.mu.Unlock()
		close(stopped)
	}
}

func (c *stoppable) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func TestAWriteThatIsHeldUpBeyondTheTimeIsNotMadeLater(t *testing.T) {
	js := embed(t, nil)
	admin := admin(t, js.ClientURL())
	makeStream(t, admin, jetstream.StreamConfig{})
	lines := make(chan *stoppable, 100)
	s := sender(t, Config{URL: js.ClientURL() + "/numhook.changes", Dial: func(ctx context.Context, network,
		address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		line := &stoppable{Conn: conn, closed: make(chan struct{})}
		lines <- line
		return line, nil
	}})
	if got := s.Send(within(t, time.Minute), envelope("first")); got != confirmed {
		t.Fatalf("%+v", got)
	}
	goOn := (<-lines).stop()
	var sends sync.WaitGroup
	for i := range 5 { // one is written, the others wait for their turn
		sends.Go(func() {
			begun := time.Now()
			got := s.Send(within(t, 200*time.Millisecond), envelope(fmt.Sprint("late", i)))
			if got.Verdict != event.Retry || got.Alive {
				t.Errorf("%+v", got)
			}
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("ended after %v", took)
			}
		})
	}
	sends.Wait()
	goOn()
	eventually(t, "delivered on another connection",
		func() bool { return s.Send(within(t, time.Minute), envelope("last")) == confirmed })
	if ids, _ := stored(t, admin); !slices.Equal(ids, []string{"first", "last"}) {
		t.Errorf("stored %v", ids)
	}
}

func TestAnAcknowledgementThatDoesNotComeEndsTheConnection(t *testing.T) {
	js := embed(t, nil)
	silent := admin(t, js.ClientURL()).Conn()
	if _, err := silent.SubscribeSync("numhook.changes"); err != nil { // takes it, and answers nothing
		t.Fatal(err)
	}
	if err := silent.Flush(); err != nil {
		t.Fatal(err)
	}
	s := sender(t, Config{URL: js.ClientURL() + "/numhook.changes"})
	if got, want := s.Send(within(t, 200*time.Millisecond), envelope("a")),
		underway("time-out: the stream did not acknowledge"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	makeStream(t, admin(t, js.ClientURL()), jetstream.StreamConfig{})
	eventually(t, "delivered", func() bool { return s.Send(within(t, time.Minute), envelope("a")) == confirmed })
}

func TestWhatAnswersIsNoServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "220 mail.example ESMTP\r\n")
			conn.Close()
		}
	}()
	s := sender(t, Config{URL: "nats://" + l.Addr().String() + "/x"})
	if got, want := s.Send(within(t, time.Minute), envelope("a")),
		retry("no connection: what answers is no NATS server"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestADialerThatRefusesSaysWhy(t *testing.T) {
	s := sender(t, Config{URL: "nats://bus.example/x", Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &event.Error{Kind: event.Invalid, Text: "the host is at a " +
			"loop-back address"}}
	}})
	if got, want := s.Send(within(t, time.Minute), envelope("a")),
		retry("no connection: the host is at a loop-back address"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestACredentialsFileThatGoesBad(t *testing.T) {
	js := embed(t, nil)
	creds := filepath.Join(t.TempDir(), "numhook.creds")
	write := func(text string) {
		if err := os.WriteFile(creds, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("not yet")
	s := sender(t, Config{URL: js.ClientURL() + "/numhook.changes?creds=" + creds})
	if got, want := s.Send(within(t, time.Minute), envelope("a")),
		retry("no connection: the credentials file cannot be used"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if err := os.Remove(creds); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is noticed", func() bool {
		return s.Send(within(t, time.Minute), envelope("a")) == retry("no connection: the credentials file does not exist")
	})
}

func TestTLS(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(leaf)
	config := &tls.Config{MinVersion: tls.VersionTLS12,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	secure := embed(t, func(o *server.Options) { o.TLS, o.TLSConfig, o.TLSTimeout = true, config, 5 })
	makeStream(t, admin(t, secure.ClientURL(), nats.Secure(&tls.Config{RootCAs: trusted})), jetstream.StreamConfig{})
	at := strings.TrimPrefix(strings.TrimPrefix(secure.ClientURL(), "nats://"), "tls://")
	plain := embed(t, nil).ClientURL()
	const untrusted = "no connection: TLS: the certificate is signed by an authority that is not trusted"
	for name, tried := range map[string]struct {
		url     string
		trusted *x509.CertPool
		want    dispatch.Outcome
	}{
		"tls scheme":            {"tls://" + at + "/numhook.a", trusted, confirmed},
		"tls parameter":         {"nats://" + at + "/numhook.b?tls=true", trusted, confirmed},
		"the server demands it": {"nats://" + at + "/numhook.c", trusted, confirmed},
		"not trusted":           {"tls://" + at + "/numhook.d", x509.NewCertPool(), retry(untrusted)},
		"demanded, not trusted": {"nats://" + at + "/numhook.e", x509.NewCertPool(), retry(untrusted)},
		"the server has not got it": {plain + "/numhook.f?tls=true", trusted,
			retry("no connection: the server has no TLS, which the url asks for")},
	} {
		s := sender(t, Config{URL: tried.url, TLS: func() *tls.Config { return &tls.Config{RootCAs: tried.trusted} }})
		if got := s.Send(within(t, time.Minute), envelope(name)); got != tried.want {
			t.Errorf("%s: got %+v, want %+v", name, got, tried.want)
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	js := embed(t, nil)
	makeStream(t, admin(t, js.ClientURL()), jetstream.StreamConfig{})
	refusing := fmt.Sprintf("nats://127.0.0.1:%d", freePort(t))
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	for name, server := range map[string]string{"up": js.ClientURL(), "down": refusing, "deaf": "nats://" +
		deaf.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			for range 5 {
				s, err := New(Config{URL: server + "/numhook.changes"})
				if err != nil {
					t.Fatal(err)
				}
				want := event.Retry
				if name == "up" {
					want = event.Confirmed
				}
				ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
				if name == "up" {
					ctx = within(t, time.Minute)
				}
				if got := s.Send(ctx, envelope("a")); got.Verdict != want {
					t.Errorf("%+v", got)
				}
				cancel()
				begun := time.Now()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if took := time.Since(begun); took > 2*time.Second {
					t.Errorf("closing took %v", took)
				}
				if got, want := s.Send(t.Context(), envelope("b")), retry("the sender is closed"); got != want {
					t.Errorf("after Close: got %+v, want %+v", got, want)
				}
			}
			eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

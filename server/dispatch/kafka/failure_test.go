package kafka

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
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"numhook/server/event"
)

// load sends changes of each number in order, one attempt of each at a time, retried until confirmed: what dispatch
// does. It reports each that is confirmed.
func load(t *testing.T, s *Sender, numbers, changes int) (progress chan struct{}, done *sync.WaitGroup) {
	progress, done = make(chan struct{}, numbers*changes), &sync.WaitGroup{}
	for number := range numbers {
		done.Go(func() {
			for change := range changes {
				e := envelope(fmt.Sprint(number), fmt.Sprintf("%d-%04d", number, change))
				for {
					ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
					got := s.Send(ctx, e)
					cancel()
					if got == confirmed {
						break
					}
					if got.Verdict != event.Retry || got.Reason == "" || t.Context().Err() != nil {
						t.Errorf("%s: %+v", e.ID, got)
						return
					}
				}
				progress <- struct{}{}
			}
		})
	}
	return progress, done
}

func inOrder(number, changes int) (ids []string) {
	for change := range changes {
		ids = append(ids, fmt.Sprintf("%d-%04d", number, change))
	}
	return ids
}

// Requests that fail, answers that are lost with their connection, leaders that move: within an attempt's time the
// client settles it all, and nothing is there twice.
func TestFailureOfBrokersLeavesEachChangeThereOnceAndInOrder(t *testing.T) {
	const numbers, changes = 12, 60
	c := brokers(t, kfake.NumBrokers(3), kfake.SeedTopics(6, topic))
	ls := &lines{}
	s := sender(t, Config{URL: urlOf(c), Dial: ls.dial})
	var failures []*kfake.FaultHandle
	progress, done := load(t, s, numbers, changes)
	fail := func(partition int32, err *kerr.Error) { // one at a time: they are not to pile up before one change
		if len(failures) > 0 {
			failures[len(failures)-1].Remove()
		}
		failures = append(failures, c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic,
			Partitions: []int32{partition}, Err: err}))
	}
	for i := range numbers * changes {
		<-progress
		switch partition := int32(i % 6); i % 40 {
		case 5:
			fail(partition, kerr.NotEnoughReplicas)
		case 12:
			fail(partition, kerr.NotEnoughReplicasAfterAppend) // written, and told otherwise
		case 19:
			fail(partition, kerr.RequestTimedOut) // the same
		case 26:
			ls.cut()
		case 33:
			if err := c.MoveTopicPartition(topic, partition, (c.LeaderFor(topic, partition)+1)%3); err != nil {
				t.Error(err)
			}
		}
	}
	done.Wait()
	met := 0
	for _, f := range failures {
		met += f.Hits()
	}
	if met < 10 {
		t.Errorf("%d of %d failures were met", met, len(failures))
	}
	got := perNumber(t, written(t, c))
	for number := range numbers {
		if ids := got[fmt.Sprint(number)]; !slices.Equal(ids, inOrder(number, changes)) {
			t.Errorf("number %d: written %v", number, ids)
		}
	}
}

// A broker that is away for longer than the client tries costs repetitions, and no change, and no order: the first of
// each identity counts.
func TestABrokerThatIsStartedAgainHasEveryChange(t *testing.T) {
	const numbers, changes = 6, 60
	options := []kfake.Opt{kfake.DataDir(t.TempDir()), kfake.SyncWrites(), kfake.SeedTopics(3, topic),
		kfake.Ports(freePort(t))}
	down := sender(t, Config{URL: fmt.Sprintf("kafka://127.0.0.1:%d/%s", freePort(t), topic)})
	if got, want := down.Send(untilFailure(t, down), envelope("1", "a")),
		retry("time-out: connection refused"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	c := brokers(t, options...)
	s := sender(t, Config{URL: urlOf(c)})
	progress, done := load(t, s, numbers, changes)
	for range 3 {
		for range numbers * changes / 4 {
			<-progress
		}
		c.Close()
		c = brokers(t, options...)
	}
	done.Wait()
	got := perNumber(t, written(t, c))
	for number := range numbers {
		if ids := firsts(got[fmt.Sprint(number)]); !slices.Equal(ids, inOrder(number, changes)) {
			t.Errorf("number %d: written %v", number, ids)
		}
	}
}

// firsts are the identities without repetitions.
func firsts(ids []string) (all []string) {
	for _, id := range ids {
		if !slices.Contains(all, id) {
			all = append(all, id)
		}
	}
	return all
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
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
	c := brokers(t, kfake.SeedTopics(1, topic),
		kfake.TLS(&tls.Config{MinVersion: tls.VersionTLS12,
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}))
	plainly := brokers(t, kfake.SeedTopics(1, topic))
	for name, tried := range map[string]struct {
		url  string
		tls  *tls.Config
		want string
	}{
		"trusted": {urlOf(c) + "?tls=true", &tls.Config{RootCAs: trusted}, ""},
		"not trusted": {urlOf(c) + "?tls=true", nil, "time-out: TLS: the certificate is signed by an authority that is " +
			"not trusted"},
		"not asked for": {urlOf(c), nil, "time-out: a broker closes new connections: it may want tls=true, sasl, or neither"},
	} {
		s := sender(t, Config{URL: tried.url, TLS: newest(tried.tls)})
		ctx := within(t, time.Minute)
		if tried.want != "" {
			ctx = untilFailure(t, s)
		}
		if got := s.Send(ctx, envelope("1", "a")); got.Reason != tried.want || (got == confirmed) != (tried.want == "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	s := sender(t, Config{URL: urlOf(plainly) + "?tls=true"}) // the broker takes the handshake for a length, and waits
	if got := s.Send(within(t, 500*time.Millisecond), envelope("1", "a")); got.Verdict != event.Retry {
		t.Errorf("a broker without TLS: %+v", got)
	}
}

func TestADialerThatRefusesSaysWhy(t *testing.T) {
	s := sender(t, Config{URL: "kafka://broker.example/x", Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: &event.Error{Kind: event.Invalid, Text: "the host is at a " +
			"loop-back address"}}
	}})
	if got, want := s.Send(untilFailure(t, s), envelope("1", "a")),
		retry("time-out: the host is at a loop-back address"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	c := brokers(t, kfake.SeedTopics(3, topic))
	deaf, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	for name, url := range map[string]string{
		"up": urlOf(c), "down": fmt.Sprintf("kafka://127.0.0.1:%d/x", freePort(t)), "deaf": "kafka://" +
			deaf.Addr().String() + "/x",
	} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			for range 5 {
				s, err := New(Config{URL: url})
				if err != nil {
					t.Fatal(err)
				}
				want, long := event.Retry, 300*time.Millisecond
				if name == "up" {
					want, long = event.Confirmed, time.Minute
				}
				ctx, cancel := context.WithTimeout(t.Context(), long)
				if got := s.Send(ctx, envelope("1", "a")); got.Verdict != want {
					t.Errorf("%+v", got)
				}
				cancel()
				pending := make(chan string, 1)
				if name != "up" {
					go func() { pending <- s.Send(t.Context(), envelope("1", "pending")).Reason }()
					eventually(t, "under way", func() bool { return under(s) })
				}
				begun := time.Now()
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if took := time.Since(begun); took > 3*time.Second {
					t.Errorf("closing took %v", took)
				}
				if name != "up" {
					if got := <-pending; got != "the sender is closed" {
						t.Errorf("an attempt under way: %s", got)
					}
				}
				if got, want := s.Send(t.Context(), envelope("1", "b")), retry("the sender is closed"); got != want {
					t.Errorf("after Close: got %+v, want %+v", got, want)
				}
			}
			eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

// under reports whether an attempt is under way.
func under(s *Sender) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shared == nil {
		return false
	}
	s.shared.guard.mu.Lock()
	defer s.shared.guard.mu.Unlock()
	return len(s.shared.guard.inflight) > 0
}

// newest is what gives the configuration, or nil.
func newest(c *tls.Config) func() *tls.Config {
	if c == nil {
		return nil
	}
	return func() *tls.Config { return c }
}

package kafka

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"numhook/server/dispatch"
	"numhook/server/event"
)

func TestAChangeIsWrittenUnderItsNumber(t *testing.T) {
	c := brokers(t, kfake.SeedTopics(5, topic))
	var acks, producers sync.Map
	observe(c, func(r *kmsg.ProduceRequest) {
		acks.Store(r.Acks, true)
		var batch kmsg.RecordBatch
		if err := batch.ReadFrom(r.Topics[0].Partitions[0].Records); err != nil {
			t.Error(err)
		}
		producers.Store(batch.ProducerID, true)
	})
	s := sender(t, Config{URL: urlOf(c)})
	for _, e := range []dispatch.Envelope{envelope("+12025550143", "a"), envelope("+12025550143", "b"),
		envelope("+12025550144", "c"), envelope("", "d")} {
		if got := s.Send(within(t, time.Minute), e); got != confirmed {
			t.Fatalf("%s: %+v", e.ID, got)
		}
	}
	all := written(t, c)
	want := map[string][]string{"+12025550143": {"a", "b"}, "+12025550144": {"c"}, "": {"d"}}
	if got := perNumber(t, all); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("written %v, want %v", got, want)
	}
	for _, r := range all {
		if want := `{"id":"` + idOf(r) + `"}`; string(r.Value) != want {
			t.Errorf("value %s, want %s", r.Value, want)
		}
		if idOf(r) == "d" && r.Key != nil {
			t.Errorf("what has no number has the key %q", r.Key)
		}
	}
	acks.Range(func(got, _ any) bool {
		if got != int16(-1) {
			t.Errorf("acks %v, want -1", got)
		}
		return true
	})
	seen := 0
	producers.Range(func(id, _ any) bool {
		if seen++; id.(int64) < 0 {
			t.Errorf("producer id %v: not idempotent", id)
		}
		return true
	})
	if seen != 1 {
		t.Errorf("%d producers, want 1", seen)
	}
}

func TestChangesAtOneTimeShareRequests(t *testing.T) {
	const changes = 200
	c := brokers(t, kfake.SeedTopics(1, topic))
	var requests atomic.Int64
	observe(c, func(*kmsg.ProduceRequest) { requests.Add(1) })
	s := sender(t, Config{URL: urlOf(c)})
	var sends sync.WaitGroup
	for i := range changes {
		sends.Go(func() {
			if got := s.Send(within(t, time.Minute), envelope(fmt.Sprint(i), fmt.Sprint(i))); got != confirmed {
				t.Errorf("%+v", got)
			}
		})
	}
	sends.Wait()
	if n := requests.Load(); n > changes/4 {
		t.Errorf("%d requests for %d changes", n, changes)
	}
	if n := len(written(t, c)); n != changes {
		t.Errorf("%d written, want %d", n, changes)
	}
}

func TestWhatBrokersSay(t *testing.T) {
	for name, c := range map[string]struct {
		err  *kerr.Error
		want dispatch.Outcome
	}{
		"not enough replicas": {kerr.NotEnoughReplicas, dispatch.Outcome{Verdict: event.Retry, Reason: "fewer in-sync " +
			"replicas than min.insync.replicas", Alive: true}},
		"no leader": {kerr.LeaderNotAvailable, dispatch.Outcome{Verdict: event.Retry,
			Reason: "the partition has no leader", Alive: true}},
		"disk": {kerr.KafkaStorageError, dispatch.Outcome{Verdict: event.Retry, Reason: "the broker cannot " +
			"write to its disk", Alive: true}},
		"not authorized": {kerr.TopicAuthorizationFailed, dispatch.Outcome{Verdict: event.Retry,
			Reason: "the user may not write to the topic"}},
		"policy": {kerr.PolicyViolation, dispatch.Outcome{Verdict: event.Retry, Reason: "the broker's answer " +
			"is POLICY_VIOLATION"}},
		"not valid": {kerr.InvalidRecord, dispatch.Outcome{Verdict: event.Refused, Reason: "the broker's own " +
			"validation does not accept it", Alive: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cluster := brokers(t, kfake.SeedTopics(1, topic))
			s := sender(t, Config{URL: urlOf(cluster)})
			if got := s.Send(within(t, time.Minute), envelope("1", "a")); got != confirmed {
				t.Fatalf("%+v", got)
			}
			fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Partitions: []int32{0}, Err: c.err,
				Count: -1})
			c.want.Underway = c.want.Verdict == event.Retry // a request that was lost before the one that was answered
			if got := s.Send(within(t, time.Minute), envelope("1", "b")); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			fault.Remove()
			if got := s.Send(within(t, time.Minute), envelope("1", "b")); got != confirmed {
				t.Errorf("afterwards: %+v", got)
			}
			if got := perNumber(t, written(t, cluster))["1"]; !slices.Equal(got, []string{"a", "b"}) {
				t.Errorf("written %v", got)
			}
		})
	}
}

// The broker has lost, or forgot, what it needs to tell repetitions: the client must not be stuck for ever.
func TestAProducerThatTheBrokerNoLongerTakesIsMadeAnew(t *testing.T) {
	for _, lost := range []*kerr.Error{kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID, kerr.InvalidProducerEpoch} {
		c := brokers(t, kfake.SeedTopics(1, topic))
		s := sender(t, Config{URL: urlOf(c)})
		if got := s.Send(within(t, time.Minute), envelope("1", "a")); got != confirmed {
			t.Fatalf("%+v", got)
		}
		c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Partitions: []int32{0}, Err: lost})
		eventually(t, "confirmed", func() bool { return s.Send(within(t, time.Minute), envelope("1", "b")) == confirmed })
		if got := perNumber(t, written(t, c))["1"]; !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("%v: written %v", lost, got)
		}
	}
}

// A broker that will not give a producer id must not be remembered for ever.
func TestAPermissionThatIsGivenLaterIsNoticed(t *testing.T) {
	c := brokers(t, kfake.SeedTopics(1, topic))
	fault := c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: kerr.ClusterAuthorizationFailed,
		TopLevel: true, Count: -1})
	s := sender(t, Config{URL: urlOf(c)})
	if got, want := s.Send(within(t, time.Minute), envelope("1", "a")),
		retry("the user may not write to any topic, or not produce idempotently"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	fault.Remove()
	if got := s.Send(within(t, time.Minute), envelope("1", "a")); got != confirmed {
		t.Errorf("afterwards: %+v", got)
	}
}

func TestATopicThatIsMadeLaterOrAnewTakesWhatWaits(t *testing.T) {
	c := brokers(t)
	s := sender(t, Config{URL: urlOf(c)})
	if got, want := s.Send(within(t, time.Minute), envelope("1", "a")), retry("the topic does not exist"); got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	for _, id := range []string{"a", "b"} {
		if err := c.CreateTopic(topic, 3, nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, "confirmed", func() bool { return s.Send(within(t, time.Minute), envelope("1", id)) == confirmed })
		if got := perNumber(t, written(t, c))["1"]; !slices.Equal(got, []string{id}) {
			t.Errorf("written %v, want %s", got, id)
		}
		if err := c.DeleteTopic(topic); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTooLarge(t *testing.T) {
	const limit = 4000
	c := brokers(t)
	if err := c.CreateTopic(topic, 1, map[string]string{"max.message.bytes": fmt.Sprint(limit)}); err != nil {
		t.Fatal(err)
	}
	s := sender(t, Config{URL: urlOf(c)})
	body := func(seed, size int) []byte { // that compression gains little on
		var b strings.Builder
		for x := uint64(seed + 1); b.Len() < size; x = x*6364136223846793005 + 1442695040888963407 {
			fmt.Fprintf(&b, "%x", x)
		}
		return []byte(b.String()[:size])
	}
	var sends sync.WaitGroup
	const fitting = 12
	for i := range fitting { // each fits, all together do not
		sends.Go(func() {
			e := envelope(fmt.Sprint(i), fmt.Sprint(i))
			e.Body = body(i, limit/3)
			if got := s.Send(within(t, time.Minute), e); got != confirmed {
				t.Errorf("%+v", got)
			}
		})
	}
	sends.Wait()
	for _, size := range []int{2 * limit, 2 << 20} { // for the broker, and for the client
		e := envelope("1", "large")
		e.Body = body(1, size)
		want := dispatch.Outcome{Verdict: event.Refused, Reason: "larger than the topic's max.message.bytes", Alive: true}
		if got := s.Send(within(t, time.Minute), e); got != want {
			t.Errorf("%d bytes: got %+v, want %+v", size, got, want)
		}
	}
	if n := len(written(t, c)); n != fitting {
		t.Errorf("%d written, want %d", n, fitting)
	}
}

func TestCredentials(t *testing.T) {
	allowed := kfake.ACL{Resource: kmsg.ACLResourceTypeTopic, Name: topic, Pattern: kmsg.ACLResourcePatternTypeLiteral,
		Operation: kmsg.ACLOperationWrite, Allow: true}
	looks := allowed
	looks.Operation = kmsg.ACLOperationDescribe
	c := brokers(t, kfake.SeedTopics(1, topic), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "admin", "admin"),
		kfake.User("PLAIN", "numhook", "s3cret/@:", allowed), kfake.User("SCRAM-SHA-256", "numhook256", "s", allowed),
		kfake.User("SCRAM-SHA-512", "numhook512", "s", allowed),
		kfake.User("PLAIN", "reader", "r", looks))
	// as a real broker answers; this one only closes the connection
	c.ControlKey(kmsg.SASLAuthenticate.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		answer := kmsg.NewPtrSASLAuthenticateResponse()
		answer.Version, answer.ErrorCode = r.GetVersion(), kerr.SaslAuthenticationFailed.Code
		return answer, nil, bytes.Contains(r.(*kmsg.SASLAuthenticateRequest).SASLAuthBytes, []byte("hunter2"))
	})
	tries := map[string]dispatch.Outcome{
		"numhook:s3cret%2F%40%3A@?sasl=plain": confirmed,
		"numhook256:s@?sasl=scram-sha-256":    confirmed,
		"numhook512:s@?sasl=scram-sha-512":    confirmed,
		"numhook:hunter2@?sasl=plain":         retry("time-out: the broker refuses the credentials"),
		"numhook256:t@?sasl=scram-sha-256":    retry("time-out: a broker closed the connection"),
		"reader:r@?sasl=plain":                retry("the user may not write to any topic, or not produce idempotently"),
		"?": retry("time-out: a broker closes new connections: it may want tls=true, " +
			"sasl, or neither"),
	}
	for user, want := range tries {
		before, after, _ := strings.Cut(user, "?")
		s := sender(t, Config{URL: strings.Replace(urlOf(c), "kafka://", "kafka://"+before, 1) + "?" + after})
		ctx := within(t, time.Minute)
		if strings.HasPrefix(want.Reason, "time-out") {
			ctx = untilFailure(t, s)
		}
		if got := s.Send(ctx, envelope("1", "a")); got != want {
			t.Errorf("%s: got %+v, want %+v", user, got, want)
		}
	}
	if n := len(written(t, c, kgo.SASL(plain.Auth{User: "admin", Pass: "admin"}.AsMechanism()))); n != 3 {
		t.Errorf("%d written, want 3", n)
	}
}

func TestUrls(t *testing.T) {
	for url, want := range map[string]string{
		"nats://bus/x":                      "its scheme is not kafka",
		"broker:9092/x":                     "its scheme is not kafka",
		"kafka://broker":                    "it names no topic",
		"kafka://broker/":                   "it names no topic",
		"kafka:///x":                        "host 1 is missing or not a host name or address",
		"kafka://a,,c/x":                    "host 2 is missing or not a host name or address",
		"kafka://a:0/x":                     "host 1 has a port that is not between 1 and 65535",
		"kafka://a:hunter2/x":               "host 1 is missing or not a host name or address",
		"kafka://user:hunter2/pass@a/x":     "it has an @ after the first /",
		"kafka://user:hunter2%zz@a/x":       "user and password cannot be read",
		"kafka://a/b/c":                     "a topic is at most 249 letters, digits, dots, underscores and hyphens",
		"kafka://a/..":                      "a topic is at most 249 letters, digits, dots, underscores and hyphens",
		"kafka://a/x%20y":                   "a topic is at most 249 letters, digits, dots, underscores and hyphens",
		"kafka://a/x y":                     "it has a blank or a # in it",
		"kafka://a/x?acks=1":                `the parameter "acks" is not known`,
		"kafka://a/x?tls=perhaps":           "tls is neither true nor false",
		"kafka://a/x?tls=true&tls=false":    `the parameter "tls" is given twice or has no value`,
		"kafka://user:hunter2@a/x":          "it has a user, and does not say how to authenticate",
		"kafka://a/x?sasl=plain":            "sasl needs a user and a password",
		"kafka://user@a/x?sasl=plain":       "sasl needs a user and a password",
		"kafka://user:hunter2@a/x?sasl=md5": "the sasl mechanism is not known",
	} {
		_, err := New(Config{URL: url})
		known, ok := err.(*event.Error) //nolint:errorlint // the outermost error is what is looked at
		if !ok || known.Kind != event.Invalid || known.Hint == "" || known.Err.Error() != want {
			t.Errorf("%s: got %v, want %s", url, err, want)
		}
		if strings.Contains(fmt.Sprint(err), "hunter2") || ok && strings.Contains(known.Hint, "hunter2") {
			t.Errorf("%s: a password in %v", url, err)
		}
	}
}

func TestRedact(t *testing.T) {
	for url, want := range map[string]string{
		"kafka://user:hunter2@a,b:1/x?sasl=plain": "kafka://xxxxx@a:9092,b:1/x",
		"kafka://a,[::1]:3/x?tls=true":            "kafka://a:9092,[::1]:3/x",
		"kafka://user:hunter2/y@a/x":              "kafka://(unreadable)",
		"kafka://user:hunter2@a":                  "kafka://(unreadable)",
		"user:hunter2":                            "(unreadable)",
		"kafka://user:hunter2@a/x?password=abc":   "kafka://(unreadable)",
	} {
		if got := Redact(url); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}

package kafka

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// settle has the topic take something else, twice: what was on its way before would have come by then.
func settle(t *testing.T, s *Sender) {
	t.Helper()
	for range 2 {
		eventually(t, "another change is confirmed",
			func() bool { return s.Send(within(t, time.Minute), envelope("2", "settled")) == confirmed })
	}
}

func wantNever(t *testing.T, c *kfake.Cluster, id string) {
	t.Helper()
	for _, r := range written(t, c) {
		if idOf(r) == id {
			t.Errorf("%s was written after its time", id)
		}
	}
}

// holdFirst has the brokers keep the next produce request until they may answer. Others are answered meanwhile.
func holdFirst(c *kfake.Cluster) (asked, answer chan struct{}) {
	asked, answer = make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	c.ControlKey(kmsg.Produce.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if held.CompareAndSwap(false, true) {
			close(asked)
			c.SleepControl(func() { <-answer })
		}
		return nil, nil, false
	})
	return asked, answer
}

func TestNothingIsBegunAfterTheTimeIsOver(t *testing.T) {
	c := brokers(t, kfake.SeedTopics(1, topic))
	s := sender(t, Config{URL: urlOf(c)})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got, want := s.Send(ended, envelope("1", "late")), retry("time-out before it was sent"); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	settle(t, s)
	wantNever(t, c, "late")
}

// The broker does not answer what the client asks before it produces, and answers when the time is over.
func TestAnAnswerThatComesTooLateIsNotActedUpon(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.Metadata, kmsg.InitProducerID} {
		c := brokers(t, kfake.SeedTopics(1, topic))
		answer := make(chan struct{})
		c.ControlKey(key.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			c.KeepControl()
			c.SleepControl(func() { <-answer })
			return nil, nil, false
		})
		s := sender(t, Config{URL: urlOf(c)})
		begun := time.Now()
		if got := s.Send(within(t, 300*time.Millisecond), envelope("1", "late")); got != retry("time-out") {
			t.Errorf("%s: %+v", key.Name(), got)
		}
		if took := time.Since(begun); took > 2*time.Second {
			t.Errorf("%s: ended after %v", key.Name(), took)
		}
		close(answer)
		settle(t, s)
		wantNever(t, c, "late")
	}
}

// The network takes nothing until the time is over.
func TestAWriteThatIsHeldUpBeyondTheTimeIsNotMadeLater(t *testing.T) {
	c := brokers(t, kfake.SeedTopics(1, topic))
	ls := &lines{}
	s := sender(t, Config{URL: urlOf(c), Dial: ls.dial})
	if got := s.Send(within(t, time.Minute), envelope("1", "first")); got != confirmed {
		t.Fatalf("%+v", got)
	}
	goOn := ls.hold()
	var sends sync.WaitGroup
	for range 5 {
		sends.Go(func() {
			begun := time.Now()
			if got := s.Send(within(t, 300*time.Millisecond), envelope("1", "late")); got.Verdict != event.Retry || got.Alive {
				t.Errorf("%+v", got)
			}
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("ended after %v", took)
			}
		})
	}
	sends.Wait()
	goOn()
	settle(t, s)
	wantNever(t, c, "late")
}

// A change waits in the client behind another that has more time, in one batch with it, while the broker does not
// answer an earlier request. Its time ends, and at that moment the broker answers: the batch must not be written.
func TestABatchIsNotWrittenWhenTheTimeOfOneInItIsOver(t *testing.T) {
	c := brokers(t, kfake.SeedTopics(1, topic))
	asked, answer := holdFirst(c)
	s := sender(t, Config{URL: urlOf(c)})
	var sends sync.WaitGroup
	begin := func(ctx context.Context, id string, want ...event.Verdict) {
		sends.Go(func() {
			if got := s.Send(ctx, envelope("1", id)); !slices.Contains(want, got.Verdict) {
				t.Errorf("%s: %+v", id, got)
			}
		})
	}
	begin(within(t, time.Minute), "in flight", event.Confirmed, event.Retry)
	<-asked
	begin(within(t, time.Minute), "has time", event.Retry)
	eventually(t, "the second is in the client", func() bool { return s.shared.kgo.BufferedProduceRecords() == 2 })
	ctx, cancel := context.WithCancel(t.Context())
	begin(ctx, "late", event.Retry)
	eventually(t, "the third is in the client", func() bool { return s.shared.kgo.BufferedProduceRecords() == 3 })
	cancel()
	close(answer)
	over := time.Now()
	sends.Wait()
	if took := time.Since(over); took > 5*time.Second {
		t.Errorf("what had time came back after %v", took)
	}
	if got := s.Send(within(t, time.Minute), envelope("1", "has time")); got != confirmed {
		t.Errorf("again: %+v", got)
	}
	settle(t, s)
	wantNever(t, c, "late")
	if got := perNumber(t, written(t, c))["1"]; len(got) == 0 || got[len(got)-1] != "has time" {
		t.Errorf("written %v", got)
	}
}

// An attempt that is cut off does not come after a newer one: the broker that had taken its request refuses it once it
// has taken the newer.
func TestWhatWasCutOffDoesNotComeAfterWhatIsNewer(t *testing.T) {
	c := brokers(t, kfake.SeedTopics(1, topic))
	s := sender(t, Config{URL: urlOf(c)})
	if got := s.Send(within(t, time.Minute), envelope("1", "first")); got != confirmed {
		t.Fatalf("%+v", got)
	}
	asked, answer := holdFirst(c)
	ctx, cancel := context.WithCancel(t.Context())
	cutOff := make(chan dispatch.Outcome, 1)
	go func() { cutOff <- s.Send(ctx, envelope("1", "old")) }()
	<-asked
	cancel()
	want := retry("time-out")
	want.Underway = true
	if got := <-cutOff; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := s.Send(within(t, time.Minute), envelope("1", "new")); got != confirmed {
		t.Errorf("%+v", got)
	}
	close(answer)
	settle(t, s)
	if got := perNumber(t, written(t, c))["1"]; !slices.Equal(got, []string{"first", "new"}) {
		t.Errorf("written %v", got)
	}
}

// late is a context whose timer has not fired although its time is over, as in a process that was stopped and has just
// gone on.
type late struct{ context.Context }

func (late) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestAWriteLooksAtTheClock(t *testing.T) {
	produce, other := []byte{0, 0, 0, 2, 0, 0}, []byte{0, 0, 0, 2, 0, 3}
	ours, theirs := net.Pipe()
	ours.SetDeadline(time.Now().Add(10 * time.Second))
	taken := make(chan []byte)
	go func() {
		for {
			p := make([]byte, 10)
			n, err := theirs.Read(p)
			if err != nil {
				close(taken)
				return
			}
			taken <- p[:n]
		}
	}()
	w := &wire{Conn: ours, below: ours, guard: &writeGuard{}}
	defer w.guard.release(w.guard.bind(t.Context()))
	write := func(p []byte) {
		t.Helper()
		if n, err := w.Write(p); n != len(p) || err != nil {
			t.Fatalf("%v: %d, %v", p, n, err)
		}
		if got := <-taken; !slices.Equal(got, p) {
			t.Fatalf("taken %v, want %v", got, p)
		}
	}
	write(produce)
	p := w.guard.bind(late{t.Context()})
	write(other)
	w.guard.release(p)
	write(produce)
	w.guard.bind(late{t.Context()})
	if n, err := w.Write(produce); n != 0 || !errors.Is(err, errOver) {
		t.Errorf("%d, %v", n, err)
	}
	if _, more := <-taken; more {
		t.Error("the connection was kept")
	}
}

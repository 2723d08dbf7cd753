package kafka

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"numhook/server/dispatch"
	"numhook/server/event"
)

const topic = "changes"

var confirmed = dispatch.Outcome{Verdict: event.Confirmed, Alive: true}

func envelope(number, id string) dispatch.Envelope {
	return dispatch.Envelope{ID: id, Number: number, Body: []byte(`{"id":"` + id + `"}`)}
}

// brokers runs some in this process.
func brokers(t *testing.T, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func urlOf(c *kfake.Cluster) string {
	return "kafka://" + strings.Join(c.ListenAddrs(), ",") + "/" + topic
}

func sender(t *testing.T, c Config) *Sender {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// within is a context for one attempt.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// untilFailure is a context for one attempt whose time is over as soon as the client has met trouble that it would go
// on with.
func untilFailure(t *testing.T, s *Sender) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for s.shared.lastError.Load() == nil {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
		cancel()
	}()
	return ctx
}

// written is all that the topic holds, partition after partition.
func written(t *testing.T, c *kfake.Cluster, options ...kgo.Opt) (all []*kgo.Record) {
	t.Helper()
	left := map[int32]int64{}
	starts := map[int32]kgo.Offset{}
	for _, p := range c.PartitionInfos(topic) {
		starts[p.Partition] = kgo.NewOffset().AtStart()
		if p.HighWatermark > p.LogStartOffset {
			left[p.Partition] = p.HighWatermark
		}
	}
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(c.ListenAddrs()...),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for len(left) > 0 {
		fetches := client.PollFetches(within(t, time.Minute))
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			all = append(all, r)
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	return all
}

func idOf(r *kgo.Record) string {
	if len(r.Headers) != 1 || r.Headers[0].Key != "numhook-id" {
		return fmt.Sprintf("headers %v", r.Headers)
	}
	return string(r.Headers[0].Value)
}

// perNumber is what the topic holds of each number, in order, by identity. It demands that one partition has it all.
func perNumber(t *testing.T, all []*kgo.Record) map[string][]string {
	t.Helper()
	ids, partitions := map[string][]string{}, map[string]int32{}
	for _, r := range all {
		number := string(r.Key)
		if p, seen := partitions[number]; seen && p != r.Partition {
			t.Errorf("number %s is in the partitions %d and %d", number, p, r.Partition)
		}
		partitions[number] = r.Partition
		ids[number] = append(ids[number], idOf(r))
	}
	return ids
}

// observe is told of every produce request.
func observe(c *kfake.Cluster, look func(*kmsg.ProduceRequest)) {
	c.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Count: -1, Observe: true,
		When: func(r kmsg.Request) bool {
			look(r.(*kmsg.ProduceRequest))
			return false
		}})
}

// line is a connection to a broker that can be cut, and whose writes can be held up as by a network that has gone away.
type line struct {
	net.Conn
	lines  *lines
	closed chan struct{}
	once   sync.Once
}

// lines are all connections of a sender.
type lines struct {
	mu   sync.Mutex
	open map[*line]struct{} // guarded by mu
	held chan struct{}      // while writes are held up; guarded by mu
	made int                // guarded by mu
}

func (ls *lines) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l := &line{Conn: conn, lines: ls, closed: make(chan struct{})}
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.open == nil {
		ls.open = map[*line]struct{}{}
	}
	ls.open[l] = struct{}{}
	ls.made++
	return l, nil
}

// cut breaks every connection.
func (ls *lines) cut() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := range ls.open {
		l.Conn.Close()
	}
}

// hold lets no write through until the function that it returns is called.
func (ls *lines) hold() (goOn func()) {
	held := make(chan struct{})
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.held = held
	return func() {
		ls.mu.Lock()
		defer ls.mu.Unlock()
		ls.held = nil
		close(held)
	}
}

func (l *line) Write(p []byte) (int, error) {
	l.lines.mu.Lock()
	held := l.lines.held
	l.lines.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-l.closed:
			return 0, net.ErrClosed
		}
	}
	return l.Conn.Write(p)
}

func (l *line) Close() error {
	l.once.Do(func() { close(l.closed) })
	l.lines.mu.Lock()
	delete(l.lines.open, l)
	l.lines.mu.Unlock()
	return l.Conn.Close()
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	limit := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

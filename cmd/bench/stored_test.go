package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store/postgres"
	"numhook/server/store/sqlite"
)

// A stored child is a process of this binary that appends to one store: it fills it and ends, or takes a turn for each
// line of its input.
const (
	storedChild = "stored"
	childOrder  = "NUMHOOK_BENCH_CHILD_ORDER"
)

// storedOrder is what a stored child shall do.
type storedOrder struct {
	Store       string        `json:"store"`
	First       int64         `json:"first"`   // event_ts of the first delivery
	Preload     int64         `json:"preload"` // how many to append before the end; 0 for turns
	Connections int           `json:"connections"`
	Appending   time.Duration `json:"appending"`
	Limit       int64         `json:"limit"`
	AnyDisk     bool          `json:"any_disk"`
}

// storedTurn is what a stored child saw in one turn.
type storedTurn struct {
	Window time.Duration `json:"window"`
	CPU    time.Duration `json:"cpu"`
	Counts []uint32      `json:"counts"` // of the histogram
	Peak   float64       `json:"peak"`   // memory since its start, in MiB
}

func (s *storedTurn) measured() *measured {
	m := &measured{window: s.Window, cpu: s.CPU}
	m.latency.set(s.Counts)
	m.accepted = m.latency.total
	return m
}

// runStored is the child.
func runStored() int {
	if err := obey(context.Background(), os.Getenv(childOrder), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func obey(ctx context.Context, text string, in io.Reader, out io.Writer) (err error) {
	var order storedOrder
	if err := json.Unmarshal([]byte(text), &order); err != nil {
		return err
	}
	from, err := makeDeliveries(time.UnixMilli(order.First))
	if err != nil {
		return err
	}
	s, err := openStored(ctx, &order)
	if err != nil {
		return err
	}
	defer func() {
		if closing := s.Close(); err == nil {
			err = closing
		}
	}()
	one := appendTo(ctx, from, s)
	if order.Preload > 0 {
		return fill(order.Preload, one)
	}
	size := &scale{connections: order.Connections, appending: order.Appending, limit: order.Limit}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		m, err := size.appendTurn(from, one)
		if err != nil {
			return err
		}
		_, peak := resident(os.Getpid())
		if err := json.NewEncoder(out).Encode(storedTurn{m.window, m.cpu, m.latency.counts[:], peak}); err != nil {
			return err
		}
	}
	return nil
}

// storedStore is what a stored child needs of an engine.
type storedStore interface {
	Append(ctx context.Context, e event.Event) (event.Receipt, error)
	Close() error
}

func openStored(ctx context.Context, order *storedOrder) (storedStore, error) {
	var patience time.Duration // the engine's own
	if order.Preload > 0 {
		patience = time.Minute
	}
	if path, ok := strings.CutPrefix(order.Store, "sqlite:"); ok {
		options := sqlite.Options{Patience: patience, AllowUnsafe: order.AnyDisk}
		if order.Preload > 0 { // nobody relies on it yet
			options.Synchronous, options.AllowUnsafe = "OFF", true
		}
		return sqlite.Open(ctx, path, options)
	}
	return postgres.Open(ctx, order.Store, postgres.Options{Patience: patience, AllowUnsafe: order.AnyDisk})
}

// fill appends the first events of the stream in the way that all are appended, by so many at once that the groups are
// large.
func fill(events int64, one appender) error {
	const writers = 1024
	var wg sync.WaitGroup
	failed := make(chan error, writers)
	for w := range int64(writers) {
		wg.Go(func() {
			for n := w; n < events; n += writers {
				if err := one(n); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(failed)
	return <-failed
}

// storedProcess is a stored child, from outside.
type storedProcess struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
}

func startStored(t *testing.T, order storedOrder) *storedProcess {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	p := &storedProcess{command: exec.Command(self)}
	p.command.Env = append(os.Environ(), childKind+"="+storedChild, childOrder+"="+string(text))
	p.command.Stderr = os.Stderr
	if p.in, err = p.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = json.NewDecoder(out)
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.command.Process.Kill() }) // does nothing after wait
	return p
}

// turn has the child take a turn.
func (p *storedProcess) turn(t *testing.T) *storedTurn {
	if _, err := io.WriteString(p.in, "\n"); err != nil {
		t.Fatal(err)
	}
	seen := &storedTurn{}
	if err := p.out.Decode(seen); err != nil {
		t.Fatal(err)
	}
	return seen
}

// wait lets the child come to its end.
func (p *storedProcess) wait(t *testing.T) {
	if err := p.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := p.command.Wait(); err != nil {
		t.Fatal(err)
	}
}

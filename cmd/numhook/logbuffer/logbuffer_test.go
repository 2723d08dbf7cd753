package logbuffer_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"numhook/cmd/numhook/logbuffer"
)

// sink is a log's reader that can stall, cut lines off, and have no room.
type sink struct {
	mu      sync.Mutex
	got     bytes.Buffer
	stalled chan struct{} // a write waits until it is closed; nil for one that does not wait
	room    int           // bytes that are left, where failing
	failing bool
}

func (s *sink) Write(p []byte) (int, error) {
	if s.stalled != nil {
		<-s.stalled
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing {
		n := min(len(p), s.room)
		s.got.Write(p[:n])
		s.room -= n
		return n, errors.New("no space left")
	}
	return s.got.Write(p)
}

func (s *sink) fail(room int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing, s.room = room >= 0, room
}

func (s *sink) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Split(strings.TrimSuffix(s.got.String(), "\n"), "\n")
}

func told(lost int64) []byte { return fmt.Appendf(nil, "lost %d\n", lost) }

func write(b *logbuffer.Buffer, from, to int) {
	for i := from; i < to; i++ {
		fmt.Fprintf(b, "line %d\n", i)
	}
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("lines %q, want %q", got, want)
	}
}

func TestLinesComeInOrder(t *testing.T) {
	s := &sink{}
	b := logbuffer.New(s, logbuffer.Size, told)
	write(b, 0, 1000)
	b.Close(time.Minute)
	got := s.lines()
	if len(got) != 1000 || got[0] != "line 0" || got[999] != "line 999" {
		t.Errorf("%d lines, from %q to %q", len(got), got[0], got[len(got)-1])
	}
	if lost, _ := b.Lost(); lost != 0 {
		t.Errorf("%d lines were lost", lost)
	}
}

// A reader that stalls holds nobody up: what does not fit is dropped, and told of once the reader reads again.
func TestAReaderThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{stalled: make(chan struct{})}
		b := logbuffer.New(s, 70, told) // ten lines of seven bytes
		write(b, 0, 1)
		synctest.Wait() // the first line is being written
		write(b, 1, 9)
		write(b, 90, 99) // of which one fits; each is eight bytes
		if lost, last := b.Lost(); lost != 8 || last.IsZero() {
			t.Errorf("%d lines were lost, want 8", lost)
		}
		close(s.stalled)
		synctest.Wait()
		expect(t, s.lines(), "line 0", "lost 8", "line 1", "line 2", "line 3", "line 4", "line 5", "line 6", "line 7",
			"line 8", "line 90")
		b.Close(time.Second)
	})
}

func TestCloseWaitsForNoReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{stalled: make(chan struct{})}
		b := logbuffer.New(s, logbuffer.Size, told)
		write(b, 0, 3)
		began := time.Now()
		b.Close(time.Second)
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
		write(b, 3, 4)
		if lost, _ := b.Lost(); lost != 1 {
			t.Errorf("%d lines after the end were lost, want 1", lost)
		}
		close(s.stalled)
	})
}

// A full disk costs the lines that it has no room for. A line that was cut off spoils none that comes later.
func TestADiskThatIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		b := logbuffer.New(s, logbuffer.Size, told)
		s.fail(10)
		write(b, 0, 1)
		synctest.Wait()
		write(b, 1, 2)
		synctest.Wait()
		write(b, 2, 3)
		synctest.Wait()
		s.fail(-1)
		write(b, 3, 5)
		synctest.Wait()
		expect(t, s.lines(), "line 0", "lin", "line 3", "line 4", "lost 2")
		if lost, _ := b.Lost(); lost != 2 {
			t.Errorf("%d lines were lost, want 2", lost)
		}
		b.Close(time.Second)
	})
}

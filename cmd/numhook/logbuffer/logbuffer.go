// Package logbuffer keeps a log's reader out of the way of whoever writes the log. It guarantees that Write never waits
// and never fails: lines go through a bounded buffer to a goroutine that writes them, and what does not fit, or cannot
// be written, is dropped and counted. A reader that stalls, goes away or has a full disk costs lines, and nothing else.
package logbuffer

import (
	"io"
	"sync"
	"time"
)

// Size is how many bytes of lines wait for a reader that stalls: some thousands of lines, which is seconds under full
// load and hours of a quiet day.
const Size = 1 << 20

// chunk is how much of what waits is written at once at most, so that what has left the buffer and is not written yet
// is bounded, too.
const chunk = 64 << 10

// Buffer is a bounded buffer of lines before a writer. It is safe for concurrent use. New makes one, and Close ends it.
type Buffer struct {
	out  io.Writer
	size int
	told func(lost int64) []byte

	mu      sync.Mutex // guards what follows
	lines   [][]byte   // wait to be written
	bytes   int        // in them
	lost    int64      // lines, since the start
	untold  int64      // of those, since the last line about it
	last    time.Time  // when the last one was lost
	closed  bool
	more    chan struct{} // has room for one: there is something to do
	ended   chan struct{} // closed when the goroutine has ended
	halfway bool          // the last write ended within a line; the goroutine's alone
}

// New begins to write to out what is written to the buffer, size bytes of which may wait. Where lines were lost, told
// makes the line that says how many, once lines can be written again; it may be nil.
func New(out io.Writer, size int, told func(lost int64) []byte) *Buffer {
	b := &Buffer{out: out, size: size, told: told, more: make(chan struct{}, 1), ended: make(chan struct{})}
	go b.run()
	return b
}

// Write takes one or more whole lines. It never waits, and says that it took them even when they are dropped: nobody
// who logs could do anything about that.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.bytes+len(p) > b.size {
		b.lose(1)
		return len(p), nil
	}
	b.lines = append(b.lines, append(make([]byte, 0, len(p)), p...))
	b.bytes += len(p)
	b.wake()
	return len(p), nil
}

// Lost is how many lines were dropped, and when the last one was.
func (b *Buffer) Lost() (lines int64, last time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost, b.last
}

// Close writes what waits, for as long as the patience lasts, and ends the buffer. What cannot be written in that time
// is lost. The goroutine may outlive it in a write that never ends; the end of the process ends that.
func (b *Buffer) Close(patience time.Duration) {
	b.mu.Lock()
	b.closed = true
	b.wake()
	b.mu.Unlock()
	enough := time.NewTimer(patience)
	defer enough.Stop()
	select {
	case <-b.ended:
	case <-enough.C:
	}
}

// lose counts; mu is held.
func (b *Buffer) lose(lines int) {
	b.lost += int64(lines)
	b.untold += int64(lines)
	b.last = time.Now()
}

// wake tells the goroutine that there is something to do; mu is held.
func (b *Buffer) wake() {
	select {
	case b.more <- struct{}{}:
	default:
	}
}

func (b *Buffer) run() {
	defer close(b.ended)
	for range b.more {
		for {
			lines := b.take()
			if lines == nil {
				break
			}
			b.write(lines)
		}
		b.mu.Lock()
		end := b.closed && len(b.lines) == 0
		b.mu.Unlock()
		if end {
			return
		}
	}
}

// take is the next lines to write, up to a chunk; nil when there are none.
func (b *Buffer) take() [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	many, bytes := 0, 0
	for many < len(b.lines) && (many == 0 || bytes+len(b.lines[many]) <= chunk) {
		bytes += len(b.lines[many])
		many++
	}
	if many == 0 {
		b.lines = nil
		return nil
	}
	lines := b.lines[:many:many]
	b.lines, b.bytes = b.lines[many:], b.bytes-bytes
	return lines
}

// write writes lines, and afterwards how many were lost before. The lines of a write that fails are lost, from the one
// that was cut off.
func (b *Buffer) write(lines [][]byte) {
	if done := b.put(lines); done < len(lines) {
		b.mu.Lock()
		b.lose(len(lines) - done)
		b.mu.Unlock()
		return
	}
	b.mu.Lock()
	untold := b.untold
	b.untold = 0
	b.mu.Unlock()
	if untold == 0 || b.told == nil {
		return
	}
	if b.put([][]byte{b.told(untold)}) == 0 {
		b.mu.Lock()
		b.untold += untold
		b.mu.Unlock()
	}
}

// put writes lines at once, and returns how many were written whole. A line that was cut off before is ended first, so
// that it spoils no other.
func (b *Buffer) put(lines [][]byte) int {
	var all []byte
	start := 0
	if b.halfway {
		all, start = append(all, '\n'), 1
	}
	for _, line := range lines {
		all = append(all, line...)
	}
	n, err := b.out.Write(all)
	if err == nil {
		b.halfway = false
		return len(lines)
	}
	if n < start {
		return 0
	}
	done, rest := 0, n-start
	for done < len(lines) && rest >= len(lines[done]) {
		rest -= len(lines[done])
		done++
	}
	b.halfway = rest > 0
	return done
}

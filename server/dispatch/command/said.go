package command

import (
	"bytes"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"numhook/server/event"
	"numhook/server/terminal"
)

// stderrGrace is how long what has left the program's process group may still hold its standard error open after the
// end. Whatever the program itself wrote is in the pipe by then.
const stderrGrace = 100 * time.Millisecond

// said keeps the end of what a program writes to standard error. It is always read, so that a program that has much to
// say is not held up.
type said struct {
	from, to *os.File
	read     chan struct{} // closed when nothing more comes
	kept     []byte        // the last bytes; owned by the reader until read is closed
	more     bool          // there were others before them
}

// listen opens what a program gets as its standard error. Whoever calls it calls end.
func listen() (*said, error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s := &said{from: from, to: to, read: make(chan struct{})}
	go s.keep()
	return s, nil
}

// keep reads to the end, and holds on to the last bytes: as escapes they would take no less room.
func (s *said) keep() {
	defer close(s.read)
	piece := make([]byte, 32<<10)
	for {
		n, err := s.from.Read(piece)
		s.kept = append(s.kept, piece[:n]...)
		if over := len(s.kept) - event.LongestOutput; over > 0 {
			s.kept, s.more = append(s.kept[:0], s.kept[over:]...), true
		}
		if err != nil {
			return
		}
	}
}

// started gives back our own end for writing, once the program has it.
func (s *said) started() { _ = s.to.Close() }

// end is what was said: lines with a line end between them, each escaped, and of all no more than the store takes.
func (s *said) end() string {
	_ = s.to.Close() // again, if the program was started
	if err := s.from.SetReadDeadline(time.Now().Add(stderrGrace)); err != nil {
		_ = s.from.Close() // where pipes have no deadline
	}
	<-s.read
	_ = s.from.Close()
	return lastLines(s.kept, s.more)
}

// elided stands where the beginning of a line was left out.
const elided = "…"

// lastLines are as many of the last lines as fit. more says that the first of them may have a beginning that is not
// there.
func lastLines(text []byte, more bool) string {
	var lines []string // the last one first
	room := event.LongestOutput
	for text = bytes.TrimLeft(bytes.TrimRight(text, "\r\n \t"), "\r\n"); len(text) > 0; {
		at := bytes.LastIndexByte(text, '\n') + 1
		line := string(bytes.TrimRight(text[at:], "\r"))
		shown := terminal.Escape(line)
		if cut := at == 0 && more; cut || len(shown) > room {
			if len(lines) == 0 { // of one endless line its end
				lines = append(lines, endOf(line, room))
			}
			break
		}
		lines, room = append(lines, shown), room-len(shown)-1
		text = text[:max(at-1, 0)]
	}
	var all strings.Builder
	for i := len(lines) - 1; i >= 0; i-- {
		all.WriteString(lines[i])
		if i > 0 {
			all.WriteByte('\n')
		}
	}
	return all.String()
}

// endOf is the end of a line, escaped, with a mark before it, in so many bytes.
func endOf(line string, room int) string {
	for len(line) > 0 {
		if shown := terminal.Escape(line); len(elided)+len(shown) <= room {
			return elided + shown
		}
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
	}
	return ""
}

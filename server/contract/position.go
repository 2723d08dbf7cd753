package contract

import (
	"strconv"
	"strings"
)

// maxPointer bounds the length of a pointer in bytes. Where a body's member names would make it longer, the pointer
// leads to the innermost value around that it can name; line and column are exact all the same.
const maxPointer = 1024

// paths turns nodes into JSON pointers. It is asked in the order of the nodes, and goes through the document once.
type paths struct {
	d      *Document
	levels []level
	text   []byte // the pointer of the last node asked for
}

// level is a container around the node asked for last.
type level struct {
	container, child uint32
	index            int
	length           int // of the pointer up to the container
}

func newPaths(d *Document) *paths { return &paths{d: d} }

// pointer is the pointer to the value at node i, or to the member of that name that it lacks.
func (p *paths) pointer(i uint32, missing string) string {
	p.seek(i)
	text := string(p.text)
	if missing != "" && len(text)+len(missing) < maxPointer {
		text += "/" + escapeToken(missing)
	}
	return text
}

func (p *paths) seek(i uint32) {
	d := p.d
	if int(i) >= len(d.nodes) {
		p.text = p.text[:0]
		return
	}
	for len(p.levels) > 0 && i >= d.nodes[p.levels[len(p.levels)-1].container].next {
		p.levels = p.levels[:len(p.levels)-1]
	}
	if len(p.levels) == 0 {
		p.levels = append(p.levels, level{child: 1})
	}
	for {
		top := &p.levels[len(p.levels)-1]
		p.text = p.text[:top.length]
		if i == top.container {
			return
		}
		for i >= d.nodes[top.child].next {
			top.child = d.nodes[top.child].next
			top.index++
		}
		if !p.step(top) {
			return
		}
		p.levels = append(p.levels, level{top.child, top.child + 1, 0, len(p.text)})
	}
}

// step adds the token of the child. It is false when there is no room for it.
func (p *paths) step(top *level) bool {
	d := p.d
	if d.nodes[top.container].kind == array {
		p.text = strconv.AppendInt(append(p.text, '/'), int64(top.index), 10)
		return len(p.text) <= maxPointer
	}
	if n := &d.nodes[top.child]; int(n.nameEnd-n.name)+top.length > maxPointer {
		return false
	}
	p.text = append(append(p.text, '/'), escapeToken(string(d.nameOf(top.child)))...)
	return true
}

// lines turns offsets into lines and columns. It is asked in ascending order, and goes through the body once.
type lines struct {
	raw          []byte
	at           int
	line, column int
}

func newLines(d *Document) *lines { return &lines{raw: d.raw, at: d.begin, line: 1, column: 1} }

// position is the line and the column of the byte at that offset, both from 1. Lines end with LF, CR or CRLF; columns
// count UTF-16 code units, as SARIF does by default; a byte order mark is no column.
func (l *lines) position(offset int) (line, column int) {
	for ; l.at < min(offset, len(l.raw)); l.at++ {
		switch c := l.raw[l.at]; {
		case c == '\n' || c == '\r' && (l.at+1 == len(l.raw) || l.raw[l.at+1] != '\n'):
			l.line, l.column = l.line+1, 1
		case c >= 0xF0:
			l.column += 2
		case c < 0x80 || c >= 0xC0:
			l.column++
		}
	}
	return l.line, l.column
}

// escapeToken writes a member name as a token of a JSON pointer.
func escapeToken(name string) string {
	if !strings.ContainsAny(name, "~/") {
		return name
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

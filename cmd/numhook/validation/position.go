package validation

import "bytes"

// position is how far a piece of text leads: over how many line ends, and how many UTF-16 code units from the last of
// them or from where the piece begins. Lines end with LF, CR or CRLF, as the contract counts them.
type position struct{ lines, columns int }

// then is the position behind two pieces.
func (p position) then(next position) position {
	if next.lines > 0 {
		return position{p.lines + next.lines, next.columns}
	}
	return position{p.lines, p.columns + next.columns}
}

var (
	lf   = []byte{'\n'}
	cr   = []byte{'\r'}
	crlf = []byte("\r\n")
)

// measure tells how far the text leads. A CR at its very end is a line end.
func measure(text []byte) position {
	p := position{lines: bytes.Count(text, lf)}
	last := bytes.LastIndexByte(text, '\n')
	if bytes.IndexByte(text, '\r') >= 0 {
		p.lines += bytes.Count(text, cr) - bytes.Count(text, crlf)
		last = max(last, bytes.LastIndexByte(text, '\r'))
	}
	for _, c := range text[last+1:] {
		switch {
		case c >= 0xF0: // the first of four bytes: a surrogate pair in UTF-16
			p.columns += 2
		case c < 0x80 || c >= 0xC0:
			p.columns++
		}
	}
	return p
}

package validation

import "bytes"

// brackets follows a JSON text by its brackets and quotes alone, a piece at a time, from the beginning of a value to
// its end. What stands between the brackets is the contract's business.
//
// The contract's parser cannot do this: it ends at the first fault, and it wants the whole value in memory. Here a
// payload with a fault has an end, too, so that the payloads behind it are looked at, and the text comes piece by
// piece.
type brackets struct {
	open    []byte // the closing brackets that are waited for
	quoted  bool
	escaped bool
	bare    bool // a number, a word, or what is none
	// a bracket closes what it did not open, or a line ends within quotes: where the value ends nobody can tell
	broken bool
}

// read goes on at pos and returns the position behind the value, or -1 when the text ends first.
func (k *brackets) read(text []byte, pos int) int {
	for ; pos < len(text); pos++ {
		c := text[pos]
		switch {
		case k.quoted:
			if k.readQuoted(c); !k.quoted && len(k.open) == 0 || k.broken {
				return pos + 1
			}
		case k.bare:
			if bytes.IndexByte([]byte(space+`,]}[{"`), c) >= 0 {
				return pos
			}
		case c == '"':
			k.quoted = true
		case c == '{':
			k.open = append(k.open, '}')
		case c == '[':
			k.open = append(k.open, ']')
		case c == '}' || c == ']':
			if len(k.open) == 0 || k.open[len(k.open)-1] != c {
				k.broken = true
				return pos + 1
			}
			if k.open = k.open[:len(k.open)-1]; len(k.open) == 0 {
				return pos + 1
			}
		case len(k.open) == 0:
			k.bare = true
		}
	}
	return -1
}

func (k *brackets) readQuoted(c byte) {
	switch {
	case c == '\n' || c == '\r':
		k.broken = true
	case k.escaped:
		k.escaped = false
	case c == '\\':
		k.escaped = true
	case c == '"':
		k.quoted = false
	}
}

// whole reports whether the line is one value, as far as brackets tell.
func whole(line []byte) bool {
	line = bytes.Trim(line, space)
	k := brackets{}
	end := k.read(line, 0)
	return !k.broken && (end == len(line) || end < 0 && k.bare)
}

// What is expected next in an array.
type expected int

const (
	expectFirst   expected = iota // an element, or the end
	expectElement                 // an element, after a comma
	expectMore                    // the rest of an element
	expectComma                   // a comma, or the end
	expectNothing                 // the array has ended
)

// elements cuts the elements out of an array.
type elements struct {
	b       *block
	pos     int // up to where the text has been looked at
	begin   int // of the element that is open
	last    int // the end of the last element that is complete
	expect  expected
	current brackets
}

// scan goes as far as the text leads. What is wrong with the array it returns.
func (e *elements) scan() *fault {
	for {
		if e.expect == expectMore {
			end := e.current.read(e.b.text, e.pos)
			if end < 0 {
				e.pos = len(e.b.text)
				return nil
			}
			e.complete(end)
			if e.current.broken {
				return &fault{at: -1} // the element itself tells
			}
		}
		for e.pos < len(e.b.text) && bytes.IndexByte([]byte(space), e.b.text[e.pos]) >= 0 {
			e.pos++
		}
		if e.pos == len(e.b.text) {
			return nil
		}
		if found := e.step(e.b.text[e.pos]); found != nil {
			return found
		}
	}
}

func (e *elements) complete(end int) {
	e.b.payloads = append(e.b.payloads, span{e.begin, end})
	e.pos, e.last, e.expect = end, end, expectComma
}

// step takes a character between elements.
func (e *elements) step(c byte) *fault {
	switch {
	case e.expect == expectNothing:
		return &fault{at: e.pos, rule: ruleTrailing, message: "something follows the array of payloads: a file holds " +
			"exactly one"}
	case c == ']' && e.expect != expectElement:
		e.expect = expectNothing
		e.pos++
	case e.expect == expectComma && c != ',':
		return &fault{at: e.pos, rule: ruleSyntax, message: "a comma or the end of the array of payloads is expected here"}
	case e.expect == expectComma:
		e.expect = expectElement
		e.pos++
	case bytes.IndexByte([]byte(",]}:"), c) >= 0:
		return &fault{at: e.pos, rule: ruleSyntax, message: "a payload is expected here"}
	default:
		e.begin, e.expect = e.pos, expectMore
		e.current = brackets{open: e.current.open[:0]}
	}
	return nil
}

// moved tells that the text now begins cut bytes later.
func (e *elements) moved(b *block, cut int) {
	e.b, e.pos, e.begin, e.last = b, e.pos-cut, e.begin-cut, 0
}

// cut is up to where the text can be handed over. It does not part a CR from its LF.
func (e *elements) cut() int {
	cut := e.pos
	if e.expect == expectMore {
		cut = e.begin
	}
	if cut > 0 && e.b.text[cut-1] == '\r' {
		cut--
	}
	return cut
}

// array cuts a file that is an array of payloads between its elements. It ends with the array, or where the array is no
// longer one.
func (f *feed) array(in *stream, b *block) *block {
	e := &elements{b: b, pos: bytes.IndexByte(b.text, '[') + 1}
	for {
		found := e.scan()
		switch {
		case found != nil && found.at < 0:
			return f.give(e.b, e.last)
		case found != nil:
			return f.giveFault(e.b, found)
		case e.expect == expectMore && len(e.b.text)-e.begin > MaxPayload:
			return f.giveFault(e.b, tooLarge(e.begin))
		}
		if cut := e.cut(); cut > 0 && (in.live && len(e.b.payloads) > 0 || len(e.b.text) == cap(e.b.text)) {
			next := f.give(e.b, cut)
			if next == nil {
				return nil
			}
			e.moved(next, cut)
		}
		if in.more(e.b) {
			continue
		}
		return f.endArray(in, e)
	}
}

// endArray hands over what is left when the file has ended.
func (f *feed) endArray(in *stream, e *elements) *block {
	switch {
	case in.err != nil: // what was complete still counts
		return f.rest(e.b, e.last)
	case e.expect == expectNothing:
		return f.give(e.b, len(e.b.text))
	case e.expect == expectMore:
		e.complete(len(e.b.text))
		if !e.current.bare {
			return f.give(e.b, len(e.b.text)) // the element itself tells
		}
	}
	return f.giveFault(e.b, &fault{at: len(e.b.text), rule: ruleSyntax, message: "the file ends within the array of " +
		"payloads"})
}

// rest hands over the text up to cut and forgets what is behind it.
func (f *feed) rest(b *block, cut int) *block {
	next := f.give(b, cut)
	if next != nil {
		next.text = next.text[:0]
	}
	return next
}

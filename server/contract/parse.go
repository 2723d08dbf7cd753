package contract

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth bounds nesting: the root is level 1, and a value at level 101 is a violation. The sender's own bodies have
// four levels.
const MaxDepth = 100

// malformedLimit is how many duplicate members Malformed tells of: enough to refuse a body, and little enough to be
// cheap.
const malformedLimit = 1000

// Parse reads raw as one strict JSON value. It never fails and never returns nil: what is wrong is in Malformed. It
// takes time and memory in proportion to len(raw).
func Parse(raw []byte) *Document {
	d := new(Document)
	d.Reset(raw)
	return d
}

// keptNodes is the memory that a Document keeps (512 KiB) even when the next body is a far smaller one.
const keptNodes = 1 << 14

// Reset is Parse into memory that d already has, for streams: it allocates nothing once d has held a body as large.
// Whatever was got from d before, other than copies such as Value and Canonical, is void. The memory of an
// exceptionally large body is let go with the next small one.
func (d *Document) Reset(raw []byte) {
	if cap(d.nodes) > keptNodes && cap(d.nodes)/8 > len(raw) {
		*d = Document{event: d.event}
	}
	d.raw, d.nodes, d.duplicates, d.begin, d.fault = raw, d.nodes[:0], d.duplicates[:0], 0, fault{}
	if bytes.HasPrefix(raw, bom) {
		d.begin = len(bom)
	}
	pos := skipSpace(raw, d.begin)
	switch {
	case len(raw) > math.MaxInt32:
		d.fail(ruleSize, 0, 0, "the body has more than 2,147,483,647 bytes")
		return
	case pos == len(raw):
		d.fail(ruleEmpty, 0, pos, "the body is empty: a JSON value is expected")
		return
	}
	d.nodes = append(d.nodes, node{})
	d.limit = d.decode()
	if pos = d.build(0, pos, 1); pos < 0 {
		return
	}
	if pos = skipSpace(raw, pos); pos < len(raw) {
		d.fail(ruleTrailing, 0, pos, "something follows the JSON value: a body holds exactly one")
	}
}

// decode has the decoder read the value, and returns the offset up to which it is right: its end when all is.
func (d *Document) decode() int {
	d.source = *bytes.NewBuffer(d.raw[d.begin:])
	d.decoder.Reset(&d.source, jsontext.AllowDuplicateNames(true)) // findDuplicates tells of all, and of other cases
	_, err := d.decoder.ReadValue()
	if fault, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return d.begin + int(fault.ByteOffset)
	}
	return d.begin + int(d.decoder.InputOffset())
}

// fail notes the fault that ends the parse, in the value of node i. It returns -1, which every builder passes on.
func (d *Document) fail(rule *Rule, i uint32, offset int, detail string) int {
	d.fault = fault{rule, detail, offset, i}
	return -1
}

// build makes node i, which the caller has appended, of the value at pos, and returns the position after it, or -1
// where the value reaches the limit and is not whole. Its recursion is bounded by MaxDepth.
func (d *Document) build(i uint32, pos, depth int) int {
	raw, n := d.raw, &d.nodes[i]
	n.next = i + 1
	if pos >= d.limit {
		return d.failValue(i, pos)
	}
	n.start = uint32(pos)
	end := pos
	switch c := raw[pos]; c {
	case '{', '[':
		return d.buildContainer(i, pos, depth)
	case '"':
		if end, n.flags = d.textEnd(pos, n.flags, escaped); end >= d.limit {
			return d.failText(i)
		}
		n.kind = text
		end++
	case 't', 'f', 'n':
		for end < d.limit && raw[end]|0x20 >= 'a' && raw[end]|0x20 <= 'z' {
			end++
		}
		switch n.kind = boolean; string(raw[pos:end]) {
		case "true":
			n.flags |= truth
		case "null":
			n.kind = null
		case "false":
		default:
			n.kind = 0
			return d.failValue(i, pos)
		}
	default:
		for ; end < d.limit && (raw[end]-'0' <= 9 || raw[end] == '-' || raw[end] == '+' || raw[end] == '.' ||
			raw[end]|0x20 == 'e'); end++ {
			if raw[end] > '9' || raw[end] < '0' && end > pos {
				n.flags |= pointed
			}
		}
		switch digit := end < len(raw) && raw[end]-'0' <= 9; {
		case raw[end-1]-'0' > 9:
			return d.failNumber(i, end)
		case digit && raw[end-1] == '0' && (end-pos == 1 || end-pos == 2 && c == '-'):
			return d.fail(ruleSyntax, i, end-1, "a number does not begin with a needless zero")
		}
		n.kind = number
	}
	n.end = uint32(end)
	return end
}

// textEnd is the position of the quote that ends the string at pos, or the limit, and the flags with one for escapes.
func (d *Document) textEnd(pos int, flags, escape uint8) (int, uint8) {
	raw := d.raw[:d.limit]
	for pos++; pos < len(raw) && raw[pos] != '"'; pos++ {
		if raw[pos] == '\\' {
			flags |= escape
			pos++
		}
	}
	return pos, flags
}

// buildContainer makes the node of an object or array, and completes it also when the text ends within it.
func (d *Document) buildContainer(i uint32, pos, depth int) int {
	n := &d.nodes[i]
	n.kind, n.end = object, uint32(len(d.raw))
	if depth > MaxDepth {
		n.kind = 0
		return d.fail(ruleNesting, i, pos, "the body is nested more than 100 levels deep")
	}
	what := "object"
	if d.raw[pos] == '[' {
		n.kind, what = array, "array"
	}
	pos = d.buildInside(i, pos, depth, d.raw[pos], what)
	n = &d.nodes[i]
	if n.next = uint32(len(d.nodes)); pos >= 0 {
		n.end = uint32(pos)
	}
	return pos
}

func (d *Document) buildInside(i uint32, pos, depth int, open byte, what string) int {
	raw := d.raw
	var seen uint64 // one bit for each name so far: two that are equal but for case share one
	twice, count := false, uint32(0)
	for pos = skipSpace(raw, pos+1); pos >= d.limit || raw[pos] != open+2; count++ {
		var child node
		if open == '{' {
			if pos >= d.limit {
				return d.fail(ruleSyntax, i, pos, "a member name in double quotes is expected here")
			}
			end, flags := d.textEnd(pos, 0, nameEscaped)
			if end >= d.limit {
				return d.failText(i)
			}
			child.name, child.nameEnd, child.flags = uint32(pos+1), uint32(end), flags
			bit, plain := nameBit(raw[pos+1 : end])
			twice = twice || !plain || seen&bit != 0
			seen |= bit
			if pos = skipSpace(raw, end+1); pos >= d.limit {
				return d.fail(ruleSyntax, i, pos, "a colon is expected after the member name")
			}
			pos = skipSpace(raw, pos+1)
		}
		d.nodes = append(d.nodes, child)
		if pos = d.build(uint32(len(d.nodes)-1), pos, depth+1); pos < 0 {
			return -1
		}
		if pos = skipSpace(raw, pos); pos >= d.limit {
			return d.fail(ruleSyntax, i, pos, "a comma or the end of the "+what+" is expected here")
		}
		if raw[pos] == ',' {
			if pos = skipSpace(raw, pos+1); pos < d.limit {
				continue
			}
			if open == '[' {
				d.nodes = append(d.nodes, node{next: uint32(len(d.nodes) + 1)})
				return d.failValue(uint32(len(d.nodes)-1), pos)
			}
		}
	}
	d.nodes[i].count = count
	if d.nodes[i].next = uint32(len(d.nodes)); twice {
		d.findDuplicates(i)
	}
	return pos + 1
}

// failValue says what is wrong where a value is expected, failText where the limit is within a string, and failNumber
// where it is within a number.
func (d *Document) failValue(i uint32, pos int) int {
	switch {
	case pos >= len(d.raw):
		return d.fail(ruleSyntax, i, pos, "the body ends where a value is expected")
	case d.raw[pos] == '-' || d.raw[pos]-'0' <= 9: // the decoder went back to where the number begins
		return d.failNumber(i, len(d.raw))
	}
	return d.fail(ruleSyntax, i, pos, "a JSON value is expected here")
}

func (d *Document) failNumber(i uint32, at int) int {
	where := "here"
	switch last := d.raw[at-1]; {
	case last == '.':
		where = "after the decimal point"
	case last|0x20 == 'e' || at > 1 && d.raw[at-2]|0x20 == 'e':
		where = "in the exponent"
	}
	return d.fail(ruleSyntax, i, at, "a digit is expected "+where)
}

func (d *Document) failText(i uint32) int {
	at := d.limit
	rest := d.raw[at:]
	switch {
	case len(rest) == 0 || len(rest) == 1 && rest[0] == '\\':
		return d.fail(ruleSyntax, i, len(d.raw), "the body ends within a string")
	case rest[0] >= utf8.RuneSelf:
		return d.fail(ruleUTF8, i, at, "the string is not valid UTF-8")
	case rest[0] < ' ':
		return d.fail(ruleSyntax, i, at, "a control character stands unescaped in a string")
	case rest[1] != 'u':
		return d.fail(ruleSyntax, i, at, "no escape of JSON begins like this")
	case len(rest) >= 6:
		if _, err := strconv.ParseUint(string(rest[2:6]), 16, 16); err == nil {
			return d.fail(ruleSurrogate, i, at, "the escape is one half of a surrogate pair without the other half")
		}
	}
	return d.fail(ruleSyntax, i, at, "four hexadecimal digits are expected after \\u")
}

// nameBit is one bit of 64, the same for names that are equal but for case. It is not plain where that cannot be told
// from the bytes: a name has escapes, or characters beyond ASCII.
func nameBit(name []byte) (bit uint64, plain bool) {
	for _, c := range name {
		if c >= utf8.RuneSelf || c == '\\' {
			return 0, false
		}
	}
	if len(name) == 0 {
		return 1, true
	}
	return 1 << ((7*(name[0]|0x20) + 29*(name[len(name)-1]|0x20) + byte(len(name))) & 63), true
}

// skipSpace leads past white space as JSON has it.
func skipSpace(raw []byte, pos int) int {
	for pos < len(raw) && (raw[pos] == ' ' || raw[pos] == '\n' || raw[pos] == '\r' || raw[pos] == '\t') {
		pos++
	}
	return pos
}

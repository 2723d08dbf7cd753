package contract

import (
	"bytes"
	"math"
)

// MaxDepth bounds nesting: the root is level 1, and a value at level 101 is a violation. The sender's own bodies have
// four levels.
const MaxDepth = 100

// malformedLimit is how many duplicate members Malformed tells of: enough to refuse a body, and little enough to be
// cheap.
const malformedLimit = 1000

// Parse reads raw as one strict JSON value. It never fails and never returns nil: what is wrong is in Malformed. It
// takes time in proportion to len(raw), and memory of at most 16 bytes for each byte of it (32 for each value).
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
	if pos = d.scan(0, pos, 1); pos < 0 {
		return
	}
	if pos = skipSpace(raw, pos); pos < len(raw) {
		d.fail(ruleTrailing, 0, pos, "something follows the JSON value: a body holds exactly one")
	}
}

// fail notes the fault that ends the parse, in the value of node i. It returns -1, which every scanner passes on.
func (d *Document) fail(rule *Rule, i uint32, offset int, detail string) int {
	d.fault = fault{rule, detail, offset, i}
	return -1
}

// scan reads the value at pos into node i, which the caller has appended, and returns the position after it, or -1. Its
// recursion is bounded by MaxDepth.
func (d *Document) scan(i uint32, pos, depth int) int {
	raw := d.raw
	if pos >= len(raw) {
		d.nodes[i].next = i + 1
		return d.fail(ruleSyntax, i, pos, "the body ends where a value is expected")
	}
	start, end := pos, -1
	var k kind
	var flags uint8
	switch c := raw[pos]; {
	case c == '"':
		k = text
		if end = skipPlain(raw, pos+1); end >= len(raw) || raw[end] != '"' {
			end, flags = d.scanText(i, end)
		}
		if end >= 0 {
			end++
		}
	case c == '{' || c == '[':
		return d.scanContainer(i, pos, depth)
	case c >= '0' && c <= '9' || c == '-':
		k = number
		end, flags = d.scanNumber(i, pos)
	case c == 't':
		k, flags, end = boolean, truth, d.scanWord(i, pos, "true")
	case c == 'f':
		k, end = boolean, d.scanWord(i, pos, "false")
	case c == 'n':
		k, end = null, d.scanWord(i, pos, "null")
	default:
		d.fail(ruleSyntax, i, pos, "a JSON value is expected here")
	}
	n := &d.nodes[i]
	n.next = i + 1
	if end < 0 {
		return -1
	}
	n.kind, n.flags = k, n.flags|flags
	n.start, n.end = uint32(start), uint32(end)
	return end
}

// scanContainer reads an object or array, and completes its node also when the text ends within it.
func (d *Document) scanContainer(i uint32, pos, depth int) int {
	n := &d.nodes[i]
	n.next, n.start = i+1, uint32(pos)
	if depth > MaxDepth {
		return d.fail(ruleNesting, i, pos, "the body is nested more than 100 levels deep")
	}
	var end, count int
	if d.raw[pos] == '{' {
		n.kind = object
		end, count = d.scanObject(i, pos, depth)
	} else {
		n.kind = array
		end, count = d.scanArray(i, pos, depth)
	}
	n = &d.nodes[i]
	n.next, n.count = uint32(len(d.nodes)), uint32(count)
	if end < 0 {
		n.end = uint32(len(d.raw))
		return -1
	}
	n.end = uint32(end)
	return end
}

func (d *Document) scanArray(i uint32, pos, depth int) (end, count int) {
	raw := d.raw
	pos = skipSpace(raw, pos+1)
	if pos < len(raw) && raw[pos] == ']' {
		return pos + 1, 0
	}
	for {
		c := d.add()
		d.nodes[c] = node{}
		count++
		if pos = d.scan(c, pos, depth+1); pos < 0 {
			return -1, count
		}
		pos = skipSpace(raw, pos)
		switch {
		case pos < len(raw) && raw[pos] == ',':
			pos = skipSpace(raw, pos+1)
		case pos < len(raw) && raw[pos] == ']':
			return pos + 1, count
		default:
			return d.fail(ruleSyntax, i, pos, "a comma or the end of the array is expected here"), count
		}
	}
}

func (d *Document) scanObject(i uint32, pos, depth int) (end, count int) {
	raw := d.raw
	pos = skipSpace(raw, pos+1)
	if pos < len(raw) && raw[pos] == '}' {
		return pos + 1, 0
	}
	var seen uint64 // one bit for each name hash so far: two equal names share one
	duplicates := false
	for {
		if pos >= len(raw) || raw[pos] != '"' {
			return d.fail(ruleSyntax, i, pos, "a member name in double quotes is expected here"), count
		}
		begin, flags := pos+1, uint8(0)
		stop := skipPlain(raw, begin)
		if stop >= len(raw) || raw[stop] != '"' {
			if stop, flags = d.scanText(i, stop); stop < 0 {
				return -1, count
			}
		}
		hash := d.hashName(raw[begin:stop], flags)
		bit := uint64(1) << (hash & 63)
		duplicates = duplicates || seen&bit != 0
		seen |= bit
		pos = skipSpace(raw, stop+1)
		if pos >= len(raw) || raw[pos] != ':' {
			return d.fail(ruleSyntax, i, pos, "a colon is expected after the member name"), count
		}
		pos = skipSpace(raw, pos+1)
		c := d.add()
		d.nodes[c] = node{name: uint32(begin), nameEnd: uint32(stop), flags: flags >> nameShift, hash: hash}
		count++
		if pos = d.scan(c, pos, depth+1); pos < 0 {
			return -1, count
		}
		pos = skipSpace(raw, pos)
		switch {
		case pos < len(raw) && raw[pos] == ',':
			pos = skipSpace(raw, pos+1)
		case pos < len(raw) && raw[pos] == '}':
			if duplicates {
				d.findDuplicates(i, count)
			}
			return pos + 1, count
		default:
			return d.fail(ruleSyntax, i, pos, "a comma or the end of the object is expected here"), count
		}
	}
}

// add appends a node, whose content is for the caller to write.
func (d *Document) add() uint32 {
	i := len(d.nodes)
	if i == cap(d.nodes) {
		d.grow()
	}
	d.nodes = d.nodes[:i+1]
	return uint32(i)
}

// grow takes the memory that the rest of the body will need at the density of values seen so far, so that a body of
// very many is not copied again and again.
func (d *Document) grow() {
	have := len(d.nodes)
	most := len(d.raw)/2 + 2 // two bytes a value, as in [1,1,1]
	want := max(2*have, 32)
	if last := int(d.nodes[have-1].start); have >= 1024 && last > 0 {
		want = max(want, int(float64(have)*1.05*float64(len(d.raw))/float64(last)))
	}
	grown := make([]node, have, max(min(want, most), have+1))
	copy(grown, d.nodes)
	d.nodes = grown
}

// skipSpace leads past white space as JSON has it.
func skipSpace(raw []byte, pos int) int {
	for pos < len(raw) && raw[pos] <= ' ' && (raw[pos] == ' ' || raw[pos] == '\n' || raw[pos] == '\r' ||
		raw[pos] == '\t') {
		pos++
	}
	return pos
}

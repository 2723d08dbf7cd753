package contract

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// Canonical is the canonical JSON of the root, or of the member at a path of member names: two values are equal as JSON
// exactly if their canonical bytes are equal. It is the form of RFC 8785 (members sorted by the UTF-16 code units of
// their names, no white space, the least escapes), with one rule for numbers: the exact decimal value without needless
// digits, written as ECMAScript writes numbers: plain digits from 1e-6 up to below 1e21, else d.ddde±N; -0 is 0. That
// is RFC 8785's form wherever a double prints back as the number, and it is exact beyond, where RFC 8785 would round:
// event_ts 9007199254740992 and 9007199254740993 stay two events.
//
// It is false when there is no such member, and for a malformed body. Time and memory are in proportion to the body,
// but for sorting.
func (d *Document) Canonical(path ...string) ([]byte, bool) {
	if !d.Strict() {
		return nil, false
	}
	i, ok := d.find(path)
	if !ok {
		return nil, false
	}
	n := &d.nodes[i]
	w := canonicalWriter{d: d}
	return w.append(make([]byte, 0, n.end-n.start), i), true
}

// canonicalWriter holds the members of the objects that are being written, innermost last, and the names that had
// escapes.
type canonicalWriter struct {
	d       *Document
	members []member
	names   []byte
}

// member is one member of an object that is being sorted.
type member struct {
	name []byte // without escapes
	node uint32
}

func (w *canonicalWriter) append(to []byte, i uint32) []byte {
	d := w.d
	n := &d.nodes[i]
	switch n.kind {
	case object:
		return w.appendObject(to, i)
	case array:
		to = append(to, '[')
		for c := range d.children(i) {
			if c > i+1 {
				to = append(to, ',')
			}
			to = w.append(to, c)
		}
		return append(to, ']')
	case text:
		return appendText(to, d.textOf(i), n.flags&escaped != 0)
	case number:
		literal := d.raw[n.start:n.end]
		if n.flags&pointed == 0 && len(literal) <= 18 && literal[len(literal)-1] != '0' {
			return append(to, literal...)
		}
		value := readDecimal(literal)
		return value.append(to)
	}
	return append(to, d.raw[n.start:n.end]...) // true, false, null
}

func (w *canonicalWriter) appendObject(to []byte, i uint32) []byte {
	d := w.d
	first, firstName := len(w.members), len(w.names)
	for c := range d.children(i) {
		m := member{d.raw[d.nodes[c].name:d.nodes[c].nameEnd], c}
		if d.nodes[c].flags&nameEscaped != 0 {
			at := len(w.names)
			w.names = append(w.names, d.nameOf(c)...)
			m.name = w.names[at:]
		}
		w.members = append(w.members, m)
	}
	slices.SortFunc(w.members[first:], func(a, b member) int { return compareUTF16(a.name, b.name) })
	to = append(to, '{')
	for at := first; at < first+int(d.nodes[i].count); at++ {
		if at > first {
			to = append(to, ',')
		}
		m := w.members[at]
		to = append(appendText(to, m.name, d.nodes[m.node].flags&nameEscaped != 0), ':')
		to = w.append(to, m.node)
	}
	w.members, w.names = w.members[:first], w.names[:firstName]
	return append(to, '}')
}

// compareUTF16 orders valid UTF-8 by its UTF-16 code units. The order of the bytes differs from that only between
// characters beyond U+FFFF, whose surrogates are D800 to DFFF, and those from U+E000 to U+FFFF, whose UTF-8 begins with
// EE or EF.
func compareUTF16(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x >= 0xEE && y >= 0xEE && (x < 0xF0) != (y < 0xF0) {
			x, y = y, x
		}
		return int(x) - int(y)
	}
	return len(a) - len(b)
}

// appendText writes a string with RFC 8785's least escapes. A string that was written without any escape needs none.
func appendText(to, s []byte, mayNeed bool) []byte {
	if mayNeed {
		to, _ = jsontext.AppendQuote(to, s) // it is valid UTF-8
		return to
	}
	return append(append(append(to, '"'), s...), '"')
}

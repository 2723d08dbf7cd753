package contract

import (
	"bytes"
	"encoding/json"
	"iter"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"numhook/server/event"
)

// kind is the JSON type of a value, one bit each, so that a schema's types are a set of them.
type kind uint8

const (
	null kind = 1 << iota
	boolean
	number
	text
	array
	object
	integer // in a schema's types only: a number whose value is an integer, however it is written
)

// What the scanner learned about a node on its way.
const (
	nameEscaped uint8 = 1 << iota // the member name holds an escape
	escaped                       // the string holds an escape
	pointed                       // the number has a fraction or an exponent
	truth                         // the boolean is true
)

// node is one value of the body. The nodes lie in document order: the first child of node i is i+1, and next leads past
// the whole value to its sibling, so that a walk needs no memory of its own.
type node struct {
	name, nameEnd uint32 // the member name between its quotes, for members of an object
	start, end    uint32 // the value as it is written, quotes included
	next          uint32
	hash          uint32 // of the name or the text, while members or elements are compared; 0 for none
	count         uint32 // of the elements or members
	kind          kind   // 0 when the text ended before the value did
	flags         uint8
}

// Document is one body, parsed strictly: exactly one JSON value, valid UTF-8 without lone surrogates, no member twice
// in an object (not even in another case), at most MaxDepth levels deep. What breaks this is in Malformed. A Document
// MUST NOT be used by two goroutines at a time, and the bytes it was made from MUST NOT change while it is in use.
type Document struct {
	raw        []byte
	nodes      []node
	begin      int      // where the text begins: after a byte order mark
	duplicates []uint32 // the members whose name was there before
	fault      fault    // what ended the parse early, or nothing: the tree then holds what came before

	limit   int // where the decoder stumbled, or the end of the value
	decoder jsontext.Decoder
	source  bytes.Buffer // of the decoder
	members []uint32     // scratch, as are the next two
	folded  []byte
	decoded [2][]byte
	event   string // the last EventName, kept for streams of one event
	walk    walk
}

// fault is what no reader of JSON gets over.
type fault struct {
	rule   *Rule // nil for none
	detail string
	offset int
	node   uint32 // the value, or the container, that it is in
}

// bom is the UTF-8 byte order mark. RFC 8259 lets a reader skip it.
var bom = []byte("\xef\xbb\xbf")

// Malformed lists what keeps the body from being one strict JSON value; it is empty when there is nothing. Of duplicate
// members it lists the first thousand; every other fault is the only one and final.
func (d *Document) Malformed() []event.Finding {
	if d.Strict() {
		return nil
	}
	r := report{limit: malformedLimit}
	r.faults(d)
	return r.result(d).Violations
}

// Strict reports whether the body is one strict JSON value: Malformed without the list.
func (d *Document) Strict() bool { return !d.broken() && len(d.duplicates) == 0 }

// broken reports whether the parse ended early. A Document that was never parsed into is an empty body.
func (d *Document) broken() bool {
	if len(d.nodes) == 0 && d.fault.rule == nil {
		d.Reset(nil)
	}
	return d.fault.rule != nil
}

// EventName is the root member "event", when the root is an object and the member is a string. It answers for a
// malformed body too, as far as the body could be read.
func (d *Document) EventName() (string, bool) {
	i, ok := d.member(0, "event")
	if !ok || d.nodes[i].kind != text {
		return "", false
	}
	name := d.textOf(i)
	if string(name) != d.event {
		d.event = string(name)
	}
	return d.event, true
}

// Text is the string member at a path of member names from the root. Like EventName it answers for a malformed body
// too.
func (d *Document) Text(path ...string) (string, bool) {
	i, ok := d.find(path)
	if !ok || d.nodes[i].kind != text {
		return "", false
	}
	return string(d.textOf(i)), true
}

// JSON is the text itself: the bytes of the body without a byte order mark and without white space around them.
func (d *Document) JSON() []byte {
	return bytes.Trim(d.raw[d.begin:], " \t\r\n")
}

// find leads from the root along member names.
func (d *Document) find(path []string) (i uint32, found bool) {
	for _, name := range path {
		if i, found = d.member(i, name); !found {
			return 0, false
		}
	}
	return i, len(d.nodes) > 0
}

// children leads through the members or elements of the value at node i.
func (d *Document) children(i uint32) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for c, end := i+1, d.nodes[i].next; c < end && yield(c); c = d.nodes[c].next {
		}
	}
}

// member is the first member of that very name (case matters) of the object at node i.
func (d *Document) member(i uint32, name string) (uint32, bool) {
	if int(i) >= len(d.nodes) || d.nodes[i].kind != object {
		return 0, false
	}
	for c := range d.children(i) {
		if string(d.nameOf(c)) == name {
			return c, true
		}
	}
	return 0, false
}

// nameOf is the member's name without its escapes. It is valid until the next call.
func (d *Document) nameOf(i uint32) []byte {
	n := &d.nodes[i]
	if n.flags&nameEscaped == 0 {
		return d.raw[n.name:n.nameEnd]
	}
	d.decoded[1], _ = jsontext.AppendUnquote(d.decoded[1][:0], d.raw[n.name-1:n.nameEnd+1]) // it was read before
	return d.decoded[1]
}

// textOf is the string's value. It is valid until the next call.
func (d *Document) textOf(i uint32) []byte {
	n := &d.nodes[i]
	if n.flags&escaped == 0 {
		return d.raw[n.start+1 : n.end-1]
	}
	d.decoded[0], _ = jsontext.AppendUnquote(d.decoded[0][:0], d.raw[n.start:n.end]) // it was read before
	return d.decoded[0]
}

// Value is the body as kin-openapi validates it and as the strict handler is given it: map[string]any, []any, string,
// bool, nil and json.Number. A number whose value is an integer that fits an int64 is given as its plain digits ("1.0"
// and "1e0" are json.Number("1")), any other as it is written. It is nil for a malformed body.
func (d *Document) Value() any {
	if !d.Strict() {
		return nil
	}
	// One copy of the text backs every string of the value that needs no unescaping.
	base := string(d.raw)
	return d.valueOf(base, 0, d.handedOn)
}

// valueOf is the value at node i, with its numbers as written by the function.
func (d *Document) valueOf(base string, i uint32, write func(literal string) json.Number) any {
	n := d.nodes[i]
	switch n.kind {
	case object:
		members := make(map[string]any, n.count)
		for c := range d.children(i) {
			name := base[d.nodes[c].name:d.nodes[c].nameEnd]
			if d.nodes[c].flags&nameEscaped != 0 {
				name = string(d.nameOf(c))
			}
			members[name] = d.valueOf(base, c, write)
		}
		return members
	case array:
		elements := make([]any, 0, n.count)
		for c := range d.children(i) {
			elements = append(elements, d.valueOf(base, c, write))
		}
		return elements
	case text:
		if n.flags&escaped != 0 {
			return string(d.textOf(i))
		}
		return base[n.start+1 : n.end-1]
	case number:
		return write(base[n.start:n.end])
	case boolean:
		return n.flags&truth != 0
	}
	return nil
}

// digits reports whether a text is of digits alone.
func digits[T string | []byte](s T) bool {
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return false
		}
	}
	return true
}

func (d *Document) handedOn(literal string) json.Number {
	if literal == "-0" || !digits(strings.TrimPrefix(literal, "-")) {
		if v, ok := readDecimal([]byte(literal)).int64(); ok {
			return json.Number(strconv.FormatInt(v, 10))
		}
	}
	return json.Number(literal)
}

package diff

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// kind is what a JSON value is.
type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	array
	object
)

// position is where something stands in a file: line and column from 1, the column in UTF-16 code units.
type position struct{ line, column int }

// node is a JSON value that knows where it stands.
type node struct {
	kind    kind
	text    string // a string's value, a number as it is written, true or false
	items   []*node
	members []member
	byName  map[string]int // set when there are many members
	at      position
}

// member is a member of an object, at the position of its name.
type member struct {
	name  string
	value *node
	at    position
}

// manyMembers is from when on looking a name up in a map pays.
const manyMembers = 12

// add appends a member and reports whether its name is new.
func (n *node) add(m member) bool {
	if _, known := n.find(m.name); known {
		return false
	}
	n.members = append(n.members, m)
	switch {
	case n.byName != nil:
		n.byName[m.name] = len(n.members) - 1
	case len(n.members) == manyMembers:
		n.byName = make(map[string]int, 2*manyMembers)
		for i, m := range n.members {
			n.byName[m.name] = i
		}
	}
	return true
}

func (n *node) find(name string) (member, bool) {
	if n.byName != nil {
		i, known := n.byName[name]
		if !known {
			return member{}, false
		}
		return n.members[i], true
	}
	for _, m := range n.members {
		if m.name == name {
			return m, true
		}
	}
	return member{}, false
}

// isBool reports whether the value is the given boolean.
func (n *node) isBool(want bool) bool {
	return n != nil && n.kind == boolean && n.text == strconv.FormatBool(want)
}

// isStrings reports whether the value is an array that holds nothing but strings.
func (n *node) isStrings() bool {
	return n.kind == array && !slices.ContainsFunc(n.items, func(item *node) bool { return item.kind != text })
}

// rat is the number's exact value. There is none for what is not a number, and for one whose exponent is out of all
// reason.
func (n *node) rat() (*big.Rat, bool) {
	if n == nil || n.kind != number {
		return nil, false
	}
	if _, exponent, found := strings.Cut(strings.ToLower(n.text), "e"); found {
		if e, err := strconv.Atoi(exponent); err != nil || e < -1000 || e > 1000 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(n.text)
}

// canonical is the value as text that is equal for equal values: members in order of their names, numbers by their
// value (1.0 is 1).
func (n *node) canonical() string {
	var b strings.Builder
	n.writeCanonical(&b)
	return b.String()
}

func (n *node) writeCanonical(b *strings.Builder) {
	switch n.kind {
	case null:
		b.WriteString("null")
	case boolean:
		b.WriteString(n.text)
	case text:
		b.WriteString(strconv.Quote(n.text))
	case number:
		if value, exact := n.rat(); exact {
			b.WriteString(value.RatString())
		} else {
			b.WriteString(n.text)
		}
	case array:
		b.WriteByte('[')
		for _, item := range n.items {
			item.writeCanonical(b)
			b.WriteByte(',')
		}
		b.WriteByte(']')
	case object:
		b.WriteByte('{')
		for _, name := range sortedNames(n) {
			m, _ := n.find(name)
			b.WriteString(strconv.Quote(name) + ":")
			m.value.writeCanonical(b)
			b.WriteByte(',')
		}
		b.WriteByte('}')
	}
}

// same reports whether two values are written alike, but for the order of members. A number must be written with the
// same digits.
func same(a, b *node) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.kind != b.kind || a.text != b.text || len(a.items) != len(b.items) || len(a.members) != len(b.members) {
		return false
	}
	for i := range a.items {
		if !same(a.items[i], b.items[i]) {
			return false
		}
	}
	for _, m := range a.members {
		other, known := b.find(m.name)
		if !known || !same(m.value, other.value) {
			return false
		}
	}
	return true
}

// cursor is a location in a document: a value, the pointer that leads to it, and the position of the member that holds
// it.
type cursor struct {
	node    *node // nil where there is nothing; pointer and position are then those of the nearest place that exists
	pointer string
	at      position
}

func (c cursor) exists() bool { return c.node != nil }

// nothing is the absence of something that would stand in c.
func (c cursor) nothing() cursor { return cursor{pointer: c.pointer, at: c.at} }

var (
	pointerEscape   = strings.NewReplacer("~", "~0", "/", "~1")
	pointerUnescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// member is the location of a member, or nothing.
func (c cursor) member(name string) cursor {
	if c.node == nil || c.node.kind != object {
		return c.nothing()
	}
	m, known := c.node.find(name)
	if !known {
		return c.nothing()
	}
	return cursor{m.value, c.pointer + "/" + pointerEscape.Replace(name), m.at}
}

// members are the locations of all members, by name.
func (c cursor) members() map[string]cursor {
	if c.node == nil || c.node.kind != object {
		return nil
	}
	all := make(map[string]cursor, len(c.node.members))
	for _, m := range c.node.members {
		all[m.name] = c.member(m.name)
	}
	return all
}

// items are the locations of an array's elements.
func (c cursor) items() []cursor {
	if c.node == nil || c.node.kind != array {
		return nil
	}
	all := make([]cursor, len(c.node.items))
	for i, item := range c.node.items {
		all[i] = cursor{item, c.pointer + "/" + strconv.Itoa(i), item.at}
	}
	return all
}

func sortedNames(n *node) []string {
	names := make([]string, len(n.members))
	for i, m := range n.members {
		names[i] = m.name
	}
	slices.Sort(names)
	return names
}

// maxQuoted is how many characters of a name or a value are quoted in a sentence.
const maxQuoted = 60

// quote is a text of the document as it is shown in a sentence: cut, and without control characters.
func quote(s string) string {
	if runes := []rune(s); len(runes) > maxQuoted {
		s = string(runes[:maxQuoted]) + "…"
	}
	return strconv.Quote(s)
}

// show is a value of the document as it is shown in a sentence.
func show(c cursor) string {
	switch {
	case c.node == nil:
		return "nothing"
	case c.node.kind == text:
		return quote(c.node.text)
	case c.node.kind == object:
		return "an object"
	case c.node.kind == array && c.node.isStrings():
		parts := make([]string, 0, len(c.node.items))
		for _, item := range c.node.items {
			parts = append(parts, quote(item.text))
		}
		return strings.Join(parts, " or ")
	case c.node.kind == array:
		return fmt.Sprintf("a list of %d", len(c.node.items))
	case c.node.kind == null:
		return "null"
	}
	return strings.Trim(quote(c.node.text), `"`)
}

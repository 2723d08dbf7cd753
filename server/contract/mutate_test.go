package contract

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf16"
)

// tree is a JSON value that can also be what JSON forbids: two members of one name, a number with a leading zero.
type tree struct {
	literal  string // of a scalar, as it is written
	open     byte   // '{' or '[' for the others
	names    []string
	children []*tree
}

// treeOf reads a value that Parse accepts.
func treeOf(d *Document, i uint32) *tree {
	n := &d.nodes[i]
	t := &tree{literal: string(d.raw[n.start:n.end])}
	if n.kind != object && n.kind != array {
		return t
	}
	t.open, t.literal = t.literal[0], ""
	for c := i + 1; c < n.next; c = d.nodes[c].next {
		t.names = append(t.names, string(d.nameOf(c)))
		t.children = append(t.children, treeOf(d, c))
	}
	return t
}

func (t *tree) write(b *strings.Builder, space func() string) {
	b.WriteString(space())
	if t.open == 0 {
		b.WriteString(t.literal + space())
		return
	}
	b.WriteByte(t.open)
	for i, child := range t.children {
		if i > 0 {
			b.WriteByte(',')
		}
		if t.open == '{' {
			fmt.Fprintf(b, `%s"%s"%s:`, space(), t.names[i], space())
		}
		child.write(b, space)
	}
	b.WriteString(space() + string(t.open+2) + space())
}

func (t *tree) clone() *tree {
	to := &tree{t.literal, t.open, append([]string(nil), t.names...), nil}
	for _, child := range t.children {
		to.children = append(to.children, child.clone())
	}
	return to
}

// all lists every value of the tree, the root first.
func (t *tree) all() []*tree {
	list := []*tree{t}
	for _, child := range t.children {
		list = append(list, child.all()...)
	}
	return list
}

// mutator makes bodies that are right but for a few faults.
type mutator struct {
	*rand.Rand
	literals []string // scalars that are worth a try
	words    []string // member names that are worth a try
}

func (m *mutator) pick(list []string) string { return list[m.IntN(len(list))] }

// numbers are at and beyond the bounds of the formats and of doubles, and integers in all their guises.
var trickyNumbers = []string{"0", "-0", "1", "-1", "1.0", "1e0", "10e-1", "1e3", "1.5", "1e-1", "0.1e1", "3457",
	"2147483647", "2147483648", "-2147483648", "-2147483649",
	"2147483647.0", "2147483648.0", "2147483647.5", "21474836470e-1", "9007199254740992", "9007199254740993",
	"9223372036854775807", "9223372036854775808",
	"-9223372036854775808", "-9223372036854775809", "9223372036854775807.0", "92233720368547758070e-1",
	"9223372036854775807.5", "1e18", "1e19", "1e308", "1e309", "1e400",
	"-1e400", "1e-400", "1739927164902", "00", "01", "-", "1.", ".5", "1e", "+1", "NaN", "Infinity", "0x10"}

var trickyStrings = []string{`""`, `"x"`, `"3457"`, `"\u0041"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`,
	`"\u12"`, `"\x41"`, "\"a\tb\"", "\"\xff\"", "\"\xed\xa0\x80\"", `"é😀"`, `"+12025550143"`, `'x'`,
	`"` + strings.Repeat("long", 20) + `"`, `"2025-02-19"`, `"2025-02-19T10:00:00Z"`, `"YWJj"`, `"a b"`}

var trickyValues = []string{"null", "true", "false", "True", "nul", "{}", "[]", "[[]]", "[null]", "[{}]", `{"":0}`,
	`{"a":{"b":[1]}}`}

func (m *mutator) literal() string {
	switch m.IntN(4) {
	case 0:
		return m.pick(trickyNumbers)
	case 1:
		return m.pick(trickyStrings)
	case 2:
		return m.pick(trickyValues)
	}
	return m.pick(m.literals)
}

// mutate gives the bytes of a body with one or two things changed.
func (m *mutator) mutate(t *tree) []byte {
	t = t.clone()
	for range 1 + m.IntN(2) {
		m.change(t)
	}
	var b strings.Builder
	spaced := m.IntN(3) == 0
	t.write(&b, func() string {
		if spaced && m.IntN(3) == 0 {
			return m.pick([]string{" ", "\n", "\r\n", "\t", "  "})
		}
		return ""
	})
	return m.scramble([]byte(b.String()))
}

// change changes the tree at a random place.
func (m *mutator) change(root *tree) {
	places := root.all()
	t := places[m.IntN(len(places))]
	if m.IntN(12) == 0 {
		t = root
	}
	if t.open == '{' && len(t.children) > 0 && m.IntN(2) == 0 {
		m.changeMember(t, m.IntN(len(t.children)))
		return
	}
	switch m.IntN(8) {
	case 0:
		*t = tree{open: '[', names: []string{""}, children: []*tree{{t.literal, t.open, t.names, t.children}}}
	case 1:
		depth := []int{3, 90, 99, 100, 101, 150}[m.IntN(6)]
		*t = tree{literal: strings.Repeat("[", depth) + strings.Repeat("]", depth)}
	case 2:
		if t.open == 0 && strings.HasPrefix(t.literal, `"`) {
			t.literal = m.escape(t.literal)
		}
	case 3:
		if t.open == '[' {
			for range 1 + m.IntN(3) {
				t.names, t.children = append(t.names, ""), append(t.children, &tree{literal: m.literal()})
			}
		}
	default:
		*t = tree{literal: m.literal()}
	}
}

func (m *mutator) changeMember(t *tree, i int) {
	switch m.IntN(6) {
	case 0: // take it away
		t.names = append(t.names[:i:i], t.names[i+1:]...)
		t.children = append(t.children[:i:i], t.children[i+1:]...)
	case 1: // have it twice
		t.names, t.children = append(t.names, t.names[i]), append(t.children, t.children[m.IntN(len(t.children))].clone())
	case 2: // have it in another case
		name := strings.ToUpper(t.names[i][:min(1, len(t.names[i]))]) + t.names[i][min(1, len(t.names[i])):]
		if m.IntN(2) == 0 {
			t.names[i] = name
		} else {
			t.names, t.children = append(t.names, name), append(t.children, t.children[i].clone())
		}
	case 3: // write its name with escapes
		t.names[i] = strings.Trim(m.escape(`"`+t.names[i]+`"`), `"`)
	case 4: // one more
		t.names, t.children = append(t.names, m.pick(m.words)), append(t.children, &tree{literal: m.literal()})
	case 5: // another order
		m.Shuffle(len(t.children), func(a, b int) {
			t.names[a], t.names[b] = t.names[b], t.names[a]
			t.children[a], t.children[b] = t.children[b], t.children[a]
		})
	}
}

// escape writes some characters of a string literal as \u escapes.
func (m *mutator) escape(literal string) string {
	if strings.Contains(literal, `\`) || len(literal) < 2 {
		return literal
	}
	var b strings.Builder
	for _, r := range literal[1 : len(literal)-1] {
		if m.IntN(2) == 0 {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, `\u%04x`, unit)
		}
	}
	return `"` + b.String() + `"`
}

// scramble breaks the text itself, one time in six.
func (m *mutator) scramble(raw []byte) []byte {
	if len(raw) == 0 {
		return raw
	}
	at := m.IntN(len(raw))
	switch m.IntN(36) {
	case 0:
		return raw[:at]
	case 1:
		raw[at] ^= 1 << m.IntN(8)
	case 2:
		return append(raw, m.pick([]string{" {}", "x", ",", "]", "\x00", "null", "\n"})...)
	case 3:
		return append([]byte("\xef\xbb\xbf"), raw...)
	case 4:
		return append(raw[:at:at], append([]byte{byte(m.IntN(256))}, raw[at:]...)...)
	case 5:
		return append(raw[:at:at], raw[min(at+1+m.IntN(3), len(raw)):]...)
	}
	return raw
}

package validation_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// mutant is a JSON value that can be changed into what no parser would build: members twice, names as they are written,
// numbers of any length.
type mutant struct {
	open     byte // '{', '[' or 0
	scalar   string
	names    []string // of the members, as they are written
	children []*mutant
}

// newMutant reads a value, keeping the order of members.
func newMutant(t *testing.T, text []byte) *mutant {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var read func() *mutant
	next := func() json.Token {
		token, err := decoder.Token()
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	read = func() *mutant {
		token := next()
		delim, container := token.(json.Delim)
		if !container {
			raw, err := json.Marshal(token)
			if err != nil {
				t.Fatal(err)
			}
			return &mutant{scalar: string(raw)}
		}
		m := &mutant{open: byte(delim)}
		for decoder.More() {
			if m.open == '{' {
				m.names = append(m.names, `"`+next().(string)+`"`)
			}
			m.children = append(m.children, read())
		}
		next()
		return m
	}
	return read()
}

func (m *mutant) clone() *mutant {
	c := *m
	c.names = slices.Clone(m.names)
	c.children = make([]*mutant, len(m.children))
	for i, child := range m.children {
		c.children[i] = child.clone()
	}
	return &c
}

func (m *mutant) write(to *strings.Builder) {
	if m.open == 0 {
		to.WriteString(m.scalar)
		return
	}
	to.WriteByte(m.open)
	for i, child := range m.children {
		if i > 0 {
			to.WriteByte(',')
		}
		if m.open == '{' {
			to.WriteString(m.names[i] + ":")
		}
		child.write(to)
	}
	to.WriteByte(m.open + 2)
}

// all are the values in it, itself first.
func (m *mutant) all() []*mutant {
	list := []*mutant{m}
	for _, child := range m.children {
		list = append(list, child.all()...)
	}
	return list
}

// odd are values to be met anywhere.
var odd = []string{
	"null", "true", "false", "0", "-0", "1", "-1", "1.0", "1e0", "1.5", "-1.5e-3", "1e3", "1000e-3", "2147483647",
	"2147483648", "-2147483648", "-2147483649",
	"9007199254740993", "9007199254740993.5", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
	"-9223372036854775809",
	"1.00000000000000000000000001", "12345678901234567890123", "1e400", "-1e400", "1e-400", "1E+2", "0.1e1",
	`""`, `"x"`, `"+12025550143"`, `"3457"`, `"1739927164902"`, `"\u00e9"`, `"😀"`, `"\ud83d\ude00"`, `"\ud83d"`,
	`"\udc00\ud800"`, `"a\nb\\c\"d"`, `"\u0000"`,
	`"` + cnamEvent + `"`, `"` + addressEvent + `"`, `"number_management.other"`,
	"[]", "[[]]", "[null]", `["x"]`, "[1]", "{}", `{"a":1}`, `{"address_line1":"x"}`, `{"address_line1":null}`,
	`{"carrier_code":1,"phone_numbers":[]}`,
}

var oddMembers = []string{
	`"extra"`, `"Event"`, `"PAYLOAD"`, `"\u0065vent"`, `"event"`, `"carrier_code"`, `"county"`, `"__proto__"`,
	`"constructor"`, `"toString"`, `""`, `"a/b~c"`, `"ſ"`, `"😀"`,
}

// mutate changes the value once.
func (m *mutant) mutate(random *rand.Rand) {
	values := m.all()
	at := values[random.IntN(len(values))]
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	if at.open == 0 || random.IntN(4) == 0 {
		if at != m || random.IntN(10) == 0 {
			*at = mutant{scalar: pick(odd)}
		}
		return
	}
	n := len(at.children)
	switch what := random.IntN(7); {
	case what == 0 && n > 0: // one away
		i := random.IntN(n)
		at.children = slices.Delete(at.children, i, i+1)
		if at.open == '{' {
			at.names = slices.Delete(at.names, i, i+1)
		}
	case what == 1: // one more
		at.children = append(at.children, &mutant{scalar: pick(odd)})
		if at.open == '{' {
			at.names = append(at.names, pick(oddMembers))
		}
	case what == 2 && at.open == '{' && n > 0: // another name
		i := random.IntN(n)
		at.names[i] = []string{pick(oddMembers), strings.ToUpper(at.names[i]), strings.Replace(at.names[i], "e", `\u0065`,
			1)}[random.IntN(3)]
	case what == 3 && n > 0: // one twice
		i := random.IntN(n)
		at.children = append(at.children, at.children[i].clone())
		if at.open == '{' {
			at.names = append(at.names, at.names[i])
		}
	case what == 4 && n > 1: // another order
		random.Shuffle(n, func(i, j int) {
			at.children[i], at.children[j] = at.children[j], at.children[i]
			if at.open == '{' {
				at.names[i], at.names[j] = at.names[j], at.names[i]
			}
		})
	case what == 5 && random.IntN(8) == 0: // deep
		depth := 90 + random.IntN(20)
		at.children = append(at.children, &mutant{scalar: strings.Repeat("[", depth) + strings.Repeat("]", depth)})
		if at.open == '{' {
			at.names = append(at.names, `"deep"`)
		}
	case what == 6 && n > 0: // the object or array in the position of its child, or a child around itself
		i := random.IntN(n)
		at.children[i] = &mutant{open: '[', children: []*mutant{at.children[i]}}
	}
}

// scar changes the text once, as a bad line would.
func scar(text string, random *rand.Rand) string {
	at := random.IntN(len(text) + 1)
	switch random.IntN(8) {
	case 0:
		return text[:at]
	case 1:
		return text[:at] + string([]byte{byte(random.IntN(256))}) + text[at:]
	case 2:
		return text[:at] + text[min(at+1, len(text)):]
	case 3:
		return text[:at] + []string{",", "]", "}", `"`, ":", "\\", "\n", " ", "\t\r", "\u2028", "\xff", "\xed\xa0\x80",
			"\x00", "//", "'"}[random.IntN(15)] + text[at:]
	case 4:
		return "\ufeff" + text
	case 5:
		return text + []string{" ", "\n", "x", "{}", "\x00", ","}[random.IntN(6)]
	case 6:
		return []string{" ", "\r\n", "\t", "\f", "\u00a0"}[random.IntN(5)] + text
	}
	return strings.NewReplacer(":", ": ", ",", ",\n").Replace(text)
}

package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

func canonicalOf(t *testing.T, raw string) string {
	t.Helper()
	got, ok := Parse([]byte(raw)).Canonical()
	if !ok {
		t.Fatalf("%q has no canonical form: %q", raw, ats(Parse([]byte(raw)).Malformed()))
	}
	return string(got)
}

// The numbers of RFC 8785, appendix B.
func TestCanonicalDoubles(t *testing.T) {
	for _, c := range []struct {
		bits uint64
		want string
	}{
		{0x0000000000000000, "0"}, {0x8000000000000000, "0"},
		{0x0000000000000001, "5e-324"}, {0x8000000000000001, "-5e-324"},
		{0x7fefffffffffffff, "1.7976931348623157e+308"}, {0xffefffffffffffff, "-1.7976931348623157e+308"},
		{0x4340000000000000, "9007199254740992"}, {0xc340000000000000, "-9007199254740992"},
		{0x4430000000000000, "295147905179352830000"},
		{0x44b52d02c7e14af5, "9.999999999999997e+22"}, {0x44b52d02c7e14af6, "1e+23"},
		{0x44b52d02c7e14af7, "1.0000000000000001e+23"},
		{0x444b1ae4d6e2ef4e, "999999999999999700000"}, {0x444b1ae4d6e2ef4f, "999999999999999900000"},
		{0x444b1ae4d6e2ef50, "1e+21"},
		{0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"}, {0x3eb0c6f7a0b5ed8d, "0.000001"},
		{0x41b3de4355555553, "333333333.3333332"}, {0x41b3de4355555554, "333333333.33333325"},
		{0x41b3de4355555555, "333333333.3333333"},
		{0x41b3de4355555556, "333333333.3333334"}, {0x41b3de4355555557, "333333333.33333343"},
		{0xbecbf647612f3696, "-0.0000033333333333333333"},
		{0x43143ff3c1cb0959, "1424953923781206.2"},
	} {
		for _, form := range []byte("gefE") {
			literal := strconv.FormatFloat(math.Float64frombits(c.bits), form, -1, 64)
			if got := canonicalOf(t, literal); got != c.want {
				t.Errorf("%016x, written %s: %s, want %s", c.bits, literal, got, c.want)
			}
		}
	}
}

func TestCanonicalNumbers(t *testing.T) {
	nines := strings.Repeat("9", 30)
	for _, c := range []struct{ raw, want string }{
		{"9007199254740992", "9007199254740992"}, {"9007199254740993", "9007199254740993"},
		{"9007199254740993.0", "9007199254740993"},
		{"-0", "0"}, {"-0.000e+99999999999999999999", "0"}, {"0e5", "0"},
		{"100", "100"}, {"1e2", "100"}, {"0.1E+3", "100"}, {"10000e-2", "100"}, {"100.000", "100"},
		{"1.50", "1.5"}, {"0.0015e3", "1.5"}, {"-150e-2", "-1.5"},
		{"1e20", "100000000000000000000"}, {"123e19", "1.23e+21"}, {"1.23e20", "123000000000000000000"},
		{"999999999999999999999", "999999999999999999999"},
		{"0.0000001", "1e-7"}, {"0.00000123", "0.00000123"}, {"0.000000123", "1.23e-7"}, {"0.000001", "0.000001"},
		{"1e999999999", "1e+999999999"}, {"1e-999999999", "1e-999999999"}, {"0.01e-999999999", "1e-1000000001"},
		{"1e999999999999999999", "1e+999999999999999999"}, {"10e999999999999999999", "1e+1000000000000000000"},
		{"1e1000000000000000000", "1e+1000000000000000000"},
		{"0.01e1000000000000000000", "1e+999999999999999998"}, {"1e-1000000000000000000", "1e-1000000000000000000"},
		{"100e-1000000000000000001", "1e-999999999999999999"}, {"12.5e" + nines, "1.25e+1" + strings.Repeat("0", 30)},
		{"0.125e" + nines, "1.25e+" + nines[1:] + "8"},
		{"12.5e-" + nines, "1.25e-" + nines[1:] + "8"}, {"0.00125e-" + nines, "1.25e-1" + strings.Repeat("0", 29) + "2"},
		{"0.333333333333333333333333333333", "0.333333333333333333333333333333"},
	} {
		if got := canonicalOf(t, c.raw); got != c.want {
			t.Errorf("%s: %s, want %s", c.raw, got, c.want)
		}
	}
}

// The examples of RFC 8785, 3.2.2 and 3.2.3; the first number is beyond a double and stays exact, which is our one
// departure.
func TestCanonicalExamples(t *testing.T) {
	raw := `{
	  "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
	  "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
	  "literals": [null, true, false]
	}`
	want := `{"literals":[null,true,false],"numbers":[333333333.33333329,1e+30,4.5,0.002,1e-27],` +
		`"string":"€$\u000f\nA'B\"\\\\\"/"}`
	if got := canonicalOf(t, raw); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	raw = `{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",` +
		`"\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`
	want = `{"\r":"Carriage Return","1":"One","` + "\u0080" + `":"Control","ö":"Latin Small Letter O With Diaeresis",` +
		`"€":"Euro Sign",` +
		`"😀":"Emoji: Grinning Face","` + "\ufb33" + `":"Hebrew Letter Dalet With Dagesh"}`
	if got := canonicalOf(t, raw); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := canonicalOf(t, `"\u0000\u0008\u0009\u000a\u000b\u000c\u000d\u001f\u0020\u007f\u2028\/"`),
		`"\u0000\b\t\n\u000b\f\r\u001f `+"\x7f\u2028"+`/"`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCanonicalOfMembers(t *testing.T) {
	d := Parse([]byte(`{"p":{"b":[2.0,1],"a":{}},"n":null}`))
	for _, c := range []struct {
		path []string
		want string
		ok   bool
	}{{[]string{"p"}, `{"a":{},"b":[2,1]}`, true}, {[]string{"p", "b"}, `[2,1]`, true}, {[]string{"n"}, `null`, true},
		{[]string{"p", "c"}, "", false}, {[]string{"n", "x"}, "", false}} {
		if got, ok := d.Canonical(c.path...); string(got) != c.want || ok != c.ok {
			t.Errorf("%q: %s %v", c.path, got, ok)
		}
	}
}

func TestCompareUTF16(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []rune{'a', 'b', 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xfb33, 0xffff, 0x10000, 0x1f600, 0x10ffff}
	word := func() string {
		w := make([]rune, random.IntN(4))
		for i := range w {
			w[i] = pieces[random.IntN(len(pieces))]
		}
		return string(w)
	}
	for range 20_000 {
		a, b := word(), word()
		want := slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
		got := compareUTF16([]byte(a), []byte(b))
		if (got < 0) != (want < 0) || (got > 0) != (want > 0) {
			t.Fatalf("%q and %q: %d, want %d", a, b, got, want)
		}
	}
}

// style writes one value in many ways.
type style struct{ *rand.Rand }

// value makes up a value: nil, bool, string, *big.Rat, []any or map[string]any.
func (s style) value(depth int) any {
	switch n := s.IntN(9); {
	case n < 2 && depth > 0:
		list := make([]any, s.IntN(4))
		for i := range list {
			list[i] = s.value(depth - 1)
		}
		return list
	case n < 4 && depth > 0:
		members := map[string]any{}
		for range s.IntN(5) {
			members[s.word()] = s.value(depth - 1)
		}
		for name := range members { // no two that differ only in case
			for other := range members {
				if name < other && strings.EqualFold(name, other) {
					delete(members, other)
				}
			}
		}
		return members
	case n < 6:
		return s.word()
	case n == 6:
		return s.IntN(2) == 0
	case n == 7:
		return nil
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(s.IntN(30))), nil)
	digits := big.NewInt(s.Int64N(1_000_000) - 500_000)
	if s.IntN(2) == 0 {
		return new(big.Rat).SetFrac(digits, scale)
	}
	return new(big.Rat).SetInt(digits.Mul(digits, scale))
}

func (s style) word() string {
	pieces := []string{"a", "b", "A", "\"", "\\", "/", "\n", "\x01", "é", "€", "\ufb33", "😀", "\u2028", " "}
	var b strings.Builder
	for range s.IntN(4) {
		b.WriteString(pieces[s.IntN(len(pieces))])
	}
	return b.String()
}

func (s style) space() string {
	return strings.Repeat([]string{" ", "\n", "\r\n", "\t"}[s.IntN(4)], s.IntN(2))
}

func (s style) write(b *bytes.Buffer, v any) {
	b.WriteString(s.space())
	defer func() { b.WriteString(s.space()) }()
	switch v := v.(type) {
	case []any:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			s.write(b, e)
		}
		b.WriteString(s.space() + "]")
	case map[string]any:
		b.WriteByte('{')
		order := names(v)
		s.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for i, name := range order {
			if i > 0 {
				b.WriteByte(',')
			}
			s.write(b, name)
			b.WriteByte(':')
			s.write(b, v[name])
		}
		b.WriteString(s.space() + "}")
	case string:
		s.writeText(b, v)
	case *big.Rat:
		s.writeNumber(b, v)
	default:
		fmt.Fprint(b, map[any]string{nil: "null", true: "true", false: "false"}[v])
	}
}

func (s style) writeText(b *bytes.Buffer, v string) {
	b.WriteByte('"')
	for _, r := range v {
		switch {
		case s.IntN(3) == 0 || r < ' ':
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(b, []string{"\\u%04x", "\\u%04X"}[s.IntN(2)], unit)
			}
		case r == '"' || r == '\\' || r == '/' && s.IntN(2) == 0:
			b.WriteByte('\\')
			fallthrough
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// writeNumber writes the same number with its point anywhere, with needless zeros, with or without an exponent.
func (s style) writeNumber(b *bytes.Buffer, v *big.Rat) {
	text := new(big.Rat).Abs(v).FloatString(30)
	digits := strings.TrimLeft(strings.Replace(text, ".", "", 1), "0")
	if v.Sign() < 0 || v.Sign() == 0 && s.IntN(2) == 0 {
		b.WriteByte('-')
	}
	if digits == "" {
		b.WriteString([]string{"0", "0.0", "0e7", "0.00E-1"}[s.IntN(4)])
		return
	}
	shift := s.IntN(len(digits) + 1)
	whole, fraction := digits[:shift], digits[shift:]+strings.Repeat("0", s.IntN(3))
	if whole == "" {
		whole = "0"
	}
	b.WriteString(whole)
	if fraction != "" {
		b.WriteString("." + fraction)
	}
	if power := len(digits) - 30 - shift; power != 0 || s.IntN(2) == 0 {
		fmt.Fprintf(b, []string{"e%d", "E%+d", "e%+03d"}[s.IntN(3)], power)
	}
}

// Equal values have equal canonical bytes however they are written, and different values have different ones.
func TestCanonicalProperty(t *testing.T) {
	const seed = 20250219
	t.Logf("seed %d", seed)
	s := style{rand.New(rand.NewPCG(seed, 1))}
	plainly := map[string]string{} // canonical bytes by another notation of the value
	for range 5000 {
		v := s.value(4)
		var forms []string
		for range 3 {
			var b bytes.Buffer
			s.write(&b, v)
			forms = append(forms, canonicalOf(t, b.String()))
			if forms[0] != forms[len(forms)-1] {
				t.Fatalf("%s\nhas %s\nand %s", b.String(), forms[0], forms[len(forms)-1])
			}
		}
		if again := canonicalOf(t, forms[0]); again != forms[0] {
			t.Fatalf("the canonical form %s is made into %s", forms[0], again)
		}
		if !json.Valid([]byte(forms[0])) {
			t.Fatalf("%s is not JSON", forms[0])
		}
		other := plain30(v)
		if have, ok := plainly[other]; ok && have != forms[0] {
			t.Fatalf("%s is written both %s and %s", other, have, forms[0])
		}
		plainly[other] = forms[0]
	}
	back := map[string]string{}
	for other, canonical := range plainly {
		if have, ok := back[canonical]; ok {
			t.Fatalf("%s stands for both %s and %s", canonical, have, other)
		}
		back[canonical] = other
	}
}

// plain30 is another notation of a value, made without the code under test.
func plain30(v any) string {
	switch v := v.(type) {
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, plain30(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		var parts []string
		for _, name := range names(v) {
			parts = append(parts, fmt.Sprintf("%q=%s", name, plain30(v[name])))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case *big.Rat:
		return v.FloatString(40)
	}
	return fmt.Sprintf("%#v", v)
}

package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"numhook/server/event"
)

// at is the part of a finding that says what and where.
func at(f event.Finding) string {
	return fmt.Sprintf("%s %s %d:%d", f.Rule, f.Pointer, f.Line, f.Column)
}

func ats(findings []event.Finding) []string {
	var list []string
	for _, f := range findings {
		list = append(list, at(f))
	}
	return list
}

func TestMalformed(t *testing.T) {
	deep := strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth)
	for _, c := range []struct{ name, raw, want string }{
		{"empty", "", "empty  1:1"},
		{"white space", " \r\n\t", "empty  2:2"},
		{"mark alone", "\xef\xbb\xbf", "empty  1:1"},
		{"second mark", "\xef\xbb\xbf\xef\xbb\xbf{}", "syntax  1:1"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "syntax  1:1"},
		{"two values", "{} {}", "trailing-data  1:4"},
		{"trailing comma", `{"a":1}, `, "trailing-data  1:8"},
		{"form feed", "{}\f", "trailing-data  1:3"},
		{"cut in object", `{"a":{"b":1`, "syntax /a 1:12"},
		{"cut in name", `{"a":{"b`, "syntax /a 1:9"},
		{"cut in escape", `["\`, "syntax /0 1:4"},
		{"cut in \\u", `["\u00e`, "syntax /0 1:3"},
		{"cut before value", `{"a":`, "syntax /a 1:6"},
		{"cut literal", `{"a":tru`, "syntax /a 1:6"},
		{"no name", `{1:2}`, "syntax  1:2"},
		{"no colon", `{"a" 1}`, "syntax  1:6"},
		{"no comma", "{\"a\":1\n \"b\":2}", "syntax  2:2"},
		{"comma before end", `[1,]`, "syntax /1 1:4"},
		{"comma before end of object", `{"a":1,}`, "syntax  1:8"},
		{"single quotes", `{'a':1}`, "syntax  1:2"},
		{"comment", "[1 /* */]", "syntax  1:4"},
		{"NaN", `[NaN]`, "syntax /0 1:2"},
		{"capital", `[True]`, "syntax /0 1:2"},
		{"leading zero", `[01]`, "syntax /0 1:2"},
		{"minus leading zero", `[-01]`, "syntax /0 1:3"},
		{"plus", `[+1]`, "syntax /0 1:2"},
		{"minus alone", `[-]`, "syntax /0 1:3"},
		{"point alone", `[1.]`, "syntax /0 1:4"},
		{"point first", `[.5]`, "syntax /0 1:2"},
		{"no exponent", `[1e+]`, "syntax /0 1:5"},
		{"hexadecimal", `[0x1]`, "syntax  1:3"},
		{"control character", "[\"a\tb\"]", "syntax /0 1:4"},
		{"line end in string", "[\"a\nb\"]", "syntax /0 1:4"},
		{"NUL", "[\"a\x00\"]", "syntax /0 1:4"},
		{"bad escape", `["a\x"]`, "syntax /0 1:4"},
		{"bad hex", `["\u12G4"]`, "syntax /0 1:3"},
		{"invalid byte", "[\"a\xff\"]", "utf8 /0 1:4"},
		{"overlong", "[\"\xc0\xaf\"]", "utf8 /0 1:3"},
		{"encoded surrogate", "[\"\xed\xa0\x80\"]", "utf8 /0 1:3"},
		{"beyond Unicode", "[\"\xf4\x90\x80\x80\"]", "utf8 /0 1:3"},
		{"cut character", "[\"\xe2\x82\"]", "utf8 /0 1:3"},
		{"invalid name", "{\"b\":{\"\x80\":1}}", "utf8 /b 1:8"},
		{"lone high", `["\ud83d"]`, "surrogate /0 1:3"},
		{"lone high, then text", `["\ud83dabcdef"]`, "surrogate /0 1:3"},
		{"lone high, then escape", `["\ud83d\u0041"]`, "surrogate /0 1:3"},
		{"lone low", `["\ude00"]`, "surrogate /0 1:3"},
		{"low before high", `["\ude00\ud83d"]`, "surrogate /0 1:3"},
		{"lone in name", `{"\ud83d":1}`, "surrogate  1:3"},
		{"too deep", "[" + deep + "]", "nesting " + strings.Repeat("/0", MaxDepth) + " 1:101"},
		{"far too deep", strings.Repeat(`{"a":`, 100_000), "nesting " + strings.Repeat("/a", MaxDepth) + " 1:501"},
		{"duplicate", `{"a":1,"a":2}`, "duplicate-member /a 1:8"},
		{"duplicate by case", `{"payload":1,"Payload":2}`, "duplicate-member /Payload 1:14"},
		{"duplicate by escape", `{"a":1,"\u0061":2}`, "duplicate-member /a 1:8"},
		{"duplicate by Kelvin", `{"key":1,"` + "\u212a" + `ey":2}`, "duplicate-member /\u212aey 1:10"},
		{"duplicate by long s", `{"\u017fo":1,"So":2}`, "duplicate-member /So 1:14"},
		{"duplicate by sigma", `{"σ":1,"x":0,"ς":2}`, "duplicate-member /ς 1:14"},
		{"duplicate deep", "{\"a\":[0,\n{\"x/~y\":1,\"X/~y\":2}]}", "duplicate-member /a/1/X~1~0y 2:11"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Parse([]byte(c.raw))
			got := ats(d.Malformed())
			if !reflect.DeepEqual(got, []string{c.want}) {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if d.Strict() || d.Value() != nil {
				t.Error("a malformed body is strict, or has a value")
			}
			if _, ok := d.Canonical(); ok {
				t.Error("a malformed body has a canonical form")
			}
		})
	}
}

func TestWellFormed(t *testing.T) {
	for _, raw := range []string{
		"\xef\xbb\xbf {} \r\n", "null", " true", "false ", "-0.0E+00", "1e999999999", `"\ud83d\ude00\/\b\f\n\r\t\"\\"`,
		"\"\u2028\u00e9\U0001F600\x7f\"",
		`{"":0,"a":1,"ab":2,"abc":3}`, "[[],{},[[]]]", strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
		`{"straße":1,"strasse":2,"ı":3,"i":4}`, // not equal under simple case folding
	} {
		d := Parse([]byte(raw))
		if found := d.Malformed(); found != nil {
			t.Errorf("%q: %q", raw, ats(found))
		}
		var want any
		decoder := json.NewDecoder(bytes.NewReader(d.JSON()))
		decoder.UseNumber()
		if err := decoder.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if got := d.Value(); !reflect.DeepEqual(normalised(got), normalised(want)) {
			t.Errorf("%q: value %v, want %v", raw, got, want)
		}
	}
}

// normalised applies Value's rule for integers to what encoding/json gives.
func normalised(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, ok := readDecimal([]byte(v)).int64(); ok {
			return json.Number(fmt.Sprint(n))
		}
	case []any:
		for i := range v {
			v[i] = normalised(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = normalised(v[k])
		}
	}
	return v
}

func TestDuplicatesAreAllListed(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"a":{"x":0`)
	for range 20 {
		b.WriteString(`,"x":0`)
	}
	b.WriteString(`},"b":[{"p":1,"P":2,"q":3,"Q":4}],"A":0}`)
	got := Parse([]byte(b.String())).Malformed()
	if len(got) != 23 {
		t.Fatalf("%d findings, want 23", len(got))
	}
	want := []string{"/a/x", "/b/0/P", "/b/0/Q", "/A"}
	for i, pointer := range want {
		if f := got[19+i]; f.Pointer != pointer || f.Rule != "duplicate-member" || f.Kind != event.Violation {
			t.Errorf("finding %d is %+v, want it at %s", 19+i, f, pointer)
		}
	}
}

// Two hundred thousand members of one object, all different, all equal, and all different but for case, cost about what
// they cost in an array.
func TestLargeObjects(t *testing.T) {
	const count = 200_000
	build := func(name func(i int) string) []byte {
		var b bytes.Buffer
		b.WriteString(`{"":0`)
		for i := range count {
			fmt.Fprintf(&b, ",%q:0", name(i))
		}
		b.WriteByte('}')
		return b.Bytes()
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want int
	}{
		{"different", build(func(i int) string { return fmt.Sprintf("m%d", i) }), 0},
		{"equal", build(func(int) string { return "member" }), count - 1},
		{"case", build(func(i int) string { return fmt.Sprintf("%c%d", "mM"[i%2], i/2) }), count / 2},
		{"folded by the hash only", build(func(i int) string { return fmt.Sprintf("%c%d", "@`"[i%2], i/2) }), 0},
	} {
		d := Parse(c.raw)
		if len(d.duplicates) != c.want {
			t.Errorf("%s: %d duplicates, want %d", c.name, len(d.duplicates), c.want)
		}
		if got := len(d.Malformed()); got != min(c.want, malformedLimit) {
			t.Errorf("%s: %d findings", c.name, got)
		}
	}
}

func TestReset(t *testing.T) {
	var zero Document
	if _, ok := zero.EventName(); ok || zero.Strict() || !reflect.DeepEqual(ats(zero.Malformed()),
		[]string{"empty  1:1"}) || zero.Value() != nil {
		t.Errorf("a document that was never parsed into is not an empty body: %q", ats(zero.Malformed()))
	}
	var d Document
	bodies := []string{`{"event":"a","n":[1,{"x":"\u0041"}]}`, `[1`, `{"A":1,"a":1}`, "\xef\xbb\xbf{\"event\":\"b\"}", `7`}
	for range 3 {
		for _, raw := range bodies {
			d.Reset([]byte(raw))
			fresh := Parse([]byte(raw))
			if !reflect.DeepEqual(d.Malformed(), fresh.Malformed()) || !reflect.DeepEqual(d.Value(), fresh.Value()) ||
				d.begin != fresh.begin {
				t.Errorf("%q: a reused document differs from a fresh one", raw)
			}
			name, ok := d.EventName()
			freshName, freshOK := fresh.EventName()
			if name != freshName || ok != freshOK {
				t.Errorf("%q: event name %q %v, want %q %v", raw, name, ok, freshName, freshOK)
			}
		}
	}
	d.Reset([]byte("[" + strings.Repeat("1,", 1<<16) + "1]"))
	d.Reset([]byte("1"))
	if cap(d.nodes) > keptNodes {
		t.Errorf("a small body keeps the memory of %d nodes", cap(d.nodes))
	}
}

func TestReading(t *testing.T) {
	d := Parse([]byte("\xef\xbb\xbf \t{\"event\":\"a\\u0062\",\"p\":{\"q\":[\"x\"],\"r\":\"\\n\",\"\\u0073\":\"t\"}}\r\n"))
	if name, ok := d.EventName(); name != "ab" || !ok {
		t.Errorf("event name %q %v", name, ok)
	}
	for _, c := range []struct {
		path []string
		want string
		ok   bool
	}{
		{[]string{"event"}, "ab", true},
		{[]string{"p", "r"}, "\n", true},
		{[]string{"p", "s"}, "t", true},
		{[]string{"p", "q"}, "", false},
		{[]string{"p", "q", "0"}, "", false},
		{[]string{"P", "r"}, "", false},
		{nil, "", false},
	} {
		if got, ok := d.Text(c.path...); got != c.want || ok != c.ok {
			t.Errorf("text at %q is %q %v", c.path, got, ok)
		}
	}
	if got, ok := Parse([]byte(`"root"`)).Text(); got != "root" || !ok {
		t.Errorf("text of the root is %q %v", got, ok)
	}
	if got := string(d.JSON()); !strings.HasPrefix(got, `{"event"`) || !strings.HasSuffix(got, "}}") {
		t.Errorf("JSON is %q", got)
	}
	for _, c := range []struct{ raw, want string }{
		{`{"event":"cut","payload":{"x`, "cut"}, {`{"event":"twice","event":"x"}`, "twice"}, {`{"event":"then"} {}`, "then"},
		{`{"event":1}`, ""}, {`[`, ""}, {"", ""},
		{`{"event":"cu`, ""},
	} {
		if got, _ := Parse([]byte(c.raw)).EventName(); got != c.want {
			t.Errorf("%s: event name %q, want %q", c.raw, got, c.want)
		}
	}
}

// Whatever the text is, it is never read beyond its end, and reading it takes no more memory than promised.
func TestTruncation(t *testing.T) {
	whole := []byte(`{"event":"a\ud83d\ude00é","n":[-1.5e+3,true,false,null,{}],"o":{"k":"v"}}`)
	for n := range len(whole) {
		cut := bytes.Clone(whole[:n])
		if d := Parse(cut[:n:n]); d.Strict() {
			t.Errorf("%q is strict", cut)
		}
	}
	if found := Parse(whole).Malformed(); found != nil {
		t.Errorf("the whole is malformed: %q", ats(found))
	}
}

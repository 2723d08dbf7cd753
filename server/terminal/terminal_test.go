package terminal_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"numhook/server/terminal"
)

// harmful is what must never reach a terminal, said in Unicode's own terms and not in those of the code.
func harmful(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs, unicode.Co, unicode.Bidi_Control,
		unicode.Join_Control,
		unicode.Noncharacter_Code_Point, unicode.Other_Default_Ignorable_Code_Point)
}

func TestEveryCodePointIsHarmlessAndCanBeTold(t *testing.T) {
	const many = 64
	for first := rune(0); first <= unicode.MaxRune; first += many {
		var all strings.Builder
		for r := first; r < first+many; r++ {
			all.WriteRune(r)
			if shown := terminal.Escape(string(r)); r != '\\' && (shown != string(r)) != (harmful(r) || !unicode.IsGraphic(r)) &&
				utf8.ValidRune(r) {
				t.Errorf("%U is shown as %q", r, shown)
			}
		}
		text := all.String()
		shown := terminal.Escape(text)
		for _, s := range []string{shown, terminal.Line(text), terminal.Cell(text, 20),
			string(terminal.JSON(encode(t, text)))} {
			if strings.ContainsFunc(s, harmful) || !utf8.ValidString(s) {
				t.Fatalf("what begins with %U is shown as %q", first, s)
			}
		}
		if back, err := terminal.Unescape(shown); err != nil || back != text {
			t.Fatalf("what begins with %U is shown as %q, which means %q (%v)", first, shown, back, err)
		}
		var back string
		if err := json.Unmarshal(terminal.JSON(encode(t, text)), &back); err != nil || back != text {
			t.Fatalf("what begins with %U becomes %q in JSON (%v)", first, back, err)
		}
	}
}

func encode(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestEscape(t *testing.T) {
	for _, c := range []struct{ text, cell, line string }{
		{"", "", ""},
		{"+12025550143", "+12025550143", "+12025550143"},
		{"Straße 東京 \u3000é", "Straße 東京 \u3000é", "Straße 東京 \u3000é"},
		{"\x1b[2Ja\a\x00\x7f", `\u001b[2Ja\u0007\u0000\u007f`, `\u001b[2Ja\u0007\u0000\u007f`},
		{"a\r\nb\tc\vd", `a\r\nb\tc\u000bd`, `a\r\nb\tc\u000bd`},
		{"\u009b31m\u0085", `\u009b31m\u0085`, `\u009b31m\u0085`},
		{"\u202egnp.exe\u2066\u200f\u061c", `\u202egnp.exe\u2066\u200f\u061c`, `\u202egnp.exe\u2066\u200f\u061c`},
		{"a\u2028b\u2029c\u200bd\ufeff", `a\u2028b\u2029c\u200bd\ufeff`, `a\u2028b\u2029c\u200bd\ufeff`},
		{"\U000e0041\u3164", `\U000e0041\u3164`, `\U000e0041\u3164`},
		{"\x9b31m\xff\xc3", `\x9b31m\xff\xc3`, `\x9b31m\xff\xc3`},
		{"\ufffd", "\ufffd", "\ufffd"},
		{"::set-output name=a::b", `\u003a:set-output name=a::b`, `\u003a:set-output name=a::b`},
		{" \u00a0::error::", " \u00a0\\u003a:error::", " \u00a0\\u003a:error::"},
		{"##[add-mask]a ##vso[task] ###", `#\u0023[add-mask]a #\u0023vso[task] #\u0023\u0023`,
			`#\u0023[add-mask]a #\u0023vso[task] #\u0023\u0023`},
		{"a::b #1", "a::b #1", "a::b #1"},
		{`\u001b "\n"`, `\\u001b "\\n"`, `\u001b "\n"`},
	} {
		if got := terminal.Escape(c.text); got != c.cell {
			t.Errorf("Escape(%q) is %s, want %s", c.text, got, c.cell)
		}
		if got := terminal.Line(c.text); got != c.line {
			t.Errorf("Line(%q) is %s, want %s", c.text, got, c.line)
		}
		if back, err := terminal.Unescape(c.cell); err != nil || back != c.text {
			t.Errorf("Unescape(%s) is %q (%v), want %q", c.cell, back, err, c.text)
		}
	}
}

func TestCellIsCutBetweenCharacters(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 4, ""}, {"abcd", 4, "abcd"}, {"abcde", 4, "abc…"}, {strings.Repeat("9", 5000), 4, "999…"},
		{"ab\x1bcd", 8, `ab\u001b`[:2] + "…"}, {"ab\x1b", 8, `ab\u001b`}, {"\x1b\x1b\x1b", 13, `\u001b\u001b`[:12] + "…"},
		{"日本語日本", 4, "日本語…"}, {"\x1b", 3, "…"}, {strings.Repeat("\U0001f600", 100), 3, "😀😀…"},
		{strings.Repeat("\x80", 100), 9, `\x80\x80…`},
	} {
		got := terminal.Cell(c.text, c.width)
		if got != c.want || utf8.RuneCountInString(got) > c.width {
			t.Errorf("Cell(%.20q, %d) is %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestJSONStaysTheSameValue(t *testing.T) {
	text := "{\n\t\"a\u009b\": \"\u202e\x7f\U000e0041 é \\u001b\xff\"}\r\n"
	want := "{\n\t\"a\\u009b\": \"\\u202e\\u007f\\udb40\\udc41 é \\u001b\\ufffd\"}\r\n"
	if got := string(terminal.JSON([]byte(text))); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := string(terminal.JSON([]byte(`{"###[a]":"# #"}`))); got != `{"#\u0023\u0023[a]":"# #"}` {
		t.Errorf("got %s", got)
	}
	if good := []byte(`{"cnam":"ACME"}`); &good[0] != &terminal.JSON(good)[0] {
		t.Error("a harmless text is copied")
	}
}

func TestTextKeepsItsLinesBehindAMargin(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a", "a\r\n": `a\r`, "cannot connect:\n\t127.0.0.1: refused\n::error::a": "cannot connect:\n  | 127.0.0.1: " +
			"refused\n  | \\u003a:error::a",
	} {
		if got := terminal.Text(text); got != want {
			t.Errorf("Text(%q) is %q, want %q", text, got, want)
		}
	}
	if got := terminal.JSONCell([]byte("\"O\\\"N\u009b\""), 20); got != `"O\"N\u009b"` {
		t.Errorf("JSONCell is %s", got)
	}
}

func TestBodyKeepsItsLinesBehindAMargin(t *testing.T) {
	for body, want := range map[string]string{
		"": "", "{}": "  | {}\n", "{\n\t\"a\": 1\t,\r\n}\n": "  | {\n  |     \"a\": 1\\t,\\r\n  | }\n",
		"\x1b[2J\nevent forged\n\n": "  | \\u001b[2J\n  | event forged\n  |\n", "\xff\u2028": "  | \\xff\\u2028\n",
	} {
		if got := terminal.Body([]byte(body)); got != want {
			t.Errorf("Body(%q) is %q, want %q", body, got, want)
		}
	}
}

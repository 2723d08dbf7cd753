package contract

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// Positions count what an editor counts, whatever ends the lines and whatever stands before.
func TestPositions(t *testing.T) {
	c := compiled(t, `{"properties":{"a":{"type":"integer"},"b":{"type":"array","items":{"type":"integer"}},`+
		`"o":{"required":["x"],"type":"object"}},"required":["z"]}`)
	elements := strings.Repeat("1,\n", 137) + "\t\"bad\""
	for _, one := range []struct {
		name, body string
		want       []string
	}{
		{"LF", "{\n\"o\":{},\n \"a\":\"x\"}", []string{"required /z 1:1", "required /o/x 2:5", "type /a 3:6"}},
		{"CRLF", "{\r\n\"o\":{},\r\n \"a\":\"x\"}", []string{"required /z 1:1", "required /o/x 2:5", "type /a 3:6"}},
		{"CR", "{\r\"o\":{},\r \"a\":\"x\"}", []string{"required /z 1:1", "required /o/x 2:5", "type /a 3:6"}},
		{"mixed", "\n\r\n\r\r\n{\"a\":null}", []string{"required /z 5:1", "type /a 5:6"}},
		{"tabs", "{\t\"a\":\tnull}", []string{"required /z 1:1", "type /a 1:8"}},
		{"BOM", "\xef\xbb\xbf{\"a\":null}", []string{"required /z 1:1", "type /a 1:6"}},
		{"BOM and line", "\xef\xbb\xbf\n{\"a\":null}", []string{"required /z 2:1", "type /a 2:6"}},
		{"multi-byte", "{\"z\":\"é€😀\u2028\", \"a\":null}", []string{"type /a 1:19"}},
		{"element 137", "{\"z\":0,\"b\":[\n" + elements + "]}", []string{"type /b/137 139:2"}},
	} {
		d := Parse([]byte(one.body))
		r := c.Check("thing", d, 0)
		if got := ats(r.Violations); !slices.Equal(got, one.want) {
			t.Errorf("%s: %q, want %q", one.name, got, one.want)
		}
		for _, f := range r.Violations {
			lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.TrimPrefix(one.body[:f.Offset],
				"\xef\xbb\xbf")), "\n")
			column := len(utf16.Encode([]rune(lines[len(lines)-1]))) + 1
			if f.Line != len(lines) || f.Column != column {
				t.Errorf("%s: offset %d is %d:%d, not %d:%d", one.name, f.Offset, len(lines), column, f.Line, f.Column)
			}
		}
	}
}

// A drift is where the member's name stands, so that a line of its own is not taken for its value's.
func TestDriftPosition(t *testing.T) {
	c := compiled(t, `{"properties":{"a":{}},"additionalProperties":true}`)
	r := c.Check("thing", Parse([]byte("{\n  \"b\":\n    1}")), 0)
	if got := ats(r.Drift); !slices.Equal(got, []string{"unknown-member /b 2:3"}) || r.Drift[0].Offset != 4 {
		t.Errorf("drift %+v", r.Drift)
	}
}

// Pointers of very long member names end at the last value that can be named, and never make the findings large.
func TestLongPointers(t *testing.T) {
	long := strings.Repeat("n", 5000)
	c := compiled(t, `{"properties":{"a":{"additionalProperties":{"items":{"type":"integer"}}}}}`)
	r := c.Check("thing", Parse([]byte(fmt.Sprintf(`{"a":{%q:["x"],"b":["x"]}}`, long))), 0)
	if got, want := ats(r.Violations), []string{"type /a 1:5011", "type /a/b/0 1:5021"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	name := strings.Repeat("n", 600)
	d := Parse([]byte(fmt.Sprintf(`{"a":{%q:{%q:1,%q:2,"ok":{"k":1,"K":2}},"k":1,"K":2}}`, name, name, name)))
	if got, want := ats(d.Malformed()), []string{"duplicate-member /a/" + name + " 1:1216", "duplicate-member /a/" + name +
		"/ok/K 1:1833", "duplicate-member /a/K 1:1847"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

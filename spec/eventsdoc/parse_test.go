package eventsdoc

import (
	"fmt"
	"strings"
	"testing"
)

func TestWhatIsNoEventsDocument(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"empty":     {" \n", "it is empty"},
		"not UTF-8": {"{\"a\": \"\xff\"}", "it is not UTF-8"},
		"cut off":   {"{\"openapi\": \"3.1.0\",\n  \"info\": {", "2:12: it is not JSON: unexpected EOF"},
		"not JSON": {"{\n  \"a\": tru\n}", "2:8: it is not JSON: invalid character '\\n' in literal true " +
			"(expecting 'e')"},
		"trailing comma": {`{"a": [1,]}`, `1:10: it is not JSON: invalid character ']' looking for beginning ` +
			`of value`},
		"two documents": {`{"openapi": "3.1.0"} {}`, "1:22: something follows the document"},
		"member twice": {"{\n\"openapi\": \"3.1.0\",\n \"openapi\": 1}", `3:2: the member "openapi" stands ` +
			`twice in one object`},
		"array":              {`[]`, "1:1: it is not an OpenAPI document: it is not an object"},
		"any JSON":           {`{"name": "x"}`, "1:1: it is not an OpenAPI document: it has no member openapi"},
		"Swagger":            {`{"swagger": "2.0"}`, "1:2: it is a Swagger 2 document, not OpenAPI 3"},
		"version 4":          {`{"openapi": "4.0.0", "paths": {}}`, `1:2: its OpenAPI version is "4.0.0", not 3.x`},
		"version of no kind": {`{"openapi": {}, "paths": {}}`, `1:2: its OpenAPI version is an object, not 3.x`},
		"too deep": {`{"openapi": "3.1.0", "x": ` + strings.Repeat("[", 100_000),
			"1:526: it is nested deeper than 500"},
		"text": {"to whom it may concern", "1:1: it is not an OpenAPI document: it is not an object"},
		"bad YAML": {"a: [", "it is neither JSON nor YAML: yaml: line 1: did not find expected " +
			"node content"},
		"two YAML documents":        {"a: 1\n---\nb: 2\n", "it holds more than one YAML document"},
		"YAML member twice":         {"a: 1\nä: 2\na: 3\n", `3:1: the member "a" stands twice in one object`},
		"YAML merge key":            {"a: &a {b: 1}\nc:\n  <<: *a\n", "3:3: only plain member names are understood here"},
		"YAML with too many values": {bomb(), "it holds more than 1000000 values"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read([]byte(test.content))
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// bomb is a small YAML document that its aliases make a great one.
func bomb() string {
	var b strings.Builder
	b.WriteString("l0: &l0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "l%d: &l%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*l%d, ", i-1), 10), ", "))
	}
	return b.String()
}

// TestPositions: columns count UTF-16 code units, in JSON and in YAML.
func TestPositions(t *testing.T) {
	type at struct{ line, column int }
	for name, test := range map[string]struct {
		content string
		want    at
	}{
		"plain":              {`{"a": 1, "here": 2}`, at{1, 10}},
		"byte order mark":    {"\ufeff" + `{"a": 1, "here": 2}`, at{1, 10}},
		"two bytes each":     {`{"é": "üü", "here": 2}`, at{1, 13}},
		"outside of the BMP": {`{"😀": "😀", "here": 2}`, at{1, 14}},
		"escapes":            {`{"\u00e9": "\ud83d\ude00", "here": 2}`, at{1, 28}},
		"tabs and CRLF":      {"{\r\n\t\"a\": 1,\r\n\t\t\"here\": 2}", at{3, 3}},
		"YAML":               {"a: 1\nb: {x: 😀, here: 2}", at{2, 12}},
	} {
		t.Run(name, func(t *testing.T) {
			root, err := parse([]byte(test.content))
			if err != nil {
				t.Fatal(err)
			}
			if b := member(root, "b"); b != nil {
				root = b
			}
			if key := root.Content[find(root, "here")]; (at{key.Line, key.Column}) != test.want {
				t.Errorf("got %d:%d, want %v", key.Line, key.Column, test.want)
			}
		})
	}
}

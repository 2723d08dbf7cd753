package diff

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// hostile are documents whose names try to break out of every format.
func hostile(t *testing.T) []Change {
	t.Helper()
	const event = `a|b\n::error::%0A,@team <b>*x*</b> ` + "`tick`" + `\u001b[31m`
	document := func(schema string) *Document {
		return mustLoad(t, "HEAD~1:spec/a,b:c.json", `{"openapi": "3.1.0", "webhooks": {"`+event+
			`": {"post": {"requestBody": {"content": {"application/json": {"schema": `+schema+`}}}}}}}`)
	}
	return Compare(document(`{"required": ["|m|"], "properties": {"|m|": {"enum": ["`+"``"+`"]}, "gone": {}}}`),
		document(`{"properties": {"|m|": {"enum": ["`+"``"+`", "_new_|"]}}}`))
}

func plain(t *testing.T) []Change {
	t.Helper()
	base := contents(t, "testdata/numbers.json")
	edited := strings.NewReplacer(`"maximum": 9999`, `"maximum": 10000`, `["event", "event_ts", "payload"]`,
		`["event", "payload"]`,
		`"scheme": {
                            "const": "tel"
                          },
`, "", "The name of the event.", "The event.", `"number.removed": {`, `"number.deleted": {`).Replace(base)
	return Compare(mustLoad(t, "HEAD~1:spec/numbers.json", base), mustLoad(t, "spec/numbers.json", edited))
}

// TestFormats holds what is written against testdata/<case>.<format>. UPDATE=1 writes the files again.
func TestFormats(t *testing.T) {
	writers := map[string]func(io.Writer, []Change) error{"txt": WriteText, "json": WriteJSON, "md": WriteMarkdown,
		"github": WriteGitHub}
	for name, changes := range map[string][]Change{"none": nil, "plain": plain(t), "hostile": hostile(t)} {
		for format, write := range writers {
			var got bytes.Buffer
			if err := write(&got, changes); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+"."+format)
			if os.Getenv("UPDATE") != "" {
				if err := os.WriteFile(path, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if want := contents(t, path); got.String() != want {
				t.Errorf("%s: got\n%s\nwant\n%s", path, got.String(), want)
			}
		}
	}
}

// TestLines: whatever a document holds, each change is one workflow command, one row of a table, and no control
// character reaches a terminal.
func TestLines(t *testing.T) {
	changes := hostile(t)
	var github, markdown, text bytes.Buffer
	if err := WriteGitHub(&github, changes); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(github.String(), "\n"), "\n")
	if len(lines) != len(changes) {
		t.Errorf("%d changes are %d commands:\n%s", len(changes), len(lines), github.String())
	}
	for _, line := range lines {
		if command, rest, _ := strings.Cut(strings.TrimPrefix(line, "::"), "::"); strings.Count(command, ",") != 3 ||
			rest == "" {
			t.Errorf("the command %q has other properties than its four", line)
		}
	}
	if err := WriteMarkdown(&markdown, changes); err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.SplitSeq(markdown.String(), "\n") {
		if strings.HasPrefix(line, "| ") {
			rows++
			if cells := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") - 1; cells != 6 {
				t.Errorf("the row %q has %d cells, not 6", line, cells)
			}
		}
	}
	if rows != len(changes)+2 {
		t.Errorf("%d changes are %d rows", len(changes), rows-2)
	}
	if err := WriteText(&text, changes); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsRune(text.String()+markdown.String()+github.String(), '\x1b') {
		t.Error("an escape sequence gets through")
	}
	if strings.Contains(text.String(), "\n::") {
		t.Errorf("a name begins a line:\n%s", text.String())
	}
}

// TestJSON: the documented members, and nothing else.
func TestJSON(t *testing.T) {
	var out bytes.Buffer
	if err := WriteJSON(&out, plain(t)); err != nil {
		t.Fatal(err)
	}
	var changes []map[string]any
	if err := json.Unmarshal(out.Bytes(), &changes); err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c["id"] == "event-added" {
			want := map[string]any{"id": "event-added", "level": "risky", "operation": "number.deleted", "old": nil,
				"possible_rename": "number.removed",
				"new": map[string]any{"file": "spec/numbers.json", "pointer": "/webhooks/number.deleted", "line": 164.0,
					"column": 5.0}, "message": c["message"]}
			if !reflect.DeepEqual(c, want) {
				t.Errorf("got  %v\nwant %v", c, want)
			}
			return
		}
	}
	t.Errorf("there is no event-added in %s", out.String())
}

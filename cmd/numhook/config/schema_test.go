package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// asEditorsDo holds a text against the schema.
func asEditorsDo(t testing.TB, s *jsonschema.Schema, text string) error {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		return err
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return err
	}
	value, err = jsonschema.UnmarshalJSON(bytes.NewReader(encoded))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}

func TestSchemaTakesWhatLoadTakes(t *testing.T) {
	s := compiled()
	for _, text := range []string{
		string(Example()), good, "downstreams: []",
		good + "  retry: {give_up_after: never, first: 1.5s}\n  only: {}\n  rate: 1e3\n  headers: {}",
		good + "  headers_file: x\n",
		"downstreams: [{name: a, url: 'exec:run', args: ['']}, {name: b, url: 'file:///x y#?', rotate: 1024, keep: 1}, " +
			"{name: c, url: 'nats://a,[::1]:1/b?creds=a@b'}]",
		"downstreams: [{name: a, url: 'https://h?x@y', secret_file: x}, {name: b, url: 'http://[::1]:80', secret_file: x, " +
			"allow_private: true}]",
	} {
		if err := asEditorsDo(t, s, text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestSchemaRefusesWhatIsBadInItself(t *testing.T) {
	s := compiled()
	for _, test := range refused {
		if err := asEditorsDo(t, s, good+test.lines); (err != nil) != test.structural {
			t.Errorf("%s: the schema says %v", test.lines, err)
		}
	}
	for _, text := range []string{"", "x", "[]", "downstreams:", "downstreams: {}", "downstreams: [1]", "upstreams: []",
		"downstreams: []\nx: 1"} {
		if err := asEditorsDo(t, s, text); err == nil {
			t.Errorf("the schema takes %q", text)
		}
	}
	for _, url := range []string{"", "h/x", "ftp://h/x", "https://", "https://u:p@h/x", "https://h/x#y", "exec:",
		"file:x/", "nats://h", "kafka:///x"} {
		if err := asEditorsDo(t, s, "downstreams: [{name: a, secret_file: x, url: '"+url+"'}]"); err == nil {
			t.Errorf("the schema takes the url %q", url)
		}
	}
	if err := asEditorsDo(t, s, "downstreams: [{name: a, url: 'https://h/x'}]"); err == nil {
		t.Error("the schema takes a url without a secret_file")
	}
}

// The schema explains every key, and has no other than the texts name.
func TestSchemaHasEveryKey(t *testing.T) {
	var document struct {
		Defs struct {
			Downstream struct {
				Properties map[string]struct {
					Description string
					Properties  map[string]struct{ Description string }
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(Schema(), &document); err != nil {
		t.Fatal(err)
	}
	properties := document.Defs.Downstream.Properties
	if got, want := slices.Sorted(maps.Keys(properties)),
		slices.Sorted(strings.SplitSeq(strings.ReplaceAll(allKeys, " or ", ", "), ", ")); !slices.Equal(got, want) {
		t.Errorf("the schema has %q, want %q", got, want)
	}
	for name, property := range properties {
		if property.Description == "" && name != "only" {
			t.Errorf("%s is not explained", name)
		}
	}
	if got := slices.Sorted(maps.Keys(properties["only"].Properties)); !slices.Equal(got,
		[]string{"carrier_codes", "countries", "prefixes"}) {
		t.Errorf("only has %q", got)
	}
	if got := slices.Sorted(maps.Keys(properties["retry"].Properties)); !slices.Equal(got,
		[]string{"factor", "first", "give_up_after", "max"}) {
		t.Errorf("retry has %q", got)
	}
}

// FuzzParse: whatever the file holds, it ends in settings or in problems that have a place in it, and what is taken
// passes the schema.
func FuzzParse(f *testing.F) {
	f.Add(string(Example()))
	for _, test := range refused {
		f.Add(good + test.lines)
	}
	for _, text := range []string{"a: &a [*a]", "? {}\n: {}", "--- !!map {? [] : ''}\n...\n---\n",
		"\ufeff{downstreams: []}", "[[[[[", "downstreams: [{name: *x}]", "%TAG ! x\n---\n! a"} {
		f.Add(text)
	}
	at := f.TempDir()
	if err := os.WriteFile(filepath.Join(at, "good.secret"), []byte(goodSecret), 0o600); err != nil {
		f.Fatal(err)
	}
	s := compiled()
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parse([]byte(text), 0o600, filepath.Join(at, "numhook.yaml"), known)
		if err == nil {
			if got == nil || asEditorsDo(t, s, text) != nil {
				t.Fatalf("%q is taken, and the schema says %v", text, asEditorsDo(t, s, text))
			}
			return
		}
		problems, ok := err.(*Problems) //nolint:errorlint // it is never wrapped
		if !ok || got != nil || len(problems.List) == 0 || len(problems.List) > maxProblems {
			t.Fatalf("%q: %v, %v", text, got, err)
		}
		lines := 1 + bytes.Count([]byte(text), []byte("\n")) + bytes.Count([]byte(text), []byte("\r")) +
			bytes.Count([]byte(text), []byte("\u0085")) +
			bytes.Count([]byte(text), []byte("\u2028")) + bytes.Count([]byte(text), []byte("\u2029"))
		for _, p := range problems.List {
			if p.Line < 1 || p.Column < 1 || p.Line > lines || p.Text == "" {
				t.Fatalf("%q: %+v", text, p)
			}
		}
	})
}

package diff

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadErrors(t *testing.T) {
	dir := t.TempDir()
	const head = `{"openapi": "3.1.0", "webhooks": {}, `
	for name, test := range map[string]struct{ content, want string }{
		"empty":     {" \n", "it is empty"},
		"not UTF-8": {"{\"a\": \"\xff\"}", "it is not UTF-8"},
		"cut off":   {"{\"openapi\": \"3.1.0\",\n  \"info\": {", "2:12: it is not JSON: unexpected EOF"},
		"not JSON": {"{\n  \"a\": tru\n}", "2:8: it is not JSON: invalid character '\\n' in literal true " +
			"(expecting 'e')"},
		"trailing comma": {`{"a": [1,]}`, `1:10: it is not JSON: invalid character ']' looking for beginning of value`},
		"two documents":  {`{"openapi": "3.1.0"} {}`, "1:22: something follows the document"},
		"member twice": {"{\n\"openapi\": \"3.1.0\",\n \"openapi\": 1}", `3:2: the member "openapi" stands twice in ` +
			`one object`},
		"array":              {`[]`, "it is not an OpenAPI document: it is not an object"},
		"any JSON":           {`{"name": "x"}`, "it is not an OpenAPI document: it has no member openapi"},
		"Swagger":            {`{"swagger": "2.0"}`, "it is a Swagger 2 document, not OpenAPI 3"},
		"version 4":          {`{"openapi": "4.0.0", "paths": {}}`, `1:2: its OpenAPI version is "4.0.0", not 3.x`},
		"version of no kind": {`{"openapi": {}, "paths": {}}`, `1:2: its OpenAPI version is an object, not 3.x`},
		"no events": {`{"openapi": "3.1.0", "info": {}}`, "it is not an events document: it has neither webhooks " +
			"nor paths"},
		"webhooks of no kind": {`{"openapi": "3.1.0", "webhooks": []}`, "1:22: /webhooks is not an object"},
		"broken reference": {head + "\n\"x\": {\"$ref\": \"#/components/schemas/A\"}}", `2:7: cannot follow the $ref ` +
			`"#/components/schemas/A" at "/x": there is nothing at that place`},
		"reference to a string": {head + `"x": {"$ref": "#/openapi"}}`,
			`1:44: cannot follow the $ref "#/openapi" at "/x": what stands there is neither an object nor a boolean`},
		"reference outwards": {head + `"x": {"$ref": "other.json#/a"}}`, `1:44: cannot follow the $ref "other.json#/a" at ` +
			`"/x": it leads out of the document`},
		"reference by name": {head + `"x": {"$ref": "#a"}}`, `1:44: cannot follow the $ref "#a" at "/x": it is no ` +
			`JSON pointer`},
		"reference to itself": {head + `"x": {"$ref": "#/y"}, "y": {"$ref": "#/x"}}`,
			`1:44: cannot follow the $ref "#/y" at "/x": it leads to itself`},
		"reference past a list": {head + `"x": {"$ref": "#/y/01"}, "y": [{}, {}]}`, `1:44: cannot follow the $ref ` +
			`"#/y/01" at "/x": there is nothing at that place`},
		"too deep": {head + `"x": ` + strings.Repeat("[", 100_000), "1:542: it is nested deeper than 500"},
		"text":     {"to whom it may concern", "it is not an OpenAPI document: it is not an object"},
		"bad YAML": {"a: [", "it is neither JSON nor YAML: yaml: line 1: did not find expected " +
			"node content"},
		"two YAML documents":        {"a: 1\n---\nb: 2\n", "it holds more than one YAML document"},
		"YAML member twice":         {"a: 1\nä: 2\na: 3\n", `3:1: the member "a" stands twice in one object`},
		"YAML merge key":            {"a: &a {b: 1}\nc:\n  <<: *a\n", "3:3: only plain member names are understood here"},
		"YAML with too many values": {bomb(), "it holds more than 1000000 values"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "document")
			if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(t.Context(), path)
			if want := "cannot use " + path + ": " + test.want; err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
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

func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for arg, want := range map[string]string{
		"missing.json": "cannot read missing.json: no such file or directory",
		dir:            "cannot read " + dir + ": is a directory",
		"https://example.com/a.js": "cannot read https://example.com/a.js: it is neither a file nor a git revision; fetch " +
			"it into a file first",
		"HEAD:":        "cannot read HEAD:: it is neither a file nor REV:path",
		"--output=x:y": "cannot read --output=x:y: it is neither a file nor REV:path",
	} {
		if _, err := Load(t.Context(), arg); err == nil || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	if _, err := Load(t.Context(), "HEAD:a.json"); err == nil ||
		!strings.HasPrefix(err.Error(), "cannot read HEAD:a.json: there is no such file, and git says: not a git "+
			"repository") {
		t.Errorf("outside of a repository: %v", err)
	}
	t.Setenv("PATH", dir)
	want := "cannot read HEAD:a.json: there is no such file, and to read a revision git must be installed"
	if _, err := Load(t.Context(), "HEAD:a.json"); err == nil || err.Error() != want {
		t.Errorf("without git: got %v\nwant %s", err, want)
	}
}

func TestRevisions(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	t.Chdir(t.TempDir())
	git(t, "init", "-q")
	base := contents(t, filepath.Join(workspace, "testdata/numbers.json"))
	for i, content := range []string{base, strings.Replace(base, `"maximum": 9999`, `"maximum": 10000`, 1)} {
		if err := os.MkdirAll("spec", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("spec/numbers.json", []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		git(t, "add", "spec")
		git(t, "-c", "user.name=n", "-c", "user.email=n@example.com", "commit", "-q", "-m", fmt.Sprint(i))
	}
	old, err := Load(t.Context(), "HEAD~1:spec/numbers.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, arg := range []string{"HEAD:spec/numbers.json", "HEAD:./spec/numbers.json", ":spec/numbers.json",
		"./spec/numbers.json"} {
		new, err := Load(t.Context(), arg)
		if err != nil {
			t.Errorf("cannot load %s: %v", arg, err)
			continue
		}
		changes := Compare(old, new)
		if len(changes) != 1 || changes[0].ID != "bound-loosened" {
			t.Errorf("HEAD~1 to %s: %v", arg, brief(changes))
			continue
		}
		if c := changes[0]; c.Old.File != "HEAD~1:spec/numbers.json" || c.New.File != arg ||
			c.near.File != "spec/numbers.json" {
			t.Errorf("files %q, %q, %q", c.Old.File, c.New.File, c.near.File)
		}
	}
	for arg, want := range map[string]string{
		"HEAD~5:spec/numbers.json": "git says: invalid object name 'HEAD~5'.\na shallow clone lacks older revisions: fetch " +
			"more of the history (actions/checkout: fetch-depth: 0)",
		"HEAD:spec/other.json": "git says: path 'spec/other.json' does not exist in 'HEAD'",
		"HEAD:spec":            "git says: git cat-file HEAD:spec: bad file",
	} {
		if _, err := Load(t.Context(), arg); err == nil || err.Error() != "cannot read "+arg+": "+want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

// workspace is where the tests begin.
var workspace, _ = os.Getwd()

func git(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func TestWorkspacePath(t *testing.T) {
	for arg, want := range map[string]string{
		"./testdata/../testdata/numbers.json":     "testdata/numbers.json",
		filepath.Join(workspace, "testdata/x"):    "testdata/x",
		filepath.Join(workspace, "../x"):          filepath.ToSlash(filepath.Join(workspace, "../x")),
		"HEAD~1:./spec/numbers.json":              "spec/numbers.json",
		"origin/main:spec/number-management.json": "spec/number-management.json",
	} {
		if got := workspacePath(arg); got != want {
			t.Errorf("%s: got %s, want %s", arg, got, want)
		}
	}
}

// TestPositions: columns count UTF-16 code units, in JSON and in YAML.
func TestPositions(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		want    position
	}{
		"plain":              {`{"a": 1, "here": 2}`, position{1, 10}},
		"byte order mark":    {"\ufeff" + `{"a": 1, "here": 2}`, position{1, 10}},
		"two bytes each":     {`{"é": "üü", "here": 2}`, position{1, 13}},
		"outside of the BMP": {`{"😀": "😀", "here": 2}`, position{1, 14}},
		"escapes":            {`{"\u00e9": "\ud83d\ude00", "here": 2}`, position{1, 28}},
		"tabs and CRLF":      {"{\r\n\t\"a\": 1,\r\n\t\t\"here\": 2}", position{3, 3}},
		"YAML":               {"a: 1\nb: {x: 😀, here: 2}", position{2, 12}},
	} {
		t.Run(name, func(t *testing.T) {
			root, err := parse([]byte(test.content))
			if err != nil {
				t.Fatal(err)
			}
			found, known := root.find("here")
			if b, nested := root.find("b"); nested {
				found, known = b.value.find("here")
			}
			if !known || found.at != test.want {
				t.Errorf("got %v, want %v", found.at, test.want)
			}
		})
	}
}

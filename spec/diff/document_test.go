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
	for name, test := range map[string]struct{ content, want string }{
		"cut off":   {"{\"openapi\": \"3.1.0\",\n  \"info\": {", "2:12: it is not JSON: unexpected EOF"},
		"any JSON":  {`{"name": "x"}`, "1:1: it is not an OpenAPI document: it has no member openapi"},
		"version 4": {`{"openapi": "4.0.0", "paths": {}}`, `1:2: its OpenAPI version is "4.0.0", not 3.x`},
		"no operation": {`{"openapi": "3.1.0", "webhooks": {"a.b": {"POTS": {}}}}`, "1:22: it is not an events document: " +
			`no operation is recognised in its webhooks (1:43: "POTS" says nothing: there is no such member of a path item)`},
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

package main

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The files for CI services are read as the services read them, and their shell steps run as they stand, in the shell
// that the service would use and with the environment that it would make.

// step is a step of a workflow or of a composite action.
type step struct {
	Name, ID, If, Uses, Shell, Run string
	Dir                            string `yaml:"working-directory"`
	Env, With                      map[string]string
}

type input struct {
	Description, Type, Default string
	Required                   bool
}

type action struct {
	Inputs  map[string]input
	Outputs map[string]struct{ Value string }
	Runs    struct {
		Using string
		Steps []step
	}
}

type workflow struct {
	On struct {
		Call struct{ Inputs map[string]input } `yaml:"workflow_call"`
	}
	Jobs map[string]struct{ Steps []step }
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// evaluate replaces the expressions that the action uses.
func evaluate(t *testing.T, text string, values map[string]string) string {
	t.Helper()
	return regexp.MustCompile(`\$\{\{ ([a-z_.-]+) \}\}`).ReplaceAllStringFunc(text, func(expression string) string {
		value, ok := values[strings.Trim(expression, "${} ")]
		if !ok {
			t.Fatalf("the expression %s is not known", expression)
		}
		return value
	})
}

// runAction runs the shell steps of the action, and gives the output of the last one, its exit code, and what it told
// the service. What the action builds lies in built, and is built once.
func runAction(t *testing.T, folder, built string, inputs map[string]string) (output string, code int, told string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var a action
	readYAML(t, filepath.Join(root, ".github/actions/validate/action.yml"), &a)
	values := map[string]string{"github.action_path": filepath.Join(root, ".github/actions/validate")}
	for name, in := range a.Inputs {
		values["inputs."+name] = in.Default
	}
	for name, value := range inputs {
		if _, declared := a.Inputs[name]; !declared {
			t.Fatalf("the action has no input %s", name)
		}
		values["inputs."+name] = value
	}
	result := filepath.Join(t.TempDir(), "output")
	environment := append(os.Environ(), "RUNNER_TEMP="+built, "GITHUB_OUTPUT="+result, "GITHUB_WORKSPACE="+folder)
	for _, s := range a.Runs.Steps {
		if _, err := os.Stat(filepath.Join(built, "numhook")); s.Uses != "" || s.Name == "Build numhook" && err == nil {
			continue
		}
		if s.Shell != "bash" || strings.Contains(s.Run, "${{") {
			t.Fatalf("the step %q must run in bash, and take what it is given from its environment", s.Name)
		}
		command := exec.CommandContext(t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
		command.Dir = filepath.Join(folder, evaluate(t, s.Dir, values))
		command.Env = environment
		for _, name := range slices.Sorted(maps.Keys(s.Env)) {
			command.Env = append(command.Env, name+"="+evaluate(t, s.Env[name], values))
		}
		out, err := command.CombinedOutput()
		output, code = string(out), command.ProcessState.ExitCode()
		if err != nil {
			break
		}
	}
	raw, _ := os.ReadFile(result)
	return output, code, string(raw)
}

const brokenPayload = `{"event":7}`

func payloadFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"payloads/a b.json": brokenPayload,
		"good/drift.json": `{"event":"number_management.peering_number_cnam_updated","event_ts":1739927164902,"payload":` +
			`{"account_id":"a","object":{"carrier_code":1,"phone_numbers":["+12025550143"],"cnam":"A","new":1}}}`,
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestGitHubActionRuns(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program")
	}
	folder, built := payloadFolder(t), t.TempDir()
	for _, one := range []struct {
		name   string
		inputs map[string]string
		code   int
		output string
	}{
		{"annotations", map[string]string{"paths": "payloads\n"}, 1,
			"::error file=payloads/a b.json,line=1,col=10,title=numhook%3A type::"},
		{"several paths", map[string]string{"paths": "good\npayloads/a b.json\n\n"}, 1,
			"1 error and 1 warning in 2 payloads of 2 files"},
		{"a folder of its own", map[string]string{"paths": ".", "working-directory": "payloads"}, 1,
			"::error file=payloads/a b.json,"},
		{"valid", map[string]string{"paths": "good"}, 0, "1 warning in 1 payload of 1 file"},
		{"strict", map[string]string{"paths": "good", "strict": "true", "format": "text"}, 1, "good/drift.json:1:"},
		{"a rule", map[string]string{"paths": "good", "strict": "true", "rules": "unknown-member=off"}, 0,
			"1 of rules that are switched off"},
		{"two reports", map[string]string{"paths": "payloads", "format": "junit=numhook.xml,github"}, 1,
			"::error file=payloads/a b.json,"},
		{"an event", map[string]string{"paths": "good",
			"event": "number_management.peering_number_emergency_address_updated"}, 1, "event-mismatch"},
		{"unreadable", map[string]string{"paths": "missing.json"}, 2, "cannot read missing.json"},
		{"no flags by the back door", map[string]string{"paths": "--help\n$(touch injected)"}, 2, "cannot read --help"},
		{"no such document", map[string]string{"paths": "good", "spec": "missing"}, 2, "cannot use the document missing"},
		{"no such baseline", map[string]string{"paths": "good", "baseline": "missing"}, 2,
			"cannot read the baseline missing"},
	} {
		output, code, told := runAction(t, folder, built, one.inputs)
		if code != one.code || !strings.Contains(output, one.output) || told != "exit-code="+string(rune('0'+code))+"\n" {
			t.Errorf("%s: exit code %d, told %q, output:\n%s", one.name, code, told, output)
		}
	}
	if _, err := os.Stat(filepath.Join(folder, "injected")); err == nil {
		t.Error("a path was run as a command")
	}
	if _, code, _ := runAction(t, folder, built, map[string]string{"paths": "payloads", "format": "sarif",
		"output": "numhook.sarif"}); code != 1 {
		t.Errorf("sarif: exit code %d", code)
	}
	if report, err := os.ReadFile(filepath.Join(folder, "numhook.sarif")); err != nil || !strings.Contains(string(report),
		`"uri":"payloads/a%20b.json"`) {
		t.Errorf("sarif: %v\n%s", err, report)
	}
}

// TestGitHubWorkflowFitsTheAction holds what the reusable workflow passes on against what it takes in and against what
// the action knows.
func TestGitHubWorkflowFitsTheAction(t *testing.T) {
	var w workflow
	readYAML(t, "../../.github/workflows/validate.yml", &w)
	var a action
	readYAML(t, "../../.github/actions/validate/action.yml", &a)
	if a.Runs.Using != "composite" || a.Outputs["exit-code"].Value == "" || len(w.Jobs) != 1 {
		t.Fatalf("got %+v, %+v", a, w)
	}
	var called bool
	for _, s := range w.Jobs["validate"].Steps {
		if s.Run != "" {
			t.Errorf("the workflow has a shell step of its own, which no test runs: %q", s.Run)
		}
		for _, value := range append(slices.Collect(maps.Values(s.With)), s.If) {
			for _, used := range regexp.MustCompile(`inputs\.([a-z-]+)`).FindAllStringSubmatch(value, -1) {
				if _, declared := w.On.Call.Inputs[used[1]]; !declared {
					t.Errorf("the workflow uses an input %s that it does not declare", used[1])
				}
			}
		}
		if path, ours := strings.CutPrefix(s.Uses, "./.numhook/"); ours {
			called = true
			if _, err := os.Stat(filepath.Join("../..", path, "action.yml")); err != nil {
				t.Error(err)
			}
			for name := range s.With {
				if _, declared := a.Inputs[name]; !declared {
					t.Errorf("the action has no input %s", name)
				}
			}
		} else if !regexp.MustCompile(`^[a-z-]+/[a-z/-]+@[0-9a-f]{40}$`).MatchString(s.Uses) {
			t.Errorf("the step uses %q", s.Uses)
		}
	}
	if !called {
		t.Error("the workflow does not use the action")
	}
}

func TestPreCommitHook(t *testing.T) {
	t.Parallel()
	var hooks []struct {
		ID, Entry, Language, Files string
	}
	readYAML(t, "../../.pre-commit-hooks.yaml", &hooks)
	if len(hooks) != 1 || hooks[0].ID != "numhook-validate" || hooks[0].Language != "golang" {
		t.Fatalf("got %+v", hooks)
	}
	// pre-commit installs the program under its name and calls the entry with the names of the files behind it.
	folder := payloadFolder(t)
	entry := strings.Fields(hooks[0].Entry)
	out, err := numhookIn(t, folder, append(entry[1:], "payloads/a b.json")...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "payloads/a b.json:1:10: error: ") || entry[0] != "numhook" {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := numhookIn(t, folder, append(entry[1:], "good/drift.json")...).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestPreCommitTakesWhatAFolderSearchFinds holds the patterns, the hook's own and the page's, against the search of a
// tree of files with all kinds of names.
func TestPreCommitTakesWhatAFolderSearchFinds(t *testing.T) {
	t.Parallel()
	var hooks []struct{ Files string }
	readYAML(t, "../../.pre-commit-hooks.yaml", &hooks)
	onPage := regexp.MustCompile(`(?m)^ +files: (\^.*)$`).FindStringSubmatch(documentation(t))
	if len(hooks) != 1 || onPage == nil {
		t.Fatal("there is no pattern")
	}
	folder := t.TempDir()
	files := map[string]bool{}
	for _, in := range []string{
		"payloads/", "payloads/deep/er/", "payloads/.hidden/", "payloads/v1.0/", ".github/payloads/", "test/payloads/",
		"test/.x/payloads/", "mypayloads/", "payloads.old/", "Payloads/", "", "test/payloads/.git/payloads/",
	} {
		for _, name := range []string{
			"a.json", "b.ndjson", "c.jsonl", "d.json.gz", "e.JSON", "f.NdJson.GZ", ".g.json", ".json", "h.txt", "i.json.zip",
			"json", "j.gz", "k.json5", "l..json", "m n+ü.jsonl.gz", "n.json.gz.gz", "-o.json", "payloads",
		} {
			files[in+name] = false
			if err := os.MkdirAll(filepath.Join(folder, in), 0o700); err != nil {
				t.Fatal(err)
			}
			err := os.WriteFile(filepath.Join(folder, in+name), []byte(brokenPayload), 0o600)
			if err != nil && name != "payloads" { // which is a folder in some places
				t.Fatal(err)
			}
		}
	}
	for _, one := range []struct{ pattern, path string }{{hooks[0].Files, "."}, {onPage[1], "payloads"}} {
		out, _ := numhookIn(t, folder, "validate", "--format", "json", one.path).Output()
		var found struct{ Findings, Unreadable []struct{ File string } }
		if err := json.Unmarshal(out, &found); err != nil {
			t.Fatal(err)
		}
		searched := map[string]bool{}
		for _, f := range append(found.Findings, found.Unreadable...) { // what is named .gz here is none
			searched[f.File] = true
		}
		taken := 0
		for name := range files {
			want := searched[name] && slices.Contains(strings.Split(filepath.Dir(name), "/"), "payloads")
			if want {
				taken++
			}
			if got := regexp.MustCompile(one.pattern).MatchString(name); got != want {
				t.Errorf("%s: %s is taken: %t, and found: %t", one.pattern, name, got, want)
			}
		}
		if taken < 20 {
			t.Errorf("%s: only %d files are taken", one.pattern, taken)
		}
	}
}

// TestGitLabSnippet runs the script of the page's job for GitLab, in a shell as GitLab's runner has it.
func TestGitLabSnippet(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the program")
	}
	found := regexp.MustCompile("(?s)```yaml\n(validate-payloads:.*?)```").FindStringSubmatch(documentation(t))
	if found == nil {
		t.Fatal("no page has a job validate-payloads for GitLab")
	}
	var jobs map[string]struct {
		Script    []string
		Artifacts struct {
			Reports struct{ JUnit string }
		}
	}
	if err := yaml.Unmarshal([]byte(found[1]), &jobs); err != nil {
		t.Fatal(err)
	}
	job := jobs["validate-payloads"]
	folder := payloadFolder(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(root, filepath.Join(folder, ".numhook")); err != nil { // in the place of the clone
		t.Fatal(err)
	}
	if !strings.HasPrefix(job.Script[0], "git clone ") {
		t.Fatalf("the script is %q", job.Script)
	}
	script := strings.ReplaceAll(strings.Join(job.Script[1:], "\n"), "-o ../numhook",
		"-o "+filepath.Join(folder, "numhook"))
	command := exec.CommandContext(t.Context(), "bash", "-eo", "pipefail", "-c", script)
	command.Dir = folder
	if out, _ := command.CombinedOutput(); command.ProcessState.ExitCode() != exitNo {
		t.Fatalf("exit code %d: %s", command.ProcessState.ExitCode(), out)
	}
	if report, err := os.ReadFile(filepath.Join(folder, job.Artifacts.Reports.JUnit)); err != nil ||
		!strings.Contains(string(report), `failures="1"`) {
		t.Errorf("%v: %s", err, report)
	}
}

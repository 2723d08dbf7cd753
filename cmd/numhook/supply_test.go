package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// usesForm is a step, or a whole job, that somebody else wrote; pinnedForm is how it must be named: a tag can be moved,
// a commit cannot.
var (
	usesForm   = regexp.MustCompile(`(?m)^[\s-]*uses:\s*(.*)$`)
	pinnedForm = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	quotedUses = regexp.MustCompile(`^["']?\./`)
)

func TestActionsOfOthersArePinnedByTheirCommit(t *testing.T) {
	found := 0
	err := filepath.WalkDir("../../.github", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, use := range usesForm.FindAllStringSubmatch(string(raw), -1) {
			name := strings.TrimSpace(use[1])
			if quotedUses.MatchString(name) || strings.HasPrefix(name, "OWNER/numhook/") { // ours; the latter in a comment
				continue
			}
			found++
			if !pinnedForm.MatchString(name) {
				t.Errorf("%s uses %s: write the 40 digits of the commit behind the @, and the version as a comment", path, name)
			}
		}
		return nil
	})
	if err != nil || found < 6 {
		t.Errorf("%d uses were found (%v)", found, err)
	}
	for _, use := range usesForm.FindAllStringSubmatch(documentation(t), -1) {
		if !regexp.MustCompile(`@v\d+\.\d+\.\d+( |$)`).MatchString(use[1]) {
			t.Errorf("a page advises %s, which is no release", use[1])
		}
	}
}

// TestEveryBinaryIsBuiltWithoutSymbolTables: with them it had 42 MB instead of 29. Stack traces need none.
func TestEveryBinaryIsBuiltWithoutSymbolTables(t *testing.T) {
	build := regexp.MustCompile(`(?m)^.*(?:go|\$\(GO\)) build .*\./cmd/numhook.*$`)
	for path, want := range map[string]int{"../../Makefile": 1, "../../.github/actions/validate/action.yml": 1,
		"validate.md": 1} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		commands := build.FindAllString(string(raw), -1)
		if len(commands) != want {
			t.Errorf("%s has %d commands that build the binary, want %d", path, len(commands), want)
		}
		for _, command := range commands {
			if !strings.Contains(command, `-trimpath -ldflags "-s -w"`) {
				t.Errorf("%s: %s", path, command)
			}
		}
	}
}

// TestWhatGovulncheckSaysIsToldApart: a vulnerability fails, a database that cannot be reached is one line, and any
// other trouble fails, too.
func TestWhatGovulncheckSaysIsToldApart(t *testing.T) {
	for name, test := range map[string]struct {
		script, output string
		code           int
	}{
		"nothing":       {"echo No vulnerabilities found.", "", 0},
		"vulnerability": {"echo 'Vulnerability #1: GO-2026-0001'; exit 3", "Vulnerability #1: GO-2026-0001\n", 3},
		"unreachable": {
			`echo 'govulncheck: fetching vulnerabilities: Get "https://vuln.go.dev/index/modules.json.gz": no such host' ` +
				`>&2; exit 1`,
			"NOT CHECKED FOR KNOWN VULNERABILITIES: Get \"https://vuln.go.dev/index/modules.json.gz\": no such host\n", 0,
		},
		"a vulnerability that speaks of fetching": {"echo 'fetching vulnerabilities: x'; exit 3",
			"fetching vulnerabilities: x\n", 3},
		"broken code": {"echo 'govulncheck: loading packages: broken' >&2; exit 1", "govulncheck: loading packages: broken\n",
			1},
		"not there": {"exit 127", "\n", 127},
	} {
		command := exec.CommandContext(t.Context(), "../../.ci/vulnerabilities", "bash", "-c", test.script)
		output, _ := command.CombinedOutput()
		if string(output) != test.output || command.ProcessState.ExitCode() != test.code {
			t.Errorf("%s: exit %d with %q, want %d with %q", name, command.ProcessState.ExitCode(), output, test.code,
				test.output)
		}
	}
}

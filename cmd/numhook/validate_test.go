package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"numhook/cmd/numhook/validation"
	"numhook/spec"
)

// watching is a running numhook validate --watch, whose lines a test reads.
type watching struct {
	testing.TB
	command *exec.Cmd
	lines   *bufio.Scanner
}

func (w *watching) want(line string) {
	w.Helper()
	for w.lines.Scan() {
		if strings.Contains(w.lines.Text(), line) {
			return
		}
	}
	w.Fatalf("it ended without %q: %v", line, w.lines.Err())
}

// numhookIn is a numhook command in the folder: the test binary itself, which is numhook when it is called so.
func numhookIn(t *testing.T, folder string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath("numhook")
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), path, args...)
	command.Dir = folder
	return command
}

func TestValidateWatch(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	example, _ := spec.Example(spec.Examples()[0])
	put("a.json", string(example))
	put("document.spec", string(spec.Document()))
	command := numhookIn(t, folder, "validate", "--watch", "--spec", "document.spec", ".")
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = in, in
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	w := &watching{t, command, bufio.NewScanner(out)}
	w.want("no findings in 1 payload of 1 file")
	put("b.ndjson", `{"event":7}`)
	w.want("b.ndjson:1:10: error: ")
	w.want("1 error in 1 payload of 1 file")
	put("b.ndjson", "")
	w.want("there is no payload")
	put("document.spec", "{}")
	w.want("numhook: cannot use the document document.spec: ")
	put("document.spec", strings.ReplaceAll(string(spec.Document()), "cnam_updated", "name_updated"))
	w.want("a.json:2:12: error: ")
	w.want("1 error in 1 payload of 2 files")
	if err := command.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
}

func TestPagesNameEveryRule(t *testing.T) {
	rules := map[string]bool{}
	for _, rule := range validation.Rules() {
		rules[rule.ID] = true
	}
	sameTexts(t, "rule", firstCells(t, "rule"), rules)
}

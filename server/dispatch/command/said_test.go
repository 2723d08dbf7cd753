package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"numhook/server/dispatch"
	"numhook/server/event"
)

func TestWhatAFailingProgramSaysIsKept(t *testing.T) {
	retried := func(output string) dispatch.Outcome {
		return dispatch.Outcome{Verdict: event.Retry, Reason: "exit 1", Alive: true, Output: output}
	}
	for script, want := range map[string]dispatch.Outcome{
		"echo out; exit 1":                        retried(""),
		"echo one >&2; echo two >&2; exit 1":      retried("one\ntwo"),
		`printf 'no line end' >&2; exit 1`:        retried("no line end"),
		`printf '\n\n a \r\nb\r\n\n' >&2; exit 1`: retried(" a \nb"),
		`printf '\033[31mred\007\302\233\377\\\n\342\200\256x' >&2; exit 1`: retried(
			`\u001b[31mred\u0007\u009b\xff\\` + "\n" + `\u202ex`),
		"echo refused >&2; exit 65": {Verdict: event.Refused, Reason: "exit 65", Alive: true, Output: "refused"},
		"echo later >&2; exit 75":   {Verdict: event.Retry, Reason: "exit 75", Output: "later"},
		"echo fine >&2; exit 0":     confirmed,
		// What has left the group holds it open: the attempt does not wait for it.
		"echo said >&2; setsid sleep 5 & sleep 0.1; exit 1": retried("said"),
		"exec 2>&-; exit 1": retried(""),
	} {
		t.Run(script, func(t *testing.T) { wantOutcome(t, send(t, sh(t, "", script), longTime, change), want) })
	}
	o := send(t, sh(t, "", "echo begun >&2; sleep 1000"), shortTime, change)
	if o.Verdict != event.Retry || o.Reason != "time-out" || o.Output != "begun" {
		t.Errorf("one that ran too long is %+v", o)
	}
}

func TestOnlyTheLastLinesAreKept(t *testing.T) {
	long := strings.Repeat("x", 100)
	lines := func(n int) string { return strings.TrimSuffix(strings.Repeat(long+"\n", n), "\n") }
	for name, test := range map[string]struct {
		text string
		more bool
		want string
	}{
		"nothing":                   {"", false, ""},
		"white space":               {" \r\n\n", false, ""},
		"all":                       {"a\nb\n", false, "a\nb"},
		"what begins within a line": {"half\nwhole", true, "whole"},
		"as many as fit":            {lines(41), false, lines(40)},
		"the end of one line": {strings.Repeat("é", event.LongestOutput), false,
			elided + strings.Repeat("é", (event.LongestOutput-3)/2)},
		"the end of one, cut before": {"abc", true, elided + "abc"},
		"escapes that do not fit":    {strings.Repeat("\x01", 1000), false, elided + strings.Repeat(`\u0001`, 682)},
		"a short line behind a long": {strings.Repeat("y", event.LongestOutput) + "\nend", false, "end"},
	} {
		got := lastLines([]byte(test.text), test.more)
		if got != test.want || len(got) > event.LongestOutput {
			t.Errorf("%s: %d bytes, %.80q; want %d, %.80q", name, len(got), got, len(test.want), test.want)
		}
	}
	flood := `yes "a line of forty characters, every time" | head -c 30000000 >&2; echo "the end" >&2; exit 1`
	o := send(t, sh(t, "", flood), longTime, change)
	if !strings.HasSuffix(o.Output, "the end") || len(o.Output) > event.LongestOutput || len(o.Output) < 4000 {
		t.Errorf("of 30 MB %d bytes are kept: %.200q", len(o.Output), o.Output)
	}
}

func FuzzLastLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\x1b[0m\xff"), true)
	f.Fuzz(func(t *testing.T, text []byte, more bool) {
		got := lastLines(text, more)
		if len(got) > event.LongestOutput || strings.ContainsFunc(got, func(r rune) bool {
			return r < ' ' && r != '\n' ||
				r == 0x7f
		}) {
			t.Errorf("%q gives %q", text, got)
		}
	})
}

func TestWhyAProgramDoesNotStartIsNamed(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s, err := New(Config{Path: write("program", "#!/bin/sh\nexit 0\n")})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"#!/bin/sh\r\nexit 0\r\n": "its first line ends with CRLF, so that the system looks for an interpreter whose " +
			"name ends with CR",
		"#!/usr/bin/env sh\r\n": "its first line ends with CRLF, so that the system looks for an interpreter whose " +
			"name ends with CR",
		"#!/no/such/interpreter -x\n": `its interpreter "/no/such/interpreter" is not there`,
		"#!/etc/passwd\n":             `its interpreter "/etc/passwd" is not a program that can be run`,
		"#! \n":                       "its first line names no interpreter",
		"\ufeff#!/bin/sh\n":           "it begins with a byte order mark, so that nobody sees its #!",
		"":                            "it is empty",
	} {
		path := write("program", text)
		if wrong, hint := Flaw(path); wrong != want || hint == "" {
			t.Errorf("%q: %q, hint %q", text, wrong, hint)
		}
		if _, err := New(Config{Path: path}); err == nil || !strings.HasSuffix(err.Error(), ": "+want) {
			t.Errorf("%q: %v", text, err)
		}
		got := send(t, s, longTime, change) // it became so while numhook ran
		if strings.Contains(text, "env") {
			wantOutcome(t, got, dispatch.Outcome{Verdict: event.Retry, Reason: "exit 127: " + want, Alive: true,
				Output: got.Output})
			continue
		}
		wantRetry(t, got, "cannot start: "+want)
	}
	write("program", "echo no interpreter")
	wantRetry(t, send(t, s, longTime, change), "cannot start: exec format error: it is neither a binary for this "+
		"machine nor a script that begins with #!")
	write("program", "\x7fELF")
	wantRetry(t, send(t, s, longTime, change), "cannot start: exec format error: it is neither a binary for this "+
		"machine nor a script that begins with #!")
	if err := os.Chmod(s.path, 0o600); err != nil {
		t.Fatal(err)
	}
	wantRetry(t, send(t, s, longTime, change),
		"cannot start: permission denied: the user that numhook runs as may not run it, or its file system is mounted noexec")
	for _, good := range []string{"#!/bin/sh", "#!  /bin/sh -e\n", "#!/bin/sh\t-e\n", "\x7fELF", "echo"} {
		if wrong, _ := Flaw(write("program", good)); wrong != "" {
			t.Errorf("%q: %s", good, wrong)
		}
	}
}

func TestAProgramGetsTheVariablesThatAreNamed(t *testing.T) {
	for name, value := range map[string]string{
		"NUMHOOK_SECRETS": "secret", "PGPASSWORD": "secret", "OTHER": "secret", "TNS_ADMIN": "/etc/a b=c",
		"LANG": "nb_NO.UTF-8", "PATH": "/usr/bin:/bin",
	} {
		t.Setenv(name, value)
	}
	folder := t.TempDir()
	s, err := New(Config{Path: "/bin/sh", Args: []string{"-c", `cat /proc/$$/environ >"$1"/environment`, "sh", folder},
		Env: []string{"TNS_ADMIN", "LANG", "NOT_THERE"}})
	if err != nil {
		t.Fatal(err)
	}
	wantOutcome(t, send(t, s, longTime, change), confirmed)
	got := read(t, folder+"/environment")
	for _, want := range []string{"TNS_ADMIN=/etc/a b=c\x00", "LANG=nb_NO.UTF-8\x00", "NUMHOOK_ID=the-id\x00"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if strings.Contains(got, "secret") || strings.Contains(got, "NOT_THERE") || strings.Contains(got, "C.UTF-8") {
		t.Errorf("the environment is %q", got)
	}
	for _, name := range []string{"NUMHOOK_SECRETS", "numhook_secrets", "NUMHOOK_ID", "NUMHOOK_STORE", "PGPASSWORD",
		"PGPASSFILE", "PATH", "", "A=b", "1A", "A B", "A\x00"} {
		if _, err := New(Config{Path: "/bin/sh", Env: []string{name}}); event.KindOf(err) != event.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

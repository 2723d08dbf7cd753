package config

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const ofProgram = "downstreams:\n- name: a\n  url: exec:run\n"

func TestTheVariablesOfAProgram(t *testing.T) {
	at := folder(t)
	t.Setenv("TNS_ADMIN", "/etc/oracle")
	s, err := load(t, at, ofProgram+"  env: [TNS_ADMIN, NOT_SET_ANYWHERE]\n")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(s.Downstreams[0].Env, []string{"TNS_ADMIN", "NOT_SET_ANYWHERE"}) {
		t.Errorf("it gets %q", s.Downstreams[0].Env)
	}
	want := filepath.Join(at, "numhook.yaml") + ":4:20: the variable NOT_SET_ANYWHERE is not set, and the program does " +
		"not get it; set it for numhook, or leave it out"
	if len(s.Warnings) != 1 || s.Warnings[0].String() != want {
		t.Errorf("the warnings are %q, want %q", s.Warnings, want)
	}
	const ofItsOwn = ", which may hold its secrets; leave it out, and let the program read what it needs from a file " +
		"of its own"
	for list, want := range map[string]string{
		"[NUMHOOK_SECRETS]": `4:9: the variable "NUMHOOK_SECRETS" is one of numhook's own` + ofItsOwn,
		"[numhook_store]":   `4:9: the variable "numhook_store" is one of numhook's own` + ofItsOwn,
		"[PGPASSWORD]": `4:9: the variable "PGPASSWORD" belongs to numhook's own store, whose password it may hold; ` +
			`leave it out, and let the program read what it needs from a file of its own`,
		"[PATH]": `4:9: the variable "PATH" is what every program gets; leave it out`,
		"[TOKEN=abc]": `4:9: the variable "TOKEN" is not the name of an environment variable; write the name alone, ` +
			`without = and a value; it has letters, digits and _`,
		"[A, A]":       `4:12: "A" is in the list twice; leave it out here`,
		"[]":           "4:8: env is an empty list; leave env out for none",
		"{TOKEN: abc}": "4:8: env must be a list; write each entry on a line of its own, after a hyphen",
	} {
		got := complaints(t, at, ofProgram+"  env: "+list+"\n")
		if !slices.Equal(got, []string{want}) || strings.Contains(strings.Join(got, ""), "abc") {
			t.Errorf("%s: %q, want %q", list, got, want)
		}
	}
}

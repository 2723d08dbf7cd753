package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// badStores are what may be typed where a store is asked for, each with a password in it.
var badStores = []string{
	"canary", "canary:canary@127.0.0.1/db", "mysql://u:canary@127.0.0.1/db", "canary://u:canary@127.0.0.1/db",
	"postgres:/u:canary@127.0.0.1/db",
	"postgres//u:canary@127.0.0.1/db", "Postgres://u:canary@127.0.0.1/db", " postgres://u:canary@127.0.0.1/db",
	"'postgres://u:canary@127.0.0.1/db'",
	"host=127.0.0.1 user=u password=canary", "jdbc:postgresql://127.0.0.1/db?password=canary",
	"sqlite://u:canary@127.0.0.1/db",
	"postgres://u:canary@b@127.0.0.1:1/db?sslmode=disable", "postgres://u:a@canary@127.0.0.1:1/db",
	"postgres://u:a@b@canary@127.0.0.1:1/db",
	"postgres://u:a/canary@127.0.0.1:1/db?sslmode=disable", "postgres://u:a?canary@127.0.0.1:1/db",
	"postgres://u:1?canary@127.0.0.1:1/db",
	"postgres://u:a#canary@127.0.0.1:1/db", "postgres://u:canary%@127.0.0.1:1/db", "postgres://u:canary%zz@127.0.0.1:1/db",
	"postgres://u:canary[@127.0.0.1:1/db",
	"postgres://u:canary\\@127.0.0.1:1/db", "postgres://u:canary \n@127.0.0.1:1/db",
	"postgres://u:canary@127.0.0.1:canary/db", "postgres://u:canary@[::1/db",
	"postgres://u:canary@127.0.0.1:1/db?sslmode=canary",
	"postgres://u:canary@127.0.0.1:1/db?password=canary&sslmode=disable", "postgres://canary@127.0.0.1:1/db",
	"postgres://u:canary@127.0.0.1:1/db?connect_timeout=canary",
	"postgres://u:canary@127.0.0.1:1,127.0.0.1:2/db?sslmode=disable",
	"postgres://u:canary@192.0.2.1/db", "postgres://u:canary@192.0.2.1/db?sslmode=prefer",
	"postgresql://u:canary@127.0.0.1:1/db?sslmode=disable",
}

// verbsWith are the words of every verb that has the flag.
func verbsWith(t *testing.T, flag string) (verbs [][]string) {
	t.Helper()
	var visit func(cmd *cobra.Command, words []string)
	visit = func(cmd *cobra.Command, words []string) {
		if cmd.Flags().Lookup(flag) != nil && cmd.Runnable() {
			verbs = append(verbs, words)
		}
		for _, verb := range cmd.Commands() {
			visit(verb, append(slices.Clone(words), verb.Name()))
		}
	}
	visit(newRootCommand(), nil)
	if len(verbs) == 0 {
		t.Fatalf("no verb has --%s", flag)
	}
	return verbs
}

// argumentsOf are good ones for the verb.
var argumentsOf = map[string][]string{
	"numbers show": {"+12025550100"}, "events show": {"abc"}, "quarantine show": {"1"}, "quarantine discard": {"1"},
	"deliveries show":  {"1"},
	"deliveries retry": {"1"}, "deliveries skip": {"1"}, "downstreams pause": {"a"}, "downstreams resume": {"a"},
	"downstreams remove": {"a"},
	"replay":             {"--downstream", "a"}, "spec rehearse": {"../../spec/number-management.json"},
	"send":  {"peering_number_cnam_updated"},
	"serve": {"--listen", "127.0.0.1:0", "--operator-listen", ""},
}

// Whatever is wrong with where a store or a receiver is, its password is in nothing that is printed: by no verb, from
// no flag and no variable.
func TestNoPasswordIsPrinted(t *testing.T) {
	t.Parallel() // it mostly starts processes
	s := newSite(t)
	check := func(what string, got ending) {
		t.Helper()
		if got.code != exitUse || strings.Contains(got.stdout+got.stderr, "canary") ||
			!strings.HasPrefix(lastError(got.stderr), "numhook: cannot ") {
			t.Errorf("%s: %+v", what, got)
		}
	}
	for i, verb := range verbsWith(t, "store") {
		for j, url := range badStores {
			if i > 0 && (i+j)%7 != 0 { // all of them through one verb, and each verb with some
				continue
			}
			args := append(slices.Clone(verb), argumentsOf[strings.Join(verb, " ")]...)
			check(strings.Join(append(args, url), " "), s.run(append(args, "--store", url)...))
		}
	}
	for _, url := range []string{
		"canary", "http://u:canary%@127.0.0.1:1/", "http://u:ca/canary@127.0.0.1:1/", "http://u:a@canary@127.0.0.1:1/",
		"http://u:canary@127.0.0.1:1/", "ftp://u:canary@h/",
		"http://127.0.0.1:1/?token=canary", "http://u:canary@127.0.0.1:canary/", "http://u:canary@[::1/",
		"http://u:canary \x7f@127.0.0.1:1/", "u:canary@127.0.0.1:1",
	} {
		check("send --url "+url, s.run("send", "--url", url, "peering_number_cnam_updated"))
		if strings.Contains(url, "@") {
			check("send --print --url "+url, s.run("send", "--print", "--url", url, "peering_number_cnam_updated"))
		}
	}
}

// lastError is the line of the error, behind what a log may have said before.
func lastError(stderr string) (last string) {
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "numhook: ") {
			last = line
		}
	}
	return last
}

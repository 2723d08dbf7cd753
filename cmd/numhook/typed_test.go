package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// Whoever types a URL with a password in the place of another word does not find it in what is printed.
func TestNoPasswordThatWasTypedIsPrinted(t *testing.T) {
	t.Parallel()
	const canary = "canary"
	const secret, other = "postgres://u:" + canary + "@h/db", "nats://" + canary + " \"a/@b@h"
	tried := 0
	for _, typed := range []string{secret, other} {
		for _, words := range [][]string{
			{typed}, {"serve", typed}, {"help", typed}, {"completion", typed}, {"version", typed}, {"-" + typed}, {"--" + typed},
			{"--x=" + typed},
			{"serve", "--tolerance", typed}, {"serve", "--log-format", typed}, {"serve", "--trusted-proxies", typed},
			{"serve", "--secret-file", typed},
			{"serve", "--config", typed}, {"serve", "--store", typed + "@"}, {"serve", "--dev", "--listen", typed},
			{"serve", "--dev", "--listen", "127.0.0.1:0", "--operator-listen", typed}, {"serve", "--dev", "--tls-cert", typed,
				"--tls-key", typed},
			{"numbers", typed}, {"numbers", "show", typed}, {"numbers", "show", "--as-of", typed, "1"},
			{"numbers", "list", typed}, {"numbers", "list", "--format", typed},
			{"events", "show", typed}, {"events", "list", "--store", typed}, {"quarantine", "show", typed},
			{"quarantine", "redrive", typed}, {"quarantine", "discard", typed},
			{"downstreams", "status", typed}, {"downstreams", "pause", typed}, {"deliveries", "show", typed},
			{"deliveries", "retry", typed},
			{"deliveries", "list", "--downstream", typed}, {"replay", "--downstream", typed, "--all"}, {"replay", typed},
			{"validate", typed}, {"validate", "--spec", typed, "x"},
			{"validate", "--event", typed, "-"}, {"send", typed},
			{"send", "--url", typed, "number_management.peering_number_cnam_updated"},
			{"send", "--dev", "--secret-file", typed, "number_management.peering_number_cnam_updated"},
			{"config", "check", "--config", typed}, {"config", "check", typed}, {"config", typed}, {"spec", "diff", typed, "x"},
			{"spec", typed},
		} {
			s := newSite(t)
			got := s.run(words...)
			tried++
			if text := got.stdout + got.stderr; strings.Contains(text, canary) || got.code == exitGood && words[0] != "help" {
				t.Errorf("%q: exit code %d, and it prints %s", words, got.code, text)
			}
			if left, _ := filepath.Glob(filepath.Join(s.folder, "*"+canary+"*")); len(left) > 0 {
				t.Errorf("%q leaves %q", words, left)
			}
		}
	}
	if tried < 80 {
		t.Errorf("%d were tried", tried)
	}
}

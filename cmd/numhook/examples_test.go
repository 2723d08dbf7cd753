package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every verb has examples, and each of them is a call of it that is not refused for its words.
func TestEveryVerbHasExamples(t *testing.T) {
	known := map[string]bool{}
	var check func(*cobra.Command)
	check = func(verb *cobra.Command) {
		for _, next := range verb.Commands() {
			check(next)
		}
		if verb.HasSubCommands() || verb.Name() == "help" || !verb.HasParent() {
			return
		}
		_, name, _ := strings.Cut(verb.CommandPath(), " ")
		known[name] = true
		if verb.Example == "" {
			t.Errorf("numhook %s has no example", name)
		}
		for line := range strings.Lines(verb.Example) {
			words, ours := strings.CutPrefix(strings.TrimSpace(line), verb.CommandPath())
			if !ours {
				t.Errorf("%q is no example of numhook %s", line, name)
				continue
			}
			words, _, _ = strings.Cut(words, ">")
			words, _, _ = strings.Cut(words, "|")
			fresh, _, err := newRootCommand().Find(strings.Fields(name))
			if err != nil {
				t.Fatal(err)
			}
			if err := fresh.ParseFlags(split(words)); err != nil {
				t.Errorf("%s: %v", line, err)
			}
			if err := fresh.ValidateArgs(fresh.Flags().Args()); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	check(newRootCommand())
	for name := range examplesOf {
		if !known[name] {
			t.Errorf("there are examples of numhook %s, which is no verb", name)
		}
	}
}

// split is the line as a shell takes it apart, as far as examples need it.
func split(line string) (words []string) {
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			words = append(words, part)
			continue
		}
		words = slices.Concat(words, strings.Fields(part))
	}
	return words
}

package main

import (
	"fmt"
	"slices"
	"strings"
)

// eventNamed finds the event that a name, or its end, means: cnam_updated is enough where no other event ends like
// this. It gives the empty string when none does.
func eventNamed(arg string, events []string) (string, error) {
	if slices.Contains(events, arg) {
		return arg, nil
	}
	var meant []string
	for _, name := range events {
		if arg != "" && strings.HasSuffix(name, arg) {
			meant = append(meant, name)
		}
	}
	switch len(meant) {
	case 0:
		return "", nil
	case 1:
		return meant[0], nil
	}
	return "", fmt.Errorf("the event %q is ambiguous: %s end like this", arg, strings.Join(meant, " and "))
}

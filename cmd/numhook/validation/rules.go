package validation

import (
	"fmt"
	"slices"
	"strings"

	"numhook/server/contract"
	"numhook/server/event"
)

// The rules of the contract that a file can break outside of any payload.
const (
	ruleSyntax   = "syntax"
	ruleTrailing = "trailing-data"
	ruleUTF8     = "utf8"
)

// The contract's rules about a payload of no known operation, and about a payload whose own name for its event is
// unknown.
const (
	ruleUnknownEvent = "operation"
	ruleUnknownName  = "event-unknown"
	unknownEventText = "the contract has no event of the name that the payload gives"
)

// rulePayloadSize is a rule that the contract lacks.
var rulePayloadSize = contract.Rule{
	ID: "payload-size", Kind: event.Violation, Text: "A payload has at most 16 MiB; what is larger is not looked at.",
}

// rulePayloadLine is about a payload as people like to read it, where programs read lines.
var rulePayloadLine = contract.Rule{
	ID: "payload-line", Kind: event.Violation, Text: "In a file of a payload on each line none goes on over several.",
}

// Rules lists every rule that a finding can name: the contract's, and those about files.
func Rules() []contract.Rule {
	return append(contract.Rules(), rulePayloadSize, rulePayloadAt, rulePayloadLine)
}

// Off is the level of a rule that is switched off: what breaks it is counted, and told nowhere.
const Off Level = "off"

// Levels gives rules other levels than their own, by their names. What is in it stands, with Options.Strict, too.
type Levels map[string]Level

// Set takes one in, of the form NAME=off, NAME=warning or NAME=error.
func (l Levels) Set(text string) error {
	name, level, _ := strings.Cut(text, "=")
	if !slices.ContainsFunc(Rules(), func(r contract.Rule) bool { return r.ID == name }) {
		return fmt.Errorf("there is no rule %q%s", name, alike(name))
	}
	switch level := Level(level); level {
	case Off, Warning, Error:
		l[name] = level
		return nil
	}
	return fmt.Errorf("%q does not say what becomes of the rule: it must be %s=off, %s=warning or %s=error", text, name,
		name, name)
}

// alike names the rules that may have been meant: those that a part of the name occurs in.
func alike(name string) string {
	var near []string
	for _, rule := range Rules() {
		for _, part := range strings.Split(name, "-") {
			if len(part) > 2 && strings.Contains(rule.ID, part) {
				near = append(near, rule.ID)
				break
			}
		}
	}
	if len(near) == 0 {
		return ""
	}
	return " (there is " + strings.Join(near, ", ") + ")"
}

// of is the level of a finding.
func (l Levels) of(f *Finding, strict bool) Level {
	switch level, changed := l[f.Rule]; {
	case changed:
		return level
	case f.Kind == event.Violation || strict:
		return Error
	}
	return Warning
}

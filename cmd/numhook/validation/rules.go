package validation

import (
	"numhook/server/contract"
	"numhook/server/event"
)

// The rules of the contract that a file can break outside of any payload.
const (
	ruleSyntax   = "syntax"
	ruleTrailing = "trailing-data"
)

// The contract's rules about a payload of no known operation, and about a payload whose own name for its event is
// unknown.
const (
	ruleUnknownEvent = "operation"
	ruleUnknownName  = "event-unknown"
	unknownEventText = "the contract has no event of the name that the payload gives"
)

// rulePayloadSize is the one rule that the contract lacks.
var rulePayloadSize = contract.Rule{
	ID: "payload-size", Kind: event.Violation, Text: "A payload has at most 16 MiB; what is larger is not looked at.",
}

// Rules lists every rule that a finding can name: the contract's, and those about files.
func Rules() []contract.Rule { return append(contract.Rules(), rulePayloadSize) }

package contract

import (
	"slices"

	"numhook/server/event"
)

// Rule is one thing that the check looks for.
type Rule struct {
	ID   string            // stable; findings and reports name it
	Kind event.FindingKind // what a finding of this rule is
	Text string            // one sentence: what the rule asks for, and for lint where the custom comes from

	order int // its place among the rules
	class int // the kind's place among event.Violation, Drift, Lint
}

// Rules lists every rule that Malformed and Check can report, by kind and then in the order in which a body meets them.
func Rules() []Rule {
	list := make([]Rule, len(rules))
	for i, r := range rules {
		list[i] = *r
	}
	return list
}

var (
	rules []*Rule
	kinds = []event.FindingKind{event.Violation, event.Drift, event.Lint}
)

func define(kind event.FindingKind, id, text string) *Rule {
	r := &Rule{id, kind, text, len(rules), slices.Index(kinds, kind)}
	rules = append(rules, r)
	return r
}

// The body is one strict JSON value.
var (
	ruleEmpty     = define(event.Violation, "empty", "A body holds a JSON value.")
	ruleSize      = define(event.Violation, "size", "A body has at most 2,147,483,647 bytes.")
	ruleSyntax    = define(event.Violation, "syntax", "A body is JSON as RFC 8259 has it.")
	ruleUTF8      = define(event.Violation, "utf8", "A body is valid UTF-8.")
	ruleSurrogate = define(event.Violation, "surrogate", "A \\u escape of a surrogate comes in a pair, high before low.")
	ruleNesting   = define(event.Violation, "nesting", "A body is at most 100 levels deep.")
	ruleTrailing  = define(event.Violation, "trailing-data", "Nothing but white space follows the JSON value.")
	ruleDuplicate = define(event.Violation, "duplicate-member", "No object has two members whose names are equal, or "+
		"differ only in case.")
)

// The body fits the operation.
var (
	ruleUnknownOperation = define(event.Violation, "operation", "The operation that a body is held against is in the "+
		"contract.")
	ruleMismatch = define(event.Violation, "event-mismatch", "The member event does not name another event of "+
		"the contract.")
	ruleFalse  = define(event.Violation, "false-schema", "No value is allowed where the contract allows none.")
	ruleType   = define(event.Violation, "type", "A value is of a type that the contract allows.")
	ruleConst  = define(event.Violation, "const", "A value equals the one that the contract gives.")
	ruleEnum   = define(event.Violation, "enum", "A value is among those that the contract lists.")
	ruleFormat = define(event.Violation, "format", "An integer has the contract's format, int32 or int64. "+
		"A string that has not its own, date, date-time or byte, is lint.")
	ruleRequired   = define(event.Violation, "required", "A required member is there.")
	ruleAdditional = define(event.Violation, "additional-properties", "An object that the contract closes has no "+
		"other members.")
	ruleUnevaluated = define(event.Violation, "unevaluated-properties", "An object that the contract closes has "+
		"no members that no part of its schema knows.")
	rulePropertyNames     = define(event.Violation, "property-names", "A member's name is one that the contract allows.")
	ruleMinProperties     = define(event.Violation, "min-properties", "An object has enough members.")
	ruleMaxProperties     = define(event.Violation, "max-properties", "An object has not too many members.")
	ruleDependentRequired = define(event.Violation, "dependent-required", "A member that another one asks for is there.")
	ruleMinItems          = define(event.Violation, "min-items", "An array has enough elements.")
	ruleMaxItems          = define(event.Violation, "max-items", "An array has not too many elements.")
	ruleUniqueItems       = define(event.Violation, "unique-items", "No two elements of the array are equal.")
	ruleContains          = define(event.Violation, "contains", "Enough elements of the array, and not too many, fit "+
		"the schema of contains.")
	ruleMinLength        = define(event.Violation, "min-length", "A string has enough characters.")
	ruleMaxLength        = define(event.Violation, "max-length", "A string has not too many characters.")
	rulePattern          = define(event.Violation, "pattern", "A string matches the contract's pattern.")
	ruleMinimum          = define(event.Violation, "minimum", "A number is not below the contract's bound.")
	ruleMaximum          = define(event.Violation, "maximum", "A number is not above the contract's bound.")
	ruleExclusiveMinimum = define(event.Violation, "exclusive-minimum", "A number is above the contract's bound.")
	ruleExclusiveMaximum = define(event.Violation, "exclusive-maximum", "A number is below the contract's bound.")
	ruleMultipleOf       = define(event.Violation, "multiple-of", "A number is a multiple of the contract's.")
	ruleAnyOf            = define(event.Violation, "any-of", "A value fits at least one of the contract's alternatives.")
	ruleOneOf            = define(event.Violation, "one-of", "A value fits exactly one of the contract's alternatives.")
	ruleNot              = define(event.Violation, "not", "A value does not fit what the contract rules out.")
	ruleUnknownMember    = define(event.Drift, "unknown-member", "An object has only members that the contract knows.")
	ruleByteOrderMark    = define(event.Lint, "byte-order-mark", "RFC 8259: a JSON text is sent without a byte "+
		"order mark.")
	ruleEventUnknown = define(event.Lint, "event-unknown", "By the sender's custom the member event names an event "+
		"of the contract.")
	ruleEventTS = define(event.Lint, "event-ts-implausible", "The sender counts event_ts in milliseconds: it "+
		"lies in the years 2010 to 2100.")
	ruleEventAhead = define(event.Lint, "event-ts-ahead", "An event is not dated a day or more after its "+
		"receipt; such a one is ordered by its receipt.")
	ruleAccountID = define(event.Lint, "account-id-empty", "By the sender's custom account_id says whose "+
		"numbers these are.")
	ruleNumbersEmpty = define(event.Lint, "numbers-empty", "An event about numbers names at least one.")
	ruleNumberE164   = define(event.Lint, "number-not-e164", "The contract's text promises E.164: a plus sign and "+
		"2 to 15 digits, the first not zero.")
	ruleNumberRepeated = define(event.Lint, "number-repeated", "An event names a number once.")
	ruleValueAbsent    = define(event.Lint, "value-absent", "An event carries the value that it announces; without "+
		"it nothing changes.")
	ruleValueNull = define(event.Lint, "value-null", "An event says what a number's value is; null sets nothing, and is "+
		"no deletion.")
	ruleCNAMLong = define(event.Lint, "cnam-too-long", "By the custom of the telephone network a caller-ID "+
		"name has at most 15 characters.")
	ruleCNAMASCII = define(event.Lint, "cnam-not-ascii", "By the custom of the telephone network a caller-ID "+
		"name is printable ASCII.")
	ruleAddressLine1 = define(event.Lint, "address-line1-empty", "A dispatcher needs the house number and street "+
		"of address_line1.")
	ruleCountry = define(event.Lint, "country-not-alpha2", "ISO 3166 alpha-2 has two capital letters for a "+
		"country.")
)

// ruleTextFormat is format for a string, under the same name.
var ruleTextFormat = &Rule{
	ruleFormat.ID, event.Lint, ruleFormat.Text, ruleFormat.order, slices.Index(kinds, event.Lint),
}

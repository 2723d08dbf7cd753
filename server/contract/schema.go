package contract

import (
	"regexp"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema is what the check itself needs of one schema of the document: which parts speak of which member, so that drift
// is found and a value is handed to the engine in parts. What the keywords mean is the engine's affair.
type schema struct {
	spec      string // RFC 6901, where the document has it
	engine    *jsonschema.Schema
	shallow   *jsonschema.Schema // engine without what it asks of members and elements; nil when they cannot be parted
	whole     bool               // shallow looks into members and elements all the same
	never     bool               // the boolean schema false
	open      bool               // the boolean schema true
	closes    *schema            // whose unevaluatedProperties or unevaluatedItems it is
	plain     bool               // plainly can answer for it
	recursive bool               // it is a part of itself
	types     kind               // 0 for any
	want      string             // what is said to a value of another type
	format    string
	custom    *textFormat // what strings are looked at for, and may lack

	properties  map[string]*property
	required    int  // how many members are
	declares    bool // the schema has properties, so a member that nothing knows is drift
	closed      bool // additionalProperties: false
	patterns    []patternRule
	additional  *schema // additionalProperties, when it is a schema
	unevaluated *schema // unevaluatedProperties
	prefix      []*schema
	items       *schema
	contains    *schema
	leftItems   *schema // unevaluatedItems
	names       *schema // propertyNames

	ref                 *schema // beside other keywords: a $ref alone is what it leads to
	allOf, anyOf, oneOf []*schema
	branches            []*schema // if, then, else, dependentSchemas
	not                 *schema
	scope               []*schema // this schema and all that it applies to the same value
}

// property is a member that the schema names: in properties, in required, or in both.
type property struct {
	schema   *schema // nil when it is named in required alone
	required bool
}

// patternRule is an entry of patternProperties.
type patternRule struct {
	pattern *regexp.Regexp
	schema  *schema
}

// element is the schema of the element at that index, or nil.
func (s *schema) element(at int) *schema {
	if at < len(s.prefix) {
		return s.prefix[at]
	}
	return s.items
}

// accepts reports whether the value is of a type that the schema allows.
func (s *schema) accepts(d *Document, n *node) bool {
	if s.types == 0 || s.types&n.kind != 0 {
		return !s.never
	}
	if s.types&integer == 0 || n.kind != number {
		return false
	}
	value := readDecimal(d.raw[n.start:n.end])
	return value.whole()
}

// applied are the schemas that s applies to the same value and that may know its members; not tells nothing of them.
func (s *schema) applied() []*schema {
	return slices.Concat(s.allOf, s.anyOf, s.oneOf, s.branches)
}

// gather appends s and everything that it applies to the same value, each once.
func gather(to []*schema, s *schema) []*schema {
	if slices.Contains(to, s) {
		return to
	}
	if s.ref != nil {
		to = gather(to, s.ref)
	}
	to = append(to, s)
	for _, sub := range s.applied() {
		to = gather(to, sub)
	}
	return to
}

// inPlace are all schemas that s applies to the value itself.
func (s *schema) inPlace() []*schema {
	return withoutNil(append(s.applied(), s.ref, s.not))
}

// parts are all schemas that s applies to the value or to what is in it.
func (s *schema) parts() []*schema {
	list := append(s.inPlace(), s.additional, s.unevaluated, s.items, s.contains, s.leftItems, s.names)
	list = append(list, s.prefix...)
	for _, p := range s.properties {
		list = append(list, p.schema)
	}
	for _, p := range s.patterns {
		list = append(list, p.schema)
	}
	return withoutNil(list)
}

func withoutNil(list []*schema) []*schema {
	return slices.DeleteFunc(list, func(s *schema) bool { return s == nil })
}

// reaches reports whether a schema is among what next leads to from s, or among what that leads to.
func (s *schema) reaches(target *schema, next func(*schema) []*schema, seen map[*schema]bool) bool {
	for _, part := range next(s) {
		if part == target {
			return true
		}
		if !seen[part] {
			seen[part] = true
			if part.reaches(target, next, seen) {
				return true
			}
		}
	}
	return false
}

package contract

import "regexp"

// schema is one schema of the document, compiled. Its sub-schemas are compiled once each, however often the document
// refers to them.
type schema struct {
	spec      string // RFC 6901, where the document has it
	never     bool   // the boolean schema false
	types     kind   // 0 for any
	want      string // what is said to a value of another type
	leaf      bool   // nothing but the types is to be checked
	recursive bool   // it is a part of itself
	layered   bool   // several schemas may speak of the same member, so drift is found by scope and not on the way
	format    format
	constant  []constant // const
	enum      []constant
	text      *textRules
	number    *numberRules
	array     *arrayRules
	object    *objectRules
	inPlace   *inPlaceRules
	rest      *restRules
	scope     []*schema // this schema and all that it applies to the same value
}

// format is what the check enforces of "format": what kin-openapi enforces by default.
type format uint8

const (
	formatNone format = iota
	formatInt32
	formatInt64
	formatDate
	formatDateTime
	formatByte
)

// constant is a value of const or enum.
type constant struct {
	kind      kind
	canonical []byte
	text      string // of a string, without its quotes and escapes
}

type textRules struct {
	least, most int // in characters; most is -1 for no bound
	pattern     *regexp.Regexp
	leastText   string
	mostText    string
}

// bound is one of the five keywords about numbers.
type bound struct {
	keyword string
	rule    *Rule
	value   decimal
	detail  string
}

type numberRules struct{ bounds []bound }

type arrayRules struct {
	prefix      []*schema
	items       *schema
	contains    *schema
	containsMin int
	containsMax int // -1 for no bound
	unique      bool
	least, most int // most is -1 for no bound
	leastText   string
	mostText    string
	containText string
}

// property is a member that the schema names: in properties, in required, or in both.
type property struct {
	key      key
	schema   *schema // nil when it is named in required alone
	required int     // its place among the required, or -1
}

type required struct {
	name, detail string
}

// patternRule is an entry of patternProperties.
type patternRule struct {
	pattern *regexp.Regexp
	schema  *schema
}

// dependency is an entry of dependentRequired, or of dependentSchemas.
type dependency struct {
	when     key
	required []key
	details  []string
	schema   *schema
}

type objectRules struct {
	properties []property
	slots      []uint16 // hash table over properties: index+1, 0 is free
	required   []required
	declares   bool // the schema has properties, so a member that nothing knows is drift
	patterns   []patternRule
	additional *schema // nil: anything goes, unless closed
	closed     bool    // additionalProperties: false
	open       bool    // additionalProperties: true, which matters to unevaluatedProperties around
	names      *schema // propertyNames
	depends    []dependency
	least      int
	most       int // -1 for no bound
	leastText  string
	mostText   string
}

// lookup finds what the schema says of the member by name.
func (o *objectRules) lookup(d *Document, n *node) *property {
	if len(o.slots) == 0 {
		return nil
	}
	mask := uint32(len(o.slots) - 1)
	for at := n.hash & mask; ; at = (at + 1) & mask {
		slot := o.slots[at]
		if slot == 0 {
			return nil
		}
		if p := &o.properties[slot-1]; p.key.hash == n.hash && d.is(n, &p.key) {
			return p
		}
	}
}

// inPlaceRules apply other schemas to the same value.
type inPlaceRules struct {
	allOf, anyOf, oneOf []*schema
	not                 *schema
	when, then, others  *schema // if, then, else
}

package diff

import (
	"maps"
	"slices"
	"strings"
)

// types is a set of the kinds of value that a schema lets through.
type types uint8

const (
	integer  types = 1 << iota
	fraction       // a number that is no integer
	textual
	boolish
	listed
	membered
	nothing
	anyType = 1<<iota - 1
)

// typeNames are the words of the type keyword, in the order in which a sentence lists them.
var typeNames = []struct {
	name string
	set  types
}{
	{"number", integer | fraction}, {"integer", integer}, {"string", textual}, {"boolean", boolish}, {"array", listed},
	{"object", membered}, {"null", nothing},
}

func (t types) String() string {
	if t == anyType {
		return "any type"
	}
	var words []string
	for _, typ := range typeNames {
		if t&typ.set == typ.set {
			words = append(words, typ.name)
			t &^= typ.set
		}
	}
	return strings.Join(words, " or ")
}

// typesOf is what type and the nullable of OpenAPI 3.0 let through; false, when they are not written as they must be.
func typesOf(v *view) (types, bool) {
	at, nullable := v.keyword("type"), v.keyword("nullable")
	if nullable.exists() && nullable.node.kind != boolean {
		return 0, false
	}
	if !at.exists() {
		return anyType, true
	}
	words := at.node.items
	switch {
	case at.node.kind == text:
		words = []*node{at.node}
	case !at.node.isStrings():
		return 0, false
	}
	var all types
	for _, word := range words {
		i := slices.IndexFunc(typeNames, func(known struct {
			name string
			set  types
		}) bool {
			return known.name == word.text
		})
		if i < 0 {
			return 0, false
		}
		all |= typeNames[i].set
	}
	if nullable.node.isBool(true) {
		all |= nothing
	}
	return all, true
}

// effectiveTypes are the types of the values that can come: where a list of values stands beside the types, those of
// its values.
func effectiveTypes(v *view) (types, bool) {
	all, understood := typesOf(v)
	values, alsoUnderstood := choicesOf(v)
	if values != nil {
		all &= kindsOf(values)
	}
	return all, understood && alsoUnderstood
}

// compareTypes is the rule for type and nullable. Where both sides list their values, the lists say all.
func (c *comparer) compareTypes(sc scope, a, b *view) bool {
	old, understood := typesOf(a)
	new, alsoUnderstood := effectiveTypes(b)
	if !understood || !alsoUnderstood {
		return false
	}
	before, after, _ := bothChoices(a, b)
	if after != nil && (before != nil || new&^old == 0) {
		return true
	}
	oldAt, newAt := a.keyword("type"), b.keyword("type")
	if same(oldAt.node, newAt.node) && old != new { // nullable alone makes the difference
		oldAt, newAt = a.keyword("nullable"), b.keyword("nullable")
	}
	switch {
	case old == new:
	case new&^old == nothing && old&^new == 0:
		c.report(sc, "nullable-added", oldAt, newAt)
	case old&^new == nothing && new&^old == 0:
		c.report(sc, "nullable-removed", oldAt, newAt)
	case old&^new == 0:
		c.report(sc, "type-widened", oldAt, newAt, new, old)
	case new&^old == 0:
		c.report(sc, "type-narrowed", oldAt, newAt, new, old)
	default:
		c.report(sc, "type-changed", oldAt, newAt, new, old)
	}
	return true
}

// choices are the values that enum or const let through, by their canonical text.
func choices(at cursor, keyword string) (map[string]cursor, bool) {
	if !at.exists() {
		return nil, true
	}
	if keyword == "const" {
		return map[string]cursor{at.node.canonical(): at}, true
	}
	if at.node.kind != array {
		return nil, false
	}
	all := make(map[string]cursor, len(at.node.items))
	for _, item := range at.items() {
		all[item.node.canonical()] = item
	}
	return all, true
}

// choicesOf are the values that enum and const let through together, as far as they are of a type that may come; nil,
// when there is neither.
func choicesOf(v *view) (map[string]cursor, bool) {
	enum, understood := choices(v.keyword("enum"), "enum")
	constant, alsoUnderstood := choices(v.keyword("const"), "const")
	of, known := typesOf(v)
	if !understood || !alsoUnderstood {
		return nil, false
	}
	all := enum
	switch {
	case enum == nil:
		all = constant
	case constant != nil:
		maps.DeleteFunc(all, func(value string, _ cursor) bool { return !constant[value].exists() })
	}
	if known {
		maps.DeleteFunc(all, func(_ string, where cursor) bool { return typeOf(where.node)&of == 0 })
	}
	return all, true
}

// bothChoices are the values of both sides. A side that lists none, beside one that does, may still have few enough by
// its types.
func bothChoices(a, b *view) (before, after map[string]cursor, understood bool) {
	before, understood = choicesOf(a)
	after, alsoUnderstood := choicesOf(b)
	switch {
	case before == nil && after != nil:
		before = fewOf(a)
	case before != nil && after == nil:
		after = fewOf(b)
	}
	return before, after, understood && alsoUnderstood
}

// fewOf are the values of a schema that takes null and booleans only; nil for any other.
func fewOf(v *view) map[string]cursor {
	all, known := typesOf(v)
	if !known || all == 0 || all&^(nothing|boolish) != 0 {
		return nil
	}
	at := v.keyword("type")
	few := map[string]cursor{}
	add := func(k kind, text string) {
		few[text] = cursor{node: &node{kind: k, text: text, at: at.at}, pointer: at.pointer, at: at.at}
	}
	if all&nothing != 0 {
		add(null, "null")
	}
	if all&boolish != 0 {
		add(boolean, "true")
		add(boolean, "false")
	}
	return few
}

// compareEnums is the rule for enum and const. An enum that becomes a const, or the other way round, is one list of
// values that changes.
func (c *comparer) compareEnums(sc scope, a, b *view) bool {
	before, after, understood := bothChoices(a, b)
	old, new := a.listing(), b.listing()
	switch {
	case !understood:
		return false
	case before == nil && after == nil:
	case before == nil:
		c.report(sc, "enum-added", old, new)
	case after == nil:
		c.report(sc, "enum-removed", old, new)
	default:
		for _, value := range union(before, after) {
			switch _, was := before[value]; {
			case !was:
				c.report(sc, "enum-value-added", old.nothing(), after[value], show(after[value]))
			case !after[value].exists():
				c.report(sc, "enum-value-removed", before[value], new.nothing(), show(before[value]))
			}
		}
	}
	return true
}

// listing is where the schema lists its values.
func (v *view) listing() cursor {
	if at := v.keyword("const"); at.exists() {
		return at
	}
	return v.keyword("enum")
}

func (c *comparer) comparePatterns(sc scope, a, b *view) bool {
	old, new := a.keyword("pattern"), b.keyword("pattern")
	switch {
	case same(old.node, new.node):
	case !new.exists():
		c.report(sc, "pattern-removed", old, new)
	case !old.exists():
		c.report(sc, "pattern-added", old, new)
	default:
		c.report(sc, "pattern-changed", old, new)
	}
	return true
}

// widths order the formats of one family by what they hold.
var widths = []map[string]int{
	{"int8": 1, "int16": 2, "int32": 3, "int64": 4},
	{"uint8": 1, "uint16": 2, "uint32": 3, "uint64": 4},
	{"float": 1},
}

// compareFormats is the rule for the formats that values are held to; all others were taken out of the view.
func (c *comparer) compareFormats(sc scope, a, b *view) bool {
	old, new := a.keyword("format"), b.keyword("format")
	switch {
	case same(old.node, new.node):
		return true
	case old.exists() && old.node.kind != text || new.exists() && new.node.kind != text:
		return false
	case !new.exists():
		c.report(sc, "format-removed", old, new, show(old))
		return true
	case !old.exists():
		c.report(sc, "format-added", old, new, show(new))
		return true
	}
	id := "format-changed"
	for _, width := range widths {
		before, after := width[old.node.text], width[new.node.text]
		switch {
		case before == 0 || after == 0:
		case before < after:
			id = "format-widened"
		default:
			id = "format-narrowed"
		}
	}
	c.report(sc, id, old, new, show(new), show(old))
	return true
}

// compareFormatWords is the rule for a format that says how a value is meant, and keeps none out.
func (c *comparer) compareFormatWords(sc scope, a, b *view) bool {
	if old, new := a.keyword(formatWord), b.keyword(formatWord); !same(old.node, new.node) {
		c.report(sc, "annotation-changed", old, new, "format")
	}
	return true
}

func (c *comparer) compareUnique(sc scope, a, b *view) bool {
	old, new := a.keyword("uniqueItems"), b.keyword("uniqueItems")
	if old.exists() && old.node.kind != boolean || new.exists() && new.node.kind != boolean {
		return false
	}
	switch was, is := old.node.isBool(true), new.node.isBool(true); {
	case was && !is:
		c.report(sc, "unique-items-removed", old, new)
	case is && !was:
		c.report(sc, "unique-items-added", old, new)
	}
	return true
}

package diff

import (
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
	{"number", integer | fraction}, {"integer", integer}, {"string", textual}, {"boolean", boolish}, {"array", listed}, {"object", membered}, {"null", nothing},
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
	place, nullable := v.place("type"), v.place("nullable")
	if nullable.exists() && nullable.node.kind != boolean {
		return 0, false
	}
	if !place.exists() {
		return anyType, true
	}
	words := place.node.items
	switch {
	case place.node.kind == text:
		words = []*node{place.node}
	case !place.node.isStrings():
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

func (c *comparer) compareTypes(sc scope, a, b *view) bool {
	old, understood := typesOf(a)
	new, alsoUnderstood := typesOf(b)
	if !understood || !alsoUnderstood {
		return false
	}
	oldPlace, newPlace := a.place("type"), b.place("type")
	if same(oldPlace.node, newPlace.node) && old != new { // nullable alone makes the difference
		oldPlace, newPlace = a.place("nullable"), b.place("nullable")
	}
	switch {
	case old == new:
	case new&^old == nothing && old&^new == 0:
		c.report(sc, "nullable-added", oldPlace, newPlace)
	case old&^new == nothing && new&^old == 0:
		c.report(sc, "nullable-removed", oldPlace, newPlace)
	case old&^new == 0:
		c.report(sc, "type-widened", oldPlace, newPlace, new, old)
	case new&^old == 0:
		c.report(sc, "type-narrowed", oldPlace, newPlace, new, old)
	default:
		c.report(sc, "type-changed", oldPlace, newPlace, new, old)
	}
	return true
}

// choices are the values that enum or const let through, by their canonical text.
func choices(place cursor, keyword string) (map[string]cursor, bool) {
	if !place.exists() {
		return nil, true
	}
	if keyword == "const" {
		return map[string]cursor{place.node.canonical(): place}, true
	}
	if place.node.kind != array {
		return nil, false
	}
	all := make(map[string]cursor, len(place.node.items))
	for _, item := range place.items() {
		all[item.node.canonical()] = item
	}
	return all, true
}

// compareEnums is the rule for enum and const. An enum that becomes a const, or the other way round, is one list of values that changes; only where a
// schema has both are they held against each other one by one.
func (c *comparer) compareEnums(sc scope, a, b *view) bool {
	oldEnum, newEnum, oldConst, newConst := a.place("enum"), b.place("enum"), a.place("const"), b.place("const")
	if oldEnum.exists() && oldConst.exists() || newEnum.exists() && newConst.exists() {
		return c.compareChoices(sc, oldEnum, newEnum, "enum", "enum") && c.compareChoices(sc, oldConst, newConst, "const", "const")
	}
	old, oldKeyword, new, newKeyword := oldEnum, "enum", newEnum, "enum"
	if oldConst.exists() {
		old, oldKeyword = oldConst, "const"
	}
	if newConst.exists() {
		new, newKeyword = newConst, "const"
	}
	return c.compareChoices(sc, old, new, oldKeyword, newKeyword)
}

func (c *comparer) compareChoices(sc scope, old, new cursor, oldKeyword, newKeyword string) bool {
	before, understood := choices(old, oldKeyword)
	after, alsoUnderstood := choices(new, newKeyword)
	switch {
	case !understood || !alsoUnderstood:
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

func (c *comparer) comparePatterns(sc scope, a, b *view) bool {
	old, new := a.place("pattern"), b.place("pattern")
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
	{"float": 1, "double": 2},
}

func (c *comparer) compareFormats(sc scope, a, b *view) bool {
	old, new := a.place("format"), b.place("format")
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

func (c *comparer) compareUnique(sc scope, a, b *view) bool {
	old, new := a.place("uniqueItems"), b.place("uniqueItems")
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

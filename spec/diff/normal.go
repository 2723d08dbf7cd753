package diff

import (
	"strconv"
)

// wordless are keywords that no value is ever held to: hints for tools, and words of older drafts.
var wordless = set("discriminator", "contentSchema", "contentMediaType", "contentEncoding", "additionalItems")

func isAlternatives(keyword string) bool { return keyword == "anyOf" || keyword == "oneOf" }

// hasAlternatives reports whether the view has alternatives that could not be written as one schema.
func (v *view) hasAlternatives() bool {
	return v.keyword("anyOf").exists() || v.keyword("oneOf").exists()
}

// formatWord stands in a view for a format that no value is held to, and that gives a member another Go type.
const formatWord = "x-format in words"

// normalise takes out of a view what says nothing, and writes what can be said in several ways in one of them.
func (f *folding) normalise(v *view) {
	for keyword := range v.keywords {
		if wordless[keyword] {
			delete(v.keywords, keyword)
		}
	}
	if !v.conditional() {
		delete(v.keywords, "then")
		delete(v.keywords, "else")
		if !v.keyword("unevaluatedProperties").exists() && !v.keyword("unevaluatedItems").exists() {
			delete(v.keywords, "if")
		}
	}
	if !v.keyword("contains").exists() {
		delete(v.keywords, "minContains")
		delete(v.keywords, "maxContains")
	}
	if format := v.keyword("format"); format.exists() && format.node.kind == text && !isHeld(format.node.text) {
		delete(v.keywords, "format")
		if changesType[format.node.text] {
			v.keywords[formatWord] = format
		}
	}
	f.normaliseAlternatives(v)
}

// normaliseAlternatives puts the alternatives of different types into one schema, and takes an exclusive choice between
// schemas that have no value in common for a plain one.
func (f *folding) normaliseAlternatives(v *view) {
	for _, keyword := range []string{"anyOf", "oneOf"} {
		at := v.keyword(keyword)
		if len(at.items()) < 2 || at.node.kind != array {
			continue
		}
		branches := f.branches(at)
		if branches == nil || !disjoint(branches) && keyword == "oneOf" {
			continue
		}
		if merged, ok := merge(at, branches); ok && !f.apart {
			rest := *v
			rest.keywords = withoutKeyword(v.keywords, keyword)
			if rest.takesIn(merged, foldExactly) {
				v.keywords = rest.keywords
				v.takeIn(merged)
				continue
			}
		}
		if keyword == "oneOf" && !v.keyword("anyOf").exists() {
			delete(v.keywords, "oneOf")
			v.keywords["anyOf"] = at
		}
	}
}

func withoutKeyword(keywords map[string]cursor, keyword string) map[string]cursor {
	rest := make(map[string]cursor, len(keywords))
	for name, at := range keywords {
		if name != keyword {
			rest[name] = at
		}
	}
	return rest
}

// branches are the views of alternatives; nil, when there are too many to look into.
func (f *folding) branches(at cursor) []view {
	var all []view
	for _, item := range at.items() {
		if f.within[item.node] || f.left <= 0 {
			return nil
		}
		f.left--
		all = append(all, f.fold(item))
	}
	return all
}

// disjoint reports whether no value fits two of the schemas: their types differ, or a member that all demand has other
// values in each.
func disjoint(branches []view) bool {
	for i := range branches {
		for j := range i {
			if !branches[i].apartFrom(&branches[j]) {
				return false
			}
		}
	}
	return true
}

func (v *view) apartFrom(w *view) bool {
	mine, known := effectiveTypes(v)
	theirs, alsoKnown := effectiveTypes(w)
	if known && alsoKnown && mine&theirs == 0 {
		return true
	}
	if a, ok := choicesOf(v); ok && a != nil {
		if b, ok := choicesOf(w); ok && b != nil && !share(a, b) {
			return true
		}
	}
	if !known || !alsoKnown || mine != membered || theirs != membered {
		return false
	}
	for name := range v.required {
		if _, both := w.required[name]; both && apartValues(v.properties[name], w.properties[name]) {
			return true
		}
	}
	return false
}

// apartValues reports whether two schemas list their values, and none in both.
func apartValues(a, b cursor) bool {
	of := func(at cursor) map[string]cursor {
		v := view{at: at, keywords: at.members()}
		values, ok := choicesOf(&v)
		if !ok {
			return nil
		}
		return values
	}
	x, y := of(a), of(b)
	return x != nil && y != nil && !share(x, y)
}

func share(a, b map[string]cursor) bool {
	for value := range a {
		if _, both := b[value]; both {
			return true
		}
	}
	return false
}

// typed are the keywords that hold values of some types only, and say nothing of all others.
var typed = set("minLength", "maxLength", "pattern",
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "format",
	"items", "prefixItems", "contains", "minContains", "maxContains", "minItems", "maxItems", "uniqueItems",
	"properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
	"maxProperties", "dependentRequired", "dependentSchemas")

// merge writes alternatives as one schema, where that is possible: those of different types, because what each asks of
// its own types says nothing of the others', and those that list their values.
func merge(at cursor, branches []view) (view, bool) {
	if listed, all := mergeLists(at, branches); all {
		return listed, true
	}
	merged := newView(at)
	var all types
	for i := range branches {
		b := &branches[i]
		own, known := effectiveTypes(b)
		choices, _ := choicesOf(b)
		if !known || own == 0 || all&own != 0 || choices != nil || !b.isPlain() || !merged.takeBranch(b, own) {
			return view{}, false
		}
		all |= own
	}
	merged.keywords["type"] = typeList(at, all)
	return merged, true
}

// mergeLists puts the values of alternatives together; false, when one of them does not list them.
func mergeLists(at cursor, branches []view) (view, bool) {
	merged := newView(at)
	values := map[string]cursor{}
	listing := false
	for i := range branches {
		b := &branches[i]
		own, _ := choicesOf(b)
		listing = listing || own != nil
		if own == nil {
			own = fewOf(b)
		}
		if own == nil || !b.isPlain() || !merged.takeBranch(b, 0) {
			return view{}, false
		}
		for value, where := range own {
			values[value] = where
		}
	}
	merged.keywords["enum"] = listOf(at, values)
	return merged, listing
}

func newView(at cursor) view {
	return view{
		at: at, keywords: map[string]cursor{}, properties: map[string]cursor{}, required: map[string]cursor{},
		shadowed: map[string][]cursor{},
	}
}

// isPlain reports whether the view is all that its schema asks for.
func (v *view) isPlain() bool { return !v.never && !v.odd && len(v.conjuncts) == 0 }

// takeBranch takes in what one alternative asks of its own types; false, when it asks something of others, too.
func (v *view) takeBranch(b *view, own types) bool {
	for name, where := range b.keywords {
		switch {
		case name == "type" || name == "enum" || name == "const":
		case isAnnotation(name):
			v.shadowed[name] = append(v.shadowed[name], where)
		case !typed[name] || own == 0 || v.keywords[name].exists():
			return false
		default:
			v.keywords[name] = where
		}
	}
	for name, where := range b.properties {
		v.properties[name] = where
	}
	for name, where := range b.required {
		v.required[name] = where
	}
	return true
}

// listOf is a list of values that stands nowhere as such.
func listOf(at cursor, values map[string]cursor) cursor {
	list := &node{kind: array, at: at.at}
	for _, value := range union(values, values) {
		list.items = append(list.items, values[value].node)
	}
	return cursor{node: list, pointer: at.pointer, at: at.at}
}

// typeList is the type keyword that stands nowhere as such.
func typeList(at cursor, all types) cursor {
	list := &node{kind: array, at: at.at}
	for _, typ := range typeNames {
		if all&typ.set == typ.set {
			list.items = append(list.items, &node{kind: text, text: typ.name, at: at.at})
			all &^= typ.set
		}
	}
	return cursor{node: list, pointer: at.pointer, at: at.at}
}

// heldFormats are the formats that a value must fit, because the receiver could not hold it otherwise. All others are
// words for readers, as JSON Schema has it.
func isHeld(format string) bool {
	for _, width := range widths {
		if width[format] > 0 {
			return true
		}
	}
	return false
}

// changesType are formats that give a member another Go type after regeneration.
var changesType = set("date", "date-time", "uuid", "byte", "binary")

// kindsOf are the types of listed values.
func kindsOf(values map[string]cursor) types {
	var all types
	for _, value := range values {
		all |= typeOf(value.node)
	}
	return all
}

// typeOf is the type of a value; a number without a fraction is an integer, however it is written.
func typeOf(n *node) types {
	switch n.kind {
	case null:
		return nothing
	case boolean:
		return boolish
	case text:
		return textual
	case array:
		return listed
	case object:
		return membered
	}
	if value, exact := n.rat(); exact && value.IsInt() {
		return integer
	}
	if _, err := strconv.Atoi(n.text); err == nil {
		return integer
	}
	return fraction
}

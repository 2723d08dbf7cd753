package diff

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
)

// grower makes values that have a good chance to fit a schema of the document, out of what both documents mention:
// their constants, the values beside their bounds, their examples.
type grower struct {
	*rand.Rand
	document *Document
	texts    []string
	numbers  []json.Number
	names    []string
}

// maxGrown is how deep a value is grown. References can make a schema endless.
const maxGrown = 12

func (g *grower) once(in int) bool { return g.IntN(in) == 0 }

// collect takes in what a schema, and what it refers to, mentions.
func (g *grower) collect(d *Document, at cursor, passed map[*node]bool) {
	if !at.exists() || passed[at.node] || len(passed) > maxPairs {
		return
	}
	passed[at.node] = true
	switch at.node.kind {
	case text:
		g.texts = append(g.texts, at.node.text)
	case number:
		g.collectNumber(at.node)
	}
	for _, item := range at.items() {
		g.collect(d, item, passed)
	}
	for name, member := range at.members() {
		switch {
		case isAnnotation(name) && name != "example" && name != "examples", name == "$ref", name == "type", name == "format":
		default:
			g.names = append(g.names, name)
			g.collect(d, member, passed)
		}
	}
	if target, err := d.follow(at); err == nil {
		g.collect(d, target, passed)
	}
}

// collectNumber takes in a number with its neighbours, and texts of its length and one more.
func (g *grower) collectNumber(n *node) {
	value, exact := n.rat()
	if !exact {
		return
	}
	one, half := big.NewRat(1, 1), big.NewRat(1, 2)
	for _, near := range []*big.Rat{
		value, new(big.Rat).Sub(value, one), new(big.Rat).Add(value, one), new(big.Rat).Mul(value, half),
		new(big.Rat).Add(value, half), new(big.Rat).Add(value, value),
	} {
		if near.IsInt() {
			g.numbers = append(g.numbers, json.Number(near.Num().String()))
		} else if text, ok := near.FloatPrec(); ok && text < 20 {
			g.numbers = append(g.numbers, json.Number(near.FloatString(text)))
		}
	}
	if value.IsInt() && value.Num().IsInt64() {
		if length := value.Num().Int64(); length >= 0 && length <= 2000 {
			g.texts = append(g.texts, strings.Repeat("x", int(length)), strings.Repeat("x", int(length)+1))
		}
	}
}

// steady sorts what was collected, so that one seed gives one search.
func (g *grower) steady() {
	g.texts = append(g.texts, "", "x", "Xy", "1", "é")
	g.numbers = append(g.numbers, "0", "1", "-1", "0.5", "2", "3000000000", "1e20")
	g.names = append(g.names, "x")
	for _, text := range g.texts {
		if len(text) <= maxQuoted {
			g.names = append(g.names, text)
		}
	}
	slices.Sort(g.texts)
	slices.Sort(g.numbers)
	slices.Sort(g.names)
	g.texts, g.numbers, g.names = slices.Compact(g.texts), slices.Compact(g.numbers), slices.Compact(g.names)
}

func of[T any](g *grower, all []T) T { return all[g.IntN(len(all))] }

// any is some value, whatever the schema says.
func (g *grower) any() any {
	switch g.IntN(8) {
	case 0:
		return nil
	case 1:
		return g.once(2)
	case 2, 3:
		return of(g, g.numbers)
	case 4:
		list := []any{}
		for range g.IntN(3) {
			list = append(list, of(g, g.texts))
		}
		return list
	case 5:
		if g.once(2) {
			return map[string]any{}
		}
		return map[string]any{of(g, g.names): g.any()}
	}
	return of(g, g.texts)
}

// value grows a value for the schema at the location.
func (g *grower) value(at cursor, depth int) any {
	if !at.exists() || at.node.kind != object || depth == 0 || g.once(25) {
		return g.any()
	}
	if target, err := g.document.follow(at); err == nil && target.exists() && (len(at.node.members) == 1 || g.once(2)) {
		return g.value(target, depth-1)
	}
	if listed := g.listed(at); len(listed) > 0 && !g.once(10) {
		return of(g, listed)
	}
	base := g.typed(at, depth)
	for _, keyword := range []string{"anyOf", "oneOf", "allOf"} {
		branches := at.member(keyword).items()
		if len(branches) == 0 {
			continue
		}
		if keyword != "allOf" {
			branches = []cursor{of(g, branches)}
		}
		for _, branch := range branches {
			base = together(base, g.value(branch, depth-1), len(at.members()) == 1)
		}
	}
	for _, keyword := range []string{"if", "then", "else"} {
		if branch := at.member(keyword); branch.exists() && g.once(2) {
			base = together(base, g.value(branch, depth-1), false)
		}
	}
	return base
}

// together puts two objects into one; of other values the later one counts, where the first says nothing.
func together(a, b any, only bool) any {
	x, isObject := a.(map[string]any)
	y, alsoObject := b.(map[string]any)
	switch {
	case isObject && alsoObject:
		for name, value := range y {
			x[name] = value
		}
		return x
	case only || !isObject && alsoObject:
		return b
	}
	return a
}

// listed are the values that the schema itself names.
func (g *grower) listed(at cursor) []any {
	var all []any
	for _, item := range at.member("enum").items() {
		all = append(all, plainValue(item.node))
	}
	if constant := at.member("const"); constant.exists() {
		all = append(all, plainValue(constant.node))
	}
	if len(all) == 0 && g.once(3) {
		for _, keyword := range []string{"example", "default"} {
			if example := at.member(keyword); example.exists() {
				all = append(all, plainValue(example.node))
			}
		}
		for _, example := range at.member("examples").items() {
			all = append(all, plainValue(example.node))
		}
	}
	return all
}

// typed grows a value of one of the types of the schema.
func (g *grower) typed(at cursor, depth int) any {
	kinds := at.member("type").items()
	if word := at.member("type"); word.exists() && word.node.kind == text {
		kinds = []cursor{word}
	}
	word := ""
	switch {
	case len(kinds) > 0:
		word = of(g, kinds).node.text
	case at.member("properties").exists(), at.member("required").exists(), at.member("additionalProperties").exists(),
		at.member("patternProperties").exists(), at.member("propertyNames").exists(),
		at.member("dependentRequired").exists(), at.member("dependentSchemas").exists():
		word = "object"
	case at.member("items").exists(), at.member("prefixItems").exists(), at.member("contains").exists():
		word = "array"
	}
	switch word {
	case "object":
		return g.object(at, depth)
	case "array":
		return g.array(at, depth)
	case "string":
		return of(g, g.texts)
	case "integer", "number":
		return of(g, g.numbers)
	case "boolean":
		return g.once(2)
	case "null":
		return nil
	}
	return g.any()
}

func (g *grower) object(at cursor, depth int) any {
	made := map[string]any{}
	properties := at.member("properties")
	all := properties.members()
	for _, name := range union(all, all) {
		if !g.once(3) {
			made[name] = g.value(all[name], depth-1)
		}
	}
	for _, entry := range at.member("required").items() {
		if _, has := made[entry.node.text]; !has && entry.node.kind == text && !g.once(20) {
			made[entry.node.text] = g.value(all[entry.node.text], depth-1)
		}
	}
	for range g.IntN(3) {
		name := of(g, g.names)
		if g.once(3) {
			name = of(g, g.texts)
		}
		if _, has := made[name]; !has {
			rules := []cursor{at.member("additionalProperties")}
			for _, rule := range at.member("patternProperties").members() {
				rules = append(rules, rule)
			}
			made[name] = g.value(rules[len(rules)-1], depth-1)
		}
	}
	return made
}

func (g *grower) array(at cursor, depth int) any {
	list := []any{}
	for _, element := range at.member("prefixItems").items() {
		list = append(list, g.value(element, depth-1))
	}
	for range g.IntN(4) {
		list = append(list, g.value(at.member("items"), depth-1))
	}
	if contains := at.member("contains"); contains.exists() {
		for range g.IntN(4) {
			list = append(list, g.value(contains, depth-1))
		}
	}
	if len(list) > 0 && g.once(4) {
		list = append(list, list[0])
	}
	return list
}

// plainValue is a value of the document as a validator takes it.
func plainValue(n *node) any {
	switch n.kind {
	case null:
		return nil
	case boolean:
		return n.text == "true"
	case number:
		return json.Number(n.text)
	case array:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = plainValue(item)
		}
		return list
	case object:
		all := make(map[string]any, len(n.members))
		for _, m := range n.members {
			all[m.name] = plainValue(m.value)
		}
		return all
	}
	return n.text
}

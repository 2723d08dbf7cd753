package diff

import (
	"encoding/json"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
)

// grower makes values that have a good chance to fit a schema of the document, out of what both documents mention: their
// constants, the values beside their bounds, their examples.
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
func (g *grower) collect(d *Document, place cursor, passed map[*node]bool) {
	if !place.exists() || passed[place.node] || len(passed) > maxPairs {
		return
	}
	passed[place.node] = true
	switch place.node.kind {
	case text:
		g.texts = append(g.texts, place.node.text)
	case number:
		g.collectNumber(place.node)
	}
	for _, item := range place.items() {
		g.collect(d, item, passed)
	}
	for name, member := range place.members() {
		switch {
		case isAnnotation(name) && name != "example" && name != "examples", name == "$ref", name == "type", name == "format":
		default:
			g.names = append(g.names, name)
			g.collect(d, member, passed)
		}
	}
	if target, err := d.follow(place); err == nil {
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

// value grows a value for the schema at the place.
func (g *grower) value(place cursor, depth int) any {
	if !place.exists() || place.node.kind != object || depth == 0 || g.once(25) {
		return g.any()
	}
	if target, err := g.document.follow(place); err == nil && target.exists() && (len(place.node.members) == 1 || g.once(2)) {
		return g.value(target, depth-1)
	}
	if listed := g.listed(place); len(listed) > 0 && !g.once(10) {
		return of(g, listed)
	}
	base := g.typed(place, depth)
	for _, keyword := range []string{"anyOf", "oneOf", "allOf"} {
		branches := place.member(keyword).items()
		if len(branches) == 0 {
			continue
		}
		if keyword != "allOf" {
			branches = []cursor{of(g, branches)}
		}
		for _, branch := range branches {
			base = together(base, g.value(branch, depth-1), len(place.members()) == 1)
		}
	}
	for _, keyword := range []string{"if", "then", "else"} {
		if branch := place.member(keyword); branch.exists() && g.once(2) {
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
func (g *grower) listed(place cursor) []any {
	var all []any
	for _, item := range place.member("enum").items() {
		all = append(all, plainValue(item.node))
	}
	if constant := place.member("const"); constant.exists() {
		all = append(all, plainValue(constant.node))
	}
	if len(all) == 0 && g.once(3) {
		for _, keyword := range []string{"example", "default"} {
			if example := place.member(keyword); example.exists() {
				all = append(all, plainValue(example.node))
			}
		}
		for _, example := range place.member("examples").items() {
			all = append(all, plainValue(example.node))
		}
	}
	return all
}

// typed grows a value of one of the types of the schema.
func (g *grower) typed(place cursor, depth int) any {
	kinds := place.member("type").items()
	if word := place.member("type"); word.exists() && word.node.kind == text {
		kinds = []cursor{word}
	}
	word := ""
	switch {
	case len(kinds) > 0:
		word = of(g, kinds).node.text
	case place.member("properties").exists(), place.member("required").exists(), place.member("additionalProperties").exists(),
		place.member("patternProperties").exists(), place.member("propertyNames").exists(),
		place.member("dependentRequired").exists(), place.member("dependentSchemas").exists():
		word = "object"
	case place.member("items").exists(), place.member("prefixItems").exists(), place.member("contains").exists():
		word = "array"
	}
	switch word {
	case "object":
		return g.object(place, depth)
	case "array":
		return g.array(place, depth)
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

func (g *grower) object(place cursor, depth int) any {
	made := map[string]any{}
	properties := place.member("properties")
	all := properties.members()
	for _, name := range union(all, all) {
		if !g.once(3) {
			made[name] = g.value(all[name], depth-1)
		}
	}
	for _, entry := range place.member("required").items() {
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
			rules := []cursor{place.member("additionalProperties")}
			for _, rule := range place.member("patternProperties").members() {
				rules = append(rules, rule)
			}
			made[name] = g.value(rules[len(rules)-1], depth-1)
		}
	}
	return made
}

func (g *grower) array(place cursor, depth int) any {
	list := []any{}
	for _, element := range place.member("prefixItems").items() {
		list = append(list, g.value(element, depth-1))
	}
	for range g.IntN(4) {
		list = append(list, g.value(place.member("items"), depth-1))
	}
	if contains := place.member("contains"); contains.exists() {
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

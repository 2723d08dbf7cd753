package diff

import "strings"

// compareSchemas finds what differs between two schemas, either of which may be absent: an absent schema takes
// anything.
func (c *comparer) compareSchemas(sc scope, old, new cursor) {
	if *c.left <= 0 || !c.begin(pair{old.node, new.node, sc}) {
		return
	}
	*c.left--
	a, b := c.lookBoth(old, new)
	switch {
	case a.odd || b.odd:
		if !same(old.node, new.node) {
			c.report(sc, "schema-changed", old, new, subject(old, new))
		}
		return
	case a.never || b.never:
		c.compareNever(sc, a, b)
		return
	}
	c.compareKeywords(sc, &a, &b)
	c.compareMembers(sc, &a, &b)
	c.compareConjuncts(sc, &a, &b)
}

func (c *comparer) compareNever(sc scope, a, b view) {
	switch {
	case a.never && b.never:
	case a.never:
		c.report(sc, "value-permitted", a.at, b.at)
	default:
		c.report(sc, "value-forbidden", a.at, b.at)
	}
}

// group is the keywords that one rule looks at, and the rule. It reports false when a keyword is not written as it must
// be.
type group struct {
	keywords []string
	compare  func(*comparer, scope, *view, *view) (understood bool)
}

// groups are all rules for keywords. A keyword in no group that is no annotation has no rule of its own.
func groups() []group {
	return []group{
		{[]string{"type", "nullable"}, (*comparer).compareTypes},
		{[]string{"enum", "const"}, (*comparer).compareEnums},
		{[]string{"minimum", "exclusiveMinimum"}, numericBound(lower)},
		{[]string{"maximum", "exclusiveMaximum"}, numericBound(upper)},
		{[]string{"minLength"}, countBound("minLength", lower)},
		{[]string{"maxLength"}, countBound("maxLength", upper)},
		{[]string{"minItems"}, countBound("minItems", lower)},
		{[]string{"maxItems"}, countBound("maxItems", upper)},
		{[]string{"minProperties"}, countBound("minProperties", lower)},
		{[]string{"maxProperties"}, countBound("maxProperties", upper)},
		{[]string{"multipleOf"}, (*comparer).compareMultiples},
		{[]string{"pattern"}, (*comparer).comparePatterns},
		{[]string{"format"}, (*comparer).compareFormats},
		{[]string{formatWord}, (*comparer).compareFormatWords},
		{[]string{"uniqueItems"}, (*comparer).compareUnique},
		{[]string{"items"}, (*comparer).compareItems},
		{[]string{"prefixItems"}, (*comparer).comparePrefixItems},
		{[]string{"additionalProperties"}, (*comparer).compareAdditional},
		{[]string{"patternProperties"}, (*comparer).comparePatternProperties},
		{[]string{"propertyNames"}, (*comparer).comparePropertyNames},
		{[]string{"dependentRequired"}, (*comparer).compareDependentRequired},
		{[]string{"dependentSchemas"}, (*comparer).compareDependentSchemas},
		{[]string{"not"}, (*comparer).compareNot},
		{[]string{"if", "then", "else"}, (*comparer).compareConditions},
		{[]string{"contains", "minContains", "maxContains"}, (*comparer).compareContains},
		{[]string{"unevaluatedItems"}, belowOpaque("unevaluatedItems")},
		{[]string{"unevaluatedProperties"}, (*comparer).compareUnevaluated},
		{[]string{"anyOf", "oneOf"}, (*comparer).compareVariants},
		{[]string{"default"}, (*comparer).compareDefaults},
		{[]string{"deprecated"}, (*comparer).compareDeprecation},
	}
}

// compareKeywords runs the rule of each group of keywords, then holds all other keywords against each other as they are
// written.
func (c *comparer) compareKeywords(sc scope, a, b *view) {
	ruled := set("properties", "required", "$defs", "definitions")
	c.definitions = append(c.definitions, [2]cursor{a.keyword("$defs"), b.keyword("$defs")},
		[2]cursor{a.keyword("definitions"), b.keyword("definitions")})
	for _, group := range c.groups {
		understood := group.compare(c, sc, a, b)
		for _, keyword := range group.keywords {
			ruled[keyword] = true
			if !understood {
				c.compareWords(sc, a.keyword(keyword), b.keyword(keyword))
			}
		}
	}
	for _, keyword := range union(a.keywords, b.keywords) {
		if !ruled[keyword] {
			c.compareWords(sc, a.keyword(keyword), b.keyword(keyword))
		}
	}
	for keyword, hidden := range a.shadowed {
		for i := range min(len(hidden), len(b.shadowed[keyword])) {
			c.compareWords(sc, hidden[i], b.shadowed[keyword][i])
		}
	}
}

// sameWords reports whether a keyword is written alike; the order of a list of types or of allowed values says nothing.
func sameWords(keyword string, old, new *node) bool {
	if keyword != "enum" && keyword != "type" || old == nil || new == nil || old.kind != array || new.kind != array ||
		len(old.items) != len(new.items) {
		return same(old, new)
	}
	matched := map[*node]bool{}
	for _, value := range old.items {
		counterpart := firstOf(new.items, func(n *node) bool { return !matched[n] && same(n, value) })
		if counterpart == nil {
			return false
		}
		matched[counterpart] = true
	}
	return true
}

func firstOf(items []*node, fits func(*node) bool) *node {
	for _, item := range items {
		if fits(item) {
			return item
		}
	}
	return nil
}

// compareWords is for a keyword that has no rule: any difference is reported.
func (c *comparer) compareWords(sc scope, old, new cursor) {
	if same(old.node, new.node) {
		return
	}
	at := new
	if !new.exists() {
		at = old
	}
	if keyword := lastToken(at.pointer); isAnnotation(keyword) {
		c.report(sc, "annotation-changed", old, new, keyword)
	} else {
		c.report(sc, "schema-changed", old, new, quote(keyword))
	}
}

// lastToken is the last part of a pointer, unescaped.
func lastToken(pointer string) string {
	return pointerUnescape.Replace(pointer[strings.LastIndexByte(pointer, '/')+1:])
}

func (c *comparer) compareDefaults(sc scope, a, b *view) bool {
	if old, new := a.keyword("default"), b.keyword("default"); !same(old.node, new.node) {
		c.report(sc, "default-changed", old, new, show(old), show(new))
	}
	return true
}

func (c *comparer) compareDeprecation(sc scope, a, b *view) bool {
	if old, new := a.keyword("deprecated"), b.keyword("deprecated"); old.node.isBool(true) != new.node.isBool(true) {
		c.report(sc, "deprecation-changed", old, new, show(old), show(new))
	}
	return true
}

// compareDefinitions reports what changed in definitions that the body does not use. What it uses has been compared
// where it is used.
func (c *comparer) compareDefinitions(oldUses, newUses map[*node]bool) {
	for _, definitions := range c.definitions {
		for _, name := range union(definitions[0].members(), definitions[1].members()) {
			old, new := definitions[0].member(name), definitions[1].member(name)
			if !oldUses[old.node] && !newUses[new.node] && !same(old.node, new.node) {
				c.report(scope{}, "annotation-changed", old, new, "a definition that the body does not use")
			}
		}
	}
}

// uses collects the schemas that references lead to, from the schema at from and from what they lead to.
func (d *Document) uses(from cursor, found map[*node]bool) {
	if !from.exists() {
		return
	}
	for _, item := range from.items() {
		d.uses(item, found)
	}
	if target, err := d.follow(from); err == nil && target.exists() && !found[target.node] {
		found[target.node] = true
		d.uses(target, found)
	}
	for _, m := range from.node.members {
		if m.name != "$defs" && m.name != "definitions" {
			d.uses(from.member(m.name), found)
		}
	}
}

package diff

import "regexp"

// compareMembers is the rule for properties and required.
func (c *comparer) compareMembers(sc scope, a, b *view) {
	c.checkForm(sc, a, b, "properties", func(n *node) bool { return n.kind == object })
	c.checkForm(sc, a, b, "required", (*node).isStrings)
	closed := sc
	closed.closed = sc.closed || a.closed() || c.conjunctCloses(a)
	names := map[string]bool{}
	for _, all := range []map[string]cursor{a.properties, b.properties, a.required, b.required} {
		for name := range all {
			names[name] = true
		}
	}
	for _, name := range union(names, names) {
		c.compareMember(closed, a, b, name)
	}
}

// checkForm reports a change of a keyword that is not written as it must be, and so was not taken for what it is.
func (c *comparer) checkForm(sc scope, a, b *view, keyword string, fits func(*node) bool) {
	old, new := a.keyword(keyword), b.keyword(keyword)
	if old.exists() && !fits(old.node) || new.exists() && !fits(new.node) {
		c.compareWords(sc, old, new)
	}
}

// conjunctCloses reports whether one of the schemas that have to fit as well refuses what it does not name.
func (c *comparer) conjunctCloses(v *view) bool {
	for _, conjunct := range v.conjuncts {
		if w := c.look(c.old, conjunct); w.closed() {
			return true
		}
	}
	return false
}

// compareMember holds what the two schemas say about one member. A schema knows a member that it describes or demands.
func (c *comparer) compareMember(sc scope, a, b *view, name string) {
	oldProperty, newProperty := a.member(name), b.member(name)
	oldDemand, newDemand := a.demand(name), b.demand(name)
	old, new := oldProperty, newProperty
	if !old.exists() {
		old = oldDemand
	}
	if !new.exists() {
		new = newDemand
	}
	// whether a schema is closed says nothing about those of its members
	within := scope{opaque: sc.opaque, exclusive: sc.exclusive}
	switch {
	case !old.exists():
		c.compareAdded(sc, a, b, name)
		return
	case !new.exists() && oldDemand.exists():
		c.report(sc, "required-member-removed", old, new, quote(name))
		return
	case !new.exists():
		c.compareRemoved(within, b, name, old, new)
		return
	case oldDemand.exists() && !newDemand.exists():
		c.report(sc, "member-became-optional", old, new, quote(name))
	case newDemand.exists() && !oldDemand.exists():
		c.report(sc, "member-became-required", old, new, quote(name))
	}
	switch {
	case oldProperty.exists() && newProperty.exists():
		c.compareSchemas(within, oldProperty, newProperty)
	case oldProperty.exists() && !c.takesAll(c.old, oldProperty):
		c.report(sc, "member-undescribed", old, new, quote(name))
	case newProperty.exists() && !c.takesAll(c.new, newProperty):
		c.report(sc, "member-described", old, new, quote(name))
	}
}

// member is where the schema describes a member, or nothing near its properties.
func (v *view) member(name string) cursor {
	if at, known := v.properties[name]; known {
		return at
	}
	return v.keyword("properties").nothing()
}

// demand is where the schema lists a member as required, or nothing near its properties.
func (v *view) demand(name string) cursor {
	if at, known := v.required[name]; known {
		return at
	}
	return v.keyword("properties").nothing()
}

// others are the schemas that hold for a member which has no schema of its own: those of the patterns that its name
// follows, else additionalProperties. A pattern that cannot be tried here counts as followed.
func (v *view) others(name string) []cursor {
	var all []cursor
	for pattern, schema := range v.keyword("patternProperties").members() {
		if expression, err := regexp.Compile(pattern); err != nil || expression.MatchString(name) {
			all = append(all, schema)
		}
	}
	if additional := v.keyword("additionalProperties"); len(all) == 0 && additional.exists() &&
		additional.node.kind == object {
		all = append(all, additional)
	}
	return all
}

// compareAdded is for a member that the old schema does not know. Where it has a rule for such members, what may come
// is held against that.
func (c *comparer) compareAdded(sc scope, a, b *view, name string) {
	within := scope{opaque: sc.opaque, exclusive: sc.exclusive}
	old, new, coming := a.member(name), b.member(name), b.others(name)
	if new.exists() {
		coming = []cursor{new}
	} else {
		new = b.demand(name)
	}
	if len(coming) == 0 {
		coming = []cursor{new.nothing()} // demanded, but not described
	}
	worst, rules := Safe, a.others(name)
	for _, rule := range rules {
		for _, schema := range coming {
			if level, _ := c.trial(within, rule, schema); level.AtLeast(worst) {
				worst = level
			}
		}
	}
	switch demand := b.demand(name); {
	case worst == Breaking:
		c.report(sc, "added-member-refused", old, new, quote(name))
	case worst == Risky:
		c.report(sc, "schema-changed", old, new, quote(name))
	case sc.closed && len(rules) == 0:
		c.report(sc, "member-added-to-closed-object", old, new, quote(name))
	case demand.exists():
		c.report(sc, "required-member-added", old, new, quote(name))
	default:
		c.report(sc, "optional-member-added", old, new, quote(name))
	}
}

// compareRemoved is for an optional member that the new schema does not know. Where that has a rule for such members,
// the name can still come by it.
func (c *comparer) compareRemoved(within scope, b *view, name string, old, new cursor) {
	for _, other := range b.others(name) {
		if level, _ := c.trial(within, old, other); level == Breaking {
			c.report(within, "member-undescribed", old, new, quote(name))
			return
		}
	}
	c.report(within, "optional-member-removed", old, new, quote(name))
}

// compareAdditional is the rule for additionalProperties: a missing one lets anything through, and so does true.
func (c *comparer) compareAdditional(sc scope, a, b *view) bool {
	old, new := a.keyword("additionalProperties"), b.keyword("additionalProperties")
	was, understood := c.openness(c.old, old)
	is, alsoUnderstood := c.openness(c.new, new)
	switch {
	case !understood || !alsoUnderstood:
		return false
	case was == is && was != ruled:
	case was == shut:
		c.report(sc, "additional-members-opened", old, new)
	case is == shut:
		c.report(sc, "additional-members-closed", old, new)
	case is == open:
		c.report(sc, "additional-members-widened", old, new)
	case was == open:
		c.report(sc, "additional-members-narrowed", old, new)
	}
	if old.exists() && new.exists() && was == is {
		c.compareSchemas(scope{opaque: sc.opaque, exclusive: sc.exclusive}, old, new)
	}
	return true
}

// openness is what additionalProperties lets through.
type openness uint8

const (
	open  openness = iota // anything
	ruled                 // what fits a schema
	shut                  // nothing
)

func (c *comparer) openness(d *Document, at cursor) (openness, bool) {
	if !at.exists() {
		return open, true
	}
	v := c.look(d, at)
	switch {
	case v.odd:
		return 0, false
	case v.never:
		return shut, true
	case v.isWords():
		return open, true
	}
	return ruled, true
}

// compareUnevaluated is the rule for unevaluatedProperties: between false and its absence it is additionalProperties in
// other words.
func (c *comparer) compareUnevaluated(sc scope, a, b *view) bool {
	const keyword = "unevaluatedProperties"
	old, new := a.keyword(keyword), b.keyword(keyword)
	was, is := !old.exists() || old.node.isBool(true), !new.exists() || new.node.isBool(true)
	switch {
	case was && is:
	case is && old.node.isBool(false):
		c.report(sc, "additional-members-opened", old, new)
	case was && new.node.isBool(false):
		c.report(sc, "additional-members-closed", old, new)
	default:
		return belowOpaque(keyword)(c, sc, a, b)
	}
	return true
}

package diff

// comparePropertyNames is the rule for the schema that names of members fit.
func (c *comparer) comparePropertyNames(sc scope, a, b *view) bool {
	old, new := a.keyword("propertyNames"), b.keyword("propertyNames")
	switch {
	case old.exists() && new.exists():
		c.compareSchemas(within(sc), old, new)
	case old.exists() && !c.takesAll(c.old, old):
		c.report(sc, "names-rule-removed", old, new)
	case new.exists() && !c.takesAll(c.new, new):
		c.report(sc, "names-rule-added", old, new)
	}
	return true
}

// comparePatternProperties is the rule for schemas of members whose names follow a pattern. A pattern of one side only
// is held against what the other side says of members without a name of their own.
func (c *comparer) comparePatternProperties(sc scope, a, b *view) bool {
	const keyword = "patternProperties"
	old, new := a.keyword(keyword), b.keyword(keyword)
	if old.exists() && old.node.kind != object || new.exists() && new.node.kind != object {
		return false
	}
	for _, pattern := range union(old.members(), new.members()) {
		before, after := old.member(pattern), new.member(pattern)
		switch {
		case before.exists() && after.exists():
			c.compareSchemas(within(sc), before, after)
		case before.exists():
			c.comparePatternRemoved(sc, b.keyword("additionalProperties"), before, after, pattern)
		default:
			c.comparePatternAdded(sc, a.keyword("additionalProperties"), before, after, pattern)
		}
	}
	return true
}

// comparePatternRemoved holds the schema of a pattern against the rule that its members fall under now.
func (c *comparer) comparePatternRemoved(sc scope, rule, before, after cursor, pattern string) {
	openness, understood := c.openness(c.new, rule)
	level := Breaking
	switch {
	case c.takesAll(c.old, before) && understood && openness == open:
		return
	case c.takesAll(c.old, before), understood && openness == shut:
		level = Safe
	case understood && openness == ruled:
		level, _ = c.trial(within(sc), before, rule)
	}
	switch level {
	case Breaking:
		c.report(sc, "pattern-members-freed", before, after, quote(pattern))
	case Risky:
		c.report(sc, "schema-changed", before, after, quote(pattern))
	case Safe:
		c.report(sc, "pattern-members-ruled", before, after, quote(pattern))
	}
}

// comparePatternAdded holds the schema of a new pattern against the rule that its members fell under before.
func (c *comparer) comparePatternAdded(sc scope, rule, before, after cursor, pattern string) {
	openness, understood := c.openness(c.old, rule)
	switch {
	case !understood:
		c.report(sc, "schema-changed", before, after, quote(pattern))
	case openness == shut:
		c.report(sc, "additional-members-opened", before, after)
	case openness == open:
		if !c.takesAll(c.new, after) {
			c.report(sc, "pattern-members-ruled", before, after, quote(pattern))
		}
	default:
		switch level, changed := c.trial(within(sc), rule, after); {
		case !changed:
		case level == Breaking:
			c.report(sc, "pattern-members-freed", before, after, quote(pattern))
		case level == Risky:
			c.report(sc, "schema-changed", before, after, quote(pattern))
		default:
			c.report(sc, "pattern-members-ruled", before, after, quote(pattern))
		}
	}
}

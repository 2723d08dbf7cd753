package diff

// compareNot is the rule for not, below which more becomes less: what the old negation lets in and the new one does not
// may come now.
func (c *comparer) compareNot(sc scope, a, b *view) bool {
	old, new := a.keyword("not"), b.keyword("not")
	switch {
	case !old.exists() && !new.exists():
	case !new.exists():
		if v := c.look(c.old, old); !v.never {
			c.report(sc, "negation-removed", old, new)
		}
	case !old.exists():
		if v := c.look(c.new, new); !v.never {
			c.report(sc, "negation-added", old, new)
		}
	default:
		c.reportBack(sc, "negation", old, new)
	}
	return true
}

// reportBack reports what a change of a schema means for a whole that lets through what the schema does not: the kind's
// name ends in -loosened or -tightened.
func (c *comparer) reportBack(sc scope, kind string, old, new cursor) {
	level, changed := c.trialBack(within(sc), old, new)
	switch {
	case !changed:
	case level == Breaking:
		c.report(sc, kind+"-loosened", old, new)
	case level == Safe:
		c.report(sc, kind+"-tightened", old, new)
	default:
		c.report(sc, "schema-changed", old, new, subject(old, new))
	}
}

// within is the scope of a schema that is compared apart from its neighbours: whether those are closed says nothing.
func within(sc scope) scope { return scope{opaque: sc.opaque, exclusive: sc.exclusive} }

// compareConditions is the rule for if, then and else: what fits the condition must fit then, and what does not must
// fit else. Without a condition, or with nothing that hangs on it, they say nothing.
func (c *comparer) compareConditions(sc scope, a, b *view) bool {
	oldIf, newIf := a.keyword("if"), b.keyword("if")
	was, is := a.conditional(), b.conditional()
	switch {
	case !was && !is:
		return true
	case !is:
		c.report(sc, "condition-removed", oldIf, newIf)
		return true
	case !was:
		c.report(sc, "condition-added", oldIf, newIf)
		return true
	}
	c.compareCondition(sc, a, b)
	for _, keyword := range []string{"then", "else"} {
		old, new := a.keyword(keyword), b.keyword(keyword)
		switch {
		case old.exists() && new.exists():
			c.compareSchemas(within(sc), old, new)
		case old.exists() && !c.takesAll(c.old, old):
			c.report(sc, "consequence-removed", old, new, keyword)
		case new.exists() && !c.takesAll(c.new, new):
			c.report(sc, "consequence-added", old, new, keyword)
		}
	}
	return true
}

// conditional reports whether something hangs on a condition.
func (v *view) conditional() bool {
	return v.keyword("if").exists() && (v.keyword("then").exists() || v.keyword("else").exists())
}

// compareCondition is for a condition that both sides have. With then alone a narrower one lets more through, with else
// alone a wider one; with both it depends on what they ask for.
func (c *comparer) compareCondition(sc scope, a, b *view) {
	old, new := a.keyword("if"), b.keyword("if")
	thens, elses := a.keyword("then").exists() || b.keyword("then").exists(), a.keyword("else").exists() ||
		b.keyword("else").exists()
	switch {
	case !elses:
		c.reportBack(sc, "condition", old, new)
	case !thens:
		c.compareSchemas(within(sc), old, new)
	default:
		if _, changed := c.trial(within(sc), old, new); changed {
			c.report(sc, "schema-changed", old, new, subject(old, new))
		}
	}
}

// compareDependentRequired is the rule for members that must come where another one comes.
func (c *comparer) compareDependentRequired(sc scope, a, b *view) bool {
	old, new := a.keyword("dependentRequired"), b.keyword("dependentRequired")
	if !isDemands(old) || !isDemands(new) {
		return false
	}
	for _, name := range union(old.members(), new.members()) {
		before, after := old.member(name), new.member(name)
		was, is := entries(before), entries(after)
		for _, demanded := range union(was, is) {
			switch {
			case !is[demanded].exists():
				c.report(sc, "dependency-removed", was[demanded], after, quote(demanded), quote(name))
			case !was[demanded].exists():
				c.report(sc, "dependency-added", before, is[demanded], quote(demanded), quote(name))
			}
		}
	}
	return true
}

// isDemands reports whether dependentRequired, if it is there, is written as it must be.
func isDemands(at cursor) bool {
	if at.exists() && at.node.kind != object {
		return false
	}
	for _, list := range at.members() {
		if !list.node.isStrings() {
			return false
		}
	}
	return true
}

// entries are the locations of a list's strings, by what they say.
func entries(list cursor) map[string]cursor {
	all := map[string]cursor{}
	for _, entry := range list.items() {
		all[entry.node.text] = entry
	}
	return all
}

// compareDependentSchemas is the rule for schemas that count where a member comes.
func (c *comparer) compareDependentSchemas(sc scope, a, b *view) bool {
	old, new := a.keyword("dependentSchemas"), b.keyword("dependentSchemas")
	if old.exists() && old.node.kind != object || new.exists() && new.node.kind != object {
		return false
	}
	for _, name := range union(old.members(), new.members()) {
		before, after := old.member(name), new.member(name)
		switch {
		case before.exists() && after.exists():
			c.compareSchemas(within(sc), before, after)
		case before.exists() && !c.takesAll(c.old, before):
			c.report(sc, "dependent-schema-removed", before, after, quote(name))
		case after.exists() && !c.takesAll(c.new, after):
			c.report(sc, "dependent-schema-added", before, after, quote(name))
		}
	}
	return true
}

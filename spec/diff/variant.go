package diff

import (
	"math/big"
	"slices"
)

// compareItems is the rule for items: a missing one takes anything.
func (c *comparer) compareItems(sc scope, a, b *view) bool {
	c.compareElement(sc, a.keyword("items"), b.keyword("items"))
	return true
}

// compareElement holds what an element had to fit against what it has to fit now. Nothing takes anything.
func (c *comparer) compareElement(sc scope, old, new cursor) {
	switch {
	case old.exists() && new.exists():
		c.compareSchemas(within(sc), old, new)
	case old.exists() && !c.takesAll(c.old, old):
		c.report(sc, "items-removed", old, new)
	case new.exists() && !c.takesAll(c.new, new):
		c.report(sc, "items-added", old, new)
	}
}

// takesAll reports whether the schema asks for nothing.
func (c *comparer) takesAll(d *Document, at cursor) bool {
	v := c.look(d, at)
	return v.isWords()
}

// comparePrefixItems goes through the elements that have a schema by their position. One that has such a schema on one
// side only falls under items on the other.
func (c *comparer) comparePrefixItems(sc scope, a, b *view) bool {
	old, new := a.keyword("prefixItems"), b.keyword("prefixItems")
	if old.exists() && old.node.kind != array || new.exists() && new.node.kind != array {
		return false
	}
	before, after := old.items(), new.items()
	for i := range max(len(before), len(after)) {
		was, is := a.keyword("items"), b.keyword("items")
		if i < len(before) {
			was = before[i]
		}
		if i < len(after) {
			is = after[i]
		}
		c.compareElement(sc, was, is)
	}
	return true
}

// compareContains is the rule for contains with its two counts: at least minContains elements (one, where it is absent)
// fit the schema, and at most maxContains.
func (c *comparer) compareContains(sc scope, a, b *view) bool {
	old, new := a.keyword("contains"), b.keyword("contains")
	oldLeast, oldMost, understood := containsBounds(a)
	newLeast, newMost, alsoUnderstood := containsBounds(b)
	was := old.exists() && (oldLeast.value.Sign() > 0 || oldMost.value != nil)
	is := new.exists() && (newLeast.value.Sign() > 0 || newMost.value != nil)
	switch {
	case !understood || !alsoUnderstood:
		return false
	case !was && !is:
		return true
	case !is:
		c.report(sc, "contains-removed", old, new)
		return true
	case !was:
		c.report(sc, "contains-added", old, new)
		return true
	}
	c.compareBounds(sc, lower, oldLeast, newLeast, oldLeast.at, newLeast.at)
	c.compareBounds(sc, upper, oldMost, newMost, oldMost.at, newMost.at)
	if oldLeast.value.Sign() > 0 { // what fits the old schema too seldom was refused
		c.compareSchemas(within(sc), old, new)
	}
	if oldMost.value != nil { // and what fitted it too often
		c.reportBack(sc, "contains", old, new)
	}
	return true
}

// containsBounds are how many elements have to fit contains at least, and at most.
func containsBounds(v *view) (least, most bound, understood bool) {
	least = bound{keyword: "minContains", at: v.keyword("minContains"), value: big.NewRat(1, 1)}
	most = bound{keyword: "maxContains", at: v.keyword("maxContains")}
	for _, b := range []*bound{&least, &most} {
		if b.at.exists() {
			value, ok := b.at.node.rat()
			if !ok {
				return least, most, false
			}
			b.value = value
		}
	}
	return least, most, true
}

// belowOpaque is the rule for a keyword below which nobody can tell which way a change goes.
func belowOpaque(keyword string) func(*comparer, scope, *view, *view) bool {
	return func(c *comparer, sc scope, a, b *view) bool {
		old, new := a.keyword(keyword), b.keyword(keyword)
		if !old.exists() || !new.exists() {
			if old.exists() || new.exists() {
				c.report(sc, "schema-changed", old, new, quote(keyword))
			}
			return true
		}
		c.compareSchemas(scope{opaque: true}, old, new)
		return true
	}
}

// compareVariants is the rule for anyOf and oneOf. Neither knows an order. An exclusive choice that became a plain one
// lets through what fits two alternatives; the other way round less comes.
func (c *comparer) compareVariants(sc scope, a, b *view) bool {
	for _, v := range []*view{a, b} {
		for _, keyword := range []string{"anyOf", "oneOf"} {
			if at := v.keyword(keyword); at.exists() && at.node.kind != array {
				return false
			}
		}
	}
	oldAny, oldOne, newAny, newOne := a.keyword("anyOf"), a.keyword("oneOf"), b.keyword("anyOf"), b.keyword("oneOf")
	if oldAny.exists() != newAny.exists() && oldOne.exists() != newOne.exists() && oldAny.exists() != oldOne.exists() {
		if oldOne.exists() {
			c.report(sc, "one-of-loosened", oldOne, newAny)
			c.compareAlternatives(sc, a, oldOne, newAny, "anyOf")
		} else {
			c.report(sc, "one-of-required", oldAny, newOne)
			c.compareAlternatives(sc, a, oldAny, newOne, "anyOf")
		}
		return true
	}
	c.compareAlternatives(sc, a, oldAny, newAny, "anyOf")
	c.compareAlternatives(sc, a, oldOne, newOne, "oneOf")
	return true
}

// compareAlternatives holds the alternatives of one keyword against each other.
func (c *comparer) compareAlternatives(sc scope, a *view, old, new cursor, keyword string) {
	removed := "variant-removed"
	if keyword == "oneOf" {
		removed = "one-of-variant-removed"
	}
	switch {
	case !old.exists() && !new.exists():
		return
	case !old.exists():
		c.report(sc, "variants-added", old, new, keyword)
		return
	case !new.exists():
		c.report(sc, "variants-removed", old, new, keyword)
		return
	}
	among := scope{opaque: sc.opaque, exclusive: sc.exclusive || keyword == "oneOf", closed: sc.closed || a.closed()}
	pairs, gone, come := c.match(old.items(), new.items())
	for _, p := range pairs {
		c.compareSchemas(among, p[0], p[1])
	}
	for _, variant := range gone {
		c.report(sc, removed, variant, new.nothing())
	}
	for _, variant := range come {
		c.report(sc, "variant-added", old.nothing(), variant)
	}
}

// compareConjuncts holds the schemas against each other that have to fit as well and could not be folded in.
func (c *comparer) compareConjuncts(sc scope, a, b *view) {
	sc.closed = sc.closed || a.closed() || c.conjunctCloses(a)
	pairs, gone, come := c.match(a.conjuncts, b.conjuncts)
	for _, p := range pairs {
		c.compareSchemas(sc, p[0], p[1])
	}
	for _, conjunct := range gone {
		c.report(sc, "conjunct-removed", conjunct, b.at.nothing())
	}
	for _, conjunct := range come {
		c.report(sc, "conjunct-added", a.at.nothing(), conjunct)
	}
}

// match pairs schemas of two lists that have no order: first those that mean the same, then those of one name, then as
// they stand.
func (c *comparer) match(old, new []cursor) (pairs [][2]cursor, gone, come []cursor) {
	gone, come = slices.Clone(old), slices.Clone(new)
	take := func(key func(*Document, cursor) string) {
		byKey := map[string][]cursor{}
		for _, at := range come {
			k := key(c.new, at)
			byKey[k] = append(byKey[k], at)
		}
		gone = slices.DeleteFunc(gone, func(at cursor) bool {
			k := key(c.old, at)
			if k == "" || len(byKey[k]) == 0 {
				return false
			}
			counterpart := byKey[k][0]
			byKey[k] = byKey[k][1:]
			pairs = append(pairs, [2]cursor{at, counterpart})
			come = slices.DeleteFunc(come, func(other cursor) bool { return other.pointer == counterpart.pointer })
			return true
		})
	}
	take(func(d *Document, at cursor) string { return c.fingerprint(d, at) + "\n" + d.nameOf(at) })
	take(c.fingerprint)
	take((*Document).nameOf)
	n := min(len(gone), len(come))
	for i := range n {
		pairs = append(pairs, [2]cursor{gone[i], come[i]})
	}
	return pairs, gone[n:], come[n:]
}

// fingerprint prints a schema once.
func (c *comparer) fingerprint(d *Document, at cursor) string {
	print, known := c.prints[at.node]
	if !known {
		print = d.fingerprint(at, "")
		c.prints[at.node] = print
	}
	return print
}

// nameOf is what an author calls a schema: the last part of its $ref, or its title.
func (d *Document) nameOf(at cursor) string {
	if reference := at.member("$ref"); reference.exists() {
		return lastToken(reference.node.text)
	}
	if title := at.member("title"); title.exists() {
		return title.node.text
	}
	return ""
}

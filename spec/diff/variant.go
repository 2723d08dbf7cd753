package diff

import "slices"

// compareItems is the rule for items: a missing one takes anything.
func (c *comparer) compareItems(sc scope, a, b *view) bool {
	old, new := a.place("items"), b.place("items")
	within := sc
	within.closed = false
	switch {
	case old.exists() && new.exists():
		c.compareSchemas(within, old, new)
	case old.exists() && !c.takesAll(c.old, old):
		c.report(sc, "items-removed", old, new)
	case new.exists() && !c.takesAll(c.new, new):
		c.report(sc, "items-added", old, new)
	}
	return true
}

// takesAll reports whether the schema asks for nothing.
func (c *comparer) takesAll(d *Document, place cursor) bool {
	v := c.look(d, place, foldExactly)
	return v.isWords()
}

// comparePrefixItems goes through the elements that have a schema by their position.
func (c *comparer) comparePrefixItems(sc scope, a, b *view) bool {
	old, new := a.place("prefixItems"), b.place("prefixItems")
	if old.exists() && old.node.kind != array || new.exists() && new.node.kind != array {
		return false
	}
	sc.closed = false
	before, after := old.items(), new.items()
	for i := range max(len(before), len(after)) {
		switch {
		case i >= len(after):
			c.report(sc, "schema-changed", before[i], new.nothing(), "An element with a place of its own")
		case i >= len(before):
			c.report(sc, "schema-changed", old.nothing(), after[i], "An element with a place of its own")
		default:
			c.compareSchemas(sc, before[i], after[i])
		}
	}
	return true
}

// belowOpaque is the rule for a keyword below which nobody can tell which way a change goes.
func belowOpaque(keyword string) func(*comparer, scope, *view, *view) bool {
	return func(c *comparer, sc scope, a, b *view) bool {
		old, new := a.place(keyword), b.place(keyword)
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

// byName is the rule for a keyword that holds schemas by name. A name of one side only leaves open which way things go.
func byName(keyword string, opaque bool) func(*comparer, scope, *view, *view) bool {
	return func(c *comparer, sc scope, a, b *view) bool {
		old, new := a.place(keyword), b.place(keyword)
		if old.exists() && old.node.kind != object || new.exists() && new.node.kind != object {
			return false
		}
		within := scope{opaque: sc.opaque || opaque, exclusive: sc.exclusive}
		for _, name := range union(old.members(), new.members()) {
			before, after := old.member(name), new.member(name)
			if before.exists() && after.exists() {
				c.compareSchemas(within, before, after)
			} else {
				c.report(sc, "schema-changed", before, after, keyword)
			}
		}
		return true
	}
}

// variants is the rule for anyOf and oneOf. Neither knows an order.
func variants(keyword string) func(*comparer, scope, *view, *view) bool {
	removed := "variant-removed"
	if keyword == "oneOf" {
		removed = "one-of-variant-removed"
	}
	return func(c *comparer, sc scope, a, b *view) bool {
		old, new := a.place(keyword), b.place(keyword)
		if old.exists() && old.node.kind != array || new.exists() && new.node.kind != array {
			return false
		}
		switch {
		case !old.exists() && !new.exists():
			return true
		case !old.exists():
			c.report(sc, "variants-added", old, new, keyword)
			return true
		case !new.exists():
			c.report(sc, "variants-removed", old, new, keyword)
			return true
		}
		within := scope{opaque: sc.opaque, exclusive: sc.exclusive || keyword == "oneOf", closed: sc.closed || a.closed()}
		pairs, gone, come := c.match(old.items(), new.items())
		for _, p := range pairs {
			c.compareSchemas(within, p[0], p[1])
		}
		for _, variant := range gone {
			c.report(sc, removed, variant, new.nothing())
		}
		for _, variant := range come {
			c.report(sc, "variant-added", old.nothing(), variant)
		}
		return true
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

// match pairs schemas of two lists that have no order: first those that mean the same, then those of one name, then as they stand.
func (c *comparer) match(old, new []cursor) (pairs [][2]cursor, gone, come []cursor) {
	gone, come = slices.Clone(old), slices.Clone(new)
	take := func(key func(*Document, cursor) string) {
		byKey := map[string][]cursor{}
		for _, place := range come {
			k := key(c.new, place)
			byKey[k] = append(byKey[k], place)
		}
		gone = slices.DeleteFunc(gone, func(place cursor) bool {
			k := key(c.old, place)
			if k == "" || len(byKey[k]) == 0 {
				return false
			}
			twin := byKey[k][0]
			byKey[k] = byKey[k][1:]
			pairs = append(pairs, [2]cursor{place, twin})
			come = slices.DeleteFunc(come, func(other cursor) bool { return other.pointer == twin.pointer })
			return true
		})
	}
	take(func(d *Document, place cursor) string { return c.fingerprint(d, place) + "\n" + d.nameOf(place) })
	take(c.fingerprint)
	take((*Document).nameOf)
	n := min(len(gone), len(come))
	for i := range n {
		pairs = append(pairs, [2]cursor{gone[i], come[i]})
	}
	return pairs, gone[n:], come[n:]
}

// fingerprint prints a schema once.
func (c *comparer) fingerprint(d *Document, place cursor) string {
	print, known := c.prints[place.node]
	if !known {
		print = d.fingerprint(place, "")
		c.prints[place.node] = print
	}
	return print
}

// nameOf is what an author calls a schema: the last part of its $ref, or its title.
func (d *Document) nameOf(place cursor) string {
	if reference := place.member("$ref"); reference.exists() {
		return lastToken(reference.node.text)
	}
	if title := place.member("title"); title.exists() {
		return title.node.text
	}
	return ""
}

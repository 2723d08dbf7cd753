package diff

import "numhook/spec/eventsdoc"

// jsonMediaType is the only form of body that the receiver knows: it takes every body for JSON of this schema, whatever
// the delivery calls it.
const jsonMediaType = "application/json"

// compareBodies holds the request bodies of two operations against each other.
func (c *comparer) compareBodies(old, new cursor) {
	switch {
	case !old.exists() && !new.exists():
		return
	case !new.exists():
		c.report(scope{}, "body-removed", old, new)
		return
	case !old.exists():
		c.report(scope{}, "body-added", old, new)
		return
	}
	found := c.found
	before, after := c.old.fields(old), c.new.fields(new)
	c.compareDemand(before, after, old, new)
	c.compareContent(field(before, "content", old), field(after, "content", new))
	for _, keyword := range union(before, after) {
		if keyword != "required" && keyword != "content" {
			c.compareWordsOf(keyword, field(before, keyword, old), field(after, keyword, new))
		}
	}
	if c.found == found {
		c.reportDifference("schema-changed", old, new, quote("requestBody")) // neither is written as it must be
	}
}

// compareWordsOf is for what stands in a body beside its schemas and has no rule.
func (c *comparer) compareWordsOf(keyword string, old, new cursor) {
	id, arg := "schema-changed", quote(keyword)
	if isAnnotation(keyword) {
		id, arg = "annotation-changed", keyword
	}
	c.reportDifference(id, old, new, arg)
}

// compareDemand is the rule for whether the body must come.
func (c *comparer) compareDemand(before, after map[string]cursor, old, new cursor) {
	oldDemand, newDemand := before["required"], after["required"]
	was, is := oldDemand.node.isBool(true), newDemand.node.isBool(true)
	oldAt, newAt := field(before, "required", old), field(after, "required", new)
	switch {
	case was && !is:
		c.report(scope{}, "body-became-optional", oldAt, newAt)
	case is && !was:
		c.report(scope{}, "body-became-required", oldAt, newAt)
	case !same(oldDemand.node, newDemand.node):
		c.restated()
	}
}

// compareContent holds the media types of a body against each other. Their parameters (a charset) and their case say
// nothing.
func (c *comparer) compareContent(old, new cursor) {
	before, after := mediaTypes(c.old, old), mediaTypes(c.new, new)
	for _, name := range union(before, after) {
		a, b := field(before, name, old), field(after, name, new)
		switch {
		case !a.exists():
			c.report(scope{}, "media-type-added", a, b, quote(name))
		case !b.exists() && name == jsonMediaType:
			c.report(scope{}, "json-body-removed", a, b)
		case !b.exists():
			c.report(scope{}, "media-type-removed", a, b, quote(name))
		default:
			if lastToken(a.pointer) != lastToken(b.pointer) {
				c.restated()
			}
			c.compareMedia(a, b)
		}
	}
	if before == nil || after == nil {
		c.reportDifference("schema-changed", old, new, quote("content"))
	}
}

// mediaTypes are the media type objects of a content; nil when it is none, or names one twice. Where JSON itself is not
// among them, the first kind of JSON stands for it, as it does for the receiver.
func mediaTypes(d *Document, content cursor) map[string]cursor {
	all := map[string]cursor{}
	for name, at := range d.fields(content) {
		plain := eventsdoc.Essence(name)
		if _, twice := all[plain]; twice {
			return nil
		}
		all[plain] = at
	}
	if content.exists() && content.node.kind != object {
		return nil
	}
	if _, plain := all[jsonMediaType]; plain || !content.exists() {
		return all
	}
	for _, m := range content.node.members {
		if kind := eventsdoc.Essence(m.name); eventsdoc.IsJSON(kind) && all[kind].exists() {
			all[jsonMediaType] = all[kind]
			delete(all, kind)
			break
		}
	}
	return all
}

// compareMedia compares the schemas of one media type, and what stands beside them.
func (c *comparer) compareMedia(old, new cursor) {
	before, after := c.old.fields(old), c.new.fields(new)
	for _, keyword := range union(before, after) {
		a, b := field(before, keyword, old), field(after, keyword, new)
		if keyword != "schema" {
			c.compareWordsOf(keyword, a, b)
			continue
		}
		found := c.found
		switch {
		case !b.exists() && !c.takesAll(c.old, a):
			c.report(scope{}, "schema-removed", a, b)
		case !a.exists() && !c.takesAll(c.new, b):
			c.report(scope{}, "schema-added", a, b)
		case !a.exists() || !b.exists():
			c.restated()
		default:
			c.compareBodySchemas(a, b)
		}
		if c.found == found {
			c.compareForms(a, b)
		}
	}
}

// compareForms notes what is written in other words, where no rule had anything to say.
func (c *comparer) compareForms(old, new cursor) {
	w := wordWalk{comparer: c, passed: map[[2]*node]bool{}}
	if _, _, differ := w.difference(old, new); differ {
		c.restated()
	}
}

func (c *comparer) compareBodySchemas(old, new cursor) {
	c.compareSchemas(scope{}, old, new)
	oldUses, newUses := map[*node]bool{}, map[*node]bool{}
	c.old.uses(old, oldUses)
	c.new.uses(new, newUses)
	c.compareDefinitions(oldUses, newUses)
	if *c.left <= 0 {
		c.report(scope{}, "schema-changed", old, new, "Perhaps something in schemas that refer to each other too often to "+
			"be compared")
	}
}

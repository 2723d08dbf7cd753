package diff

import "regexp"

// wordWalk looks for a location where two values are not written alike. It follows references; the order of members,
// and of lists that have none, says nothing.
type wordWalk struct {
	comparer *comparer
	passed   map[[2]*node]bool
}

// reportDifference reports the first difference between two values, if there is one.
func (c *comparer) reportDifference(id string, old, new cursor, args ...any) {
	w := wordWalk{comparer: c, passed: map[[2]*node]bool{}}
	if a, b, differ := w.difference(old, new); differ {
		c.report(scope{}, id, a, b, args...)
	}
}

// responseContent is where media types stand that the receiver sends.
var responseContent = regexp.MustCompile(`/responses/[^/]+/content$`)

// difference is the first place that differs, in the order of the new document.
func (w *wordWalk) difference(old, new cursor) (a, b cursor, differ bool) {
	if !old.exists() || !new.exists() {
		return old, new, old.exists() || new.exists()
	}
	key := [2]*node{old.node, new.node}
	if w.passed[key] {
		return old, new, false
	}
	if len(w.passed) == maxPairs {
		return old, new, true // nobody knows, so it is said
	}
	w.passed[key] = true
	switch {
	case old.node.kind != new.node.kind || old.node.text != new.node.text:
		return old, new, true
	case old.node.kind == array:
		return w.itemDifference(old, new)
	}
	before, after := w.comparer.old.read(old), w.comparer.new.read(new)
	if responseContent.MatchString(old.pointer) && responseContent.MatchString(new.pointer) {
		before, after = mediaTypes(w.comparer.old, old), mediaTypes(w.comparer.new, new)
	}
	for _, m := range new.node.members {
		if at, known := after[m.name]; known {
			if a, b, differ := w.difference(field(before, m.name, old), at); differ {
				return a, b, true
			}
		}
	}
	for _, name := range union(before, after) {
		if a, b, differ := w.difference(field(before, name, old), field(after, name, new)); differ {
			return a, b, true
		}
	}
	return old, new, false
}

// read gives the members of an object. A reference is followed, unless more than words stand beside it: then what it
// leads to is a member, too.
func (d *Document) read(c cursor) map[string]cursor {
	all := c.members()
	target, err := d.follow(c)
	if err != nil || !target.exists() {
		return all
	}
	for name := range all {
		if name != "$ref" && !isAnnotation(name) {
			all["$ref"] = target
			return all
		}
	}
	return d.fields(c)
}

// unordered are the lists whose order says nothing.
var unordered = set("required", "enum", "type")

func (w *wordWalk) itemDifference(old, new cursor) (a, b cursor, differ bool) {
	if unordered[lastToken(new.pointer)] && sameWords("enum", old.node, new.node) {
		return old, new, false
	}
	before, after := old.items(), new.items()
	for i := range max(len(before), len(after)) {
		x, y := old.nothing(), new.nothing()
		if i < len(before) {
			x = before[i]
		}
		if i < len(after) {
			y = after[i]
		}
		if a, b, differ := w.difference(x, y); differ {
			return a, b, true
		}
	}
	return old, new, false
}

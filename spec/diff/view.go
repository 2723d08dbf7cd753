package diff

import (
	"slices"
	"strings"
)

// view is a schema with its references followed and its allOf folded in, as far as that keeps the meaning. Hoisting a
// schema into components, or putting a description beside a $ref, gives the same view.
type view struct {
	at         cursor
	never      bool // the schema false
	odd        bool // neither an object nor a boolean
	keywords   map[string]cursor
	properties map[string]cursor
	required   map[string]cursor // the entries of the list, by the name that they hold
	conjuncts  []cursor          // what else has to fit, and could not be folded in
	shadowed   map[string][]cursor
}

// annotations are the keywords that only speak to readers. Members that begin with x- are, too.
var annotations = set("title", "description", "summary", "example", "examples", "externalDocs", "$comment", "xml",
	"tags", "deprecated")

func isAnnotation(keyword string) bool {
	return annotations[keyword] || strings.HasPrefix(keyword, "x-")
}

// Some keywords look at their neighbours: additionalProperties at the properties beside it, and so on. A schema that
// holds one of the first list must not be folded into one that holds one of either.
var (
	lookAside = set("additionalProperties", "unevaluatedProperties", "unevaluatedItems", "prefixItems", "contains",
		"minContains", "maxContains", "if", "then",
		"else", "nullable")
	lookedAt = set("properties", "patternProperties", "items", "type")
)

// maxFolded is how many schemas one view takes in. References can make a few lines mean a tree of any size; what goes
// beyond is not folded at all.
const maxFolded = 500

// folds is how much of what a schema refers to, or puts into an allOf, a view takes in.
type folds uint8

const (
	foldExactly folds = iota // what keeps the meaning
	foldBoldly               // also what looks aside at its neighbours, as authors seem to mean it
	foldNothing              // nothing: not even where a bare $ref leads
)

// folding is the making of one view.
type folding struct {
	document *Document
	how      folds
	apart    bool // alternatives stay alternatives
	within   map[*node]bool
	left     int
}

// look gives the view of the schema at c.
func (d *Document) look(c cursor, how folds, apart bool) view {
	f := folding{document: d, how: how, apart: apart, within: map[*node]bool{}, left: maxFolded}
	v := f.fold(c)
	if f.left == 0 && how != foldNothing {
		return d.look(c, foldNothing, apart)
	}
	return v
}

// lookBoth gives the views of two schemas, folded as far as both can be: what is folded on one side only would look as
// if it had come or gone. The same holds for alternatives that are one schema on one side only.
func (c *comparer) lookBoth(old, new cursor) (a, b view) {
	for _, apart := range []bool{false, true} {
		for _, how := range []folds{foldExactly, foldBoldly, foldNothing} {
			a, b = c.lookAt(c.old, old, how, apart), c.lookAt(c.new, new, how, apart)
			if len(a.conjuncts) == len(b.conjuncts) {
				break
			}
		}
		if !a.hasAlternatives() && !b.hasAlternatives() {
			break
		}
	}
	return a, b
}

func (f *folding) fold(c cursor) view {
	v := newView(c)
	if !c.exists() {
		return v
	}
	if c.node.kind != object {
		v.never = c.node.isBool(false)
		v.odd = c.node.kind != boolean
		return v
	}
	f.within[c.node] = true
	defer delete(f.within, c.node)
	conjuncts := f.document.ownKeywords(c, &v)
	bare := len(c.node.members) == 1 && c.member("$ref").exists()
	for _, conjunct := range conjuncts {
		if f.how != foldNothing && !f.within[conjunct.node] && f.left > 0 {
			f.left--
			w := f.fold(conjunct)
			if bare {
				return w
			}
			if v.takesIn(w, f.how) {
				v.takeIn(w)
				continue
			}
		}
		v.conjuncts = append(v.conjuncts, conjunct)
	}
	if f.how != foldNothing {
		f.normalise(&v)
	}
	return v
}

// ownKeywords sorts the members of a schema into the view, and returns what else the schema asks to fit: what $ref and
// allOf name.
func (d *Document) ownKeywords(c cursor, v *view) []cursor {
	var conjuncts []cursor
	for name, at := range c.members() {
		switch {
		case name == "$ref":
			target, err := d.follow(c)
			if err != nil || !target.exists() {
				v.keywords[name] = at
				continue
			}
			conjuncts = slices.Insert(conjuncts, 0, target)
		case name == "allOf" && at.node.kind == array, isAlternatives(name) && len(at.items()) == 1:
			conjuncts = append(conjuncts, at.items()...)
		case name == "properties" && at.node.kind == object:
			v.keywords[name] = at
			v.properties = at.members()
		case name == "required" && at.node.isStrings():
			v.keywords[name] = at
			for _, entry := range at.items() {
				v.required[entry.node.text] = entry
			}
		default:
			v.keywords[name] = at
		}
	}
	return conjuncts
}

// isWords reports whether the schema asks for nothing.
func (v *view) isWords() bool {
	for name := range v.keywords {
		if !isAnnotation(name) {
			return false
		}
	}
	return !v.never && !v.odd && len(v.conjuncts) == 0
}

// takesIn reports whether the keywords of w, put beside those of v, mean what both schemas together mean.
func (v *view) takesIn(w view, how folds) bool {
	if w.never || w.odd {
		return false
	}
	if how == foldExactly && (v.has(lookAside) && (w.has(lookAside) || w.has(lookedAt)) || w.has(lookAside) &&
		v.has(lookedAt)) {
		return false
	}
	for name := range w.properties {
		if _, taken := v.properties[name]; taken {
			return false
		}
	}
	for name, at := range w.keywords {
		own, taken := v.keywords[name]
		if taken && !isAnnotation(name) && !v.joins(name, w) && !same(own.node, at.node) {
			return false
		}
	}
	return true
}

// joins reports whether both have the keyword in a form in which their contents can be put together.
func (v *view) joins(keyword string, w view) bool {
	switch keyword {
	case "properties":
		return v.keywords[keyword].node.kind == object && w.keywords[keyword].node.kind == object
	case "required":
		return v.keywords[keyword].node.isStrings() && w.keywords[keyword].node.isStrings()
	}
	return false
}

func (v *view) has(keywords map[string]bool) bool {
	for name := range v.keywords {
		if keywords[name] {
			return true
		}
	}
	return false
}

func (v *view) takeIn(w view) {
	for name, at := range w.keywords {
		if _, taken := v.keywords[name]; !taken {
			v.keywords[name] = at
		} else if isAnnotation(name) {
			v.shadowed[name] = append(v.shadowed[name], at)
		}
	}
	for name, all := range w.shadowed {
		v.shadowed[name] = append(v.shadowed[name], all...)
	}
	for name, at := range w.properties {
		v.properties[name] = at
	}
	for name, at := range w.required {
		if _, taken := v.required[name]; !taken {
			v.required[name] = at
		}
	}
	v.conjuncts = append(v.conjuncts, w.conjuncts...)
}

// keyword is where a keyword stands, or nothing near the schema.
func (v *view) keyword(keyword string) cursor {
	if at, known := v.keywords[keyword]; known {
		return at
	}
	return v.at.nothing()
}

// closed reports whether the schema refuses members that it does not name.
func (v *view) closed() bool {
	return v.keyword("additionalProperties").node.isBool(false) || v.keyword("unevaluatedProperties").node.isBool(false)
}

package contract

import "github.com/getkin/kin-openapi/openapi3"

// restRules are unevaluatedProperties and unevaluatedItems: what is asked of the members and elements that no schema
// applied to the same value has spoken of. Schemas that the value does not fit, among alternatives, have not spoken.
type restRules struct {
	properties, items       *schema // nil for no demand
	allProperties, allItems bool    // the keyword is there, so that nothing is left for a schema around
}

func (c *compiler) rest(s *schema, from *openapi3.Schema) (err error) {
	var rules restRules
	if rules.properties, rules.allProperties, err = c.boolSchema(from.UnevaluatedProperties,
		s.spec+"/unevaluatedProperties"); err != nil {
		return err
	}
	if rules.items, rules.allItems, err = c.boolSchema(from.UnevaluatedItems, s.spec+"/unevaluatedItems"); err != nil {
		return err
	}
	if rules.allProperties || rules.allItems {
		s.rest = &rules
		s.layered = true
	}
	return nil
}

// boolSchema compiles a keyword that is a boolean or a schema, and reports whether it is there. What is true asks for
// nothing.
func (c *compiler) boolSchema(b openapi3.BoolSchema, pointer string) (*schema, bool, error) {
	switch {
	case b.Schema != nil:
		s, err := c.ref(b.Schema, pointer)
		return s, true, err
	case b.Has == nil || *b.Has:
		return nil, b.Has != nil, nil
	}
	s := &schema{spec: pointer, never: true}
	c.all = append(c.all, s)
	return s, true, nil
}

// fitsRest holds what is left over against unevaluatedProperties or unevaluatedItems.
func (w *walk) fitsRest(s *schema, i uint32) bool {
	from := len(w.spoken)
	w.hear(s, i)
	ok := w.fitsLeftOver(s, i, from)
	w.spoken = w.spoken[:from]
	return ok
}

func (w *walk) fitsLeftOver(s *schema, i uint32, from int) bool {
	d := w.d
	isObject := d.nodes[i].kind == object
	sub := s.rest.items
	if isObject {
		sub = s.rest.properties
	}
	if sub == nil || d.nodes[i].kind&(object|array) == 0 {
		return true
	}
	at := 0
	for c, end := i+1, d.nodes[i].next; c < end; c = d.nodes[c].next {
		heard := false
		for _, one := range w.spoken[from:] {
			heard = heard || isObject && w.speaksOfMember(one, s, c) || !isObject && w.speaksOfElement(one, s, c, at)
		}
		at++
		switch {
		case heard:
		case sub.never && isObject:
			if !w.tell(ruleUnevaluated, s, "unevaluatedProperties", c, "the contract allows no member of this name here") {
				return false
			}
		case !w.fits(sub, c):
			return false
		}
	}
	return true
}

// hear adds to w.spoken the schema and those that it applies to the same value, as far as the value fits them.
func (w *walk) hear(s *schema, i uint32) {
	w.spoken = append(w.spoken, s)
	if s.object != nil {
		for at := range s.object.depends {
			one := &s.object.depends[at]
			if _, ok := w.d.member(i, one.when); ok && one.schema != nil {
				w.hear(one.schema, i)
			}
		}
	}
	p := s.inPlace
	if p == nil {
		return
	}
	for _, list := range [][]*schema{p.allOf, p.anyOf, p.oneOf} {
		for _, sub := range list {
			if w.admits(sub, i) {
				w.hear(sub, i)
			}
		}
	}
	if p.when == nil {
		return
	}
	branch := p.others
	if w.admits(p.when, i) {
		w.hear(p.when, i)
		branch = p.then
	}
	if branch != nil {
		w.hear(branch, i)
	}
}

// speaksOfMember reports whether the schema evaluates the member at node c. The one that asks does not do so by its own
// unevaluatedProperties.
func (w *walk) speaksOfMember(s, asks *schema, c uint32) bool {
	if s != asks && s.rest != nil && s.rest.allProperties {
		return true
	}
	o := s.object
	if o == nil {
		return false
	}
	if o.additional != nil || o.closed || o.open {
		return true
	}
	if p := o.lookup(w.d, &w.d.nodes[c]); p != nil && p.schema != nil {
		return true
	}
	for at := range o.patterns {
		if o.patterns[at].pattern.Match(w.d.nameOf(c)) {
			return true
		}
	}
	return false
}

// speaksOfElement reports whether the schema evaluates the element at node c, which is the at-th.
func (w *walk) speaksOfElement(s, asks *schema, c uint32, at int) bool {
	if s != asks && s.rest != nil && s.rest.allItems {
		return true
	}
	a := s.array
	return a != nil && (a.element(at) != nil || a.contains != nil && w.admits(a.contains, c))
}

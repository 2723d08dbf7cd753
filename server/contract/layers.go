package contract

// fitsInPlace applies allOf, anyOf, oneOf, not, if, then and else.
func (w *walk) fitsInPlace(s *schema, i uint32) bool {
	p := s.inPlace
	for _, sub := range p.allOf {
		if !w.fits(sub, i) {
			return false
		}
	}
	if p.anyOf != nil && !w.fitsAnyOf(s, i) || p.oneOf != nil && !w.fitsOneOf(s, i) {
		return false
	}
	if p.not != nil && w.admits(p.not, i) && !w.tell(ruleNot, s, "not", i, "the value is one that the contract "+
		"rules out") {
		return false
	}
	if p.when == nil {
		return true
	}
	branch := p.others
	if w.admits(p.when, i) {
		branch = p.then
	}
	return branch == nil || w.fits(branch, i)
}

func (w *walk) fitsAnyOf(s *schema, i uint32) bool {
	for _, sub := range s.inPlace.anyOf {
		if w.admits(sub, i) {
			return true
		}
	}
	return w.tellAlternatives(ruleAnyOf, s, "anyOf", s.inPlace.anyOf, i)
}

func (w *walk) fitsOneOf(s *schema, i uint32) bool {
	fitting := 0
	for _, sub := range s.inPlace.oneOf {
		if w.admits(sub, i) {
			fitting++
		}
		if fitting > 1 {
			return w.tell(ruleOneOf, s, "oneOf", i, "the value fits more than one of the contract's alternatives, where it "+
				"may fit one only")
		}
	}
	return fitting == 1 || w.tellAlternatives(ruleOneOf, s, "oneOf", s.inPlace.oneOf, i)
}

// tellAlternatives tells why none of the alternatives fits. When the type of the value leaves only one of them, it
// tells what is wrong by that one.
func (w *walk) tellAlternatives(rule *Rule, s *schema, keyword string, list []*schema, i uint32) bool {
	if w.report == nil {
		return false
	}
	var only *schema
	n := &w.d.nodes[i]
	for _, sub := range list {
		if sub.never || sub.types != 0 && sub.types&n.kind == 0 && !w.integral(sub, n) {
			continue
		}
		if only != nil {
			return w.tell(rule, s, keyword, i, "the value fits none of the contract's alternatives")
		}
		only = sub
	}
	if only == nil {
		return w.tell(rule, s, keyword, i, "the value fits none of the contract's alternatives")
	}
	return w.fits(only, i)
}

// enter adds the schema, and all that it applies to the same value, to the scope that begins at from.
func (w *walk) enter(s *schema, from int) {
next:
	for _, one := range s.scope {
		for _, have := range w.scope[from:] {
			if have == one {
				continue next
			}
		}
		w.scope = append(w.scope, one)
	}
}

// findDrift looks for members that none of the schemas in w.scope[from:until], which all speak of the value at node i,
// knows. Whether a schema was the alternative that the value fits makes no difference: the contract knows what any of
// them knows.
func (w *walk) findDrift(i uint32, from, until int) bool {
	d := w.d
	at := 0
	for c, end := i+1, d.nodes[i].next; c < end; c = d.nodes[c].next {
		known := true
		if d.nodes[i].kind == object {
			known = w.enterMember(c, from, until)
		} else {
			w.enterElement(at, from, until)
			at++
		}
		ok := known || w.tell(ruleUnknownMember, w.declaring(from, until), "properties", c, unknownText)
		ok = ok && (d.nodes[c].kind&(object|array) == 0 || len(w.scope) == until || w.findDrift(c, until, len(w.scope)))
		w.scope = w.scope[:until]
		if !ok {
			return false
		}
	}
	return true
}

// enterMember adds what speaks of the member at node c. It is false when there is nothing, though there is a schema
// with properties.
func (w *walk) enterMember(c uint32, from, until int) bool {
	d := w.d
	declared, known := false, false
	for at := from; at < until; at++ {
		o := w.scope[at].object
		if o == nil {
			continue
		}
		declared = declared || o.declares
		p := o.lookup(d, &d.nodes[c])
		spoken := p != nil && p.schema != nil
		if spoken {
			w.enter(p.schema, until)
		}
		for j := range o.patterns {
			if o.patterns[j].pattern.Match(d.nameOf(c)) {
				spoken = true
				w.enter(o.patterns[j].schema, until)
			}
		}
		if !spoken && o.additional != nil {
			spoken = true
			w.enter(o.additional, until)
		}
		known = known || spoken || p != nil
	}
	for at := from; at < until && !known; at++ {
		if rest := w.scope[at].rest; rest != nil && rest.properties != nil && !rest.properties.never {
			w.enter(rest.properties, until)
			known = true
		}
	}
	return known || !declared
}

func (w *walk) enterElement(at, from, until int) {
	for j := from; j < until; j++ {
		a := w.scope[j].array
		if a == nil {
			continue
		}
		if sub := a.element(at); sub != nil {
			w.enter(sub, until)
		}
		if a.contains != nil {
			w.enter(a.contains, until)
		}
	}
}

// declaring is the first schema with properties: what a finding of drift refers to.
func (w *walk) declaring(from, until int) *schema {
	for _, s := range w.scope[from:until] {
		if s.object != nil && s.object.declares {
			return s
		}
	}
	return nil
}

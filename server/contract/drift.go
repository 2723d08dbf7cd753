package contract

const unknownText = "the contract does not know a member of this name here"

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
func (w *walk) findDrift(i uint32, from, until int) {
	d := w.d
	at := 0
	for c := range d.children(i) {
		if d.nodes[i].kind == object {
			if !w.enterMember(c, from, until) {
				w.tell(ruleUnknownMember, w.declaring(from, until), "properties", c, unknownText)
			}
		} else {
			w.enterElement(at, from, until)
			at++
		}
		if d.nodes[c].kind&(object|array) != 0 && len(w.scope) > until {
			w.findDrift(c, until, len(w.scope))
		}
		w.lintFormat(c, until)
		w.scope = w.scope[:until]
	}
}

// lintFormat looks whether the string at node i has one of the formats of the schemas in w.scope[from:], which all
// speak of it. Where it may be one thing or another, one is enough.
func (w *walk) lintFormat(i uint32, from int) {
	if w.d.nodes[i].kind != text {
		return
	}
	var asks *schema
	for _, s := range w.scope[from:] {
		switch {
		case s.custom == nil:
		case s.custom.expression.Match(w.d.textOf(i)):
			return
		case asks == nil:
			asks = s
		}
	}
	if asks != nil {
		w.tell(ruleTextFormat, asks, "format", i, asks.custom.detail)
	}
}

// speaking are the schemas of the member at node c by its name, by its pattern, or by its being another one.
func (s *schema) speaking(d *Document, c uint32) (list []*schema) {
	if p := s.properties[string(d.nameOf(c))]; p != nil && p.schema != nil {
		list = append(list, p.schema)
	}
	for j := range s.patterns {
		if s.patterns[j].pattern.Match(d.nameOf(c)) {
			list = append(list, s.patterns[j].schema)
		}
	}
	if len(list) == 0 && s.additional != nil {
		list = append(list, s.additional)
	}
	return list
}

// enterMember adds what speaks of the member at node c. It is false when there is nothing, though there is a schema
// with properties.
func (w *walk) enterMember(c uint32, from, until int) bool {
	declared, known := false, false
	for at := from; at < until; at++ {
		s := w.scope[at]
		declared = declared || s.declares
		for _, sub := range s.speaking(w.d, c) {
			known = true
			w.enter(sub, until)
		}
		known = known || s.properties[string(w.d.nameOf(c))] != nil
	}
	for at := from; at < until && !known; at++ {
		if rest := w.scope[at].unevaluated; rest != nil && !rest.never && !rest.open {
			w.enter(rest, until)
			known = true
		}
	}
	return known || !declared
}

func (w *walk) enterElement(at, from, until int) {
	for j := from; j < until; j++ {
		if sub := w.scope[j].element(at); sub != nil {
			w.enter(sub, until)
		}
		if w.scope[j].contains != nil {
			w.enter(w.scope[j].contains, until)
		}
	}
}

// declaring is the first schema with properties: what a finding of drift refers to.
func (w *walk) declaring(from, until int) *schema {
	for _, s := range w.scope[from:until] {
		if s.declares {
			return s
		}
	}
	return nil
}

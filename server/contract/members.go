package contract

func (w *walk) fitsObject(s *schema, i uint32) bool {
	o, d := s.object, w.d
	n := &d.nodes[i]
	count := int(n.count)
	if count < o.least && !w.tell(ruleMinProperties, s, "minProperties", i, o.leastText) {
		return false
	}
	if o.most >= 0 && count > o.most && !w.tell(ruleMaxProperties, s, "maxProperties", i, o.mostText) {
		return false
	}
	var seen uint64 // the first 64 of the required members
	for c, end := i+1, n.next; c < end; c = d.nodes[c].next {
		m := &d.nodes[c]
		p := o.lookup(d, m)
		if p != nil && uint(p.required) < 64 {
			seen |= 1 << uint(p.required)
		}
		if p != nil && p.schema != nil && p.schema.leaf && p.schema.types&m.kind != 0 && o.patterns == nil && o.names == nil {
			continue
		}
		if !w.fitsMember(s, p, c) {
			return false
		}
	}
	if len(o.required) > 0 && !w.hasRequired(s, i, seen) {
		return false
	}
	return o.depends == nil || w.fitsDepends(s, i)
}

// fitsMember holds one member against what the schema says of it by name, by pattern, or of all others.
func (w *walk) fitsMember(s *schema, p *property, c uint32) bool {
	o := s.object
	known := p != nil && p.schema != nil
	if known && !w.fits(p.schema, c) {
		return false
	}
	if o.patterns != nil {
		for at := range o.patterns {
			if o.patterns[at].pattern.Match(w.d.nameOf(c)) {
				known = true
				if !w.fits(o.patterns[at].schema, c) {
					return false
				}
			}
		}
	}
	if o.names != nil && !w.admitsName(o.names, c) &&
		!w.tell(rulePropertyNames, s, "propertyNames", c, "the name of the member is not one that the contract allows") {
		return false
	}
	switch {
	case known:
		return true
	case o.closed:
		return w.tell(ruleAdditional, s, "additionalProperties", c, "the contract allows no member of this name here")
	case o.additional != nil:
		return w.fits(o.additional, c)
	case o.declares && p == nil && w.drift:
		return w.tell(ruleUnknownMember, s, "properties", c, unknownText)
	}
	return true
}

const unknownText = "the contract does not know a member of this name here"

// admitsName holds the member's name against a schema, as the string that it is.
func (w *walk) admitsName(s *schema, c uint32) bool {
	d := w.d
	m := d.nodes[c]
	name := node{start: m.name - 1, end: m.nameEnd + 1, next: uint32(len(d.nodes)) + 1, kind: text,
		flags: m.flags << nameShift & (escaped | wide)}
	d.nodes = append(d.nodes, name)
	ok := w.admits(s, uint32(len(d.nodes)-1))
	d.nodes = d.nodes[:len(d.nodes)-1]
	return ok
}

// hasRequired tells of each required member that is missing. What was seen of the first 64 the walk has counted on its
// way.
func (w *walk) hasRequired(s *schema, i uint32, seen uint64) bool {
	for from := 0; from < len(s.object.required); from += 64 {
		if from > 0 {
			seen = w.countRequired(s, i, from)
		}
		until := min(from+64, len(s.object.required))
		if missing := ^seen << (64 - (until - from)); missing == 0 {
			continue
		}
		for at := from; at < until; at++ {
			if seen>>(at-from)&1 == 0 {
				r := &s.object.required[at]
				if !w.tellMissing(ruleRequired, s, "required", i, r.name, r.detail) {
					return false
				}
			}
		}
	}
	return true
}

func (w *walk) countRequired(s *schema, i uint32, from int) (seen uint64) {
	d := w.d
	for c, end := i+1, d.nodes[i].next; c < end; c = d.nodes[c].next {
		if p := s.object.lookup(d, &d.nodes[c]); p != nil && p.required >= from && p.required < from+64 {
			seen |= 1 << (p.required - from)
		}
	}
	return seen
}

func (w *walk) fitsDepends(s *schema, i uint32) bool {
	for at := range s.object.depends {
		one := &s.object.depends[at]
		if _, ok := w.d.member(i, one.when); !ok {
			continue
		}
		for j, other := range one.required {
			if _, ok := w.d.member(i, other); !ok &&
				!w.tellMissing(ruleDependentRequired, s, "dependentRequired", i, other.name, one.details[j]) {
				return false
			}
		}
		if one.schema != nil && !w.fits(one.schema, i) {
			return false
		}
	}
	return true
}

// tellMissing is tell about a member that the object at node i lacks.
func (w *walk) tellMissing(rule *Rule, s *schema, keyword string, i uint32, name, detail string) bool {
	if w.report == nil {
		return false
	}
	w.report.add(finding{rule: rule, node: i, schema: s, keyword: keyword, detail: detail, missing: name})
	return true
}

package contract

import "slices"

// scopes finds, for each schema, what it applies to the same value. A schema that comes back to itself so would never
// end.
func (c *compiler) scopes() error {
	for _, s := range c.all {
		s.recursive = s.reaches(s, map[*schema]bool{})
		s.scope = gather(nil, s)
		reach := s.scope
		for i := 0; i < len(reach); i++ {
			if p := reach[i].inPlace; p != nil && p.not != nil {
				reach = gather(reach, p.not)
			}
			if slices.Contains(reach[i].applied(), s) || reach[i].inPlace != nil && reach[i].inPlace.not == s {
				return compileError(s.spec, "$ref", "the schema applies itself to the same value without end")
			}
		}
	}
	return nil
}

// gather appends s and everything that it applies to the same value, each once.
func gather(to []*schema, s *schema) []*schema {
	if slices.Contains(to, s) {
		return to
	}
	to = append(to, s)
	for _, sub := range s.applied() {
		to = gather(to, sub)
	}
	return to
}

// applied are the schemas that s applies to the same value and that may know its members; not tells nothing of them.
func (s *schema) applied() []*schema {
	var list []*schema
	if p := s.inPlace; p != nil {
		list = slices.Concat(p.allOf, p.anyOf, p.oneOf)
		for _, sub := range []*schema{p.when, p.then, p.others} {
			if sub != nil {
				list = append(list, sub)
			}
		}
	}
	if s.object != nil {
		for _, one := range s.object.depends {
			if one.schema != nil {
				list = append(list, one.schema)
			}
		}
	}
	return list
}

// reaches reports whether a schema is among the parts of s, or among theirs.
func (s *schema) reaches(target *schema, seen map[*schema]bool) bool {
	for _, part := range s.parts() {
		if part == target {
			return true
		}
		if part != nil && !seen[part] {
			seen[part] = true
			if part.reaches(target, seen) {
				return true
			}
		}
	}
	return false
}

// parts are all schemas that s applies to the value or to what is in it. Some may be nil.
func (s *schema) parts() []*schema {
	list := s.applied()
	if s.inPlace != nil {
		list = append(list, s.inPlace.not)
	}
	if o := s.object; o != nil {
		list = append(list, o.additional, o.names)
		for _, p := range o.properties {
			list = append(list, p.schema)
		}
		for _, p := range o.patterns {
			list = append(list, p.schema)
		}
	}
	if a := s.array; a != nil {
		list = append(append(list, a.prefix...), a.items, a.contains)
	}
	if s.rest != nil {
		list = append(list, s.rest.properties, s.rest.items)
	}
	return list
}

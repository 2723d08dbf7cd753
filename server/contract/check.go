package contract

import (
	"time"

	"numhook/server/event"
)

// Check holds the document against the named operation. It keeps at most max findings of each kind (max <= 0: all) and
// counts the rest. What makes the document malformed is among the violations; a document whose text ends early, or has
// text behind it, is not looked at any further.
func (c *Contract) Check(name string, d *Document, max int) Result {
	return c.check(name, time.Time{}, d, max)
}

// check is Check of a document that was received at a time, or at none that is known.
func (c *Contract) check(name string, received time.Time, d *Document, max int) Result {
	r := report{limit: max}
	r.faults(d)
	op := c.operations[name]
	switch {
	case d.broken():
	case op == nil:
		r.add(finding{rule: ruleUnknownOperation, detail: "the contract has no operation of the name that the body is " +
			"held against"})
	default:
		d.walk.start(d, &r)
		if !received.IsZero() {
			d.walk.ahead = received.Add(event.TooFarAhead).UnixMilli()
		}
		c.run(op, &d.walk)
	}
	return r.result(d)
}

// Clean is the fast path for streams: it reports whether Check would find nothing at all, be it violation, drift or
// lint. For a value that plainly fits it allocates nothing.
func (c *Contract) Clean(name string, d *Document) bool {
	w := &d.walk
	if w.contract != c || w.operation.name != name {
		op := c.operations[name]
		if op == nil {
			return false
		}
		w.contract, w.operation = c, op
	}
	if !d.Strict() {
		return false
	}
	w.one = report{limit: 1, list: w.one.list[:0]}
	w.start(d, &w.one)
	w.first = true
	c.run(w.operation, w)
	return len(w.one.list) == 0
}

// run holds the body against the operation: first the document's own rules, then the customs.
func (c *Contract) run(op *operation, w *walk) {
	if op.body != nil && (len(w.d.duplicates) > 0 || !w.plainly(op.body, 0)) {
		w.schemas, w.multiple = c.schemas, c.multiple
		w.hold(op.body, 0)
		if w.first && len(w.report.list) > 0 {
			return
		}
		w.enter(op.body, 0)
		w.lintFormat(0, 0)
		w.findDrift(0, 0, len(w.scope))
		w.scope = w.scope[:0]
	}
	c.lint(op, w)
}

// walk takes the body through the contract.
type walk struct {
	d        *Document
	report   *report
	ahead    int64              // event_ts from here on is too far after the receipt; 0 when that is not known
	first    bool               // one finding is enough
	schemas  map[string]*schema // by the engine's location
	multiple uint64             // of all that values are asked to be multiples of
	scope    []*schema          // of drift: what speaks of the values on the way down, outermost first
	base     string             // the body: what backs the strings of the values that the engine is given
	indexes  map[uint32]*index
	weights  map[visit]int
	nodes    []uint32 // scratch
	heard    bool     // what is told next is of a member that a schema has spoken of all the same

	one       report     // of Clean
	contract  *Contract  // of the last Clean
	operation *operation // of the last Clean: a stream seldom changes it
}

func (w *walk) start(d *Document, r *report) {
	w.d, w.report, w.ahead, w.first, w.base, w.indexes, w.weights = d, r, 0, false, "", nil, nil
}

// tell notes a finding about the value at node i.
func (w *walk) tell(rule *Rule, s *schema, keyword string, i uint32, detail string) {
	w.tellMissing(rule, s, keyword, i, "", detail)
}

// tellMissing is tell about a member that the object at node i lacks.
func (w *walk) tellMissing(rule *Rule, s *schema, keyword string, i uint32, name, detail string) {
	w.report.add(finding{rule: rule, node: i, schema: s, keyword: keyword, detail: detail, missing: name,
		heard: w.heard})
}

// plainly reports that the value fits and that there is no drift in it, where that is plain: by the types, and by the
// members that the schema names. False says nothing: the engine is to be asked.
func (w *walk) plainly(s *schema, i uint32) bool {
	n := &w.d.nodes[i]
	if !s.plain || s.types != 0 && s.types&n.kind == 0 &&
		(n.kind != number || s.types&integer == 0 || n.flags&pointed != 0) {
		return false
	}
	switch n.kind {
	case number:
		digits := n.end - n.start
		return s.format == "" || n.flags&pointed == 0 && (digits < 10 || digits < 19 && s.format != "int32") ||
			formats[s.format] == nil
	case text:
		return s.custom == nil || s.custom.expression.Match(w.d.textOf(i))
	case array:
		return s.items == nil || w.eachPlainly(s.items, i)
	case object:
		return w.membersPlainly(s, i)
	}
	return true
}

func (w *walk) eachPlainly(s *schema, i uint32) bool {
	for c := range w.d.children(i) {
		if !w.plainly(s, c) {
			return false
		}
	}
	return true
}

func (w *walk) membersPlainly(s *schema, i uint32) bool {
	required := 0
	for c := range w.d.children(i) {
		p := s.properties[string(w.d.nameOf(c))]
		if p != nil && p.required {
			required++
		}
		switch {
		case p != nil && p.schema != nil:
			if !w.plainly(p.schema, c) {
				return false
			}
		case s.closed || s.additional == nil && s.declares && p == nil:
			return false
		case s.additional != nil && !w.plainly(s.additional, c):
			return false
		}
	}
	return required == s.required
}

// hold has the engine hold the value at node i against the schema, in as small parts as the schema allows: what the
// engine says of one part is told before the next one, so a body of very many faults takes no memory for all at once.
func (w *walk) hold(s *schema, i uint32) {
	d := w.d
	n := &d.nodes[i]
	if w.first && len(w.report.list) > 0 || len(d.duplicates) == 0 && w.plainly(s, i) {
		return
	}
	if s.shallow == nil || n.kind&(object|array) == 0 {
		w.ask(s, i)
		return
	}
	if err := s.shallow.Validate(w.outline(s, i)); err != nil {
		w.explain(err, i)
	}
	if !s.accepts(d, n) {
		return
	}
	at := 0
	for c := range d.children(i) {
		if d.nodes[i].kind == object {
			for _, sub := range s.speaking(d, c) {
				w.hold(sub, c)
			}
		} else if sub := s.element(at); sub != nil {
			w.hold(sub, c)
		}
		at++
	}
}

// outline is the container as far as the schema without its parts asks about it.
func (w *walk) outline(s *schema, i uint32) any {
	d := w.d
	n := &d.nodes[i]
	switch {
	case s.whole:
		return w.value(i)
	case n.kind == array:
		return make([]any, n.count)
	}
	members := make(map[string]any, n.count)
	for c := range d.children(i) {
		members[string(d.nameOf(c))] = nil
	}
	return members
}

// value is the value at node i as the engine is given it.
func (w *walk) value(i uint32) any {
	if w.base == "" {
		w.base = string(w.d.raw)
	}
	return w.d.valueOf(w.base, i, w.clamped)
}

// ask has the engine hold the whole value against the schema.
func (w *walk) ask(s *schema, i uint32) {
	if most := 1<<17 + 16*len(w.d.nodes); s.recursive && w.weight(s, i, most) > most {
		w.tell(ruleNesting, s, "", i, "the value is nested deeper than the contract's alternatives, which lead to "+
			"themselves, can be tried")
		return
	}
	if err := s.engine.Validate(w.value(i)); err != nil {
		w.explain(err, i)
	}
}

// visit is a schema held against the value at a node.
type visit struct {
	schema *schema
	node   uint32
}

// weight is how often the engine will look at a value for this, as far as most: schemas that lead to each other twice
// at every level of a value take twice the time for each level.
func (w *walk) weight(s *schema, i uint32, most int) int {
	at := visit{s, i}
	if known, ok := w.weights[at]; ok {
		return known
	}
	if w.weights == nil {
		w.weights = map[visit]int{}
	}
	total := 1
	for _, sub := range s.inPlace() {
		total = min(total+w.weight(sub, i, most), most+1)
	}
	d, place := w.d, 0
	isObject := d.nodes[i].kind == object
	for c := range d.children(i) {
		var list []*schema
		if isObject {
			list = append(s.speaking(d, c), s.unevaluated)
		} else {
			list = []*schema{s.element(place), s.contains, s.leftItems}
		}
		place++
		for _, sub := range list {
			if sub != nil {
				total = min(total+w.weight(sub, c, most), most+1)
			}
		}
	}
	w.weights[at] = total
	return total
}

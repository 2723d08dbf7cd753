package contract

import (
	"regexp"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

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
// lint. It runs the same program, up to the first finding, and allocates nothing.
func (c *Contract) Clean(name string, d *Document) bool {
	if !d.Strict() {
		return false
	}
	w := &d.walk
	if w.contract != c || w.operation.name != name {
		op := c.operations[name]
		if op == nil {
			return false
		}
		w.contract, w.operation = c, op
	}
	w.start(d, nil)
	return c.run(w.operation, w)
}

// run holds the body against the operation: first the document's own rules, then the customs.
func (c *Contract) run(op *operation, w *walk) bool {
	if op.body != nil && !w.fits(op.body, 0) {
		return false
	}
	return c.lint(op, w)
}

// walk takes the body through the program. With a report it tells of everything and goes on to the end, without one it
// ends at the first thing to tell.
type walk struct {
	d      *Document
	report *report
	ahead  int64     // event_ts from here on is too far after the receipt; 0 when that is not known
	drift  bool      // unknown members are to be told of where they are met
	scope  []*schema // of drift: what speaks of the values on the way down, outermost first
	spoken []*schema // of unevaluatedProperties and unevaluatedItems: what has spoken of the values on the way down
	bytes  []byte    // scratch: canonical values
	writer canonicalWriter
	table  []uint32 // scratch: hash table of values
	visits map[visit]bool
	spans  []span
	nodes  []uint32

	contract  *Contract  // of the last Clean
	operation *operation // of the last Clean: a stream seldom changes it
}

func (w *walk) start(d *Document, r *report) {
	w.d, w.report, w.drift, w.ahead = d, r, true, 0
	w.writer.d = d
	clear(w.visits)
}

// tell notes a finding about the value at node i and says whether to go on.
func (w *walk) tell(rule *Rule, s *schema, keyword string, i uint32, detail string) bool {
	if w.report == nil {
		return false
	}
	if !w.report.full(rule) {
		w.report.list = append(w.report.list, finding{rule: rule, node: i, schema: s, keyword: keyword, detail: detail})
	}
	return true
}

// admits reports whether the value fits, and tells of nothing.
func (w *walk) admits(s *schema, i uint32) bool {
	report, drift := w.report, w.drift
	w.report, w.drift = nil, false
	ok := w.fits(s, i)
	w.report, w.drift = report, drift
	return ok
}

// fits holds the value at node i against the schema. It is false only when the walk is to end.
func (w *walk) fits(s *schema, i uint32) bool {
	if s.recursive && w.d.nodes[i].kind&(object|array) != 0 {
		return w.fitsOnce(s, i)
	}
	return w.hold(s, i)
}

// visit is a schema held against the value at a node, in one of the ways of walking.
type visit struct {
	schema         *schema
	node           uint32
	telling, drift bool
}

// fitsOnce is hold for a schema that is a part of itself. It remembers the answer: schemas that lead to each other
// twice at every level of a deep value would otherwise take twice the time for each level, and tell of everything as
// often.
func (w *walk) fitsOnce(s *schema, i uint32) bool {
	at := visit{s, i, w.report != nil, w.drift}
	if ok, known := w.visits[at]; known {
		return ok
	}
	ok := w.hold(s, i)
	if w.visits == nil {
		w.visits = map[visit]bool{}
	}
	w.visits[at] = ok
	return ok
}

func (w *walk) hold(s *schema, i uint32) bool {
	if s.layered && w.drift {
		return w.holdLayers(s, i)
	}
	n := &w.d.nodes[i]
	if s.never {
		return w.tell(ruleFalse, s, "", i, "the contract allows no value here")
	}
	if s.types != 0 && s.types&n.kind == 0 && !w.integral(s, n) {
		return w.tell(ruleType, s, "type", i, s.want)
	}
	if s.leaf {
		return true
	}
	return w.fitsKeywords(s, i, n)
}

// holdLayers holds the value against a schema of several layers first, and then looks for drift by what all of them
// know.
func (w *walk) holdLayers(s *schema, i uint32) bool {
	w.drift = false
	ok := w.hold(s, i)
	w.drift = true
	if !ok {
		return false
	}
	from := len(w.scope)
	w.enter(s, from)
	ok = w.findDrift(i, from, len(w.scope))
	w.scope = w.scope[:from]
	return ok
}

// integral reports whether the schema asks for an integer and the value is one: 1, 1.0, 10e-1.
func (w *walk) integral(s *schema, n *node) bool {
	if s.types&integer == 0 || n.kind != number {
		return false
	}
	if n.flags&pointed == 0 {
		return true
	}
	value := readDecimal(w.d.raw[n.start:n.end])
	return value.whole()
}

func (w *walk) fitsKeywords(s *schema, i uint32, n *node) bool {
	if s.constant != nil && !w.equalsAny(s.constant, i) && !w.tell(ruleConst, s, "const", i,
		"the value must be the one that the contract gives") {
		return false
	}
	if s.enum != nil && !w.equalsAny(s.enum, i) && !w.tell(ruleEnum, s, "enum", i, "the value must be one of those that "+
		"the contract lists") {
		return false
	}
	ok := true
	switch n.kind {
	case text:
		ok = w.fitsText(s, i)
	case number:
		ok = w.fitsNumber(s, i)
	case array:
		ok = s.array == nil || w.fitsArray(s, i)
	case object:
		ok = s.object == nil || w.fitsObject(s, i)
	}
	return ok && (s.inPlace == nil || w.fitsInPlace(s, i)) && (s.rest == nil || w.fitsRest(s, i))
}

// equalsAny reports whether the value equals one of the constants.
func (w *walk) equalsAny(list []constant, i uint32) bool {
	n := &w.d.nodes[i]
	w.bytes = w.bytes[:0]
	for at := range list {
		k := &list[at]
		switch {
		case k.kind != n.kind:
		case k.kind == text:
			if string(w.d.textOf(i)) == k.text {
				return true
			}
		default:
			if len(w.bytes) == 0 {
				w.bytes = w.writer.append(w.bytes, i)
			}
			if string(w.bytes) == string(k.canonical) {
				return true
			}
		}
	}
	return false
}

// The formats of strings, in kin-openapi's own words.
var (
	dateFormat     = regexp.MustCompile(openapi3.FormatOfStringDate)
	dateTimeFormat = regexp.MustCompile(openapi3.FormatOfStringDateTime)
	byteFormat     = regexp.MustCompile(openapi3.FormatOfStringByte)
)

func (w *walk) fitsText(s *schema, i uint32) bool {
	if s.text == nil && s.format <= formatInt64 {
		return true
	}
	value := w.d.textOf(i)
	if t := s.text; t != nil {
		if t.least > 0 || t.most >= 0 {
			length := runes(value)
			if length < t.least && !w.tell(ruleMinLength, s, "minLength", i, t.leastText) {
				return false
			}
			if t.most >= 0 && length > t.most && !w.tell(ruleMaxLength, s, "maxLength", i, t.mostText) {
				return false
			}
		}
		if t.pattern != nil && !t.pattern.Match(value) && !w.tell(rulePattern, s, "pattern", i,
			"the string must match the contract's pattern") {
			return false
		}
	}
	detail := ""
	switch s.format {
	case formatDate:
		if !dateFormat.Match(value) {
			detail = "the string must be a date, such as 2025-12-31"
		}
	case formatDateTime:
		if !dateTimeFormat.Match(value) {
			detail = "the string must be a date and time, such as 2025-12-31T23:59:59Z"
		}
	case formatByte:
		if !byteFormat.Match(value) {
			detail = "the string must be base64"
		}
	}
	return detail == "" || w.tell(ruleFormat, s, "format", i, detail)
}

func (w *walk) fitsNumber(s *schema, i uint32) bool {
	n := &w.d.nodes[i]
	literal := w.d.raw[n.start:n.end]
	switch s.format {
	case formatInt32:
		if !inRange(literal, n.flags, 31) && !w.tell(ruleFormat, s, "format", i, "the integer must be from -2147483648 to "+
			"2147483647") {
			return false
		}
	case formatInt64:
		if !inRange(literal, n.flags, 63) &&
			!w.tell(ruleFormat, s, "format", i, "the integer must be from -9223372036854775808 to 9223372036854775807") {
			return false
		}
	}
	if s.number == nil {
		return true
	}
	value := readDecimal(literal)
	for at := range s.number.bounds {
		b := &s.number.bounds[at]
		if !w.within(b, &value) && !w.tell(b.rule, s, b.keyword, i, b.detail) {
			return false
		}
	}
	return true
}

// inRange reports whether a number, if it is an integer, is one of that many bits and a sign.
func inRange(literal []byte, flags uint8, bits int) bool {
	if flags&pointed == 0 && len(literal) < 10 || flags&pointed == 0 && bits == 63 && len(literal) < 19 {
		return true
	}
	value := readDecimal(literal)
	if !value.whole() {
		return true
	}
	v, ok := value.int64()
	return ok && v>>bits == v>>63
}

func (w *walk) within(b *bound, value *decimal) bool {
	switch b.rule {
	case ruleMinimum:
		return value.compare(&b.value) >= 0
	case ruleMaximum:
		return value.compare(&b.value) <= 0
	case ruleExclusiveMinimum:
		return value.compare(&b.value) > 0
	case ruleExclusiveMaximum:
		return value.compare(&b.value) < 0
	}
	return value.multipleOf(&b.value)
}

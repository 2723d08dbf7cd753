package contract

import (
	"bytes"
	"strconv"
)

// The members of this product's events that the customs are about.
var (
	eventKey   = keyOf("event")
	tsKey      = keyOf("event_ts")
	payloadKey = keyOf("payload")
	accountKey = keyOf("account_id")
	objectKey  = keyOf("object")
	numbersKey = keyOf("phone_numbers")
	cnamKey    = keyOf("cnam")
	addressKey = keyOf("emergency_address")
	line1Key   = keyOf("address_line1")
	countryKey = keyOf("country")
)

// The bounds of a plausible event_ts, in milliseconds since the epoch.
const (
	firstMillisecond = "1262304000000" // 2010-01-01: smaller ones are probably seconds
	lastMillisecond  = "4133980800000" // 2101-01-01
)

var firstTS, lastTS = readDecimal([]byte(firstMillisecond)), readDecimal([]byte(lastMillisecond))

// maxCNAM is the length of a caller-ID name in the telephone network, in characters (ATIS-1000067, Telcordia GR-1188).
const maxCNAM = 15

// lint looks for what the contract allows and the customs of the trade do not. It looks at members of this product by
// their path, and passes over what is not there or is of another type. It is false when the walk is to end.
func (c *Contract) lint(op *operation, w *walk) bool {
	d := w.d
	if d.begin > 0 && !w.tell(ruleByteOrderMark, nil, "", 0, "the body begins with a byte order mark") {
		return false
	}
	if d.nodes[0].kind != object {
		return true
	}
	for i, end := uint32(1), d.nodes[0].next; i < end; i = d.nodes[i].next {
		n := &d.nodes[i]
		ok := true
		switch n.kind {
		case text:
			ok = !d.is(n, &eventKey) || c.lintEvent(op, w, i)
		case number:
			ok = !d.is(n, &tsKey) || w.lintTS(i)
		case object:
			ok = !d.is(n, &payloadKey) || w.lintPayload(op, i)
		}
		if !ok {
			return false
		}
	}
	return true
}

// lintEvent holds the body's own name against the operation's. To name another event of the contract is a violation:
// the body was meant for another operation.
func (c *Contract) lintEvent(op *operation, w *walk, i uint32) bool {
	name := w.d.textOf(i)
	switch {
	case string(name) == op.name:
		return true
	case c.operations[string(name)] != nil:
		return w.tell(ruleMismatch, nil, "", i, "the body names another event of the contract than the one that it is "+
			"held against")
	}
	return w.tell(ruleEventUnknown, nil, "", i, "the body does not name an event of the contract")
}

func (w *walk) lintTS(i uint32) bool {
	n := &w.d.nodes[i]
	literal := w.d.raw[n.start:n.end]
	if n.flags&pointed == 0 && len(literal) == len(firstMillisecond) &&
		string(literal) >= firstMillisecond && string(literal) < lastMillisecond { // as good as always
		if w.ahead == 0 {
			return true
		}
		ts, _ := strconv.ParseInt(string(literal), 10, 64)
		return ts < w.ahead || w.tellAhead(i)
	}
	ts := readDecimal(literal)
	switch {
	case ts.compare(&firstTS) < 0:
		return w.tell(ruleEventTS, nil, "", i, "the time is before 2010 in milliseconds, as the sender counts; it may be "+
			"in seconds")
	case ts.compare(&lastTS) >= 0 && !w.tell(ruleEventTS, nil, "", i, "the time is after 2100 in milliseconds, as the "+
		"sender counts"):
		return false
	case w.ahead == 0:
		return true
	}
	ahead := readDecimal(strconv.AppendInt(nil, w.ahead, 10))
	return ts.compare(&ahead) < 0 || w.tellAhead(i)
}

func (w *walk) tellAhead(i uint32) bool {
	return w.tell(ruleEventAhead, nil, "", i, "the event is dated a day or more after its receipt, by which it is ordered")
}

func (w *walk) lintPayload(op *operation, payload uint32) bool {
	d := w.d
	for i, end := payload+1, d.nodes[payload].next; i < end; i = d.nodes[i].next {
		n := &d.nodes[i]
		switch {
		case n.kind == text && n.end-n.start == 2 && d.is(n, &accountKey):
			if !w.tell(ruleAccountID, nil, "", i, "the account id is empty, where the sender's custom is to say whose numbers "+
				"these are") {
				return false
			}
		case n.kind == object && d.is(n, &objectKey):
			if !w.lintObject(op, i) {
				return false
			}
		}
	}
	return true
}

func (w *walk) lintObject(op *operation, i uint32) bool {
	d := w.d
	carried := len(op.carries) == 0
	for c, end := i+1, d.nodes[i].next; c < end; c = d.nodes[c].next {
		n := &d.nodes[c]
		for at := range op.carries {
			carried = carried || d.is(n, &op.carries[at])
		}
		ok := true
		switch n.kind {
		case array:
			ok = !d.is(n, &numbersKey) || w.lintNumbers(c)
		case text:
			ok = !d.is(n, &cnamKey) || w.lintCNAM(c)
		case object:
			ok = !d.is(n, &addressKey) || w.lintAddress(c)
		case null:
			ok = !d.is(n, &cnamKey) && !d.is(n, &addressKey) || w.lintNull(c)
		}
		if !ok {
			return false
		}
	}
	if carried {
		return true
	}
	missing := ""
	if len(op.carries) == 1 {
		missing = op.carries[0].name
	}
	return w.tellMissing(ruleValueAbsent, nil, "", i, missing, op.absent)
}

// lintNumbers looks at the phone numbers. Elements that are not strings are none of its business.
func (w *walk) lintNumbers(i uint32) bool {
	d := w.d
	if d.nodes[i].count == 0 {
		return w.tell(ruleNumbersEmpty, nil, "", i, "the event names no phone number, so it changes nothing")
	}
	few := d.nodes[i].count <= fewMembers
	for c, end := i+1, d.nodes[i].next; c < end; c = d.nodes[c].next {
		if d.nodes[c].kind != text {
			continue
		}
		if !e164(d.textOf(c)) &&
			!w.tell(ruleNumberE164, nil, "", c, "the phone number is not in E.164 form, which the contract's text promises: a "+
				"plus sign and 2 to 15 digits") {
			return false
		}
		if few && w.repeated(i+1, c) && !w.tell(ruleNumberRepeated, nil, "", c, repeatedText) {
			return false
		}
	}
	return few || w.lintRepeated(i)
}

const repeatedText = "the event names this phone number more than once, where once is the custom"

// repeated reports whether one of the strings from node i on equals the one at node c.
func (w *walk) repeated(i, c uint32) bool {
	d := w.d
	n := &d.nodes[c]
	for ; i < c; i = d.nodes[i].next {
		m := &d.nodes[i]
		if m.kind != text {
			continue
		}
		if (m.flags|n.flags)&escaped == 0 {
			if bytes.Equal(d.raw[m.start:m.end], d.raw[n.start:n.end]) {
				return true
			}
			continue
		}
		d.decoded[1] = append(d.decoded[1][:0], d.textOf(i)...)
		if bytes.Equal(d.decoded[1], d.textOf(c)) {
			return true
		}
	}
	return false
}

// lintRepeated is repeated for very many numbers.
func (w *walk) lintRepeated(i uint32) bool {
	d := w.d
	w.bytes, w.spans, w.nodes = w.bytes[:0], w.spans[:0], w.nodes[:0]
	for c, end := i+1, d.nodes[i].next; c < end; c = d.nodes[c].next {
		if d.nodes[c].kind == text {
			from := uint32(len(w.bytes))
			w.bytes = append(w.bytes, d.textOf(c)...)
			w.spans = append(w.spans, span{from, uint32(len(w.bytes))})
			w.nodes = append(w.nodes, c)
		}
	}
	ok := true
	w.repeats(func(at int) { ok = ok && w.tell(ruleNumberRepeated, nil, "", w.nodes[at], repeatedText) })
	return ok
}

// e164 reports whether the number matches ^\+[1-9][0-9]{1,14}$.
func e164(number []byte) bool {
	if len(number) < 3 || len(number) > 16 || number[0] != '+' || number[1] == '0' {
		return false
	}
	for _, c := range number[1:] {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

func (w *walk) lintCNAM(i uint32) bool {
	name := w.d.textOf(i)
	if len(name) > maxCNAM && runes(name) > maxCNAM &&
		!w.tell(ruleCNAMLong, nil, "", i, "the caller-ID name has more than the 15 characters that are the custom of the "+
			"telephone network") {
		return false
	}
	for _, c := range name {
		if c < ' ' || c > '~' {
			return w.tell(ruleCNAMASCII, nil, "", i, "the caller-ID name is not printable ASCII, which is the custom of the "+
				"telephone network")
		}
	}
	return true
}

// lintNull tells of a value that is null where the contract allows it. Where it does not, that is told.
func (w *walk) lintNull(i uint32) bool {
	if w.report != nil && w.report.breaks(i) {
		return true
	}
	return w.tell(ruleValueNull, nil, "", i, "the value is null, so the event changes nothing; it is no deletion")
}

func (w *walk) lintAddress(address uint32) bool {
	d := w.d
	for i, end := address+1, d.nodes[address].next; i < end; i = d.nodes[i].next {
		n := &d.nodes[i]
		switch {
		case n.kind != text:
		case d.is(n, &line1Key):
			if n.end-n.start == 2 && !w.tell(ruleAddressLine1, nil, "", i, "the first line of the address is empty, which a "+
				"dispatcher cannot do without") {
				return false
			}
		case d.is(n, &countryKey):
			if country := d.textOf(i); len(country) > 0 && !alpha2(country) &&
				!w.tell(ruleCountry, nil, "", i, "the country is not two capital letters, as ISO 3166 alpha-2 has it") {
				return false
			}
		}
	}
	return true
}

func alpha2(country []byte) bool {
	return len(country) == 2 && country[0] >= 'A' && country[0] <= 'Z' && country[1] >= 'A' && country[1] <= 'Z'
}

// findCarried finds which value members the contract declares for the operation, be it by way of allOf and the like.
func (op *operation) findCarried() {
	if op.body == nil {
		return
	}
	objects := known(known(op.body.scope, payloadKey), objectKey)
	for _, k := range []key{cnamKey, addressKey} {
		if len(known(objects, k)) > 0 {
			op.carries = append(op.carries, k)
		}
	}
	switch len(op.carries) {
	case 1:
		op.absent = "the member \"" + op.carries[0].name + "\" is absent, so the event changes nothing"
	case 2:
		op.absent = "neither \"cnam\" nor \"emergency_address\" is there, so the event changes nothing"
	}
}

// known are the schemas of a member in all of the schemas given.
func known(schemas []*schema, member key) []*schema {
	var list []*schema
	for _, s := range schemas {
		for _, p := range s.properties {
			if p.key.name == member.name && p.schema != nil {
				list = append(list, p.schema.scope...)
			}
		}
	}
	return list
}

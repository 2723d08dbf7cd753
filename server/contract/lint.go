package contract

import (
	"bytes"
	"unicode/utf8"
)

// The bounds of a plausible event_ts, in milliseconds since the epoch.
const (
	firstTS = 1262304000000 // 2010-01-01: smaller ones are probably seconds
	lastTS  = 4133980800000 // 2101-01-01
)

// maxCNAM is the length of a caller-ID name in the telephone network, in characters (ATIS-1000067, Telcordia GR-1188).
const maxCNAM = 15

// lint looks for what the contract allows and the customs of the trade do not. It looks at members of this product by
// their path, and passes over what is not there or is of another type.
func (c *Contract) lint(op *operation, w *walk) {
	d := w.d
	if d.begin > 0 {
		w.doubt(ruleByteOrderMark, 0, "the body begins with a byte order mark")
	}
	if d.nodes[0].kind != object {
		return
	}
	for i := range d.children(0) {
		switch name, k := d.nameOf(i), d.nodes[i].kind; {
		case k == text && string(name) == "event":
			c.lintEvent(op, w, i)
		case k == number && string(name) == "event_ts":
			w.lintTS(i)
		case k == object && string(name) == "payload":
			w.lintPayload(op, i)
		}
	}
}

func (w *walk) doubt(rule *Rule, i uint32, detail string) { w.tell(rule, nil, "", i, detail) }

// lintEvent holds the body's own name against the operation's. To name another event of the contract is a violation:
// the body was meant for another operation.
func (c *Contract) lintEvent(op *operation, w *walk, i uint32) {
	switch name := w.d.textOf(i); {
	case string(name) == op.name:
	case c.operations[string(name)] != nil:
		w.doubt(ruleMismatch, i, "the body names another event of the contract than the one that it is held against")
	default:
		w.doubt(ruleEventUnknown, i, "the body does not name an event of the contract")
	}
}

func (w *walk) lintTS(i uint32) {
	ts, _ := w.d.int64(i)
	switch {
	case ts < firstTS:
		w.doubt(ruleEventTS, i, "the time is before 2010 in milliseconds, as the sender counts; it may be in seconds")
		return
	case ts >= lastTS:
		w.doubt(ruleEventTS, i, "the time is after 2100 in milliseconds, as the sender counts")
	}
	if w.ahead > 0 && ts >= w.ahead {
		w.doubt(ruleEventAhead, i, "the event is dated a day or more after its receipt, by which it is ordered")
	}
}

func (w *walk) lintPayload(op *operation, payload uint32) {
	d := w.d
	for i := range d.children(payload) {
		switch name, k := d.nameOf(i), d.nodes[i].kind; {
		case k == text && string(name) == "account_id" && len(d.textOf(i)) == 0:
			w.doubt(ruleAccountID, i, "the account id is empty, where the sender's custom is to say whose numbers these are")
		case k == object && string(name) == "object":
			w.lintObject(op, i)
		}
	}
}

func (w *walk) lintObject(op *operation, i uint32) {
	d := w.d
	carried := len(op.carries) == 0
	for c := range d.children(i) {
		name, k := d.nameOf(c), d.nodes[c].kind
		for _, one := range op.carries {
			carried = carried || string(name) == one
		}
		switch {
		case k == array && string(name) == "phone_numbers":
			w.lintNumbers(c)
		case k == text && string(name) == "cnam":
			w.lintCNAM(c)
		case k == object && string(name) == "emergency_address":
			w.lintAddress(c)
		case k == null && (string(name) == "cnam" || string(name) == "emergency_address") && !w.report.breaks(c):
			w.doubt(ruleValueNull, c, "the value is null, so the event changes nothing; it is no deletion")
		}
	}
	if carried {
		return
	}
	missing := ""
	if len(op.carries) == 1 {
		missing = op.carries[0]
	}
	w.tellMissing(ruleValueAbsent, nil, "", i, missing, op.absent)
}

// lintNumbers looks at the phone numbers. Elements that are not strings are none of its business.
func (w *walk) lintNumbers(i uint32) {
	d := w.d
	if d.nodes[i].count == 0 {
		w.doubt(ruleNumbersEmpty, i, "the event names no phone number, so it changes nothing")
	}
	for c := range d.children(i) {
		if d.nodes[c].kind != text {
			continue
		}
		number := d.textOf(c)
		d.nodes[c].hash = hashOf(number)
		if !e164(number) {
			w.doubt(ruleNumberE164, c, "the phone number is not in E.164 form, which the contract's text promises: a plus "+
				"sign and 2 to 15 digits")
		}
	}
	if d.nodes[i].count < 2 {
		return
	}
	w.nodes = d.appendRepeated(w.nodes[:0], i, (*Document).textOf)
	for _, c := range w.nodes {
		w.doubt(ruleNumberRepeated, c, "the event names this phone number more than once, where once is the custom")
	}
}

// e164 reports whether the number matches ^\+[1-9][0-9]{1,14}$.
func e164(number []byte) bool {
	return len(number) >= 3 && len(number) <= 16 && number[0] == '+' && number[1] != '0' && digits(number[1:])
}

func (w *walk) lintCNAM(i uint32) {
	name := w.d.textOf(i)
	if len(name) > maxCNAM && utf8.RuneCount(name) > maxCNAM {
		w.doubt(ruleCNAMLong, i, "the caller-ID name has more than the 15 characters that are the custom of the telephone "+
			"network")
	}
	if bytes.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
		w.doubt(ruleCNAMASCII, i, "the caller-ID name is not printable ASCII, which is the custom of the telephone network")
	}
}

func (w *walk) lintAddress(address uint32) {
	d := w.d
	for i := range d.children(address) {
		if d.nodes[i].kind != text {
			continue
		}
		switch name, value := d.nameOf(i), d.textOf(i); {
		case string(name) == "address_line1" && len(value) == 0:
			w.doubt(ruleAddressLine1, i, "the first line of the address is empty, which a dispatcher cannot do without")
		case string(name) == "country" && len(value) > 0 && !alpha2(value):
			w.doubt(ruleCountry, i, "the country is not two capital letters, as ISO 3166 alpha-2 has it")
		}
	}
}

func alpha2(country []byte) bool {
	return len(country) == 2 && country[0] >= 'A' && country[0] <= 'Z' && country[1] >= 'A' && country[1] <= 'Z'
}

// findCarried finds which value members the contract declares for the operation, be it by way of allOf and the like.
func (op *operation) findCarried() {
	if op.body == nil {
		return
	}
	objects := known(known(op.body.scope, "payload"), "object")
	for _, name := range []string{"cnam", "emergency_address"} {
		if len(known(objects, name)) > 0 {
			op.carries = append(op.carries, name)
		}
	}
	switch len(op.carries) {
	case 1:
		op.absent = "the member \"" + op.carries[0] + "\" is absent, so the event changes nothing"
	case 2:
		op.absent = "neither \"cnam\" nor \"emergency_address\" is there, so the event changes nothing"
	}
}

// known are the schemas of a member in all of the schemas given.
func known(schemas []*schema, member string) []*schema {
	var list []*schema
	for _, s := range schemas {
		if p := s.properties[member]; p != nil && p.schema != nil {
			list = append(list, p.schema.scope...)
		}
	}
	return list
}

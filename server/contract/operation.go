package contract

import (
	"strings"

	"numhook/server/event"
)

// EventOf is the event that a path names: its last segment that is not empty, where that is an event of the contract.
// Every other path names none, and is as good as "/": what a proxy puts in front of it, or a slash too many, must not
// cost an event. Segments are taken as they stand; "." and ".." mean nothing.
func (c *Contract) EventOf(path string) string {
	path = strings.TrimRight(path, "/")
	if name := path[strings.LastIndexByte(path, '/')+1:]; c.Has(name) {
		return name
	}
	return ""
}

// Operation is the event name that the body itself gives, by which its operation is chosen where no path names it. When
// there is none, the violations say why.
func Operation(d *Document) (name string, violations []event.Finding) {
	if name, ok := d.EventName(); ok {
		return name, nil
	}
	r := report{limit: malformedLimit}
	r.faults(d)
	member, present := d.member(0, "event")
	switch {
	case d.broken():
	case d.nodes[0].kind != object:
		r.add(finding{rule: ruleType, detail: "the value must be an object"})
	case present:
		r.add(finding{rule: ruleType, node: member, detail: "the value must be a string, the name of the event"})
	default:
		r.add(finding{rule: ruleRequired, missing: "event", detail: `the member "event" is required: it names the ` +
			`operation`})
	}
	return "", r.result(d).Violations
}

package contract

import (
	"strings"

	"numhook/server/event"
)

// Verdict is what becomes of a document that comes in by a door.
type Verdict struct {
	Result
	Operation string     // the event name that the document is held against, as far as one was found; it may be the sender's free text
	Refused   event.Kind // Malformed, Invalid or UnknownEvent; empty when the document is accepted
}

// Judge picks the document's operation and holds the document against it. The door is "/", where the body's event names the operation, or
// "/<event name>". Of each kind of finding at most max are kept (max <= 0: all).
func (c *Contract) Judge(door string, d *Document, max int) Verdict {
	if malformed := d.Malformed(); len(malformed) > 0 {
		return Verdict{Refused: event.Malformed, Result: Result{Violations: malformed}}
	}
	name := strings.TrimPrefix(door, "/")
	if name == "" {
		var violations []event.Finding
		if name, violations = Operation(d); len(violations) > 0 {
			return Verdict{Refused: event.Invalid, Result: Result{Violations: violations}}
		}
	}
	if !c.Has(name) {
		return Verdict{Operation: name, Refused: event.UnknownEvent}
	}
	v := Verdict{Operation: name, Result: c.Check(name, d, max)}
	if len(v.Violations) > 0 {
		v.Refused = event.Invalid
	}
	return v
}

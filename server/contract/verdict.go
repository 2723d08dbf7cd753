package contract

import (
	"time"

	"numhook/server/event"
)

// Verdict is what becomes of a document that comes in at a path.
type Verdict struct {
	Result
	// the event name that the document is held against, as far as one was found; it may be the sender's free text
	Operation string
	Refused   event.Kind // Malformed, Invalid or UnknownEvent; empty when the document is accepted
}

// Judge picks the document's operation and holds the document against it. Where the path names an event of the contract
// (EventOf), that is the operation; at every other path it is the one that the body's event names. Received is when the
// delivery came, or zero. Of each kind of finding at most max are kept (max <= 0: all).
func (c *Contract) Judge(path string, received time.Time, d *Document, max int) Verdict {
	if malformed := d.Malformed(); len(malformed) > 0 {
		return Verdict{Refused: event.Malformed, Result: Result{Violations: malformed}}
	}
	name := c.EventOf(path)
	if name == "" {
		var violations []event.Finding
		if name, violations = Operation(d); len(violations) > 0 {
			return Verdict{Refused: event.Invalid, Result: Result{Violations: violations}}
		}
	}
	if !c.Has(name) {
		return Verdict{Operation: name, Refused: event.UnknownEvent}
	}
	v := Verdict{Operation: name, Result: c.check(name, received, d, max)}
	if len(v.Violations) > 0 {
		v.Refused = event.Invalid
	}
	return v
}

package server

import (
	"errors"

	"numhook/server/event"
)

// quarantined is the entry to keep for a delivery with this outcome, and the refusal that is to be answered once it is
// kept. A nil refusal says that the outcome is none to keep the delivery for. PathEvent is the event of the contract
// that the delivery's path names.
func quarantined(d event.Delivery, pathEvent string, outcome error) (event.Quarantined, *refusal) {
	refused, ok := errors.AsType[*refusal](outcome)
	if !ok {
		return event.Quarantined{}, nil
	}
	switch refused.kind {
	case event.Malformed, event.Invalid, event.UnknownEvent:
	default:
		return event.Quarantined{}, nil
	}
	return event.Quarantined{
		Reason:     refused.kind,
		EventName:  refused.event,
		Violations: refused.violations,
		PathEvent:  pathEvent,
		Delivery:   d,
	}, refused
}

// keptAs is the refusal of a delivery that is kept.
func (r *refusal) keptAs(entry int64) *refusal {
	kept := *r
	kept.quarantine = entry
	return &kept
}

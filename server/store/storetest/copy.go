package storetest

import (
	"slices"
	"time"

	"numhook/server/event"
)

// kept is what a store keeps of a time.
func kept(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }

// copyEvent is the event as a store gives it back, sharing nothing with the original: an empty list is nil.
func copyEvent(e event.Event) event.Event {
	e.Numbers = copyList(e.Numbers)
	e.Value = slices.Clone(e.Value)
	e.Drift, e.Lint = copyFindings(e.Drift), copyFindings(e.Lint)
	e.Delivery = copyDelivery(e.Delivery)
	return e
}

func copyQuarantined(q event.Quarantined) event.Quarantined {
	q.EventName = event.CutText(q.EventName)
	q.Violations = copyFindings(q.Violations)
	q.Delivery = copyDelivery(q.Delivery)
	return q
}

// copyFindings leaves the offset out, as a store does.
func copyFindings(list []event.Finding) []event.Finding {
	list = copyList(list)
	for i := range list {
		list[i].Offset = 0
	}
	return list
}

func copyDelivery(d event.Delivery) event.Delivery {
	d.Received = kept(d.Received)
	d.Path = event.CutPath(d.Path)
	d.Body = copyList(d.Body)
	return d
}

func copyNumber(n event.Number) event.Number {
	n.Values = copyList(n.Values)
	for i := range n.Values {
		n.Values[i].Value = slices.Clone(n.Values[i].Value)
	}
	return n
}

func copyList[E any](list []E) []E {
	if len(list) == 0 {
		return nil
	}
	return slices.Clone(list)
}

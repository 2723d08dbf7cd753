package server

import (
	"context"
	"net/http"

	gen "numhook/gen/receiver"
	"numhook/server/event"
)

// PeeringNumberEmergencyAddressUpdated is what the strict interface asks for the event of the same name.
func (s *Server) PeeringNumberEmergencyAddressUpdated(ctx context.Context,
	request gen.PeeringNumberEmergencyAddressUpdatedRequestObject,
) (gen.PeeringNumberEmergencyAddressUpdatedResponseObject, error) {
	payload := request.Body.Payload
	return s.receive(ctx, event.Event{
		TS:          request.Body.EventTs,
		AccountID:   payload.AccountId,
		CarrierCode: payload.Object.CarrierCode,
		Numbers:     payload.Object.PhoneNumbers,
		Attribute:   event.EmergencyAddress,
	}, payload.Object.EmergencyAddress != nil)
}

// PeeringNumberCnamUpdated is what the strict interface asks for the event of the same name.
func (s *Server) PeeringNumberCnamUpdated(ctx context.Context,
	request gen.PeeringNumberCnamUpdatedRequestObject,
) (gen.PeeringNumberCnamUpdatedResponseObject, error) {
	payload := request.Body.Payload
	return s.receive(ctx, event.Event{
		TS:          request.Body.EventTs,
		AccountID:   payload.AccountId,
		CarrierCode: payload.Object.CarrierCode,
		Numbers:     payload.Object.PhoneNumbers,
		Attribute:   event.CNAM,
	}, payload.Object.Cnam != nil)
}

// receive completes the event with what all events have, makes it durable, and only then returns the answer that says so. An attribute's member bears
// the attribute's name; its value is kept as the sender wrote it, in canonical form, so that a member which the contract does not know yet is not lost.
func (s *Server) receive(ctx context.Context, e event.Event, present bool) (accepted, error) {
	t := transitOf(ctx)
	canonical, _ := t.document.Canonical()
	e.ID = event.Identify(canonical)
	e.Name = t.operation
	e.Numbers = distinct(e.Numbers)
	if present {
		e.Value, _ = t.document.Canonical("payload", "object", string(e.Attribute))
	}
	e.Drift, e.Lint = t.found.Drift, t.found.Lint
	e.Delivery = t.delivery
	t.numbers = len(e.Numbers)

	// The event is the sender's and it is good: that the sender has hung up meanwhile is no reason not to keep it. What bounds the wait is the time
	// that is left to answer in.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeLeft(t))
	defer cancel()
	receipt, err := t.kept(ctx, e)
	if err != nil {
		return accepted{}, err
	}
	t.receipt = &receipt
	return accepted{body: t.document.JSON()}, nil
}

// accepted is the contract's 200: the event as it came. It is written from the validated text and not from the model, because the model has no place for
// members that the contract does not know yet. It is the only 2xx that a delivery gets, and receive makes one only after the store's nil.
type accepted struct{ body []byte }

func (a accepted) answer(w http.ResponseWriter) error {
	return write(w, http.StatusOK, "application/json", a.body)
}

// VisitPeeringNumberEmergencyAddressUpdatedResponse writes the answer.
func (a accepted) VisitPeeringNumberEmergencyAddressUpdatedResponse(w http.ResponseWriter) error {
	return a.answer(w)
}

// VisitPeeringNumberCnamUpdatedResponse writes the answer.
func (a accepted) VisitPeeringNumberCnamUpdatedResponse(w http.ResponseWriter) error {
	return a.answer(w)
}

// distinct drops repeated numbers, keeping the first of each in place. The sender's own order is kept.
func distinct(numbers []string) []string {
	seen := make(map[string]struct{}, len(numbers))
	kept := make([]string, 0, len(numbers))
	for _, number := range numbers {
		if _, again := seen[number]; again {
			continue
		}
		seen[number] = struct{}{}
		kept = append(kept, number)
	}
	return kept
}

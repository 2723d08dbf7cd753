package server

import (
	"context"
	"errors"
	"net/http"

	gen "numhook/gen/receiver"
	"numhook/server/contract"
	"numhook/server/event"
)

// PeeringNumberEmergencyAddressUpdated is what the strict interface asks for the event of the same name.
func (s *Server) PeeringNumberEmergencyAddressUpdated(_ context.Context,
	request gen.PeeringNumberEmergencyAddressUpdatedRequestObject,
) (gen.PeeringNumberEmergencyAddressUpdatedResponseObject, error) {
	payload := request.Body.Payload
	return reading{
		ts:          request.Body.EventTs,
		accountID:   payload.AccountId,
		carrierCode: payload.Object.CarrierCode,
		numbers:     payload.Object.PhoneNumbers,
		attribute:   event.EmergencyAddress,
		present:     payload.Object.EmergencyAddress != nil,
	}, nil
}

// PeeringNumberCnamUpdated is what the strict interface asks for the event of the same name.
func (s *Server) PeeringNumberCnamUpdated(_ context.Context,
	request gen.PeeringNumberCnamUpdatedRequestObject,
) (gen.PeeringNumberCnamUpdatedResponseObject, error) {
	payload := request.Body.Payload
	return reading{
		ts:          request.Body.EventTs,
		accountID:   payload.AccountId,
		carrierCode: payload.Object.CarrierCode,
		numbers:     payload.Object.PhoneNumbers,
		attribute:   event.CNAM,
		present:     payload.Object.Cnam != nil,
	}, nil
}

// reading is what a method of the strict interface reads out of its request. It is a response of the generated code,
// and answers nothing before the event is durable (accepted).
type reading struct {
	ts          int64
	accountID   string
	carrierCode int32
	numbers     []string
	attribute   event.Attribute
	present     bool // the member that bears the attribute's name

	receipt *event.Receipt
	body    []byte
}

// receive completes what was read with what all events have. An attribute's member bears the attribute's name; its
// value is kept as the sender wrote it, in canonical form, so that a member which the contract does not know yet is not
// lost.
func receive(
	d event.Delivery, document *contract.Document, verdict contract.Verdict, read reading,
) event.Event {
	canonical, _ := document.Canonical()
	e := event.Event{
		ID:          event.Identify(canonical),
		Name:        verdict.Operation,
		TS:          read.ts,
		AccountID:   read.accountID,
		CarrierCode: read.carrierCode,
		Numbers:     distinct(read.numbers),
		Attribute:   read.attribute,
		Drift:       verdict.Drift,
		Lint:        verdict.Lint,
		Delivery:    d,
	}
	if read.present {
		e.Value, _ = document.Canonical("payload", "object", string(read.attribute))
	}
	return e
}

// accepted is the reading as the contract's 200: the event as it came. It is written from the validated text and not
// from the model, because the model has no room for members that the contract does not know yet. It is the only 2xx of
// an event, and takes the store's receipt to make.
func (r reading) accepted(receipt event.Receipt, body []byte) reading {
	r.receipt, r.body = &receipt, body
	return r
}

func (r reading) answer(w http.ResponseWriter) error {
	if r.receipt == nil {
		return errors.New("cannot answer the delivery: nothing says that its event is durable")
	}
	return write(w, http.StatusOK, "application/json", r.body)
}

// VisitPeeringNumberEmergencyAddressUpdatedResponse writes the answer.
func (r reading) VisitPeeringNumberEmergencyAddressUpdatedResponse(w http.ResponseWriter) error {
	return r.answer(w)
}

// VisitPeeringNumberCnamUpdatedResponse writes the answer.
func (r reading) VisitPeeringNumberCnamUpdatedResponse(w http.ResponseWriter) error {
	return r.answer(w)
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

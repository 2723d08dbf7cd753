package server

import (
	"context"

	"numhook/server/contract"
	"numhook/server/event"
)

// A delivery that comes out of quarantine takes every step but those that it took when it came: its signature was good
// then, and is too old to be good now.

// WouldAccept says whether a quarantined delivery would be accepted now; the error holds the reasons if it would not.
func (s *Server) WouldAccept(q event.Quarantined) error {
	document := contract.Parse(q.Delivery.Body)
	_, err := validate(context.Background(), s.contract, s.filters, q.Delivery, document)
	return err
}

// Redrive feeds a quarantined delivery back, as if it had just come: on success its event is applied, in its place by
// event_ts, and the entry is marked, in one transaction. Otherwise the entry stays as it is, and the error says why.
func (s *Server) Redrive(ctx context.Context, q event.Quarantined) (event.Receipt, error) {
	d := &deliveryState{
		began: s.now(), delivery: q.Delivery, document: contract.Parse(q.Delivery.Body), redrives: q.ID,
	}
	err := s.guarded(func() error { return s.admit(ctx, nil, d) })
	if err != nil || d.receipt == nil {
		return event.Receipt{}, err
	}
	return *d.receipt, nil
}

package server

import (
	"context"
	"errors"

	"github.com/labstack/echo/v4"

	"numhook/server/event"
)

// quarantine keeps a signed delivery that is about to be refused. The sender never repeats a delivery that it got a 4xx for, so the refusal may only be
// answered once the delivery is on disk; if it cannot be kept, the answer is the store's 503 instead. Every other outcome passes through.
func (s *Server) quarantine(c echo.Context, outcome error) error {
	refused, ok := errors.AsType[*refusal](outcome)
	if !ok {
		return outcome
	}
	switch refused.kind {
	case event.Malformed, event.Invalid, event.UnknownEvent:
	default:
		return outcome
	}
	t := passage(c)
	if t.redrive != 0 { // it is in quarantine already
		return refused
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), s.timeLeft(t))
	defer cancel()
	entry, err := s.keeper.Quarantine(ctx, event.Quarantined{
		Reason:     refused.kind,
		EventName:  refused.event,
		Violations: refused.violations,
		PathEvent:  s.contract.EventOf(t.delivery.Door),
		Delivery:   t.delivery,
	})
	if err != nil {
		return err
	}
	refused.quarantine = entry
	return refused
}

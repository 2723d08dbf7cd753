package operator

import (
	"bytes"
	"context"

	gen "numhook/gen/operator"
	"numhook/server/event"
)

// Events is how events are read.
type Events interface {
	EventsPassing(ctx context.Context, filter event.Filter, after int64, limit int) (list []event.Stored, next int64,
		err error)
	Event(ctx context.Context, id event.ID) (event.Stored, error)
}

// ListEvents implements the document.
func (a *API) ListEvents(ctx context.Context, r gen.ListEventsRequestObject) (gen.ListEventsResponseObject, error) {
	after, err := cursor(r.Params.After)
	if err != nil {
		return nil, err
	}
	f := filterOf(r.Params)
	page, next, err := a.Store.EventsPassing(ctx, f, after, limitOf(r.Params.Limit))
	if err != nil {
		return nil, err
	}
	detail := narrowed("event", f.Name, "account", f.Account, "after", given(r.Params.After))
	if err := a.look(ctx, "events list", f.Number, detail); err != nil {
		return nil, err
	}
	shown := gen.ListEvents200JSONResponse{
		Items: mapped(page, func(e event.Stored) gen.Event { return a.eventOf(ctx, e) }),
	}
	if next > 0 {
		position := text(next)
		shown.Next = &position
	}
	return shown, nil
}

func filterOf(p gen.ListEventsParams) event.Filter {
	return event.Filter{
		Name: given(p.Event), Account: given(p.Account), Number: given(p.Number), Since: given(p.ReceivedSince),
		Until: given(p.ReceivedUntil), TSSince: p.EventTsSince, TSUntil: p.EventTsUntil,
		Newest: given(p.Order) == gen.ListEventsParamsOrderNewest,
	}
}

// ShowEvent implements the document.
func (a *API) ShowEvent(ctx context.Context, r gen.ShowEventRequestObject) (gen.ShowEventResponseObject, error) {
	e, err := a.event(ctx, "events show", r.Id)
	if err != nil {
		return nil, err
	}
	return gen.ShowEvent200JSONResponse(a.eventOf(ctx, e)), nil
}

// ShowEventBody implements the document.
func (a *API) ShowEventBody(
	ctx context.Context, r gen.ShowEventBodyRequestObject,
) (gen.ShowEventBodyResponseObject, error) {
	e, err := a.event(ctx, "events show", r.Id)
	if err != nil {
		return nil, err
	}
	return gen.ShowEventBody200ApplicationoctetStreamResponse{
		Body: bytes.NewReader(e.Delivery.Body), ContentLength: int64(len(e.Delivery.Body)),
	}, nil
}

func (a *API) event(ctx context.Context, action, id string) (event.Stored, error) {
	identity, err := event.ParseID(id)
	if err != nil {
		return event.Stored{}, &event.Error{Kind: event.NotFound, Text: "cannot show the event", Err: err}
	}
	e, err := a.Store.Event(ctx, identity)
	return e, a.looked(ctx, action, id, err)
}

// eventOf is an event as the caller may see it.
func (a *API) eventOf(ctx context.Context, e event.Stored) gen.Event {
	shown := gen.Event{
		Id: e.ID.String(), Seq: e.Seq, Event: e.Name, EventTs: e.TS, CarrierCode: e.CarrierCode,
		Attribute: some(gen.Attribute(e.Attribute)), DriftCount: len(e.Drift), LintCount: len(e.Lint),
		Quarantine: some(e.Quarantine), Received: e.Delivery.Received,
	}
	if masked(ctx) {
		shown.Numbers = maskAll(e.Numbers)
		return shown
	}
	shown.Numbers, shown.AccountId, shown.Value = append([]string{}, e.Numbers...), &e.AccountID, valueOf(e.Value)
	shown.Drift, shown.Lint = findings(e.Drift), findings(e.Lint)
	shown.Path, shown.Headers = &e.Delivery.Path, headersOf(e.Delivery.Header)
	return shown
}

func findings(list []event.Finding) *[]gen.Finding {
	if len(list) == 0 {
		return nil
	}
	all := mapped(list, func(f event.Finding) gen.Finding {
		return gen.Finding{
			Kind: gen.FindingKind(f.Kind), Rule: f.Rule, Pointer: f.Pointer, Message: f.Message,
			Line: some(int64(f.Line)), Column: some(int64(f.Column)), Spec: some(f.Spec),
		}
	})
	return &all
}

func headersOf(h event.Header) *gen.Headers {
	return &gen.Headers{
		XZmRequestId: some(h.RequestID), XZmTrackingid: some(h.TrackingID), XZmRequestTimestamp: some(h.Timestamp),
		XZmSignature: some(h.Signature), ContentType: some(h.ContentType), UserAgent: some(h.UserAgent),
		Traceparent: some(h.Traceparent),
	}
}

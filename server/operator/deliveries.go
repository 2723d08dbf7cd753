package operator

import (
	"context"
	"strconv"

	gen "numhook/gen/operator"
	"numhook/server/event"
)

// Outbox is how the outbox is changed.
type Outbox interface {
	OutboxReader
	Pause(ctx context.Context, downstream, why string) error
	Resume(ctx context.Context, downstream string) error
	Retry(ctx context.Context, row int64) error
	Skip(ctx context.Context, row int64) error
}

// OutboxReader is how the outbox is read.
type OutboxReader interface {
	Downstreams(ctx context.Context) ([]event.DownstreamStatus, error)
	OutboxRows(ctx context.Context, filter event.OutboxFilter, after int64, limit int) ([]event.OutboxRow, error)
	OutboxRow(ctx context.Context, id int64) (event.OutboxRow, error)
}

// rowObject is the row in the accesses.
func rowObject(id int64) string { return "delivery " + strconv.FormatInt(id, 10) }

// ListDeliveries implements the document.
func (a *API) ListDeliveries(
	ctx context.Context, r gen.ListDeliveriesRequestObject,
) (gen.ListDeliveriesResponseObject, error) {
	after, err := cursor(r.Params.After)
	if err != nil {
		return nil, err
	}
	limit := limitOf(r.Params.Limit)
	filter := event.OutboxFilter{Downstream: given(r.Params.Downstream), Number: given(r.Params.Number),
		State: event.OutboxState(given(r.Params.State))}
	page, next, err := a.rowsPassing(ctx, filter, after, limit)
	if err != nil {
		return nil, err
	}
	detail := narrowed("downstream", filter.Downstream, "state", string(filter.State), "after", given(r.Params.After))
	if err := a.look(ctx, "deliveries list", filter.Number, detail); err != nil {
		return nil, err
	}
	return gen.ListDeliveries200JSONResponse{
		Items: mapped(page, func(o event.OutboxRow) gen.Delivery { return deliveryOf(ctx, o) }), Next: next,
	}, nil
}

// mostRowsAtOnce are the rows that are looked at for a page of those that pass, where no index leads to them.
const mostRowsAtOnce = 50_000

// rowsPassing are the rows that pass the filter, and where the next page begins.
func (a *API) rowsPassing(
	ctx context.Context, f event.OutboxFilter, after int64, limit int,
) (page []event.OutboxRow, next *string, err error) {
	few := f.Number != "" || f.State == event.Dead || f.State == event.Attempting || f == event.OutboxFilter{}
	if !few {
		f.Until = after + mostRowsAtOnce
	}
	rows, err := a.Store.OutboxRows(ctx, f, after, limit+1)
	if err != nil {
		return nil, nil, err
	}
	page, next = cut(rows, limit, func(o event.OutboxRow) string { return text(o.ID) })
	if few || next != nil {
		return page, next, nil
	}
	more, err := a.Store.OutboxRows(ctx, event.OutboxFilter{}, f.Until, 1)
	if len(more) > 0 {
		position := text(f.Until)
		next = &position
	}
	return page, next, err
}

// ShowDelivery implements the document.
func (a *API) ShowDelivery(
	ctx context.Context, r gen.ShowDeliveryRequestObject,
) (gen.ShowDeliveryResponseObject, error) {
	o, err := a.Store.OutboxRow(ctx, r.Id)
	if err := a.looked(ctx, "deliveries show", rowObject(r.Id), err); err != nil {
		return nil, err
	}
	return gen.ShowDelivery200JSONResponse(deliveryOf(ctx, o)), nil
}

// deliveryOf is a row as the caller may see it.
func deliveryOf(ctx context.Context, o event.OutboxRow) gen.Delivery {
	shown := gen.Delivery{
		Id: o.ID, Downstream: o.Downstream, Number: Mask(o.Number), Attribute: some(gen.Attribute(o.Attribute)),
		State: gen.DeliveryState(o.State), EventId: o.EventID.String(), Event: o.EventName, EventTs: o.TS,
		Tries: int64(o.Tries), Since: o.Since, Due: some(o.Due), Attempted: some(o.Attempted), Reason: some(o.Reason),
	}
	if !masked(ctx) {
		shown.Number, shown.Value, shown.Output = o.Number, valueOf(o.Value), some(o.Output)
	}
	return shown
}

// ListDownstreams implements the document.
func (a *API) ListDownstreams(
	ctx context.Context, _ gen.ListDownstreamsRequestObject,
) (gen.ListDownstreamsResponseObject, error) {
	list, err := a.statuses.get(ctx, a.Store.Downstreams)
	if err != nil {
		return nil, err
	}
	return gen.ListDownstreams200JSONResponse{Items: mapped(list, downstreamOf)}, nil
}

// ShowDownstream implements the document.
func (a *API) ShowDownstream(
	ctx context.Context, r gen.ShowDownstreamRequestObject,
) (gen.ShowDownstreamResponseObject, error) {
	s, err := a.downstream(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	return gen.ShowDownstream200JSONResponse(downstreamOf(s)), nil
}

func (a *API) downstream(ctx context.Context, name string) (event.DownstreamStatus, error) {
	list, err := a.Store.Downstreams(ctx)
	if err != nil {
		return event.DownstreamStatus{}, err
	}
	for _, s := range list {
		if s.Name == name {
			return s, nil
		}
	}
	return event.DownstreamStatus{}, &event.Error{Kind: event.NotFound, Text: "cannot show the downstream: there is none"}
}

func downstreamOf(s event.DownstreamStatus) gen.Downstream {
	shown := gen.Downstream{
		Name: s.Name, Mode: gen.Mode(s.Mode), Start: gen.DownstreamStart(s.Start), Registered: s.Registered,
		Filled: s.Filled, State: gen.DownstreamStateActive, PausedWhy: some(s.PausedWhy), Paused: some(s.Paused),
		Waiting: s.Waiting, Attempting: s.Attempting, Dead: s.Dead, Oldest: some(s.Oldest), At: s.At,
	}
	if !s.Paused.IsZero() {
		shown.State = gen.DownstreamStatePaused
	}
	for _, one := range []struct {
		from []string
		into **[]string
	}{{s.Events, &shown.Events}, {s.Only.Countries, &shown.Only.Countries}, {s.Only.Prefixes, &shown.Only.Prefixes}} {
		if len(one.from) > 0 {
			*one.into = &one.from
		}
	}
	if len(s.Only.CarrierCodes) > 0 {
		shown.Only.CarrierCodes = &s.Only.CarrierCodes
	}
	return shown
}

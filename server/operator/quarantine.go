package operator

import (
	"bytes"
	"context"
	"strconv"

	gen "numhook/gen/operator"
	"numhook/server/event"
)

// Quarantine is how quarantined deliveries are read and discarded.
type Quarantine interface {
	Quarantines(ctx context.Context, state event.QuarantineState, after int64, limit int) ([]event.Quarantined, error)
	QuarantineEntry(ctx context.Context, id int64) (event.Quarantined, error)
	Discard(ctx context.Context, id int64) error
}

// entryObject is the entry in the accesses.
func entryObject(id int64) string { return "quarantine entry " + strconv.FormatInt(id, 10) }

// ListQuarantine implements the document.
func (a *API) ListQuarantine(
	ctx context.Context, r gen.ListQuarantineRequestObject,
) (gen.ListQuarantineResponseObject, error) {
	after, err := cursor(r.Params.After)
	if err != nil {
		return nil, err
	}
	limit, state := limitOf(r.Params.Limit), given(r.Params.State)
	list, err := a.Store.Quarantines(ctx, event.QuarantineState(state), after, limit+1)
	if err != nil {
		return nil, err
	}
	detail := narrowed("state", string(state), "after", given(r.Params.After))
	if err := a.look(ctx, "quarantine list", "", detail); err != nil {
		return nil, err
	}
	page, next := cut(list, limit, func(q event.Quarantined) string { return text(q.ID) })
	return gen.ListQuarantine200JSONResponse{
		Items: mapped(page, func(q event.Quarantined) gen.QuarantineEntry { return a.entryOf(ctx, q) }), Next: next,
	}, nil
}

// ShowQuarantineEntry implements the document.
func (a *API) ShowQuarantineEntry(
	ctx context.Context, r gen.ShowQuarantineEntryRequestObject,
) (gen.ShowQuarantineEntryResponseObject, error) {
	q, err := a.entry(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	return gen.ShowQuarantineEntry200JSONResponse(a.entryOf(ctx, q)), nil
}

// ShowQuarantineBody implements the document.
func (a *API) ShowQuarantineBody(
	ctx context.Context, r gen.ShowQuarantineBodyRequestObject,
) (gen.ShowQuarantineBodyResponseObject, error) {
	q, err := a.entry(ctx, r.Id)
	if err != nil {
		return nil, err
	}
	return gen.ShowQuarantineBody200ApplicationoctetStreamResponse{
		Body: bytes.NewReader(q.Delivery.Body), ContentLength: int64(len(q.Delivery.Body)),
	}, nil
}

func (a *API) entry(ctx context.Context, id int64) (event.Quarantined, error) {
	q, err := a.Store.QuarantineEntry(ctx, id)
	return q, a.looked(ctx, "quarantine show", entryObject(id), err)
}

// entryOf is an entry as the caller may see it.
func (a *API) entryOf(ctx context.Context, q event.Quarantined) gen.QuarantineEntry {
	shown := gen.QuarantineEntry{
		Id: q.ID, State: gen.QuarantineState(q.State), Reason: gen.QuarantineEntryReason(q.Reason), Times: q.Times,
		ViolationCount: len(q.Violations), Received: q.Delivery.Received, PathEvent: some(q.PathEvent),
	}
	if q.State == event.Redriven {
		id := q.RedrivenAs.String()
		shown.RedrivenAs = &id
	}
	if a.known[q.EventName] || !masked(ctx) { // of an unknown one the sender may have written anything into it
		shown.Event = some(q.EventName)
	}
	if !masked(ctx) {
		shown.Violations, shown.Path, shown.Headers = findings(q.Violations), &q.Delivery.Path, headersOf(q.Delivery.Header)
	}
	return shown
}

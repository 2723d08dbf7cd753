package operator

import (
	"context"
	"errors"

	gen "numhook/gen/operator"
	"numhook/server/event"
)

// Redriven is what a redrive came to, or would.
type Redriven struct {
	Result     string   // accepted, duplicate, fits (dry run) or refused
	EventID    event.ID // zero where it became none
	Reason     event.Kind
	Violations []event.Finding
}

// errStillRefused: the entry breaks the contract as it did. It is an answer.
var errStillRefused = conflict("cannot redrive the entry: it is still refused")

// RedriveEntry implements the document.
func (a *API) RedriveEntry(
	ctx context.Context, r gen.RedriveEntryRequestObject,
) (gen.RedriveEntryResponseObject, error) {
	var result Redriven
	dryRun := given(r.Params.DryRun)
	err := a.actOrLook(ctx, dryRun, "quarantine redrive", entryObject(r.Id), "", func(ctx context.Context) error {
		q, err := a.Store.QuarantineEntry(ctx, r.Id)
		if err != nil {
			return err
		}
		if result, err = a.Redrive(ctx, q, dryRun); err == nil && result.Result == "refused" && !dryRun {
			err = errStillRefused
		}
		return err
	})
	if err != nil && !errors.Is(err, errStillRefused) {
		return nil, err
	}
	shown := gen.RedriveEntry200JSONResponse{
		Id: r.Id, Result: gen.RedriveResultResult(result.Result), Violations: findings(result.Violations),
		Reason: some(gen.RedriveResultReason(result.Reason)),
	}
	if result.EventID != (event.ID{}) {
		id := result.EventID.String()
		shown.EventId = &id
	}
	return shown, nil
}

// DiscardEntry implements the document.
func (a *API) DiscardEntry(
	ctx context.Context, r gen.DiscardEntryRequestObject,
) (gen.DiscardEntryResponseObject, error) {
	err := a.act(ctx, "quarantine discard", entryObject(r.Id), "", func(ctx context.Context) error {
		return a.Store.Discard(ctx, r.Id)
	})
	if err != nil {
		return nil, err
	}
	q, err := a.Store.QuarantineEntry(ctx, r.Id)
	return gen.DiscardEntry200JSONResponse(a.entryOf(ctx, q)), err
}

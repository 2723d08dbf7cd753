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

// RedriveEntries implements the document. The entries are fed back one after the other: of two that are ordered by an
// equal time the one that is stored later wins.
func (a *API) RedriveEntries(
	ctx context.Context, r gen.RedriveEntriesRequestObject,
) (gen.RedriveEntriesResponseObject, error) {
	dryRun := given(r.Body.DryRun)
	result, err := a.bulkEntries(ctx, "quarantine redrive", *r.Body, func(ctx context.Context, id int64) error {
		q, err := a.Store.QuarantineEntry(ctx, id)
		if err != nil {
			return err
		}
		redriven, err := a.Redrive(ctx, q, dryRun)
		if err == nil && redriven.Result == "refused" {
			return errStillRefused
		}
		return err
	})
	if dryRun {
		fits := result.Changed
		result.Fits, result.Changed = &fits, 0
	}
	return gen.RedriveEntries200JSONResponse(result), err
}

// DiscardEntries implements the document.
func (a *API) DiscardEntries(
	ctx context.Context, r gen.DiscardEntriesRequestObject,
) (gen.DiscardEntriesResponseObject, error) {
	discard := a.Store.Discard
	if given(r.Body.DryRun) {
		discard = nil
	}
	result, err := a.bulkEntries(ctx, "quarantine discard", *r.Body, discard)
	return gen.DiscardEntries200JSONResponse(result), err
}

// bulkEntries changes all entries that are in a state, by number; with no change it counts them.
func (a *API) bulkEntries(
	ctx context.Context, action string, r gen.BulkEntriesRequest, change func(context.Context, int64) error,
) (result gen.BulkResult, err error) {
	dryRun := given(r.DryRun)
	detail := narrowed("state", string(r.State))
	err = a.actOrLook(ctx, dryRun, action, "", detail, func(ctx context.Context) error {
		entries, err := a.entries(ctx, event.QuarantineState(r.State))
		if err != nil {
			return err
		}
		result = gen.BulkResult{Rows: int64(len(entries)), DryRun: dryRun}
		for _, q := range entries {
			if result.Oldest == nil || q.since.Before(*result.Oldest) {
				result.Oldest = &q.since
			}
		}
		if r.Expected != nil && *r.Expected != result.Rows {
			return changedMeanwhile(*r.Expected, result.Rows)
		}
		if change == nil {
			return nil
		}
		result.Changed, result.Refused, err = changeAll(ctx, entries, 1, change)
		return err
	})
	return result, err
}

// entries are all that are in a state, by number.
func (a *API) entries(ctx context.Context, state event.QuarantineState) (all []candidate, err error) {
	for after := int64(0); ; {
		list, err := a.Store.Quarantines(ctx, state, after, rowsAtOnce)
		if err != nil {
			return nil, err
		}
		for _, q := range list {
			after = q.ID
			all = append(all, candidate{q.ID, q.Delivery.Received})
		}
		if len(list) < rowsAtOnce {
			return all, nil
		}
	}
}

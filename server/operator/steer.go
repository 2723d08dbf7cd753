package operator

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	gen "numhook/gen/operator"
	"numhook/server/event"
)

// downstreamObject is the downstream in the accesses.
func downstreamObject(name string) string { return "downstream " + name }

// PauseDownstream implements the document.
func (a *API) PauseDownstream(
	ctx context.Context, r gen.PauseDownstreamRequestObject,
) (gen.PauseDownstreamResponseObject, error) {
	s, err := a.steer(ctx, "downstreams pause", r.Name, narrowed("why", r.Body.Why), func(ctx context.Context) error {
		return a.Store.Pause(ctx, r.Name, r.Body.Why)
	})
	return gen.PauseDownstream200JSONResponse(downstreamOf(s)), err
}

// ResumeDownstream implements the document.
func (a *API) ResumeDownstream(
	ctx context.Context, r gen.ResumeDownstreamRequestObject,
) (gen.ResumeDownstreamResponseObject, error) {
	s, err := a.steer(ctx, "downstreams resume", r.Name, "", func(ctx context.Context) error {
		return a.Store.Resume(ctx, r.Name)
	})
	return gen.ResumeDownstream200JSONResponse(downstreamOf(s)), err
}

// steer changes a downstream, and says how it stands then.
func (a *API) steer(
	ctx context.Context, action, name, detail string, do func(ctx context.Context) error,
) (event.DownstreamStatus, error) {
	if err := a.act(ctx, action, downstreamObject(name), detail, do); err != nil {
		return event.DownstreamStatus{}, err
	}
	return a.downstream(ctx, name)
}

// RetryDelivery implements the document.
func (a *API) RetryDelivery(
	ctx context.Context, r gen.RetryDeliveryRequestObject,
) (gen.RetryDeliveryResponseObject, error) {
	again := given(r.Params.Again)
	o, err := a.change(ctx, "deliveries retry", r.Id, narrowed("again", fmt.Sprint(again)),
		func(ctx context.Context, o event.OutboxRow) error {
			if o.State == event.Delivered && !again {
				return conflict("cannot retry what is delivered")
			}
			return a.Store.Retry(ctx, r.Id)
		})
	return gen.RetryDelivery200JSONResponse(deliveryOf(ctx, o)), err
}

// SkipDelivery implements the document.
func (a *API) SkipDelivery(
	ctx context.Context, r gen.SkipDeliveryRequestObject,
) (gen.SkipDeliveryResponseObject, error) {
	o, err := a.change(ctx, "deliveries skip", r.Id, "", func(ctx context.Context, o event.OutboxRow) error {
		if o.State == event.Skipped {
			return nil
		}
		return a.Store.Skip(ctx, r.Id)
	})
	return gen.SkipDelivery200JSONResponse(deliveryOf(ctx, o)), err
}

// change changes one row, and says how it stands then.
func (a *API) change(
	ctx context.Context, action string, id int64, detail string, do func(context.Context, event.OutboxRow) error,
) (o event.OutboxRow, err error) {
	err = a.act(ctx, action, rowObject(id), detail, func(ctx context.Context) error {
		before, err := a.Store.OutboxRow(ctx, id)
		if err != nil {
			return err
		}
		return do(ctx, before)
	})
	if err != nil {
		return o, err
	}
	return a.Store.OutboxRow(ctx, id)
}

// RetryDeliveries implements the document.
func (a *API) RetryDeliveries(
	ctx context.Context, r gen.RetryDeliveriesRequestObject,
) (gen.RetryDeliveriesResponseObject, error) {
	result, err := a.bulk(ctx, "deliveries retry", *r.Body, a.Store.Retry)
	return gen.RetryDeliveries200JSONResponse(result), err
}

// SkipDeliveries implements the document.
func (a *API) SkipDeliveries(
	ctx context.Context, r gen.SkipDeliveriesRequestObject,
) (gen.SkipDeliveriesResponseObject, error) {
	result, err := a.bulk(ctx, "deliveries skip", *r.Body, a.Store.Skip)
	return gen.SkipDeliveries200JSONResponse(result), err
}

// candidate is a row that a filter finds.
type candidate struct {
	id    int64
	since time.Time
}

// bulk changes all rows that a filter finds, those first that are enqueued since the longest time.
func (a *API) bulk(
	ctx context.Context, action string, r gen.BulkRequest, change func(context.Context, int64) error,
) (result gen.BulkResult, err error) {
	dryRun := given(r.DryRun)
	filter := event.OutboxFilter{Downstream: given(r.Downstream), Number: given(r.Number),
		State: event.OutboxState(r.State)}
	detail := narrowed("downstream", filter.Downstream, "state", string(filter.State))
	err = a.actOrLook(ctx, dryRun, action, filter.Number, detail, func(ctx context.Context) error {
		rows, err := a.candidates(ctx, filter)
		if err != nil {
			return err
		}
		result = gen.BulkResult{Rows: int64(len(rows)), DryRun: dryRun}
		if len(rows) > 0 {
			result.Oldest = &rows[0].since
		}
		if r.Expected != nil && *r.Expected != result.Rows {
			return changedMeanwhile(*r.Expected, result.Rows)
		}
		if dryRun {
			return nil
		}
		result.Changed, result.Refused, err = changeAll(ctx, rows, changesAtOnce, change)
		return err
	})
	return result, err
}

// changedMeanwhile is the answer to whoever expects another number of rows than there are.
func changedMeanwhile(expected, found int64) error {
	return &refusal{status: http.StatusConflict, err: conflict("the number of rows has changed"),
		detail: fmt.Sprintf("There are %d rows now, and not %d: nothing was done.", found, expected)}
}

// candidates are all rows that the filter finds, by since when they are enqueued.
func (a *API) candidates(ctx context.Context, filter event.OutboxFilter) (all []candidate, err error) {
	for after := int64(0); ; {
		rows, err := a.Store.OutboxRows(ctx, filter, after, rowsAtOnce)
		if err != nil {
			return nil, err
		}
		for _, o := range rows {
			after = o.ID
			all = append(all, candidate{o.ID, o.Since})
		}
		if len(rows) < rowsAtOnce {
			break
		}
	}
	slices.SortStableFunc(all, func(x, y candidate) int { return x.since.Compare(y.since) })
	return all, nil
}

// changesAtOnce go into the store together, so that they share its transactions.
const changesAtOnce = 16

// changeAll changes the rows in their order. One whose state has changed meanwhile is left, and counted.
func changeAll(
	ctx context.Context, rows []candidate, atOnce int, change func(context.Context, int64) error,
) (changed, refused int64, failed error) {
	var mu sync.Mutex // guards the results
	next := make(chan int64)
	var workers sync.WaitGroup
	for range min(atOnce, len(rows)) {
		workers.Go(func() {
			for id := range next {
				err := change(ctx, id)
				mu.Lock()
				switch event.AccessResultOf(err) {
				case event.AccessDone:
					changed++
				case event.AccessNone, event.AccessRefused:
					refused++
				default:
					failed = err
				}
				mu.Unlock()
			}
		})
	}
	stopped := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return failed != nil
	}
	for _, o := range rows {
		if stopped() {
			break
		}
		next <- o.id
	}
	close(next)
	workers.Wait()
	return changed, refused, failed
}

// ReplayFilter narrows what is enqueued again; zero values let everything pass.
type ReplayFilter struct {
	Number, Event string
	Since, Until  time.Time
	DryRun        bool
}

// Replay implements the document.
func (a *API) Replay(ctx context.Context, r gen.ReplayRequestObject) (gen.ReplayResponseObject, error) {
	o := r.Body
	f := ReplayFilter{Number: given(o.Number), Event: given(o.Event), Since: given(o.Since), Until: given(o.Until)}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return nil, &refusal{status: http.StatusBadRequest, detail: "Nothing lies between since and until."}
	}
	dryRun, rows := given(o.DryRun), 0
	object, detail := f.Number, narrowed("downstream", o.Downstream, "event", f.Event)
	err := a.actOrLook(ctx, dryRun, "replay", object, detail, func(ctx context.Context) error {
		to, err := a.downstream(ctx, o.Downstream)
		if err != nil {
			return err
		}
		count := f
		count.DryRun = true
		if dryRun || o.Expected != nil {
			if rows, err = a.Config.Replay(ctx, to, count); err != nil {
				return err
			}
			if o.Expected != nil && *o.Expected != int64(rows) {
				return changedMeanwhile(*o.Expected, int64(rows))
			}
		}
		if !dryRun {
			rows, err = a.Config.Replay(ctx, to, f)
		}
		return err
	})
	return gen.Replay200JSONResponse{Downstream: o.Downstream, Rows: int64(rows), DryRun: dryRun}, err
}

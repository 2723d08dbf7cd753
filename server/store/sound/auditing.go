package sound

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"numhook/server/event"
)

// AuditPage is how many rows one step of an audit looks at.
const AuditPage = 500

// Run takes the steps of an audit. What cannot be read is a finding; its error means that it could not look.
func (a Audit) Run(
	ctx context.Context, damage func(error) bool, say func(error) error, steps ...func(context.Context) error,
) error {
	for _, step := range steps {
		if err := step(ctx); err != nil && !damage(err) {
			return err
		} else if err != nil {
			a.Find("store", "as far as it could be read", say(err))
		}
	}
	return nil
}

// Events looks at each event that list gives out, page by page; list itself holds them against their identities.
func (a Audit) Events(ctx context.Context, list func(ctx context.Context, after int64, limit int) ([]event.Stored,
	error),
	look func(ctx context.Context, e event.Stored) error,
) error {
	for after, done := int64(0), int64(0); ; {
		began := time.Now()
		page, err := list(ctx, after, AuditPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, e := range page {
			after = e.Seq
			if err := look(ctx, e); err != nil {
				return err
			}
		}
		done += int64(len(page))
		a.Tell("events", done)
		if err := a.Rest(ctx, began); err != nil {
			return err
		}
	}
}

// Quarantine has list hold each entry against its digest.
func (a Audit) Quarantine(ctx context.Context,
	list func(ctx context.Context, state event.QuarantineState, after int64, limit int) ([]event.Quarantined, error),
) error {
	for after := int64(0); ; {
		began := time.Now()
		page, err := list(ctx, "", after, AuditPage/10)
		if err != nil || len(page) == 0 {
			return err
		}
		after = page[len(page)-1].ID
		a.Tell("quarantine", after)
		if err := a.Rest(ctx, began); err != nil {
			return err
		}
	}
}

// OutboxRows has wrong tell which rows are, up to the last, a piece at a time.
func (a Audit) OutboxRows(ctx context.Context, last int64, damage func(error) bool, say func(error) error,
	wrong func(ctx context.Context, after, until int64, found func(id int64)) error,
) error {
	const piece = 10 * AuditPage
	for after := int64(0); after < last; after += piece {
		began := time.Now()
		err := wrong(ctx, after, after+piece, func(id int64) { a.Find("owed row", strconv.FormatInt(id, 10), ErrNotNewest) })
		if err != nil && !damage(err) {
			return err
		} else if err != nil {
			a.Find("owed rows", fmt.Sprintf("%d to %d", after+1, after+piece), say(err))
		}
		a.Tell("owed", after)
		if err := a.Rest(ctx, began); err != nil {
			return err
		}
	}
	return nil
}

package operator

import (
	"context"
	"time"

	"numhook/server/event"
)

// actionTime bounds an action: a replay of a million rows takes minutes.
const actionTime = 10 * time.Minute

// act does an action. That it is begun stands in the store before it is, and what it came to before it is answered. It
// ends as it would although whoever asked has gone: what is half done is worse.
func (a *API) act(ctx context.Context, action, object, detail string, do func(ctx context.Context) error) error {
	id, err := a.Store.RecordAccess(ctx, a.access(ctx, action, object, detail, event.AccessBegun))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actionTime)
	defer cancel()
	done := do(ctx)
	err = a.Store.ConcludeAccess(ctx, id, event.AccessResultOf(done))
	if done != nil {
		return done
	}
	return err
}

// actOrLook is act, or look where a dry run changes nothing.
func (a *API) actOrLook(
	ctx context.Context, dryRun bool, action, object, detail string, do func(ctx context.Context) error,
) error {
	if !dryRun {
		return a.act(ctx, action, object, detail, do)
	}
	if err := do(ctx); err != nil {
		return err
	}
	return a.look(ctx, action, object, narrowed("dry_run", "true", "of", detail))
}

// conflict is an action that cannot be done to what stands so.
func conflict(text string) error { return &event.Error{Kind: event.Invalid, Text: text} }

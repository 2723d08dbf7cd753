package operator

import (
	"context"
	"net/http"
	"time"

	gen "numhook/gen/operator"
	"numhook/server/event"
)

// Activity is how counts are read.
type Activity interface {
	Activity(ctx context.Context, since, until time.Time, step time.Duration) ([]event.Activity, error)
}

// The longest times that are shown in steps of a minute and of an hour.
const (
	mostMinutes = 24 * time.Hour
	mostHours   = 31 * 24 * time.Hour
)

// ListActivity implements the document.
func (a *API) ListActivity(
	ctx context.Context, r gen.ListActivityRequestObject,
) (gen.ListActivityResponseObject, error) {
	step, most := time.Minute, mostMinutes
	if given(r.Params.Step) == gen.ListActivityParamsStepHour {
		step, most = time.Hour, mostHours
	}
	until := a.Now()
	if r.Params.Until != nil {
		until = *r.Params.Until
	}
	since := until.Add(-mostMinutes)
	if r.Params.Since != nil {
		since = *r.Params.Since
	}
	since = since.UTC().Truncate(step)
	switch {
	case !since.Before(until):
		return nil, &refusal{status: http.StatusBadRequest, detail: "Nothing lies between since and until."}
	case until.Sub(since) > most+step:
		return nil, &refusal{status: http.StatusBadRequest,
			detail: "More than a day has steps of an hour, and there are 31 days at most."}
	}
	list, err := a.Store.Activity(ctx, since, until, step)
	if err != nil {
		return nil, err
	}
	return gen.ListActivity200JSONResponse{Items: stepsOf(list)}, nil
}

// stepsOf are the counts by their time. What is no count of its own is a refusal.
func stepsOf(list []event.Activity) []gen.ActivityStep {
	steps := []gen.ActivityStep{}
	for _, one := range list {
		if len(steps) == 0 || !steps[len(steps)-1].At.Equal(one.At) {
			steps = append(steps, gen.ActivityStep{At: one.At, Refused: map[string]int64{}})
		}
		step := &steps[len(steps)-1]
		switch one.Name {
		case "accepted":
			step.Accepted = one.Count
		case "duplicate":
			step.Duplicate = one.Count
		case "challenge":
			step.Challenge = one.Count
		case event.HandedOn:
			step.HandedOn = one.Count
		case event.Owed:
			step.Owed = one.Count
		default:
			step.Refused[one.Name] = one.Count
		}
	}
	return steps
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"numhook/server/dispatch"
	"numhook/server/event"
	"numhook/server/store"
	"numhook/spec"
)

// replayFlags say what is to be enqueued again, and to whom.
type replayFlags struct {
	downstream, number, event, since, until string
	all, dryRun                             bool
}

func newReplayCommand() *cobra.Command {
	f := &replayFlags{}
	cmd := &cobra.Command{
		Use: "replay", Short: "Make what was delivered, given up or skipped owed again", Args: cobra.NoArgs,
		Long: "Make what was delivered, given up or skipped owed again, to one downstream or to all that are registered. A " +
			"downstream of mode latest is owed the\n" +
			"current value of each number that matches, one of mode every each event that matches. Each downstream's own " +
			"filters hold. What it gets bears the same\n" +
			"identity as the first time. --number is taken as it is typed and, where it is digits alone, with a plus, too.",
	}
	lf := newListFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.downstream, "downstream", "", "only to this downstream")
	flags.StringVar(&f.number, "number", "", "only what is about this number")
	flags.StringVar(&f.event, "event", "", "only what events of this name said")
	flags.StringVar(&f.since, "since", "", "only what was received at this time of this side's clock or later: "+timeForms)
	flags.StringVar(&f.until, "until", "", "only what was received before this time")
	flags.BoolVar(&f.all, "all", false, "everything to everybody, which is refused without it")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only say how many rows would be owed again")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return replay(cmd, lf, f) }
	return cmd
}

// filter reads the flags, but for the number.
func (f *replayFlags) filter(cmd *cobra.Command) (filter dispatch.ReplayFilter, err error) {
	filter = dispatch.ReplayFilter{Event: f.event, DryRun: f.dryRun}
	for _, bound := range []struct {
		flag, text string
		into       *time.Time
	}{{"since", f.since, &filter.Since}, {"until", f.until, &filter.Until}} {
		ms, err := timestampFlag(cmd, bound.flag, bound.text)
		if err != nil {
			return filter, err
		}
		if ms != nil {
			*bound.into = time.UnixMilli(*ms)
		}
	}
	narrow := f.downstream != "" || f.number != "" || f.event != "" || f.since != "" || f.until != ""
	switch {
	case !filter.Since.IsZero() && !filter.Until.IsZero() && !filter.Since.Before(filter.Until):
		return filter, errors.New("cannot replay: --since is not before --until, so nothing lies between them")
	case !narrow && !f.all:
		return filter, &event.Error{
			Kind: event.Invalid, Text: "cannot replay everything to everybody without --all",
			Hint: "narrow it with --downstream, --number, --event, --since or --until; numhook replay --all --dry-run says " +
				"how much it would be",
		}
	case narrow && f.all:
		return filter, errors.New("cannot replay: --all is for everything to everybody, and does not go with a flag that " +
			"narrows it")
	}
	return filter, nil
}

// replayShown is the JSON of the outbox of one downstream again.
type replayShown struct {
	Downstream string     `json:"downstream"`
	Mode       event.Mode `json:"mode"`
	State      string     `json:"state"`
	Rows       int        `json:"rows"`
	DryRun     bool       `json:"dry_run"`
}

func replay(cmd *cobra.Command, lf *listFlags, f *replayFlags) (err error) {
	ctx := cmd.Context()
	filter, err := f.filter(cmd)
	if err != nil {
		return err
	}
	s, err := openOperator(ctx, *lf.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	statuses, err := replayTo(ctx, s, f.downstream)
	if err != nil {
		return err
	}
	out := newList[replayShown](cmd.OutOrStdout(), lf, "DOWNSTREAM", "MODE", "STATE", "ROWS")
	rows := 0
	for _, status := range statuses {
		n := 0
		err := actUnless(f.dryRun, cmd, s, downstreamObject(status.Name), func() (err error) {
			n, err = replayNumbers(ctx, s, status, filter, f.number)
			return err
		})
		if err != nil {
			return errors.Join(fmt.Errorf("cannot replay to downstream %q (%d rows are owed again, and replaying anew does no "+
				"harm): %w", status.Name, n, err), out.close())
		}
		rows += n
		out.entry(replayShown{status.Name, status.Mode, statusState(status), n, f.dryRun},
			[]string{status.Name, string(status.Mode), statusState(status), strconv.Itoa(n)})
	}
	if err := errors.Join(out.close(), out.failed); err != nil {
		return err
	}
	known, err := knownNumbers(ctx, s, f.number)
	switch {
	case err != nil:
		return err
	case len(known) > 1:
		tell(cmd.ErrOrStderr(), fmt.Errorf("%s are two numbers, and both are meant", strings.Join(known, " and ")))
	}
	if rows > 0 {
		return nil
	}
	return whyNothing(f.number, len(known) > 0, filter.Event)
}

// replayNumbers replays what is about the number that was typed, or about any.
func replayNumbers(
	ctx context.Context, s store.Store, to event.DownstreamStatus, filter dispatch.ReplayFilter, typed string,
) (rows int, err error) {
	for _, filter.Number = range spellings(typed) {
		n, err := dispatch.Replay(ctx, s, s, to, filter)
		rows += n
		if err != nil && event.KindOf(err) != event.NotFound { // a number may be known to events and have no value
			return rows, err
		}
	}
	return rows, nil
}

// knownNumbers are those that were typed and that an event ever changed.
func knownNumbers(ctx context.Context, from store.Reader, typed string) (known []string, err error) {
	if typed == "" {
		return nil, nil
	}
	for _, number := range spellings(typed) {
		switch _, err := from.Number(ctx, number); {
		case err == nil:
			known = append(known, number)
		case event.KindOf(err) != event.NotFound:
			return nil, err
		}
	}
	return known, nil
}

// replayTo are the downstreams that are meant.
func replayTo(ctx context.Context, from store.OutboxReader, name string) ([]event.DownstreamStatus, error) {
	if name != "" {
		status, err := findDownstream(ctx, from, name)
		return []event.DownstreamStatus{status}, err
	}
	statuses, err := from.Downstreams(ctx)
	if err == nil && len(statuses) == 0 {
		err = &event.Error{Kind: event.NotFound, Text: "cannot replay: no downstream is registered", Hint: howToRegister}
	}
	return statuses, err
}

// whyNothing is the mistake, if there is one, of a filter that nothing passes.
func whyNothing(number string, isKnown bool, name string) error {
	if number != "" && !isKnown {
		return &event.Error{
			Kind: event.NotFound, Text: "cannot replay the number: no event ever changed it",
			Hint: "numhook numbers list shows those that are known",
		}
	}
	if name == "" {
		return nil
	}
	document, err := spec.Load()
	if err != nil || document.Paths.Value("/"+name) != nil {
		return err
	}
	var known []string
	for path := range document.Paths.Map() {
		known = append(known, strings.TrimPrefix(path, "/"))
	}
	slices.Sort(known)
	return &event.Error{
		Kind: event.NotFound, Text: fmt.Sprintf("cannot replay events named %q: the contract has no such event", name),
		Hint: "it has " + strings.Join(known, ", "),
	}
}

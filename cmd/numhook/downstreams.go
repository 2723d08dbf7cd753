package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"numhook/server/dispatch"
	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/terminal"
)

func newDownstreamsCommand() *cobra.Command {
	return newVerbGroup("downstreams", "See how the systems that changes are handed on to stand, pause and resume them",
		newDownstreamsStatusCommand(), newDownstreamsPauseCommand(), newDownstreamsResumeCommand(),
		newDownstreamsRemoveCommand())
}

// How a downstream stands, in one word.
const (
	stateActive  = "active"
	stateFilling = "filling" // what its start asks for is not all enqueued yet
	statePaused  = "paused"
)

// downstreamShown is the JSON of a downstream.
type downstreamShown struct {
	event.Downstream
	State      string    `json:"state"`
	Filled     bool      `json:"filled"`
	Registered time.Time `json:"registered"`
	Paused     time.Time `json:"paused,omitzero"`
	PausedWhy  string    `json:"paused_why,omitempty"`
	Waiting    int64     `json:"waiting"`
	Attempting int64     `json:"attempting"`
	Dead       int64     `json:"dead"`
	Oldest     time.Time `json:"oldest_owed,omitzero"`
	Stalled    time.Time `json:"stalled_since,omitzero"` // all that waits is due since then, and nothing is attempted
}

func showDownstream(s event.DownstreamStatus) downstreamShown {
	return downstreamShown{
		Downstream: s.Downstream, State: statusState(s), Filled: s.Filled, Registered: s.Registered, Paused: s.Paused,
		PausedWhy: s.PausedWhy,
		Waiting:   s.Waiting, Attempting: s.Attempting, Dead: s.Dead, Oldest: s.Oldest, Stalled: stalledSince(s),
	}
}

// stalledAfter is for how long everything may be due and nothing be attempted before it is told: a worker looks oftener
// than that, unless its breaker is open.
const stalledAfter = 30 * time.Second

// stalledSince is since when everything that waits is due while nothing is attempted, or the zero time: what is paused
// is not meant to be attempted.
func stalledSince(s event.DownstreamStatus) time.Time {
	if !s.Paused.IsZero() || s.Waiting == 0 || s.Attempting > 0 || s.LastDue.IsZero() ||
		s.At.Sub(s.LastDue) < stalledAfter {
		return time.Time{}
	}
	return s.LastDue
}

// stalledText is why nothing is attempted: a breaker is open for so long at most, and then it tries.
func stalledText(s event.DownstreamStatus) string {
	if s.At.Sub(stalledSince(s)) > dispatch.LongestAsked+stalledAfter {
		return "no running receiver serves it: name it in --config of one"
	}
	return "its breaker is open, or no running receiver serves it"
}

func statusState(s event.DownstreamStatus) string {
	switch {
	case !s.Paused.IsZero():
		return statePaused
	case !s.Filled:
		return stateFilling
	}
	return stateActive
}

func newDownstreamsStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "status [NAME]", Aliases: []string{"list"}, Short: "Show what each downstream is owed and since when, or one " +
			"downstream in full", Args: cobra.MaximumNArgs(1),
	}
	f := newListFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, err := openReader(cmd.Context(), *f.url)
		if err != nil {
			return err
		}
		defer from.Close()
		if len(args) == 0 {
			statuses, err := from.Downstreams(cmd.Context())
			if err != nil {
				return err
			}
			return listDownstreams(cmd, statuses, f)
		}
		status, err := findDownstream(cmd.Context(), from, args[0])
		switch {
		case err != nil:
			return err
		case f.format.value == "json":
			return writeJSON(cmd.OutOrStdout(), showDownstream(status))
		case f.format.value == "csv":
			return listDownstreams(cmd, []event.DownstreamStatus{status}, f)
		}
		return writeDownstream(cmd.OutOrStdout(), status, time.Now())
	}
	return cmd
}

func listDownstreams(cmd *cobra.Command, statuses []event.DownstreamStatus, f *listFlags) error {
	out := newList[downstreamShown](cmd.OutOrStdout(), f, "NAME", "MODE", "STATE", "OWED", "DEAD", "OLDEST",
		"REGISTERED wide", "WHY")
	for _, s := range statuses {
		oldest, why := "-", "-"
		if !s.Oldest.IsZero() {
			oldest = age(s.Oldest, s.At)
		}
		switch {
		case !s.Paused.IsZero():
			why = s.PausedWhy
		case !stalledSince(s).IsZero():
			why = stalledText(s)
		}
		out.entry(showDownstream(s), []string{
			s.Name, string(s.Mode), statusState(s), strconv.FormatInt(s.Waiting+s.Attempting, 10), strconv.FormatInt(s.Dead, 10),
			oldest,
			s.Registered.Format(time.RFC3339), why,
		})
	}
	if len(statuses) == 0 && f.format.value == "text" {
		fmt.Fprintln(cmd.ErrOrStderr(), "numhook: no downstream is registered: "+howToRegister)
	}
	return errors.Join(out.close(), out.failed)
}

// howToRegister is what to do where a downstream is missing.
const howToRegister = "numhook serve --config FILE registers those of the file"

// findDownstream is the downstream of the name.
func findDownstream(ctx context.Context, from store.OutboxReader, name string) (event.DownstreamStatus, error) {
	statuses, err := from.Downstreams(ctx)
	if err != nil {
		return event.DownstreamStatus{}, err
	}
	known := make([]string, len(statuses))
	for i, s := range statuses {
		if s.Name == name {
			return s, nil
		}
		known[i] = s.Name
	}
	hint := "none is registered: " + howToRegister
	if len(known) > 0 {
		hint = "registered are " + strings.Join(known, ", ") + "; " + howToRegister
	}
	return event.DownstreamStatus{}, &event.Error{Kind: event.NotFound,
		Text: fmt.Sprintf("cannot find downstream %q: it is not registered", name), Hint: hint}
}

func writeDownstream(w io.Writer, s event.DownstreamStatus, now time.Time) error {
	fmt.Fprintf(w, "downstream %s\n  mode         %s\n  start        %s\n  events       %s\n", terminal.Escape(s.Name),
		s.Mode, s.Start, listed(s.Events, "all"))
	var codes []string
	for _, code := range s.Only.CarrierCodes {
		codes = append(codes, strconv.Itoa(int(code)))
	}
	for _, only := range []struct {
		what   string
		values []string
	}{{"carrier codes", codes}, {"countries", s.Only.Countries}, {"prefixes", s.Only.Prefixes}} {
		if len(only.values) > 0 {
			fmt.Fprintf(w, "  only         %s %s\n", only.what, strings.Join(escapedAll(only.values), " "))
		}
	}
	fmt.Fprintf(w, "  registered   %s\n", s.Registered.Format(time.RFC3339))
	switch statusState(s) {
	case statePaused:
		fmt.Fprintf(w, "  state        paused since %s (%s): %s\n", s.Paused.Format(time.RFC3339), age(s.Paused, now),
			terminal.Escape(s.PausedWhy))
	case stateFilling:
		fmt.Fprintln(w, "  state        filling: what its start asks for is not all owed yet; a receiver with "+
			"--config does it")
	default:
		fmt.Fprintln(w, "  state        active")
	}
	fmt.Fprintf(w, "  waiting      %d\n  attempting   %d\n  dead         %d\n", s.Waiting, s.Attempting, s.Dead)
	if !s.Oldest.IsZero() {
		fmt.Fprintf(w, "  oldest owed  %s (%s)\n", s.Oldest.Format(time.RFC3339), age(s.Oldest, s.At))
	}
	if since := stalledSince(s); !since.IsZero() {
		fmt.Fprintf(w, "  stalled      since %s (%s): %s\n", since.Format(time.RFC3339), age(since, s.At), stalledText(s))
	}
	var next []string
	if !s.Paused.IsZero() {
		next = append(next, "numhook downstreams resume "+terminal.Escape(s.Name))
	}
	if s.Dead > 0 {
		next = append(next, "numhook deliveries list --downstream "+terminal.Escape(s.Name)+" --state dead")
	}
	if len(next) > 0 {
		fmt.Fprintln(w, "  next         "+strings.Join(next, "\n               "))
	}
	return nil
}

func newDownstreamsPauseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "pause NAME", Short: "Let nothing more be sent to a downstream; what it is owed is kept",
		Args: cobra.ExactArgs(1),
		Long: "Let nothing more be sent to a downstream, from any receiver, until it is resumed. What it is owed is kept " +
			"and goes on being owed. An attempt\n" +
			"that is under way ends as it would.",
	}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json")
	why := cmd.Flags().String("why", "paused by an operator", "what downstreams status shows as the reason")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if strings.TrimSpace(*why) == "" {
			return errors.New("cannot pause the downstream: --why is empty: say why, for whoever finds it paused")
		}
		return changeDownstream(cmd, *url, format.value, args[0], "paused, and keeps what it is owed",
			func(ctx context.Context, s store.Outbox) error {
				return s.Pause(ctx, args[0], *why)
			})
	}
	return cmd
}

func newDownstreamsResumeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "resume NAME", Short: "Send to a paused downstream again", Args: cobra.ExactArgs(1)}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return changeDownstream(cmd, *url, format.value, args[0], "active", func(ctx context.Context, s store.Outbox) error {
			return s.Resume(ctx, args[0])
		})
	}
	return cmd
}

// changeDownstream changes a downstream that is known, and shows how it stands then.
func changeDownstream(
	cmd *cobra.Command, url, format, name, done string, change func(context.Context, store.Outbox) error,
) (err error) {
	ctx := cmd.Context()
	s, err := openOperator(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, err := findDownstream(ctx, s, name); err != nil {
		return err
	}
	if err := act(cmd, s, downstreamObject(name), given(cmd, "why"), func() error { return change(ctx, s) }); err != nil {
		return err
	}
	status, err := findDownstream(ctx, s, name)
	if err != nil {
		return err
	}
	if format == "json" {
		return writeJSON(cmd.OutOrStdout(), showDownstream(status))
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "downstream %s is %s: %d owed, %d dead\n", terminal.Escape(name), done,
		status.Waiting+status.Attempting, status.Dead)
	return err
}

// downstreamRemoved is the JSON of downstreams remove.
type downstreamRemoved struct {
	Name   string `json:"name"`
	Outbox int64  `json:"owed"` // rows that were forgotten before they were delivered
	Dead   int64  `json:"dead"` // likewise
}

func newDownstreamsRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "remove NAME --yes", Short: "Forget a downstream and all that it is owed", Args: cobra.ExactArgs(1),
		Long: "Forget a downstream, all that it is owed, and what it has been delivered. Take it out of every receiver's " +
			"--config\n" +
			"and restart it first: until a receiver that names it is started again nothing is owed to it, and with " +
			"start: now\n" +
			"what comes meanwhile never will be.",
	}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json")
	yes := cmd.Flags().Bool("yes", false, "really do it")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return removeDownstream(cmd, *url, format.value, args[0], *yes)
	}
	return cmd
}

func removeDownstream(cmd *cobra.Command, url, format, name string, yes bool) (err error) {
	ctx := cmd.Context()
	s, err := openOperator(ctx, url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	status, err := findDownstream(ctx, s, name)
	if err != nil {
		return err
	}
	gone := downstreamRemoved{Name: name, Outbox: status.Waiting + status.Attempting, Dead: status.Dead}
	if !yes {
		return &exitError{code: exitUse, err: &event.Error{
			Kind: event.Invalid,
			Text: fmt.Sprintf("cannot remove downstream %q without --yes: it would forget that %d rows are owed and %d are "+
				"dead, and what had been delivered", name, gone.Outbox, gone.Dead),
			Hint: "nothing has been removed; take it out of every receiver's --config and restart it first, and then: numhook " +
				"downstreams remove " + name + " --yes",
		}}
	}
	err = act(cmd, s, downstreamObject(name), "", func() error { return s.Remove(ctx, name) })
	if err != nil {
		return err
	}
	if format == "json" {
		return writeJSON(cmd.OutOrStdout(), gone)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "downstream %s is forgotten: %d owed, %d dead; until a receiver that names "+
		"it is started again "+
		"nothing is owed to it, and with start: now what comes meanwhile never will be\n", terminal.Escape(name), gone.Outbox,
		gone.Dead)
	return err
}

// listed are the values on one line, or what there is to say when there are none.
func listed(values []string, none string) string {
	if len(values) == 0 {
		return none
	}
	return strings.Join(escapedAll(values), " ")
}

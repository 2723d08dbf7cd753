package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"numhook/server"
	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/terminal"
	"numhook/spec"
)

func newQuarantineCommand() *cobra.Command {
	return newVerbGroup("quarantine", "Look at signed deliveries that were refused, and feed them back or discard them",
		newQuarantineListCommand(), newQuarantineShowCommand(), newQuarantineRedriveCommand(), newQuarantineDiscardCommand())
}

// quarantineShown is the JSON of a quarantine entry. A list leaves the body out.
type quarantineShown struct {
	ID         int64                 `json:"id"`
	State      event.QuarantineState `json:"state"`
	Reason     event.Kind            `json:"reason"`
	EventName  string                `json:"event,omitempty"`
	Times      int                   `json:"times"`
	RedrivenAs *event.ID             `json:"redriven_as,omitempty"`
	Violations []event.Finding       `json:"violations"`
	Numbers    []string              `json:"numbers,omitempty"`    // that its body names, as far as it can be read
	AccountID  string                `json:"account_id,omitempty"` // likewise
	deliveryShown
}

func showQuarantined(q event.Quarantined, body bool) quarantineShown {
	shown := quarantineShown{
		ID: q.ID, State: q.State, Reason: q.Reason, EventName: q.EventName, Times: q.Times, Violations: q.Violations,
		deliveryShown: showDelivery(q.Delivery, body),
	}
	if q.State == event.Redriven {
		shown.RedrivenAs = &q.RedrivenAs
	}
	if shown.Violations == nil {
		shown.Violations = []event.Finding{}
	}
	return shown
}

func newQuarantineListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List quarantined deliveries", Args: cobra.NoArgs}
	f := newListFlags(cmd).limited(cmd)
	all := cmd.Flags().Bool("all", false, "show those that were redriven or discarded, too")
	order := newOrderFlag(cmd)
	after := cmd.Flags().Int64("after", 0, "begin after the entry with this ID")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		from, err := openReader(cmd.Context(), *f.url)
		if err != nil {
			return err
		}
		defer from.Close()
		look(cmd, *f.url, given(cmd, "all", "after", "limit"))
		state, shown := event.Held, "STATE wide"
		if *all {
			state, shown = "", "STATE"
		}
		out := newList[quarantineShown](cmd.OutOrStdout(), f, "ID", shown, "RECEIVED wide", "AGE narrow", "REASON wide",
			"VIOLATIONS wide", "TIMES wide", "EVENT wide", "NUMBER", "ACCOUNT", "VIOLATION")
		pages := quarantinePages{from: from, state: state, newest: newestFirst(order, f), after: *after}
		now := time.Now()
		return out.pages(f.most(), func(limit int) (int, error) {
			entries, err := pages.next(cmd.Context(), limit)
			for _, q := range entries {
				shown := showQuarantined(q, false)
				shown.namedIn(bodyHeld(cmd.Context(), from, q.ID))
				out.entry(shown, []string{
					strconv.FormatInt(q.ID, 10), string(q.State), q.Delivery.Received.Format(time.RFC3339),
					age(q.Delivery.Received, now), string(q.Reason),
					strconv.Itoa(len(q.Violations)), strconv.Itoa(q.Times), `"` + q.EventName + `"`,
					someNumbers(shown.Numbers), orDash(shown.AccountID), firstViolation(q),
				})
			}
			return len(entries), err
		})
	}
	return cmd
}

func newQuarantineShowCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "show ID", Short: "Show one quarantined delivery and why it was refused",
		Args: cobra.ExactArgs(1)}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json", "raw")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, err := openReader(cmd.Context(), *url)
		if err != nil {
			return err
		}
		defer from.Close()
		id, err := entryOf(cmd.Context(), from, args[0])
		if err != nil {
			return err
		}
		q, err := from.QuarantineEntry(cmd.Context(), id)
		if err != nil {
			return err
		}
		look(cmd, *url, "", entryObject(q.ID))
		out := cmd.OutOrStdout()
		switch format.value {
		case "json":
			return writeJSON(out, showQuarantined(q, true))
		case "raw":
			_, err := out.Write(q.Delivery.Body)
			return err
		}
		fmt.Fprintf(out, "quarantine entry %d\n  state         %s\n  reason        %s\n  event         \"%s\"\n  times     "+
			"    %d\n", q.ID, q.State, q.Reason, terminal.Escape(q.EventName), q.Times)
		if q.State == event.Redriven {
			fmt.Fprintf(out, "  became event  %s\n", q.RedrivenAs)
		}
		writeFindings(out, q.Violations)
		return writeDelivery(out, q.Delivery)
	}
	return cmd
}

// redriven is the JSON of one entry's redrive.
type redriven struct {
	ID         int64           `json:"id"`
	Result     string          `json:"result"` // accepted, duplicate, fits (dry run) or refused
	EventID    *event.ID       `json:"event_id,omitempty"`
	Reason     event.Kind      `json:"reason,omitempty"`
	Violations []event.Finding `json:"violations,omitempty"`
}

func newQuarantineRedriveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "redrive [ID...]", Short: "Feed quarantined deliveries back as if they had just come; without an ID, all that " +
			"are held",
		Long: "Feed quarantined deliveries back, once the document or the code has been mended. Each takes every step that " +
			"a delivery takes but the\n" +
			"signature check, which it passed when it came. One whose event is stored already, because it was sent again, is " +
			"a duplicate. The exit code\n" +
			"is 1 when any of them is still refused.",
	}
	f := newListFlags(cmd)
	dryRun := cmd.Flags().Bool("dry-run", false, "only say what would be accepted")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ids, err := idsOf(args, "quarantine entry", "quarantine list")
		if err != nil {
			return err
		}
		return redrive(cmd, f, ids, *dryRun)
	}
	return cmd
}

// errStillRefused: the entry breaks the contract as it did.
var errStillRefused = &event.Error{Kind: event.Invalid, Text: "cannot redrive the entry: it is still refused"}

func redrive(cmd *cobra.Command, f *listFlags, ids []int64, dryRun bool) (err error) {
	ctx := cmd.Context()
	events, err := openOperator(ctx, *f.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, events.Close()) }()
	document, err := spec.Load()
	if err != nil {
		return err
	}
	receiver, err := server.New(server.Config{Document: document, Store: events})
	if err != nil {
		return err
	}
	out := newList[redriven](cmd.OutOrStdout(), f, "ID", "RESULT", "EVENT_ID", "REASON", "VIOLATIONS")
	refused := 0
	one := func(q event.Quarantined) error {
		var result redriven
		err := actUnless(dryRun, cmd, events, entryObject(q.ID), func() (err error) {
			if result, err = redriveOne(ctx, events, receiver, q, dryRun); err == nil && result.Result == "refused" {
				err = errStillRefused
			}
			return err
		})
		if err != nil && !errors.Is(err, errStillRefused) {
			return err
		}
		id := ""
		if result.EventID != nil {
			id = result.EventID.String()[:shortID]
		}
		if result.Result == "refused" {
			refused++
		}
		out.entry(result, []string{strconv.FormatInt(q.ID, 10), result.Result, id, string(result.Reason),
			strconv.Itoa(len(result.Violations))})
		return nil
	}
	if err := eachHeld(ctx, events, ids, one); err != nil {
		return err
	}
	if err := out.close(); err != nil {
		return err
	}
	if refused > 0 {
		return &exitError{code: exitNo}
	}
	return nil
}

// eachHeld visits the entries with the ids, or without ids all that are held.
func eachHeld(ctx context.Context, from store.Reader, ids []int64, visit func(event.Quarantined) error) error {
	for _, id := range ids {
		q, err := from.QuarantineEntry(ctx, id)
		if err == nil {
			err = visit(q)
		}
		if err != nil {
			return err
		}
	}
	after := int64(0)
	for len(ids) == 0 {
		entries, err := from.Quarantines(ctx, event.Held, after, page)
		if err != nil {
			return err
		}
		for _, listed := range entries {
			after = listed.ID
			q, err := from.QuarantineEntry(ctx, listed.ID) // a list leaves bodies out
			if err == nil {
				err = visit(q)
			}
			if err != nil {
				return err
			}
		}
		if len(entries) < page {
			return nil
		}
	}
	return nil
}

func redriveOne(
	ctx context.Context, events store.Store, receiver *server.Server, q event.Quarantined, dryRun bool,
) (redriven, error) {
	if q.State == event.Redriven {
		return redriven{ID: q.ID, Result: "duplicate", EventID: &q.RedrivenAs}, nil
	}
	result := redriven{ID: q.ID}
	var err error
	if dryRun {
		result.Result, err = "fits", receiver.WouldAccept(q)
	} else {
		var receipt event.Receipt
		receipt, err = receiver.Redrive(ctx, q)
		result.Result, result.EventID = "accepted", &receipt.ID
		if receipt.Duplicate {
			result.Result = "duplicate"
		}
	}
	if err == nil {
		return result, nil
	}
	switch kind := event.KindOf(err); kind {
	case event.Malformed, event.Invalid, event.UnknownEvent:
		as, released := releaseStored(ctx, events, q, dryRun)
		if event.KindOf(released) != event.NotFound {
			return redriven{ID: q.ID, Result: "duplicate", EventID: &as}, released
		}
		return redriven{ID: q.ID, Result: "refused", Reason: kind, Violations: server.Violations(err)}, nil
	}
	return result, fmt.Errorf("cannot redrive quarantine entry %d: %w", q.ID, err)
}

// releaseStored releases an entry that is refused where it came, but whose event is stored already: somebody has sent
// the same body again, to a path where it fits. NotFound when no such event is stored.
func releaseStored(ctx context.Context, events store.Store, q event.Quarantined, dryRun bool) (event.ID, error) {
	canonical, ok := contract.Parse(q.Delivery.Body).Canonical()
	if !ok {
		return event.ID{}, &event.Error{Kind: event.NotFound, Text: "cannot identify the event: its body is not strict JSON"}
	}
	stored, err := events.Event(ctx, event.Identify(canonical))
	if err == nil && !dryRun {
		_, err = events.Redrive(ctx, q.ID, stored.Event)
	}
	return stored.ID, err
}

// discarded is the JSON of one entry's discard.
type discarded struct {
	ID     int64  `json:"id"`
	Result string `json:"result"` // discarded, refused or not found
	Why    string `json:"why,omitempty"`
}

func newQuarantineDiscardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "discard ID...", Short: "Say that nobody needs to look at entries any more", Args: cobra.MinimumNArgs(1),
		Long: "Say that nobody needs to look at entries any more: they are no longer counted, and a redrive without IDs " +
			"passes them over. They are kept, bytes and\n" +
			"all; one that comes again is held again, and redrive ID feeds one back. The exit code is 1 when any of them is " +
			"not there, or is redriven.",
	}
	f := newListFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		ids, err := idsOf(args, "quarantine entry", "quarantine list")
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		events, err := openOperator(ctx, *f.url)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, events.Close()) }()
		out := newList[discarded](cmd.OutOrStdout(), f, "ID", "RESULT", "WHY")
		no := false
		err = eachOf(ids, func(id int64) error {
			result := discarded{ID: id, Result: string(event.Discarded)}
			if err := act(cmd, events, entryObject(id), "", func() error { return events.Discard(ctx, id) }); err != nil {
				switch event.KindOf(err) {
				case event.NotFound:
					result.Result = "not found"
				case event.Invalid:
					result.Result = "refused"
				default:
					return err
				}
				no, result.Why = true, err.Error()
			}
			out.entry(result, []string{strconv.FormatInt(id, 10), result.Result, orDash(result.Why)})
			return nil
		})
		if err = errors.Join(err, out.close()); err == nil && no {
			return &exitError{code: exitNo}
		}
		return err
	}
	return cmd
}

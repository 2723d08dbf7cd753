package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"numhook/server/event"
	"numhook/server/store"
)

// rowChanged is the JSON of one row's retry or skip.
type rowChanged struct {
	ID     int64  `json:"id"`
	Result string `json:"result"` // waiting, skipped, refused or not found
	Why    string `json:"why,omitempty"`
	// the downstream had it already, and gets it once more
	Repeated bool `json:"repeated,omitempty"`
}

func newDeliveriesRetryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "retry ID...", Short: "Make rows due at once; with --dead or --waiting, all that are",
		Long: "Make rows due at once, whatever became of them: waiting, delivered, dead or skipped. What comes after an " +
			"attempt that is under way decides itself.\n" +
			"--waiting is for a system that is back: its rows go out at once, the oldest first, and do not wait for the time\n" +
			"of their next attempt. What is delivered already is sent once more only with --yes. ID is that of a row or a\n" +
			"change's chg_ id. The exit code is 1 when any of them is not there or cannot be retried.",
	}
	w := rowsWork{result: event.Waiting, change: store.Outbox.Retry}
	w.yes = cmd.Flags().Bool("yes", false, "repeat what is delivered already")
	w.waiting = cmd.Flags().Bool("waiting", false, "all rows that are waiting, the oldest first, instead of those "+
		"with an ID")
	w.addTo(cmd)
	return cmd
}

func newDeliveriesSkipCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "skip ID...", Short: "Give up rows that are waiting or dead; with --dead or --waiting, all that are",
		Long: "Give up rows that are waiting or dead: the downstream is not sent them, and they are no longer counted. A " +
			"newer value of the number is owed as ever;\n" +
			"retry and replay bring a skipped row back. The exit code is 1 when any of them is not there or cannot be skipped.",
	}
	w := rowsWork{result: event.Skipped, change: store.Outbox.Skip}
	w.waiting = cmd.Flags().Bool("waiting", false, "all rows that are waiting, instead of those with an ID")
	w.addTo(cmd)
	return cmd
}

// rowsWork is a verb that changes rows of the outbox: those with the ids, or all in a state that pass its filters.
type rowsWork struct {
	result event.OutboxState
	change func(store.Outbox, context.Context, int64) error
	flags  *listFlags

	dead, waiting, yes             *bool // yes is nil where nothing is repeated
	downstream, number, event, why *string
}

func (w *rowsWork) addTo(cmd *cobra.Command) {
	w.flags = newListFlags(cmd)
	w.dead = cmd.Flags().Bool("dead", false, "all rows that are dead, instead of those with an ID")
	w.downstream = cmd.Flags().String("downstream", "", "with --dead or --waiting: only this downstream's")
	w.number = cmd.Flags().String("number", "", "likewise: only those of this number")
	w.event = cmd.Flags().String("event", "", "likewise: only those that events of this name set")
	w.why = cmd.Flags().String("why", "", "the reason, for accesses list")
	cmd.RunE = w.run
}

// check refuses what does not go together.
func (w *rowsWork) check(cmd *cobra.Command, args []string) error {
	all := *w.dead || *w.waiting
	switch {
	case all == (len(args) > 0), *w.dead && *w.waiting:
		return fmt.Errorf("cannot %s: give the IDs of rows, as deliveries list shows them, or --dead or --waiting for all "+
			"that are", cmd.Name())
	case !all && (*w.downstream != "" || *w.number != "" || *w.event != ""):
		return fmt.Errorf("cannot %s: --downstream, --number and --event go with --dead or --waiting", cmd.Name())
	case cmd.Flags().Changed("why") && strings.TrimSpace(*w.why) == "":
		return fmt.Errorf("cannot %s: --why is empty: say why, for whoever looks at it later", cmd.Name())
	}
	return nil
}

func (w *rowsWork) run(cmd *cobra.Command, args []string) (err error) {
	if err := w.check(cmd, args); err != nil {
		return err
	}
	ctx := cmd.Context()
	s, err := openOperator(ctx, *w.flags.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if *w.downstream != "" {
		if _, err := findDownstream(ctx, s, *w.downstream); err != nil {
			return err
		}
	}
	ids, err := rowsOf(ctx, s, args)
	if err != nil {
		return err
	}
	had, err := w.delivered(ctx, s, ids)
	if err != nil {
		return err
	}
	out := newList[rowChanged](cmd.OutOrStdout(), w.flags, "ID", "RESULT", "WHY")
	no := 0
	one := func(id int64) error {
		do := func() error { return w.change(s, ctx, id) }
		if len(ids) > 0 { // all that are in a state are one action
			alone, detail := do, given(cmd, "why")
			if had[id] {
				detail = strings.TrimSpace("a repetition of what is delivered " + detail)
			}
			do = func() error { return act(cmd, s, rowObject(id), detail, alone) }
		}
		changed, err := changedRow(id, w.result, do())
		if err != nil {
			return err
		}
		if changed.Why != "" {
			no++
		}
		changed.Repeated = had[id] && changed.Why == ""
		out.entry(changed, []string{strconv.FormatInt(id, 10), changed.Result, cmp.Or(changed.Why, repeatedText(changed))})
		return nil
	}
	if len(ids) > 0 {
		err = eachOf(ids, one)
	} else {
		err = act(cmd, s, "", given(cmd, "dead", "waiting", "downstream", "number", "event", "why"), func() error {
			return w.each(ctx, s, one)
		})
	}
	if err = errors.Join(err, out.close(), out.failed); err == nil && no > 0 {
		return &exitError{code: exitNo}
	}
	return err
}

func repeatedText(c rowChanged) string {
	if c.Repeated {
		return "a repetition: it was delivered"
	}
	return "-"
}

// delivered are those of the rows that the downstream has already, which nobody repeats by mistake.
func (w *rowsWork) delivered(ctx context.Context, from store.OutboxReader, ids []int64) (map[int64]bool, error) {
	had := map[int64]bool{}
	if w.yes == nil {
		return had, nil
	}
	for _, id := range ids {
		o, err := from.OutboxRow(ctx, id)
		switch {
		case event.KindOf(err) == event.NotFound, event.KindOf(err) == event.Damaged: // the change itself says so
		case err != nil:
			return nil, err
		case o.State == event.Delivered && !*w.yes:
			return nil, &exitError{code: exitUse, err: &event.Error{
				Kind: event.Invalid,
				Text: fmt.Sprintf("cannot retry row %d without --yes: downstream %q has it already, and would get it once more",
					id, o.Downstream),
				Hint: "nothing has been changed; numhook deliveries show " + strconv.FormatInt(id, 10) + " says when it " +
					"was delivered",
			}}
		case o.State == event.Delivered:
			had[id] = true
		}
	}
	return had, nil
}

// changedRow tells an answer about the row from trouble.
func changedRow(id int64, result event.OutboxState, err error) (rowChanged, error) {
	switch kind := event.KindOf(err); {
	case err == nil:
		return rowChanged{ID: id, Result: string(result)}, nil
	case kind == event.NotFound:
		return rowChanged{ID: id, Result: "not found", Why: err.Error()}, nil
	case kind == event.Invalid:
		return rowChanged{ID: id, Result: "refused", Why: err.Error()}, nil
	}
	return rowChanged{}, err
}

func eachOf(ids []int64, visit func(int64) error) error {
	for _, id := range ids {
		if err := visit(id); err != nil {
			return err
		}
	}
	return nil
}

// each visits the rows that are meant, each once: those that are waiting by how long they have been.
func (w *rowsWork) each(ctx context.Context, from store.OutboxReader, visit func(int64) error) error {
	state := event.Dead
	if *w.waiting {
		state = event.Waiting
	}
	var meant []event.OutboxRow // without what they hold
	for _, number := range spellings(*w.number) {
		for after := int64(0); ; {
			rows, err := from.OutboxRows(ctx, event.OutboxFilter{Downstream: *w.downstream, Number: number, State: state},
				after, page)
			if err != nil {
				return err
			}
			for _, o := range rows {
				if after = o.ID; *w.event == "" || o.EventName == *w.event {
					meant = append(meant, event.OutboxRow{ID: o.ID, Since: o.Since})
				}
			}
			if len(rows) < page {
				break
			}
		}
	}
	if *w.waiting {
		slices.SortStableFunc(meant, func(a, b event.OutboxRow) int { return a.Since.Compare(b.Since) })
	}
	for _, o := range meant {
		if err := visit(o.ID); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"numhook/server/dispatch"
	"numhook/server/event"
	"numhook/server/terminal"
)

func newDeliveriesCommand() *cobra.Command {
	return newVerbGroup("deliveries", "Look at what downstreams are owed, row by row, and retry or skip it",
		newDeliveriesListCommand(), newDeliveriesShowCommand(), newDeliveriesRetryCommand(), newDeliveriesSkipCommand())
}

// deliveryRow is the JSON of a row of the outbox.
type deliveryRow struct {
	ID         int64             `json:"id"`
	Change     string            `json:"change_id,omitempty"` // the identity under which the downstream gets it
	Downstream string            `json:"downstream"`
	Number     string            `json:"number,omitempty"`
	Attribute  event.Attribute   `json:"attribute,omitempty"`
	State      event.OutboxState `json:"state"`
	EventID    event.ID          `json:"event_id"`
	EventName  string            `json:"event"`
	TS         int64             `json:"event_ts"`
	Value      json.RawMessage   `json:"value,omitempty"`
	Tries      int               `json:"tries"`
	Since      time.Time         `json:"since"`
	Due        time.Time         `json:"due,omitzero"`
	Attempted  time.Time         `json:"attempted,omitzero"`
	Reason     string            `json:"reason,omitempty"`
	// what the last attempt's program printed on standard error, escaped; a list leaves it out
	Output string `json:"output,omitempty" csv:"-"`
}

func showRow(o event.OutboxRow) deliveryRow {
	return deliveryRow{
		ID: o.ID, Change: changeID(o), Downstream: o.Downstream, Number: o.Number, Attribute: o.Attribute, State: o.State,
		EventID: o.EventID, EventName: o.EventName, TS: o.TS,
		Value: o.Value, Tries: o.Tries, Since: o.Since, Due: o.Due, Attempted: o.Attempted, Reason: o.Reason,
		Output: o.Output,
	}
}

// changeID is the identity under which the downstream gets the row, such as its webhook-id: what its own logs speak of.
// It is empty for what is never sent.
func changeID(o event.OutboxRow) string {
	if o.EventID == (event.ID{}) {
		return ""
	}
	return dispatch.ChangeID(event.Attempt{EventID: o.EventID, Number: o.Number, Attribute: o.Attribute})
}

// What --state takes beside the states themselves.
const (
	stateOpen = "open" // not delivered, and not skipped
	stateAll  = "all"
)

// openStates are those of what a downstream does not have yet.
var openStates = []event.OutboxState{event.Waiting, event.Attempting, event.Dead}

// deliveryFlags narrow a list of the outbox.
type deliveryFlags struct {
	downstream, number *string
	state              *choice
}

func (f deliveryFlags) filters() []event.OutboxFilter {
	states := []event.OutboxState{event.OutboxState(f.state.value)}
	switch f.state.value {
	case stateAll:
		states = []event.OutboxState{""}
	case stateOpen:
		states = openStates
	}
	var filters []event.OutboxFilter
	for _, number := range spellings(*f.number) {
		for _, state := range states {
			filters = append(filters, event.OutboxFilter{Downstream: *f.downstream, Number: number, State: state})
		}
	}
	return filters
}

func newDeliveriesListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List what downstreams are owed; without --state what they do not have: waiting, attempting " +
			"and dead", Args: cobra.NoArgs,
		Long: "List what downstreams are owed. A row is a number's attribute (mode latest), or what one event says about " +
			"one number (mode every).",
	}
	lf := newListFlags(cmd).limited(cmd)
	f := deliveryFlags{
		downstream: cmd.Flags().String("downstream", "", "only what this downstream is owed"),
		number: cmd.Flags().String("number", "", "only what is owed of this number, and of the one with a plus where "+
			"digits alone are typed"),
		state: &choice{value: stateOpen, among: []string{stateOpen, string(event.Waiting), string(event.Attempting),
			string(event.Dead), string(event.Delivered),
			string(event.Skipped), stateAll}},
	}
	cmd.Flags().Var(f.state, "state", "only rows in this state: "+strings.Join(f.state.among, ", "))
	after := cmd.Flags().Int64("after", 0, "begin after the row with this ID")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx := cmd.Context()
		from, err := openReader(ctx, *lf.url)
		if err != nil {
			return err
		}
		defer from.Close()
		if *f.downstream != "" { // an empty list would hide that the name is mistyped
			if _, err := findDownstream(ctx, from, *f.downstream); err != nil {
				return err
			}
		}
		look(cmd, *lf.url, given(cmd, "downstream", "state", "after", "limit"), *f.number)
		rows := newOutboxPages(from, f.filters(), *after)
		out := newList[deliveryRow](cmd.OutOrStdout(), lf, "ID", "DOWNSTREAM", "NUMBER", "ATTRIBUTE", "STATE",
			"TRIES wide", "DUE", "REASON", "EVENT_ID wide")
		return out.pages(lf.most(), func(limit int) (int, error) {
			rows, err := rows.next(ctx, limit)
			now := time.Now()
			for _, o := range rows {
				attribute := shortAttribute(o.Attribute)
				if *lf.wide {
					attribute = string(o.Attribute)
				}
				out.entry(showRow(o), []string{
					strconv.FormatInt(o.ID, 10), o.Downstream, orDash(o.Number), orDash(attribute), string(o.State),
					strconv.Itoa(o.Tries),
					dueIn(o, now), orDash(o.Reason), o.EventID.String()[:shortID],
				})
			}
			return len(rows), err
		})
	}
	return cmd
}

func newDeliveriesShowCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "show ID", Short: "Show one row of what is owed: its value, its attempts, and what the " +
		"last one ended in", Args: cobra.ExactArgs(1)}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, err := openReader(cmd.Context(), *url)
		if err != nil {
			return err
		}
		defer from.Close()
		ids, err := rowsOf(cmd.Context(), from, args)
		if err != nil {
			return err
		}
		o, err := from.OutboxRow(cmd.Context(), ids[0])
		if err != nil {
			return err
		}
		look(cmd, *url, "", rowObject(o.ID))
		if format.value == "json" {
			return writeJSON(cmd.OutOrStdout(), showRow(o))
		}
		return writeRows(cmd.OutOrStdout(), o, time.Now())
	}
	return cmd
}

func writeRows(w io.Writer, o event.OutboxRow, now time.Time) error {
	fmt.Fprintf(w, "row %d\n  change        %s\n  downstream    %s\n  number        %s\n  attribute     %s\n", o.ID,
		orDash(terminal.Escape(changeID(o))), terminal.Escape(o.Downstream), orDash(terminal.Escape(o.Number)),
		orDash(string(o.Attribute)))
	fmt.Fprintf(w, "  value         %s\n  set by event  %s\n", orDash(valueText(o.Value)), o.EventID)
	fmt.Fprintf(w, "  of            %s, event_ts %d (%s)\n", terminal.Escape(o.EventName), o.TS, sendersTime(o.TS))
	fmt.Fprintf(w, "  state         %s\n  owed since    %s (%s)\n  tries         %d\n", o.State,
		o.Since.Format(time.RFC3339), age(o.Since, now), o.Tries)
	if !o.Attempted.IsZero() {
		fmt.Fprintf(w, "  last attempt  ended %s (%s): %s\n", o.Attempted.Format(time.RFC3339), age(o.Attempted, now),
			cmp.Or(terminal.Escape(o.Reason), "confirmed"))
	}
	writeOutput(w, o.Output)
	if o.State == event.Waiting {
		fmt.Fprintf(w, "  due           %s (%s)\n", o.Due.Format(time.RFC3339), dueIn(o, now))
	}
	if o.State == event.Dead {
		fmt.Fprintf(w, "  next          numhook deliveries retry %d, once the cause is mended; or numhook deliveries "+
			"skip %d\n", o.ID, o.ID)
	}
	return nil
}

// writeOutput shows what a program printed, line by line. It was escaped when it was kept; a line must not end, nor
// steer a terminal, whoever wrote it.
func writeOutput(w io.Writer, output string) {
	if output == "" {
		return
	}
	label := "printed"
	for line := range strings.SplitSeq(output, "\n") {
		fmt.Fprintf(w, "  %-13s %s\n", label, terminal.Line(line))
		label = ""
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"numhook/server/event"
	"numhook/server/terminal"
)

// page is how many rows a list reads at a time.
const page = 500

func newNumbersCommand() *cobra.Command {
	return newVerbGroup("numbers", "Look at numbers and their values", newNumbersListCommand(), newNumbersShowCommand())
}

func newNumbersListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List numbers with their current values", Args: cobra.NoArgs}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json")
	after := cmd.Flags().String("after", "", "begin after this number")
	limit := cmd.Flags().Int("limit", 0, "show at most so many; 0 for all")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		from, err := openReader(cmd.Context(), *url)
		if err != nil {
			return err
		}
		defer from.Close()
		out := newList(cmd.OutOrStdout(), format.value, "NUMBER", "ATTRIBUTE", "VALUE", "EVENT_TS", "EVENT_ID")
		next := *after
		return out.pages(*limit, func(limit int) (int, error) {
			numbers, err := from.Numbers(cmd.Context(), next, limit)
			for _, n := range numbers {
				next = n.Number
				out.entry(n, numberRows(n)...)
			}
			return len(numbers), err
		})
	}
	return cmd
}

func numberRows(n event.Number) (rows [][]string) {
	for _, v := range n.Values {
		rows = append(rows, []string{n.Number, string(v.Attribute), string(v.Value), sendersTime(v.TS), v.EventID.String()[:shortID]})
	}
	return rows
}

// numberShown is the JSON of numbers show.
type numberShown struct {
	event.Number
	History []event.Change `json:"history,omitempty"`
}

func newNumbersShowCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "show NUMBER", Short: "Show one number's values", Args: cobra.ExactArgs(1)}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json")
	asOf := cmd.Flags().String("as-of", "", "show the values that held at this time of the sender's clock (RFC 3339, a date, or milliseconds)")
	history := cmd.Flags().Bool("history", false, "show every change that an event ever asked for")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, err := openReader(cmd.Context(), *url)
		if err != nil {
			return err
		}
		defer from.Close()
		shown, err := readNumber(cmd.Context(), from, args[0], *asOf, *history)
		if err != nil {
			return err
		}
		if format.value == "json" {
			return writeJSON(cmd.OutOrStdout(), shown)
		}
		return writeNumber(cmd.OutOrStdout(), shown)
	}
	return cmd
}

func readNumber(ctx context.Context, from reader, name, asOf string, history bool) (shown numberShown, err error) {
	name = dialled(name)
	if asOf == "" {
		shown.Number, err = from.Number(ctx, name)
	} else {
		var at int64
		if at, err = moment(asOf); err == nil {
			shown.Number, err = from.NumberAsOf(ctx, name, at)
		}
	}
	if history && (err == nil || event.KindOf(err) == event.NotFound) {
		shown.Number.Number = name
		if shown.History, err = from.History(ctx, name); err == nil && len(shown.History) == 0 {
			err = &event.Error{Kind: event.NotFound, Text: "cannot show the number: no event ever changed it"}
		}
	}
	if shown.Values == nil {
		shown.Values = []event.Change{}
	}
	return shown, err
}

// dialled takes a number as a person types it: without the plus that a shell or a form may have eaten.
func dialled(number string) string {
	if number != "" && strings.Trim(number, "0123456789") == "" {
		return "+" + number
	}
	return number
}

func writeNumber(w io.Writer, shown numberShown) error {
	fmt.Fprintln(w, terminal.Escape(shown.Number.Number))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range shown.Values {
		fmt.Fprintf(table, "  %s\t%s\n", v.Attribute, valueText(v.Value))
		fmt.Fprintf(table, "  \tset by event %s\n", v.EventID)
		fmt.Fprintf(table, "  \tof %s, event_ts %d (%s), received %s\n", terminal.Escape(v.EventName), v.TS, sendersTime(v.TS),
			v.Received.Format(time.RFC3339))
		fmt.Fprintf(table, "  \taccount %s, carrier code %d\n", terminal.Escape(v.AccountID), v.CarrierCode)
	}
	if len(shown.History) > 0 {
		fmt.Fprintln(table, "\n  HISTORY\tATTRIBUTE\tEVENT_TS\tRECEIVED\tEVENT_ID\tVALUE")
		for _, c := range shown.History {
			fmt.Fprintf(table, "  %s\t%s\t%d\t%s\t%s\t%s\n", c.State, c.Attribute, c.TS, c.Received.Format(time.RFC3339), c.EventID.String()[:shortID],
				valueText(c.Value))
		}
	}
	return table.Flush()
}

// sendersTime shows milliseconds since the epoch as a time, where that is one that can be written.
func sendersTime(ms int64) string {
	at := time.UnixMilli(ms).UTC()
	if at.Year() < 0 || at.Year() > 9999 {
		return fmt.Sprint(ms)
	}
	return at.Format("2006-01-02T15:04:05.000Z")
}

// writeJSON writes JSON that people may look at, too: nothing in it steers a terminal.
func writeJSON(w io.Writer, v any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(terminal.JSON(text.Bytes()))
	return err
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
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
	f := newListFlags(cmd).limited(cmd)
	only := newNumberFlags(cmd)
	after := cmd.Flags().String("after", "", "begin after this number")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		from, err := openReader(cmd.Context(), *f.url)
		if err != nil {
			return err
		}
		defer from.Close()
		look(cmd, *f.url, given(cmd, "after", "limit", "prefix", "account", "attribute", "unconfirmed"))
		out := newList[event.Change](cmd.OutOrStdout(), f, "NUMBER", "ATTRIBUTE", "VALUE", "EVENT_TS wide", "AGE narrow",
			"EVENT_ID wide")
		filters, now := only.filters(), time.Now()
		pages := numberPages{from: from, filters: filters, all: filters == nil, after: *after}
		return out.pages(f.most(), func(limit int) (int, error) {
			numbers, err := pages.next(cmd.Context(), limit)
			for _, n := range numbers {
				values := make([]any, len(n.Values))
				for i, v := range n.Values {
					values[i] = v
				}
				out.entryOf(n, values, numberRows(n, *f.wide, now)...)
			}
			return len(numbers), err
		})
	}
	return cmd
}

func numberRows(n event.Number, wide bool, now time.Time) (rows [][]string) {
	for _, v := range n.Values {
		attribute, value := shortAttribute(v.Attribute), plainValue(v.Value)
		if wide {
			attribute, value = string(v.Attribute), string(v.Value)
		}
		rows = append(rows, []string{n.Number, attribute, value, sendersTime(v.TS), age(v.Received, now),
			v.EventID.String()[:shortID]})
	}
	return rows
}

// numberShown is the JSON of numbers show.
type numberShown struct {
	event.Number
	History []event.Change `json:"history,omitempty"`
	// Quarantine are the entries that are held and name the number: what they say is not among its values.
	Quarantine []int64 `json:"quarantine,omitempty"`
	// Also is the number with a plus, where both are known and the one without it was asked for.
	Also []numberShown `json:"also,omitempty"`
}

func newNumbersShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NUMBER", Short: "Show one number's values", Args: cobra.ExactArgs(1),
		Long: "Show one number's values. NUMBER is looked for exactly as it is typed and, where it is digits alone, with\n" +
			"a plus, too. Where both are known they are two numbers, and both are shown: the one typed first, in JSON with\n" +
			"the other in its member also.",
	}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json")
	asOf := cmd.Flags().String("as-of", "", "show the values that held at this time of the sender's clock: "+timeForms)
	history := cmd.Flags().Bool("history", false, "show every change that an event ever asked for")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, err := openReader(cmd.Context(), *url)
		if err != nil {
			return err
		}
		defer from.Close()
		at, err := timestampFlag(cmd, "as-of", *asOf)
		if err != nil {
			return err
		}
		shown, err := readNumbers(cmd.Context(), from, args[0], at, *history)
		if err != nil {
			return withEntries(cmd.Context(), from, args[0], err)
		}
		for i := range shown {
			if shown[i].Quarantine, err = entriesNaming(cmd.Context(), from, []string{shown[i].Number.Number}); err != nil {
				return err
			}
		}
		var names []string
		for _, one := range shown {
			names = append(names, one.Number.Number)
		}
		look(cmd, *url, given(cmd, "as-of", "history"), names...)
		if format.value == "json" {
			first := shown[0]
			first.Also = shown[1:]
			return writeJSON(cmd.OutOrStdout(), first)
		}
		return writeNumbers(cmd.OutOrStdout(), shown)
	}
	return cmd
}

// withEntries is what is told of a number that is not known, and that quarantine holds something about perhaps.
func withEntries(ctx context.Context, from reader, typed string, unknown error) error {
	if event.KindOf(unknown) != event.NotFound {
		return unknown
	}
	ids, err := entriesNaming(ctx, from, spellings(typed))
	if err != nil || len(ids) == 0 {
		return unknown
	}
	return &event.Error{Kind: event.NotFound, Text: unknown.Error(),
		Hint: "quarantine holds what names it: numhook quarantine show " + strconv.FormatInt(ids[0], 10)}
}

// entriesText are the first of the entries.
func entriesText(ids []int64) string {
	const most = 5
	var words []string
	for _, id := range ids[:min(most, len(ids))] {
		words = append(words, strconv.FormatInt(id, 10))
	}
	text := strings.Join(words, ", ")
	if more := len(ids) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// readNumbers are those of what was typed that are known.
func readNumbers(
	ctx context.Context, from reader, typed string, asOf *int64, history bool,
) (all []numberShown, err error) {
	var unknown error
	for _, name := range spellings(typed) {
		shown, err := readNumber(ctx, from, name, asOf, history)
		switch {
		case err == nil:
			all = append(all, shown)
		case event.KindOf(err) != event.NotFound:
			return nil, err
		case unknown == nil:
			unknown = err
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	if digits, ok := strings.CutPrefix(plainNumber(typed), "+"); ok {
		if _, err := from.Number(ctx, digits); err == nil {
			return nil, &event.Error{
				Kind: event.NotFound, Text: unknown.Error(),
				Hint: "one without the plus is known, which is another number: numhook numbers show " + digits,
			}
		}
	}
	return nil, &event.Error{
		Kind: event.NotFound, Text: unknown.Error(),
		Hint: "no event has named it, or none by then; the sender writes numbers as +12025550143",
	}
}

func readNumber(
	ctx context.Context, from reader, name string, asOf *int64, history bool,
) (shown numberShown, err error) {
	if asOf == nil {
		shown.Number, err = from.Number(ctx, name)
	} else {
		shown.Number, err = from.NumberAsOf(ctx, name, *asOf)
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

func writeNumbers(w io.Writer, all []numberShown) error {
	for i, shown := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := writeNumber(w, shown); err != nil {
			return err
		}
	}
	return nil
}

func writeNumber(w io.Writer, shown numberShown) error {
	fmt.Fprintln(w, terminal.Escape(shown.Number.Number))
	if len(shown.Quarantine) > 0 {
		fmt.Fprintf(w, "  quarantine holds what names this number and is not below: entry %s (numhook quarantine show %d)\n",
			entriesText(shown.Quarantine), shown.Quarantine[0])
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range shown.Values {
		fmt.Fprintf(table, "  %s\t%s\n", v.Attribute, valueText(v.Value))
		fmt.Fprintf(table, "  \tset by event %s\n", v.EventID)
		fmt.Fprintf(table, "  \tof %s, event_ts %d (%s), received %s\n", terminal.Escape(v.EventName), v.TS,
			sendersTime(v.TS),
			v.Received.Format(time.RFC3339))
		fmt.Fprintf(table, "  \taccount %s, carrier code %d\n", terminal.Escape(v.AccountID), v.CarrierCode)
	}
	if len(shown.History) > 0 {
		fmt.Fprintln(table, "\n  HISTORY\tATTRIBUTE\tEVENT_TS\tRECEIVED\tEVENT_ID\tVALUE")
		for _, c := range shown.History {
			fmt.Fprintf(table, "  %s\t%s\t%d\t%s\t%s\t%s\n", c.State, c.Attribute, c.TS, c.Received.Format(time.RFC3339),
				c.EventID.String()[:shortID],
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

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"numhook/server/event"
	"numhook/server/terminal"
	"numhook/spec"
)

func newEventsCommand() *cobra.Command {
	return newVerbGroup("events", "Look at stored events", newEventsListCommand(), newEventsShowCommand())
}

// eventShown is the JSON of an event. A list leaves the body out.
type eventShown struct {
	ID          event.ID        `json:"id"`
	Seq         int64           `json:"seq"`
	Name        string          `json:"event"`
	TS          int64           `json:"event_ts"`
	AccountID   string          `json:"account_id"`
	CarrierCode int32           `json:"carrier_code"`
	Numbers     []string        `json:"numbers"`
	Attribute   event.Attribute `json:"attribute,omitempty"`
	Value       json.RawMessage `json:"value,omitempty"`
	Drift       []event.Finding `json:"drift,omitempty"`
	Lint        []event.Finding `json:"lint,omitempty"`
	Quarantine  int64           `json:"quarantine,omitempty"`
	deliveryShown
}

// deliveryShown is the JSON of the delivery that something came with.
type deliveryShown struct {
	Received time.Time    `json:"received"`
	Path     string       `json:"door"`
	Header   event.Header `json:"headers"`
	Body     string       `json:"body,omitempty" csv:"-"`        // when the bytes are valid UTF-8
	Base64   []byte       `json:"body_base64,omitempty" csv:"-"` // the bytes themselves
}

func showDelivery(d event.Delivery, body bool) deliveryShown {
	shown := deliveryShown{Received: d.Received, Path: d.Path, Header: d.Header}
	if body {
		shown.Base64 = d.Body
		if utf8.Valid(d.Body) {
			shown.Body = string(d.Body)
		}
	}
	return shown
}

func showEvent(e event.Stored, body bool) eventShown {
	return eventShown{
		ID: e.ID, Seq: e.Seq, Name: e.Name, TS: e.TS, AccountID: e.AccountID, CarrierCode: e.CarrierCode, Numbers: e.Numbers,
		Attribute: e.Attribute,
		Value:     e.Value, Drift: e.Drift, Lint: e.Lint, Quarantine: e.Quarantine, deliveryShown: showDelivery(e.Delivery,
			body),
	}
}

func newEventsListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List events: in text the newest first, else in the order of storing",
		Args: cobra.NoArgs}
	f := newListFlags(cmd).limited(cmd)
	only, order := newEventFlags(cmd), newOrderFlag(cmd)
	after := cmd.Flags().Int64("after", 0, "begin after the event with this SEQ")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		filters, err := only.filters(cmd, spec.Examples())
		if err != nil {
			return err
		}
		from, err := openReader(cmd.Context(), *f.url)
		if err != nil {
			return err
		}
		defer from.Close()
		look(cmd, *f.url, given(cmd, "after", "limit", "event", "account", "since", "until", "event-since", "event-until"),
			plainNumber(*only.number))
		out := newList[eventShown](cmd.OutOrStdout(), f, "SEQ", "RECEIVED wide", "AGE narrow", "EVENT_TS wide", "EVENT",
			"NUMBERS", "DRIFT wide", "LINT wide", "ID")
		pages, now := newEventPages(from, filters, newestFirst(order, f), *after), time.Now()
		return out.pages(f.most(), func(limit int) (int, error) {
			events, err := pages.next(cmd.Context(), limit)
			for _, e := range events {
				out.entry(showEvent(e, false), eventRow(e, *f.wide, now))
			}
			return len(events), err
		})
	}
	return cmd
}

func eventRow(e event.Stored, wide bool, now time.Time) []string {
	name, numbers, id := shortName(e.Name), someNumbers(e.Numbers), e.ID.String()[:shortestID]
	if wide {
		name, numbers, id = e.Name, strconv.Itoa(len(e.Numbers)), e.ID.String()[:shortID]
	}
	return []string{
		strconv.FormatInt(e.Seq, 10), e.Delivery.Received.Format(time.RFC3339), age(e.Delivery.Received, now),
		strconv.FormatInt(e.TS, 10), name, numbers, strconv.Itoa(len(e.Drift)), strconv.Itoa(len(e.Lint)), id,
	}
}

func newEventsShowCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "show ID", Short: "Show one event with its body; the first digits of its id are enough",
		Long: "Show one event with its body. ID is its id or the first digits of it, the chg_ id of one of its changes\n" +
			"(what a downstream's logs know as webhook-id), or the sender's x-zm-request-id. For the last two all events are\n" +
			"gone through.",
		Args: cobra.ExactArgs(1)}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json", "raw")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, err := openReader(cmd.Context(), *url)
		if err != nil {
			return err
		}
		defer from.Close()
		id, err := fullID(cmd.Context(), from, args[0])
		if err != nil {
			return err
		}
		e, err := from.Event(cmd.Context(), id)
		if err != nil {
			return err
		}
		look(cmd, *url, "", e.ID.String())
		out := cmd.OutOrStdout()
		switch format.value {
		case "json":
			return writeJSON(out, showEvent(e, true))
		case "raw":
			_, err := out.Write(e.Delivery.Body)
			return err
		}
		return writeEvent(out, e)
	}
	return cmd
}

func writeEvent(w io.Writer, e event.Stored) error {
	fmt.Fprintf(w, "event %s\n", e.ID)
	fmt.Fprintf(w, "  seq           %d\n  name          %s\n  event_ts      %d (%s)\n", e.Seq, terminal.Escape(e.Name),
		e.TS, sendersTime(e.TS))
	fmt.Fprintf(w, "  account       %s\n  carrier code  %d\n  numbers       %s\n", terminal.Escape(e.AccountID),
		e.CarrierCode,
		strings.Join(escapedAll(e.Numbers), " "))
	if e.Changes() {
		fmt.Fprintf(w, "  sets          %s = %s\n", e.Attribute, valueText(e.Value))
	} else {
		fmt.Fprintln(w, "  sets          nothing")
	}
	if e.Quarantine != 0 {
		fmt.Fprintf(w, "  redriven from quarantine entry %d\n", e.Quarantine)
	}
	writeFindings(w, e.Drift)
	writeFindings(w, e.Lint)
	return writeDelivery(w, e.Delivery)
}

func writeFindings(w io.Writer, findings []event.Finding) {
	for _, f := range findings {
		fmt.Fprintf(w, "  %-13s %s %s: %s\n", f.Kind, terminal.Line(f.Rule), terminal.Escape(f.Pointer),
			terminal.Line(f.Message))
	}
}

// writeDelivery ends with the body, each line of it behind a margin. --format raw gives it byte for byte.
func writeDelivery(w io.Writer, d event.Delivery) error {
	fmt.Fprintf(w, "  received      %s at %s\n", d.Received.Format(time.RFC3339Nano), terminal.Escape(d.Path))
	if o := d.Header.Origin; o != (event.Origin{}) {
		fmt.Fprintf(w, "  origin        %s, not signed; the sender saw status %d\n", terminal.Line(o.From), o.Status)
	}
	for _, h := range []struct{ name, value string }{
		{"x-zm-request-id", d.Header.RequestID},
		{"x-zm-trackingid", d.Header.TrackingID},
		{"x-zm-request-timestamp", d.Header.Timestamp},
		{"x-zm-signature", d.Header.Signature},
		{"content-type", d.Header.ContentType},
		{"user-agent", d.Header.UserAgent},
		{"traceparent", d.Header.Traceparent},
	} {
		if h.value != "" {
			fmt.Fprintf(w, "  header        %s: %s\n", h.name, terminal.Escape(h.value))
		}
	}
	_, err := fmt.Fprintf(w, "  body          %d bytes:\n\n%s", len(d.Body), terminal.Body(d.Body))
	return err
}

// escapedAll are the texts as they can be shown.
func escapedAll(texts []string) []string {
	shown := make([]string, len(texts))
	for i, text := range texts {
		shown[i] = terminal.Escape(text)
	}
	return shown
}

// valueText is a value, which is JSON, on one line.
func valueText(value json.RawMessage) string { return terminal.Line(string(terminal.JSON(value))) }

package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"numhook/cmd/numhook/validation"
	"numhook/server"
	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/store"
	"numhook/server/terminal"
	"numhook/spec/eventsdoc"
)

func newSpecRehearseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rehearse NEW [PATH...]",
		Short: "Hold what was really received against a candidate document",
		Long: "Hold what was really received against a candidate document, in either form, and say what would become of " +
			"it, compared with today. Without a PATH\n" +
			"that is every event and every quarantined delivery of the store; PATHs are payload files and folders as validate " +
			"takes them.\n" +
			"The exit code is 1 when something that is accepted today would be refused.",
		Args: cobra.MinimumNArgs(1),
	}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json")
	limit := cmd.Flags().Int("limit", 100, "name at most so many reasons why verdicts change; all deliveries are counted")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := newRehearsal(args[0], *limit)
		if err != nil {
			return err
		}
		tellOddities(cmd.ErrOrStderr(), args[0], r.oddities)
		if len(args) > 1 {
			err = r.files(cmd.Context(), args[1:], cmd.InOrStdin())
		} else {
			err = r.store(cmd.Context(), *url)
		}
		if err != nil {
			return err
		}
		if format.value == "json" {
			err = writeJSON(cmd.OutOrStdout(), r.result)
		} else {
			err = r.write(cmd.OutOrStdout())
		}
		if err == nil && r.result.NewlyRefused > 0 {
			return &exitError{code: exitNo}
		}
		return err
	}
	return cmd
}

// rehearsed is the JSON of spec rehearse.
type rehearsed struct {
	Document      string `json:"document"`
	Deliveries    int    `json:"deliveries"`
	Accepted      int    `json:"accepted"`       // by both
	Refused       int    `json:"refused"`        // by both
	NewlyRefused  int    `json:"newly_refused"`  // accepted today
	NewlyAccepted int    `json:"newly_accepted"` // refused today
	// deliveries by the pointer of a member that only the candidate does not know
	NewDrift map[string]int `json:"new_drift"`
	// deliveries by the pointer of a member that only today's document does not know
	OldDrift map[string]int    `json:"old_drift"`
	Changed  []rehearsedChange `json:"changed"`
	Omitted  int               `json:"omitted"` // deliveries whose verdict changes for reasons that are not named
}

// rehearsedChange is a reason why verdicts change, and the first delivery for which it does.
type rehearsedChange struct {
	Deliveries int             `json:"deliveries"` // with this change of verdict
	What       string          `json:"what"`       // the first one: event ID, quarantine ID, or file:payload
	Event      string          `json:"event,omitempty"`
	Today      string          `json:"today"`     // accepted, or the reason of the refusal
	Candidate  string          `json:"candidate"` // the same
	Violations []event.Finding `json:"violations,omitempty"`
}

type rehearsal struct {
	today, candidate *contract.Contract
	oddities         []eventsdoc.Warning // of the candidate
	limit            int
	reasons          map[string]int // where each stands in the result
	result           rehearsed
}

func newRehearsal(document string, limit int) (*rehearsal, error) {
	today, err := validation.BuiltIn()
	if err != nil {
		return nil, err
	}
	candidate, err := validation.ReadDocument(document)
	if err != nil {
		return nil, err
	}
	return &rehearsal{today: today.Contract, candidate: candidate.Contract, oddities: candidate.Warnings,
		limit: limit, reasons: map[string]int{}, result: rehearsed{
			Document: document, NewDrift: map[string]int{}, OldDrift: map[string]int{}, Changed: []rehearsedChange{},
		}}, nil
}

// store rehearses all that a store holds.
func (r *rehearsal) store(ctx context.Context, url string) error {
	from, err := openReader(ctx, url)
	if err != nil {
		return err
	}
	defer from.Close()
	err = ahead(ctx, from, func(e event.Stored) {
		r.one("event "+e.ID.String(), e.Delivery.Path, e.Delivery.Body)
	})
	if err != nil {
		return err
	}
	return eachHeld(ctx, from, nil, func(q event.Quarantined) error {
		r.one("quarantine "+strconv.FormatInt(q.ID, 10), q.Delivery.Path, q.Delivery.Body)
		return nil
	})
}

// bodiesAtATime bounds what a rehearsal holds of a store: two pages, of bodies that are some KB each.
const bodiesAtATime = 100

// ahead visits all events of a store. While one page is looked at, the next one is read.
func ahead(ctx context.Context, from store.Reader, visit func(event.Stored)) error {
	ctx, cancel := context.WithCancel(ctx)
	pages := make(chan []event.Stored)
	var failed error
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(pages)
		for after := int64(0); ; {
			events, err := from.EventBodies(ctx, after, bodiesAtATime)
			if failed = err; err != nil || len(events) == 0 {
				return
			}
			after = events[len(events)-1].Seq
			select {
			case pages <- events:
			case <-ctx.Done():
				failed = ctx.Err()
				return
			}
		}
	})
	defer reading.Wait()
	defer cancel()
	for events := range pages {
		for _, e := range events {
			visit(e)
		}
	}
	return failed
}

// files rehearses payload files, as if each payload had come to the path of every event.
func (r *rehearsal) files(ctx context.Context, paths []string, stdin io.Reader) error {
	return validation.Each(ctx, paths, stdin, func(file string, payload int, body []byte) error {
		r.one(file+":"+strconv.Itoa(payload), "/", body)
		return nil
	})
}

// one holds one delivery against both documents.
func (r *rehearsal) one(what, path string, body []byte) {
	d := contract.Parse(body)
	// Without the time of receipt: what it adds is lint, which is not rehearsed.
	today := r.today.Judge(path, time.Time{}, d, server.MaxFindings)
	candidate := r.candidate.Judge(path, time.Time{}, d, server.MaxFindings)
	r.result.Deliveries++
	r.drift(today.Drift, candidate.Drift)
	switch {
	case today.Refused == "" && candidate.Refused == "":
		r.result.Accepted++
		return
	case today.Refused != "" && candidate.Refused != "":
		r.result.Refused++
		return
	case candidate.Refused != "":
		r.result.NewlyRefused++
	default:
		r.result.NewlyAccepted++
	}
	name := candidate.Operation
	if !r.candidate.Has(name) && !r.today.Has(name) {
		name = ""
	}
	reason := fmt.Sprint(name, "\n", verdictText(today), "\n", verdictText(candidate))
	for _, v := range candidate.Violations {
		reason += "\n" + v.Rule + " " + elements.ReplaceAllString(v.Pointer, "/*$1") + " " + v.Message
	}
	if at, known := r.reasons[reason]; known {
		r.result.Changed[at].Deliveries++
		return
	}
	if len(r.result.Changed) >= r.limit {
		r.result.Omitted++
		return
	}
	r.reasons[reason] = len(r.result.Changed)
	r.result.Changed = append(r.result.Changed, rehearsedChange{
		Deliveries: 1, What: what, Event: name, Today: verdictText(today), Candidate: verdictText(candidate),
		Violations: candidate.Violations,
	})
}

// elements are the parts of a pointer that count elements: which one breaks a rule is no reason of its own.
var elements = regexp.MustCompile(`/[0-9]+(/|$)`)

func verdictText(v contract.Verdict) string {
	if v.Refused == "" {
		return "accepted"
	}
	return string(v.Refused)
}

// drift counts the members that only one of the documents does not know. Their number is bounded, because their names
// are the sender's.
func (r *rehearsal) drift(today, candidate []event.Finding) {
	const most = 1000
	count := func(into map[string]int, one, other []event.Finding) {
		for _, f := range one {
			known := slices.ContainsFunc(other, func(g event.Finding) bool { return g.Pointer == f.Pointer })
			if _, counted := into[f.Pointer]; !known && (counted || len(into) < most) {
				into[f.Pointer]++
			}
		}
	}
	count(r.result.NewDrift, candidate, today)
	count(r.result.OldDrift, today, candidate)
}

func (r *rehearsal) write(w io.Writer) error {
	x := r.result
	fmt.Fprintf(w, "%d deliveries held against %s:\n\n", x.Deliveries, terminal.Escape(x.Document))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range []struct {
		count int
		words string
	}{
		{x.NewlyRefused, "accepted today, would be REFUSED"}, {x.NewlyAccepted, "refused today, would be accepted"},
		{x.Accepted, "accepted by both"}, {x.Refused, "refused by both"},
	} {
		fmt.Fprintf(table, "  %d\t%s\n", row.count, row.words)
	}
	for _, drift := range []struct {
		words string
		at    map[string]int
	}{{"would become drift", x.NewDrift}, {"drift today, would be known", x.OldDrift}} {
		for _, pointer := range slices.Sorted(maps.Keys(drift.at)) {
			fmt.Fprintf(table, "  %d\t%s: %s\n", drift.at[pointer], drift.words, terminal.Escape(pointer))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, c := range x.Changed {
		words := strings.ReplaceAll(c.Today+" today, "+c.Candidate, "_", " ")
		more := ""
		if c.Deliveries > 1 {
			more = fmt.Sprintf(", and %d more for the same reason", c.Deliveries-1)
		}
		fmt.Fprintf(w, "\n%s %s: %s by the candidate%s\n", terminal.Escape(c.What), terminal.Escape(c.Event), words, more)
		writeFindings(w, c.Violations)
	}
	if x.Omitted > 0 {
		fmt.Fprintf(w, "\nand %d more whose verdict changes\n", x.Omitted)
	}
	return nil
}

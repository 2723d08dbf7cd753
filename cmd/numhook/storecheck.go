package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"numhook/server/contract"
	"numhook/server/event"
	"numhook/server/store/sound"
	"numhook/server/store/sqlite"
	"numhook/server/terminal"
)

func newStoreCommand() *cobra.Command {
	return newVerbGroup("store", "Look after the store as a whole", newStoreCheckCommand())
}

// storeChecked is the JSON of store check.
type storeChecked struct {
	Good     bool            `json:"good"`
	Findings []storeFinding  `json:"findings"`
	Omitted  int             `json:"omitted,omitempty"` // findings that were counted and not kept
	Notes    []string        `json:"notes,omitempty"`   // what could not be looked at
	Repaired *sound.Salvaged `json:"repaired,omitempty"`

	next string // the way on, where it is another than a repair
}

// storeFinding is one thing that is damaged.
type storeFinding struct {
	What string `json:"what"`
	Key  string `json:"key"`
	Why  string `json:"why"`
}

// mostFindings are kept; the rest is counted.
const mostFindings = 1000

func newStoreCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check", Short: "Hold everything that is kept against its identity, and say what is damaged", Args: cobra.NoArgs,
		Long: "Hold everything that is kept against its identity: the engine's own check of pages and indexes, each event " +
			"and quarantined delivery, what each\n" +
			"event changes, and what is owed. It may run beside a receiver. The exit code is 1 when anything is damaged.\n" +
			"--repair saves what is whole, and derives the rest anew: of a SQLite store that nobody serves into a new file, " +
			"the old one is moved away; of a\n" +
			"PostgreSQL store in one transaction, beside which receivers may run: they answer 503 meanwhile. What is wrong is " +
			"moved to numhook.damaged.",
	}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json")
	repair := cmd.Flags().Bool("repair", false, "save what is whole, derive the rest anew, and move away what is "+
		"damaged: PATH.damaged-TIME, or the table numhook.damaged")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var result *storeChecked
		var err error
		if *repair {
			result = &storeChecked{Good: true, Findings: []storeFinding{}}
			result.Repaired, err = repairStore(cmd.Context(), *url, progress(cmd.ErrOrStderr()))
		} else {
			result, err = checkStore(cmd.Context(), *url, progress(cmd.ErrOrStderr()))
		}
		if err != nil {
			return err
		}
		if format.value == "json" {
			err = writeJSON(cmd.OutOrStdout(), result)
		} else {
			result.write(cmd.OutOrStdout())
		}
		if err == nil && !result.Good {
			return &exitError{code: exitNo}
		}
		return err
	}
	return cmd
}

// progress shows on a terminal how far a check is, and says nothing elsewhere.
func progress(out io.Writer) func(what string, done int64) {
	file, ok := out.(*os.File)
	if !ok || !isatty.IsTerminal(file.Fd()) {
		return func(string, int64) {}
	}
	return func(what string, done int64) { fmt.Fprintf(out, "\r\x1b[K%s %d", what, done) }
}

// checkStore looks at all of a store. What cannot be opened because it is damaged is a finding, too.
func checkStore(ctx context.Context, url string, step func(string, int64)) (*storeChecked, error) {
	result := &storeChecked{Findings: []storeFinding{}}
	defer func() { result.Good = len(result.Findings) == 0 }()
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		if err := sqlite.Inspect(ctx, path); event.KindOf(err) == event.Damaged {
			result.refused(path, err)
			return result, nil
		} else if err != nil {
			return nil, &exitError{code: exitUse, err: err}
		}
	}
	from, err := openReader(ctx, url)
	if event.KindOf(err) == event.Damaged {
		result.refused("as a whole", err)
		return result, nil
	}
	if err != nil {
		return nil, err
	}
	defer from.Close()
	whole, ok := from.(interface {
		Audit(ctx context.Context, a sound.Audit) error
	})
	if !ok {
		return nil, &event.Error{Kind: event.Invalid, Text: "cannot check the store: this engine has no check"}
	}
	err = whole.Audit(ctx, sound.Audit{Report: result.find, Step: func(what string, done int64) {
		if strings.Contains(what, "not looked at") {
			result.Notes = append(result.Notes, what)
		}
		step(what, done)
	}})
	step("done", 0)
	return result, err
}

func (r *storeChecked) find(p sound.Passed) {
	if len(r.Findings) == mostFindings {
		r.Omitted++
		return
	}
	r.Findings = append(r.Findings, storeFinding(p))
}

// refused notes a store that cannot be opened because it is damaged.
func (r *storeChecked) refused(key string, err error) {
	if e, ok := errors.AsType[*event.Error](err); ok {
		r.next = e.Hint
	}
	r.find(sound.Passed{What: "store", Key: key, Why: err.Error()})
}

func (r *storeChecked) write(out io.Writer) {
	for _, f := range r.Findings {
		fmt.Fprintln(out, terminal.Line(f.What+" "+f.Key+": "+f.Why))
	}
	if r.Omitted > 0 {
		fmt.Fprintf(out, "and %d findings more\n", r.Omitted)
	}
	for _, note := range r.Notes {
		fmt.Fprintln(out, terminal.Line("note: "+note))
	}
	if r.Repaired != nil {
		r.Repaired.Write(out)
	}
	switch {
	case r.Good:
		fmt.Fprintln(out, "the store is good")
	case r.next != "":
		fmt.Fprintln(out, terminal.Line("the store is damaged: "+strings.TrimPrefix(r.next, "the file is damaged: ")))
	case r.Repaired == nil:
		fmt.Fprintln(out, "the store is damaged: restore a backup, or stop numhook and save what is whole with numhook "+
			"store check --repair")
	}
}

// repairStore saves what is whole of a store.
func repairStore(ctx context.Context, url string, step func(string, int64)) (*sound.Salvaged, error) {
	e, at, err := findEngine(url)
	if err != nil {
		return nil, err
	}
	how := sound.Salvage{Check: agreement(nil), Restore: contract.Restore, Now: time.Now(), Step: step}
	defer step("done", 0)
	return opened(e.repair(ctx, at, how))
}

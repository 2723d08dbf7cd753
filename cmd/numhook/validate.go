package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"numhook/cmd/numhook/validation"
	"numhook/server/terminal"
	"numhook/spec/eventsdoc"
)

type validateFlags struct {
	reports       reportsFlag
	levels        levelsFlag
	strict, watch bool
	group         bool
	maxResults    int
	payloadAt     string
	event, spec   string
	baseline      string
	// files that a baseline is written into, anew or with what is new
	writeBaseline, updateBaseline string
}

func newValidateCommand() *cobra.Command {
	f := &validateFlags{reports: reportsFlag{list: []reportInto{{format: "text"}}},
		levels: levelsFlag{validation.Levels{}}}
	cmd := &cobra.Command{
		Use: "validate PATH...", Short: "Hold payloads against the contract, as the receiver does",
		Long: "Hold payloads against the contract, as the receiver does, and say what is wrong and where. PATH is a file, " +
			"a folder (searched for *.json,\n" +
			"*.ndjson and *.jsonl, each also .gz), or - for standard input. A .json file holds one payload or an array of " +
			"payloads, the others one on each line.\n" +
			"Violations are errors; drift and lint are warnings. The exit code is 1 when there are errors, and 2 when " +
			"something could not be read.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("cannot validate: name files, folders, or - for standard input")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return validate(cmd, f, args) },
	}
	flags := cmd.Flags()
	flags.Var(&f.reports, "format", "report as FORMAT ("+strings.Join(validation.Formats(), ", ")+") on standard output, "+
		"or into a file with FORMAT=FILE; may be given several times")
	flags.Var(f.levels, "rule", "NAME=off switches a rule off, NAME=warning or NAME=error gives it that level whatever "+
		"--strict says; may be given several times")
	flags.BoolVar(&f.strict, "strict", false, "make drift and lint errors, too")
	flags.BoolVar(&f.group, "group", false, "put findings of one rule at one pointer over many payloads together")
	flags.IntVar(&f.maxResults, "max-results", validation.MaxResults, "write at most so many results into a SARIF "+
		"report, errors first; 0 for all")
	flags.StringVar(&f.event, "event", "", "hold every payload against this event (its name, or the end of it), "+
		"whatever event it names")
	flags.StringVar(&f.payloadAt, "payload-at", "", "where in each value of a file its payload lies: a JSON pointer to "+
		"an object, or to a string that holds JSON; * stands for every element")
	flags.StringVar(&f.spec, "spec", "", "hold payloads against this document (JSON) instead of the built-in one: the "+
		"sender's form (webhooks) or the composed one (paths)")
	flags.StringVar(&f.baseline, "baseline", "", "file of findings that are known, and not told again")
	flags.StringVar(&f.writeBaseline, "write-baseline", "", "write all findings into this file, as known ones; the exit "+
		"code is 0 when everything could be read")
	flags.StringVar(&f.updateBaseline, "update-baseline", "", "add the findings that are new to this file, or begin it; "+
		"the exit code is 0 when everything could be read")
	flags.BoolVar(&f.watch, "watch", false, "go on, and validate what changes until interrupted")
	return cmd
}

func (f *validateFlags) check(paths []string) error {
	baselines := slices.DeleteFunc([]string{f.baseline, f.writeBaseline, f.updateBaseline},
		func(file string) bool { return file == "" })
	switch {
	case len(baselines) > 1:
		return errors.New("cannot validate: --baseline, --write-baseline and --update-baseline exclude each other")
	case f.maxResults < 0:
		return errors.New("cannot validate: --max-results must be at least 0, which is all")
	case f.watch && f.baseline == "" && len(baselines) > 0:
		return errors.New("cannot validate: --watch writes no baseline")
	case f.watch && !slices.Equal(f.reports.list, []reportInto{{format: "text"}}):
		return errors.New("cannot validate: --watch tells its findings as text only")
	case f.watch && slices.Contains(paths, "-"):
		return errors.New("cannot validate: standard input cannot be watched")
	}
	return f.reports.check(append(baselines, paths...))
}

func validate(cmd *cobra.Command, f *validateFlags, paths []string) error {
	if err := f.check(paths); err != nil {
		return err
	}
	v := &validating{flags: f, in: cmd.InOrStdin(), out: cmd.OutOrStdout(), errors: cmd.ErrOrStderr()}
	var err error
	if v.document, err = f.document(); err != nil {
		return err
	}
	tellOddities(v.errors, f.spec, v.document.Warnings)
	if cmd.Flags().Changed("payload-at") {
		if v.envelope, err = validation.At(f.payloadAt); err != nil {
			return fmt.Errorf("cannot use --payload-at: %w", err)
		}
	}
	if err := v.readBaseline(); err != nil {
		return err
	}
	if f.watch {
		return v.watch(cmd.Context(), paths)
	}
	return v.run(cmd.Context(), paths)
}

func (f *validateFlags) document() (*validation.Document, error) {
	if f.spec == "" {
		return validation.BuiltIn()
	}
	return validation.ReadDocument(f.spec)
}

// tellOddities tells of what a document says without a meaning: what it was meant to ask for is not looked at.
func tellOddities(w io.Writer, file string, oddities []eventsdoc.Warning) {
	for _, oddity := range oddities {
		fmt.Fprintln(w, terminal.Line(file+":"+oddity.String()))
	}
}

// validating is one call of the verb: one run, or as many as there are changes.
type validating struct {
	flags       *validateFlags
	in          io.Reader
	out, errors io.Writer
	document    *validation.Document
	envelope    validation.Envelope
	known       *validation.Baseline
	record      *validation.Baseline
	recordFile  string
}

// readBaseline takes in what is known, and begins what is to be written.
func (v *validating) readBaseline() (err error) {
	f := v.flags
	switch v.recordFile = f.writeBaseline + f.updateBaseline; {
	case f.baseline != "":
		v.known, err = validation.ReadBaseline(f.baseline)
	case f.updateBaseline != "":
		if v.known, err = validation.ReadBaseline(f.updateBaseline); errors.Is(err, fs.ErrNotExist) {
			v.record, err = validation.NewBaseline(f.updateBaseline), nil
		} else {
			v.record = v.known.Clone()
		}
	case f.writeBaseline != "":
		v.record = validation.NewBaseline(f.writeBaseline)
	}
	return err
}

// event is the event that --event names, or the end of whose name it is.
func (v *validating) event() (string, error) {
	if v.flags.event == "" {
		return "", nil
	}
	name, err := eventNamed(v.flags.event, v.document.Contract.Events())
	if err != nil {
		return "", fmt.Errorf("cannot use --event: %w", err)
	}
	return cmp.Or(name, v.flags.event), nil // an unknown one is told of where the payloads are
}

// run validates the paths once, and tells by its error how the program is to exit.
func (v *validating) run(ctx context.Context, paths []string) error {
	f := v.flags
	named, err := v.event()
	if err != nil {
		return err
	}
	options := validation.Options{
		Paths: paths, Stdin: v.in, Document: v.document, Event: named, Envelope: v.envelope,
		Strict: f.strict, Levels: f.levels.Levels,
		Fingerprints: f.reports.has("json") || f.reports.has("sarif"),
		Known:        v.known.Clone(), Record: v.record, Written: v.written(),
		Complain: func(err error) { tell(v.errors, err) },
	}
	if isTerminal(v.errors) {
		options.Progress = validation.NewProgress(v.errors, time.Now)
	}
	reports, err := v.openReports()
	if err != nil {
		return err
	}
	defer reports.drop()
	options.Report = reports
	summary, err := validation.Run(ctx, options)
	if err == nil || errors.Is(err, validation.ErrNoPayload) { // otherwise they are not whole
		err = errors.Join(err, reports.keep())
	}
	if err != nil {
		return err
	}
	if err := v.tellBaseline(summary); err != nil {
		return err
	}
	switch {
	case summary.Unreadable > 0:
		return &exitError{code: exitUse}
	case summary.Errors > 0 && v.record == nil:
		return &exitError{code: exitNo}
	}
	return nil
}

// written are the files that the run writes or that are its own otherwise.
func (v *validating) written() []string {
	files := v.flags.reports.files()
	for _, file := range []string{v.flags.baseline, v.recordFile} {
		if file != "" {
			files = append(files, file)
		}
	}
	return files
}

// tellBaseline writes the baseline, where one is to be written, and says when the one that is known fits nothing.
func (v *validating) tellBaseline(summary validation.Summary) error {
	if v.record == nil {
		if v.known.Len() > 0 && summary.Known == 0 && !v.flags.watch {
			fmt.Fprintf(v.errors, "numhook: the baseline %s: %s\n", terminal.Escape(v.flags.baseline),
				terminal.Line(v.known.Unmet()))
		}
		return nil
	}
	if err := v.record.Write(v.recordFile); err != nil {
		return err
	}
	added := ""
	if v.known != nil {
		added = fmt.Sprintf(", %d of them new", v.record.Len()-v.known.Len())
	}
	fmt.Fprintf(v.errors, "numhook: the baseline %s has %d findings%s\n", terminal.Escape(v.recordFile), v.record.Len(),
		added)
	return nil
}

// watch validates the paths, and then what changes of them, until it is interrupted. When the document changes, that is
// everything.
func (v *validating) watch(ctx context.Context, paths []string) error {
	watched := paths
	if v.flags.spec != "" {
		watched = append(slices.Clone(paths), v.flags.spec)
	}
	changes, err := validation.NewWatch(watched...)
	if err != nil {
		return err
	}
	defer changes.Close()
	if err := v.run(ctx, paths); !isAnswer(err) && ctx.Err() == nil {
		return err
	}
	for {
		changed, err := changes.Next(ctx)
		if ctx.Err() != nil {
			return nil // this is how a watch ends
		}
		if err != nil {
			return err
		}
		if v.flags.spec != "" && slices.Contains(changed, filepath.Clean(v.flags.spec)) {
			document, err := v.flags.document()
			if err != nil {
				report(err)
				continue
			}
			tellOddities(v.errors, v.flags.spec, document.Warnings)
			v.document, changed = document, paths
		}
		if err := v.run(ctx, changed); !isAnswer(err) && ctx.Err() == nil {
			report(err)
		}
	}
}

// isAnswer reports whether a run came to its end and has said everything: there were findings, or something unreadable,
// or not.
func isAnswer(err error) bool {
	quiet, ok := errors.AsType[*exitError](err)
	return err == nil || ok && quiet.err == nil
}

func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

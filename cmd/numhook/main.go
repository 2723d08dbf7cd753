// Command numhook is the receiver that a phone carrier runs to take the Number Management webhooks, and the tools
// around it. Its files are its verbs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"numhook/cmd/numhook/config"
	"numhook/server/event"
	"numhook/server/terminal"
)

// Exit codes.
const (
	exitGood = 0
	exitNo   = 1 // the answer is no: invalid, breaking, refused, not found
	exitUse  = 2 // wrong use, or no access to what is needed
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends a verb at once, which may wait for a file that nobody writes to. Serve keeps them: it drains
	// what it has begun.
	if verb, _, err := newRootCommand().Find(os.Args[1:]); err != nil || verb.Name() != "serve" {
		defer context.AfterFunc(ctx, stop)()
	}
	ctx, passed := withPassedOver(ctx, os.Stderr)
	err := newRootCommand().ExecuteContext(ctx)
	damaged := passed.end()
	switch {
	case err == nil && damaged:
		return exitNo
	case err == nil:
		return exitGood
	}
	report(err)
	return exitCode(err)
}

// report tells people of the error.
func report(err error) { reportTo(os.Stderr, err) }

// reportTo writes the error and, on a second line, what to do next.
func reportTo(w io.Writer, err error) {
	if quiet, ok := errors.AsType[*exitError](err); ok && quiet.err == nil {
		return
	}
	tell(w, err)
	if e, ok := errors.AsType[*event.Error](err); ok && e.Hint != "" {
		fmt.Fprintln(w, terminal.Text("  "+e.Hint))
	}
}

// tell writes what the error says. It may quote what was typed, the name of a file, or somebody's answer.
func tell(w io.Writer, err error) {
	text := terminal.Text("numhook: " + withoutUser(err.Error()))
	if bad, ok := errors.AsType[*config.Problems](err); ok { // its lines begin with a place, as editors read them
		text = "numhook: " + terminal.Line(bad.Head())
		for _, line := range bad.Lines() {
			text += "\n" + terminal.Line(line)
		}
	}
	fmt.Fprintln(w, text)
}

// userInformation is what may stand before the host of a URL: a name and a password, with any character in them, also
// of a URL that was cut or cleaned as a file's name.
var userInformation = regexp.MustCompile(`[:/]/[^\n]*@`)

// withoutUser takes user information out of a text. An error quotes a word that was typed, and a URL may be typed in
// the place of any other word.
func withoutUser(text string) string { return userInformation.ReplaceAllString(text, "://...@") }

// exitError ends the program with a code of its own. With no error inside, everything has been said already.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// exitCode: not found and damaged are answers; whatever else fails without a code of its own is wrong use or no access.
func exitCode(err error) int {
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	if kind := event.KindOf(err); kind == event.NotFound || kind == event.Damaged {
		return exitNo
	}
	return exitUse
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "numhook",
		Short: "Receive Number Management webhooks, durably and once",
		Long: "numhook receives the Number Management webhooks for the carrier that owns the numbers, keeps them, and " +
			"keeps each number's newest value.\n" +
			"Every flag can be given as an environment variable: --max-body as NUMHOOK_MAX_BODY, and so on. Secrets come from " +
			"NUMHOOK_SECRETS\n" +
			"(comma-separated) or from a file with one a line, never from a flag's value.",
		Version:           fullVersion(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              noVerb,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return readFlags(cmd) },
	}
	root.SetVersionTemplate("numhook {{.Version}}\n")
	root.AddCommand(newServeCommand(), newSendCommand(), newValidateCommand(), newNumbersCommand(), newEventsCommand(),
		newQuarantineCommand(),
		newDownstreamsCommand(), newDeliveriesCommand(), newReplayCommand(), newStoreCommand(), newConfigCommand(),
		newAccessesCommand(), newTokenCommand(), newRecoverCommand(),
		newSpecCommand(), newVersionCommand())
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		completion.Args, completion.RunE = noVerb, showVerbs // cobra's own would call an unknown shell good
	}
	complete(root)
	showExamples(root)
	return root
}

// noVerb refuses a word that is no verb, where cobra would print the help and call it good.
func noVerb(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		text, _, _ := strings.Cut(args[0], "://") // behind it there may be a password
		return fmt.Errorf("cannot run %q: %s has no such verb (see %s --help)", text, cmd.CommandPath(), cmd.CommandPath())
	}
	return nil
}

// newVerbGroup is a command that only holds others.
func newVerbGroup(use, short string, verbs ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use: use, Short: short, Args: noVerb, RunE: showVerbs,
	}
	group.AddCommand(verbs...)
	return group
}

// showVerbs is what a group does that was given no verb.
func showVerbs(cmd *cobra.Command, _ []string) error {
	_ = cmd.Help()
	return &exitError{code: exitUse}
}

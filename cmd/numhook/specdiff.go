package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"numhook/spec"
	"numhook/spec/diff"
)

// diffWriters are the formats of spec diff.
var diffWriters = map[string]func(io.Writer, []diff.Change) error{
	"text": diff.WriteText, "json": diff.WriteJSON, "markdown": diff.WriteMarkdown, "github": diff.WriteGitHub,
}

// failNever is the level that no change reaches.
const failNever = "never"

func newSpecDiffCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff [OLD] NEW",
		Short: "Say what a changed document means for the receiver",
		Long: "Say what a changed events document means for a receiver that was built from OLD and is about to get what is " +
			"sent by NEW. Without OLD it is\n" +
			"the document that this program was built with (numhook spec show prints it). Each is a file, or a\n" +
			"revision and a path for git to read, such as HEAD~1:spec/number-management.json; in the sender's form (webhooks) " +
			"or composed (paths), JSON or YAML.\n" +
			"A change is breaking when something can come that the receiver refuses or cannot hold, or when an event stays " +
			"away; risky when something comes\n" +
			"that it does not read, or nobody can tell; else safe. The exit code is 1 when a change is at or above --fail-on.",
		Args: cobra.RangeArgs(1, 2),
	}
	format := formatFlag(cmd, "text", "json", "markdown", "github")
	failOn := &choice{value: string(diff.Breaking), among: []string{string(diff.Breaking), string(diff.Risky),
		string(diff.Safe), failNever}}
	cmd.Flags().Var(failOn, "fail-on", "exit with 1 when a change is of this `level` or worse: breaking, risky, "+
		"safe, never")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		older, err := olderDocument(cmd.Context(), args)
		if err != nil {
			return err
		}
		newer, err := diff.Load(cmd.Context(), args[len(args)-1])
		if err != nil {
			return err
		}
		for _, side := range []*diff.Document{older, newer} {
			tellOddities(cmd.ErrOrStderr(), side.Name(), side.Warnings())
		}
		changes := diff.Compare(older, newer)
		if err := diffWriters[format.value](cmd.OutOrStdout(), changes); err != nil {
			return err
		}
		if worst, changed := diff.Worst(changes); changed && failOn.value != failNever &&
			worst.AtLeast(diff.Level(failOn.value)) {
			return &exitError{code: exitNo}
		}
		return nil
	}
	return cmd
}

// olderDocument is the first of two documents, or the built-in one beside a single one.
func olderDocument(ctx context.Context, args []string) (*diff.Document, error) {
	if len(args) == 1 {
		return diff.Read("(built in)", spec.Document())
	}
	return diff.Load(ctx, args[0])
}

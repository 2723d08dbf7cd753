package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"numhook/cmd/numhook/config"
	"numhook/server/event"
	"numhook/server/terminal"
)

func newConfigCommand() *cobra.Command {
	return newVerbGroup("config", "Check the configuration of downstreams, or see how one is written",
		newConfigCheckCommand(),
		newConfigPrintCommand("schema", "Print the JSON Schema of the configuration, for editors", config.Schema),
		newConfigPrintCommand("example", "Print a configuration with every key, explained", config.Example))
}

func newConfigPrintCommand(use, short string, text func() []byte) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(text())
			return err
		},
	}
}

func newConfigCheckCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "check", Short: "Check a configuration as serve does, with all that it names", Args: cobra.NoArgs,
		Long: "Check a configuration as serve does, with all files that it names. A good one is listed as it would be " +
			"served; of any other all that is wrong\n" +
			"is told, with line and column and what to write instead. Nothing is connected to. The exit code is 1 when " +
			"something is wrong, and 2 when the\n" +
			"file cannot be read.",
	}
	file := cmd.Flags().String("config", "", "file that says where changes are handed on to (see numhook config example)")
	format := formatFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *file == "" {
			return &event.Error{Kind: event.Internal, Text: "cannot check the configuration: there is none",
				Hint: "name it with --config FILE, or in NUMHOOK_CONFIG"}
		}
		checked, err := checkConfig(*file)
		if err != nil {
			return err
		}
		if format.value == "json" {
			err = writeJSON(cmd.OutOrStdout(), checked)
		} else {
			err = checked.writeText(cmd.OutOrStdout())
		}
		if err == nil && len(checked.Problems) > 0 {
			err = &exitError{code: exitNo}
		}
		return err
	}
	return cmd
}

// configChecked is the JSON of config check.
type configChecked struct {
	File        string           `json:"file"`
	Downstreams []configured     `json:"downstreams"` // empty when there are problems
	Problems    []config.Problem `json:"problems"`
	Omitted     int              `json:"omitted,omitempty"` // problems beyond the first hundred
	Warnings    []config.Problem `json:"warnings"`          // what is served, and may not be meant
}

// configured is a downstream as it may be shown.
type configured struct {
	Name   string        `json:"name"`
	Mode   event.Mode    `json:"mode"`
	Start  event.Start   `json:"start"`
	Scheme config.Scheme `json:"scheme"`
	URL    string        `json:"url"` // without what may be a credential
	Events []string      `json:"events,omitempty"`
}

func checkConfig(file string) (configChecked, error) {
	checked := configChecked{File: file, Downstreams: []configured{}, Problems: []config.Problem{},
		Warnings: []config.Problem{}}
	good, err := loadSettings(file, config.Load)
	if err == nil {
		err = refuseOwnFiles(good, ownFilesOfEnvironment())
	}
	if problems, ok := errors.AsType[*config.Problems](err); ok {
		checked.Problems, checked.Omitted = problems.List, problems.Omitted
		return checked, nil
	}
	if err != nil {
		return checked, err
	}
	checked.Warnings = append(checked.Warnings, good.Warnings...)
	for _, d := range good.Downstreams {
		checked.Downstreams = append(checked.Downstreams, configured{d.Name, d.Mode, d.Start, d.Scheme, d.Redacted(),
			d.Events})
	}
	return checked, nil
}

func (c configChecked) writeText(w io.Writer) error {
	for _, problem := range c.Problems {
		fmt.Fprintln(w, terminal.Line(problem.String()))
	}
	if c.Omitted > 0 {
		fmt.Fprintf(w, "and %d more\n", c.Omitted)
	}
	if len(c.Problems) > 0 {
		return nil
	}
	for _, warning := range c.Warnings {
		fmt.Fprintln(w, "warning: "+terminal.Line(warning.String()))
	}
	if len(c.Downstreams) == 0 {
		fmt.Fprintln(w, "no downstreams: nothing is handed on")
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "NAME\tMODE\tSCHEME\tURL")
	for _, d := range c.Downstreams {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", terminal.Escape(d.Name), d.Mode, d.Scheme, terminal.Escape(d.URL))
	}
	return table.Flush()
}

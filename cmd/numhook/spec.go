package main

import "github.com/spf13/cobra"

func newSpecCommand() *cobra.Command {
	return newVerbGroup("spec", "Live with a changing document", newSpecDiffCommand(), newSpecRehearseCommand(),
		newSpecShowCommand(), newSpecSchemaCommand())
}

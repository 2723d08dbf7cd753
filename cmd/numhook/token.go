package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"numhook/server/operator"
)

func newTokenCommand() *cobra.Command {
	return newVerbGroup("token", "Make tokens for those who look and act", newTokenNewCommand())
}

// tokenMade is the JSON of token new.
type tokenMade struct {
	Token string `json:"token"` // is shown this once
	Line  string `json:"line"`  // for the file of tokens
}

func newTokenNewCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "new", Short: "Make a token and print it once, with the line for the file of tokens", Args: cobra.NoArgs,
		Long: "Make a token. It is printed once and kept nowhere: give it to who asked for it. The line goes into the\n" +
			"file of tokens, which holds the SHA-256 of each and belongs to the user that numhook runs as (chmod 600).\n" +
			"A viewer sees counts, states and masked numbers; a reader sees personal data; an operator acts.",
	}
	format := formatFlag(cmd, "text", "json")
	name := cmd.Flags().String("name", "", "whom it is for: "+operator.NameForm)
	role := &choice{among: roleNames()}
	cmd.Flags().Var(role, "role", "what they may do: "+strings.Join(role.among, ", "))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		switch {
		case !operator.IsName(*name):
			return misuse("cannot make a token: --name is not "+operator.NameForm, "write --name alice")
		case role.value == "":
			return misuse("cannot make a token: --role is not given", "write --role viewer, reader or operator")
		}
		token, holder := operator.NewToken(*name, operator.Role(role.value))
		out := cmd.OutOrStdout()
		if format.value == "json" {
			return writeJSON(out, tokenMade{Token: token, Line: holder.Line()})
		}
		_, err := fmt.Fprintf(out, "token, shown this once:\n\n  %s\n\nline for the file of tokens:\n\n  %s\n", token,
			holder.Line())
		return err
	}
	return cmd
}

func roleNames() (names []string) {
	for _, role := range operator.Roles {
		names = append(names, string(role))
	}
	return names
}

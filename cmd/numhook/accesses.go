package main

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"numhook/server/event"
)

func newAccessesCommand() *cobra.Command {
	return newVerbGroup("accesses", "See who looked at what, and who changed something", newAccessesListCommand())
}

func newAccessesListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "List who looked at personal data and who changed something, the newest first",
		Args: cobra.NoArgs,
		Long: "List who looked at personal data and who changed something, the newest first. A look is written down\n" +
			"before anything is shown, and an action before it is begun: one that stays begun was cut off, and may have\n" +
			"taken effect.",
	}
	url, format := storeFlag(cmd), formatFlag(cmd, "text", "json")
	filter := event.AccessFilter{}
	cmd.Flags().StringVar(&filter.Who, "who", "", "only those of this token or user")
	cmd.Flags().StringVar(&filter.Object, "object", "", "only those of this one number, event id, or other OBJECT; a "+
		"list names none")
	before := cmd.Flags().Int64("before", 0, "begin with the one before this ID")
	limit := cmd.Flags().Int("limit", 0, "show at most so many; 0 for all")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		from, err := openReader(cmd.Context(), *url)
		if err != nil {
			return err
		}
		defer from.Close()
		look(cmd, *url, given(cmd, "before", "limit", "who", "object"))
		out := newList(cmd.OutOrStdout(), format.value, "ID", "AT", "WHO", "ROLE", "FROM", "ACTION", "OBJECT", "RESULT",
			"DETAIL")
		next := *before
		return out.pages(*limit, func(limit int) (int, error) {
			accesses, err := from.Accesses(cmd.Context(), filter, next, limit)
			for _, a := range accesses {
				next = a.ID
				out.entry(a, []string{
					strconv.FormatInt(a.ID, 10), a.At.Format(time.RFC3339), a.Who, a.Role, a.From, a.Action, orDash(a.Object),
					string(a.Result), orDash(a.Detail),
				})
			}
			return len(accesses), err
		})
	}
	return cmd
}

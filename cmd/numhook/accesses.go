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
	f := newListFlags(cmd).limited(cmd)
	filter := event.AccessFilter{}
	cmd.Flags().StringVar(&filter.Who, "who", "", "only those of this token or user")
	cmd.Flags().StringVar(&filter.Object, "object", "", "only those of this one number, event id, or other OBJECT; a "+
		"list names none")
	before := cmd.Flags().Int64("before", 0, "begin with the one before this ID")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		from, err := openReader(cmd.Context(), *f.url)
		if err != nil {
			return err
		}
		defer from.Close()
		look(cmd, *f.url, given(cmd, "before", "limit", "who", "object"))
		out := newList[event.Access](cmd.OutOrStdout(), f, "ID", "AT wide", "AGE narrow", "WHO", "ROLE", "FROM wide",
			"ACTION", "OBJECT", "RESULT", "DETAIL wide")
		next, now := *before, time.Now()
		return out.pages(f.most(), func(limit int) (int, error) {
			accesses, err := from.Accesses(cmd.Context(), filter, next, limit)
			for _, a := range accesses {
				next = a.ID
				out.entry(a, []string{
					strconv.FormatInt(a.ID, 10), a.At.Format(time.RFC3339), age(a.At, now), a.Who, a.Role,
					a.From, a.Action, orDash(a.Object), string(a.Result), orDash(a.Detail),
				})
			}
			return len(accesses), err
		})
	}
	return cmd
}

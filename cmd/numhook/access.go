package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"numhook/server/event"
	"numhook/server/terminal"
)

// atStore is the role of whoever has the store itself: they need no token.
const atStore = "store"

// accessWriter keeps accesses.
type accessWriter interface {
	RecordAccess(ctx context.Context, a event.Access) (int64, error)
	ConcludeAccess(ctx context.Context, id int64, result event.AccessResult) error
}

// verbAccess is an access by the verb of the command line, of the user that runs it, on this machine.
func verbAccess(cmd *cobra.Command, object, detail string) event.Access {
	who := "user " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil && u.Username != "" {
		who = u.Username
	}
	machine, err := os.Hostname()
	if err != nil || machine == "" {
		machine = "unknown machine"
	}
	_, verb, _ := strings.Cut(cmd.CommandPath(), " ") // without the program's name
	return event.Access{At: time.Now(), Who: who, Role: atStore, From: machine, Action: verb, Object: object,
		Detail: detail}
}

// objects of accesses that are no number and no event.
func entryObject(id int64) string         { return "quarantine entry " + strconv.FormatInt(id, 10) }
func rowObject(id int64) string           { return "delivery " + strconv.FormatInt(id, 10) }
func downstreamObject(name string) string { return "downstream " + name }

// look writes down that the verb shows personal data of the store, before it is printed. Whoever can read a store needs
// no permission to write to it: then what is shown is shown all the same, and that it is not written down is said.
func look(cmd *cobra.Command, url string, detail string, objects ...string) {
	ctx := cmd.Context()
	if len(objects) == 0 {
		objects = []string{""}
	}
	err := func() (err error) {
		s, err := openOperator(ctx, url)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.Close()) }()
		for _, object := range objects {
			a := verbAccess(cmd, object, detail)
			a.Result = event.AccessShown
			if _, err := s.RecordAccess(ctx, a); err != nil {
				return err
			}
		}
		return nil
	}()
	if err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), terminal.Line("numhook: that this was looked at is not written down: "+
			withoutUser(err.Error())))
	}
}

// act does an action of the verb's. What it is stands in the store before it is begun, and what it came to before it is
// told.
func act(cmd *cobra.Command, s accessWriter, object, detail string, do func() error) error {
	ctx := cmd.Context()
	a := verbAccess(cmd, object, detail)
	a.Result = event.AccessBegun
	id, err := s.RecordAccess(ctx, a)
	if err != nil {
		return err
	}
	done := do()
	err = s.ConcludeAccess(context.WithoutCancel(ctx), id, event.AccessResultOf(done))
	if done != nil {
		return done
	}
	return err
}

// actUnless is act, but for a dry run: that changes nothing and shows nothing personal.
func actUnless(dryRun bool, cmd *cobra.Command, s accessWriter, object string, do func() error) error {
	if dryRun {
		return do()
	}
	return act(cmd, s, object, given(cmd, "number", "event", "since", "until", "all"), do)
}

// given are the flags that narrow what the verb does, as they were given.
func given(cmd *cobra.Command, names ...string) string {
	var words []string
	for _, name := range names {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			words = append(words, "--"+name+"="+f.Value.String())
		}
	}
	return strings.Join(words, " ")
}

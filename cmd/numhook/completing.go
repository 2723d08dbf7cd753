package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"numhook/server/event"
	"numhook/spec"
)

// What completion asks a store for, at most, and how long it waits for one: somebody holds the tab key.
const (
	mostCompleted  = 30
	completionTime = 2 * time.Second
)

// completer is what may stand in the place of what is being typed. It must never fail: there is nobody to tell.
type completer func(ctx context.Context, from reader) []string

// idsCompleted is what completes the arguments of the verbs that take something of the store's.
var idsCompleted = map[string]completer{
	"events show":        eventIDs,
	"quarantine show":    entryIDs,
	"quarantine redrive": entryIDs,
	"quarantine discard": entryIDs,
	"deliveries show":    rowIDs,
	"deliveries retry":   rowIDs,
	"deliveries skip":    rowIDs,
	"downstreams status": downstreamNames,
	"downstreams pause":  downstreamNames,
	"downstreams resume": downstreamNames,
	"downstreams remove": downstreamNames,
}

// complete gives every verb below what its arguments and flags are completed by.
func complete(verb *cobra.Command) {
	for _, next := range verb.Commands() {
		complete(next)
	}
	_, name, _ := strings.Cut(verb.CommandPath(), " ")
	if with := idsCompleted[name]; with != nil {
		verb.ValidArgsFunction = fromStore(with)
	}
	switch name {
	case "send":
		verb.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return eventNames(), cobra.ShellCompDirectiveDefault // files, too
		}
	case "spec schema":
		verb.ValidArgsFunction = cobra.FixedCompletions(eventNames(), cobra.ShellCompDirectiveNoFileComp)
	}
	verb.Flags().VisitAll(func(f *pflag.Flag) {
		var with cobra.CompletionFunc
		closed, isChoice := f.Value.(*choice)
		switch {
		case isChoice:
			with = cobra.FixedCompletions(closed.among, cobra.ShellCompDirectiveNoFileComp)
		case f.Name == "downstream":
			with = fromStore(downstreamNames)
		case f.Name == "event":
			with = cobra.FixedCompletions(spec.Examples(), cobra.ShellCompDirectiveNoFileComp)
		default:
			return
		}
		_ = verb.RegisterFlagCompletionFunc(f.Name, with) // fails for what is registered already
	})
}

// eventNames are the names of the contract's events, in short and in full.
func eventNames() (names []string) {
	for _, name := range spec.Examples() {
		names = append(names, shortName(name), name)
	}
	return names
}

// fromStore completes from the store that the verb would use.
func fromStore(with completer) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		const nothing = cobra.ShellCompDirectiveNoFileComp
		ctx, cancel := context.WithTimeout(context.Background(), completionTime)
		defer cancel()
		if flagsFromEnvironment(cmd) != nil {
			return nil, nothing
		}
		url, err := cmd.Flags().GetString("store")
		if err != nil {
			return nil, nothing
		}
		from, err := openReader(ctx, url)
		if err != nil {
			return nil, nothing
		}
		defer from.Close()
		fit := with(ctx, from)
		return slices.DeleteFunc(fit, func(word string) bool {
			return !strings.HasPrefix(word, typed) || slices.Contains(args, word)
		}), nothing
	}
}

func downstreamNames(ctx context.Context, from reader) (names []string) {
	statuses, _ := from.Downstreams(ctx)
	for _, s := range statuses {
		names = append(names, s.Name)
	}
	return names
}

func eventIDs(ctx context.Context, from reader) (ids []string) {
	events, _ := from.Events(ctx, 0, mostCompleted)
	for _, e := range events {
		ids = append(ids, e.ID.String()[:shortestID])
	}
	return ids
}

func entryIDs(ctx context.Context, from reader) (ids []string) {
	entries, _ := from.Quarantines(ctx, event.Held, 0, mostCompleted)
	for _, q := range entries {
		ids = append(ids, strconv.FormatInt(q.ID, 10))
	}
	return ids
}

func rowIDs(ctx context.Context, from reader) (ids []string) {
	for _, state := range []event.OutboxState{event.Dead, event.Waiting} {
		rows, _ := from.OutboxRows(ctx, event.OutboxFilter{State: state}, 0, mostCompleted)
		for _, o := range rows {
			ids = append(ids, strconv.FormatInt(o.ID, 10))
		}
	}
	return ids
}

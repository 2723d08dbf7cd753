package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"numhook/server/event"
	"numhook/server/store"
)

// The orders of a list.
const (
	orderAuto   = "auto"
	orderNewest = "newest"
	orderOldest = "oldest"
)

// newOrderFlag adds --order.
func newOrderFlag(cmd *cobra.Command) *choice {
	order := &choice{value: orderAuto, among: []string{orderNewest, orderOldest, orderAuto}}
	cmd.Flags().Var(order, "order", "newest or oldest first; auto: in text the newest, and else the order of storing, "+
		"which --after has, too")
	return order
}

// newestFirst settles what auto means: people look for what came last, and programs go on where they were.
func newestFirst(order *choice, f *listFlags) bool {
	if order.value != orderAuto {
		return order.value == orderNewest
	}
	return f.format.value == "text" && !f.given("after")
}

// eventFlags narrow a list of events.
type eventFlags struct {
	event, account, number               *string
	since, until, eventSince, eventUntil *string
}

func newEventFlags(cmd *cobra.Command) *eventFlags {
	flags := cmd.Flags()
	return &eventFlags{
		event:   flags.String("event", "", "only events of this name"),
		account: flags.String("account", "", "only events of this account"),
		number:  flags.String("number", "", "only events that speak of this number"),
		since: flags.String("since", "", "only what was received at this time of this side's clock or later: "+
			timeForms),
		until:      flags.String("until", "", "only what was received before this time"),
		eventSince: flags.String("event-since", "", "only what happened at this time of the sender's clock or later"),
		eventUntil: flags.String("event-until", "", "only what happened before this time"),
	}
}

// filters are what passes any of them: there is one for each number that may be meant.
func (f *eventFlags) filters(cmd *cobra.Command, known []string) (filters []event.Filter, err error) {
	one := event.Filter{Account: *f.account}
	if *f.event != "" {
		if one.Name, err = eventNamed(*f.event, known); err != nil {
			return nil, err
		}
		if one.Name == "" {
			one.Name = *f.event // an event that the contract had once
		}
	}
	for _, bound := range []struct {
		flag, text string
		set        func(ms int64)
	}{
		{"since", *f.since, func(ms int64) { one.Since = time.UnixMilli(ms) }},
		{"until", *f.until, func(ms int64) { one.Until = time.UnixMilli(ms) }},
		{"event-since", *f.eventSince, func(ms int64) { one.TSSince = &ms }},
		{"event-until", *f.eventUntil, func(ms int64) { one.TSUntil = &ms }},
	} {
		ms, err := timestampFlag(cmd, bound.flag, bound.text)
		if err != nil {
			return nil, err
		}
		if ms != nil {
			bound.set(*ms)
		}
	}
	if !one.Since.IsZero() && !one.Until.IsZero() && !one.Since.Before(one.Until) {
		return nil, errors.New("cannot list: --since is not before --until, so nothing lies between them")
	}
	for _, one.Number = range spellings(*f.number) {
		filters = append(filters, one)
	}
	return filters, nil
}

// eventPages reads the events that pass any of several filters, in their order, a page at a time.
type eventPages struct {
	from    store.Reader
	newest  bool
	streams []*eventStream
	last    int64 // the seq handed out last; 0 before the first
}

// eventStream is what passes one filter.
type eventStream struct {
	filter event.Filter
	after  int64          // where the next page begins
	ahead  []event.Stored // read and not handed out yet
	ended  bool
}

func newEventPages(from store.Reader, filters []event.Filter, newest bool, after int64) *eventPages {
	pages := &eventPages{from: from, newest: newest}
	for _, filter := range filters {
		filter.Newest = newest
		pages.streams = append(pages.streams, &eventStream{filter: filter, after: after})
	}
	return pages
}

// next is the next page. Only the last one is short.
func (p *eventPages) next(ctx context.Context, limit int) (events []event.Stored, err error) {
	for len(events) < limit {
		var first *eventStream
		for _, s := range p.streams {
			if err := s.fill(ctx, p.from, limit); err != nil {
				return nil, err
			}
			if len(s.ahead) > 0 && (first == nil || (s.ahead[0].Seq > first.ahead[0].Seq) == p.newest) {
				first = s
			}
		}
		if first == nil {
			break
		}
		if e := first.ahead[0]; e.Seq != p.last { // else it names the number in two ways
			events, p.last = append(events, e), e.Seq
		}
		first.ahead = first.ahead[1:]
	}
	return events, nil
}

// fill reads until something is found, or nothing is left to be looked at: a page of the store's may be empty.
func (s *eventStream) fill(ctx context.Context, from store.Reader, limit int) (err error) {
	for len(s.ahead) == 0 && !s.ended {
		if s.ahead, s.after, err = from.EventsPassing(ctx, s.filter, s.after, limit); err != nil {
			return err
		}
		s.ended = s.after == 0
	}
	return nil
}

// numberFlags narrow a list of numbers.
type numberFlags struct {
	prefix, account *string
	attribute       *choice
	unconfirmed     *bool
}

func newNumberFlags(cmd *cobra.Command) *numberFlags {
	f := &numberFlags{
		prefix:    cmd.Flags().String("prefix", "", "only numbers that begin with this"),
		account:   cmd.Flags().String("account", "", "only numbers of which an event of this account set a value"),
		attribute: &choice{among: []string{string(event.CNAM), string(event.EmergencyAddress)}},
		unconfirmed: cmd.Flags().Bool("unconfirmed", false, "only numbers of which a downstream has not confirmed "+
			"everything"),
	}
	cmd.Flags().Var(f.attribute, "attribute", "only numbers with a value of this: cnam or emergency_address")
	return f
}

// filters are what passes any of them, in the order of the numbers.
func (f *numberFlags) filters() []event.NumberFilter {
	one := event.NumberFilter{Attribute: event.Attribute(f.attribute.value), Account: *f.account,
		Unconfirmed: *f.unconfirmed}
	if one == (event.NumberFilter{}) && *f.prefix == "" {
		return nil
	}
	prefixes := spellings(*f.prefix)
	slices.Sort(prefixes)
	filters := make([]event.NumberFilter, 0, len(prefixes))
	for _, one.Prefix = range prefixes {
		filters = append(filters, one)
	}
	return filters
}

// numberPages reads numbers page after page: those that pass any of the filters, or without filters all.
type numberPages struct {
	from    store.Reader
	filters []event.NumberFilter
	all     bool
	after   string
}

// next is the next page. Only the last one is short.
func (p *numberPages) next(ctx context.Context, limit int) (numbers []event.Number, err error) {
	if p.all {
		numbers, err = p.from.Numbers(ctx, p.after, limit)
		if len(numbers) > 0 {
			p.after = numbers[len(numbers)-1].Number
		}
		return numbers, err
	}
	for len(numbers) < limit && len(p.filters) > 0 {
		names, next, err := p.from.NumbersPassing(ctx, p.filters[0], p.after, limit-len(numbers))
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			n, err := p.from.Number(ctx, name)
			if err != nil {
				return nil, err
			}
			numbers, p.after = append(numbers, n), name
		}
		if p.after = max(p.after, next); next == "" {
			p.filters = p.filters[1:]
		}
	}
	return numbers, nil
}

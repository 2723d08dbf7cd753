package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"numhook/server/event"
	"numhook/server/store"
)

// quarantinePages reads entries of a state page after page, in their order or the newest first.
type quarantinePages struct {
	from   store.Reader
	state  event.QuarantineState // empty for all
	newest bool
	after  int64 // the entry handed out last; the newest first, 0 begins with the newest

	ahead []event.Quarantined // the newest first: read and not handed out yet
	below int64               // what is not looked at yet is below this; 0 before the first page
}

// next is the next page. Only the last one is short.
func (p *quarantinePages) next(ctx context.Context, limit int) (entries []event.Quarantined, err error) {
	if !p.newest {
		entries, err = p.from.Quarantines(ctx, p.state, p.after, limit)
		if len(entries) > 0 {
			p.after = entries[len(entries)-1].ID
		}
		return entries, err
	}
	if p.below == 0 {
		if p.below = p.after; p.below == 0 {
			last, err := lastEntry(ctx, p.from)
			if err != nil {
				return nil, err
			}
			p.below = last + 1
		}
	}
	for len(p.ahead) < limit && p.below > 1 {
		from := max(p.below-page, 1)
		window, err := p.from.Quarantines(ctx, "", from-1, int(p.below-from))
		if err != nil {
			return nil, err
		}
		for _, q := range slices.Backward(window) {
			if q.ID < p.below && (p.state == "" || q.State == p.state) {
				p.ahead = append(p.ahead, q)
			}
		}
		p.below = from
	}
	n := min(limit, len(p.ahead))
	entries, p.ahead = p.ahead[:n], p.ahead[n:]
	return entries, nil
}

// lastEntry is the number of the newest entry, or 0: what is found by halving what is left.
func lastEntry(ctx context.Context, from store.Reader) (last int64, err error) {
	behind := func(id int64) (bool, error) {
		list, err := from.Quarantines(ctx, "", id, 1)
		if len(list) > 0 {
			last = max(last, list[0].ID)
		}
		return len(list) > 0, err
	}
	high := int64(0) // where nothing is behind it
	for more := true; more; {
		if more, err = behind(high); err != nil {
			return 0, err
		}
		if more {
			high = 2 * last
		}
	}
	for last < high {
		middle := last + (high-last)/2
		more, err := behind(middle)
		if err != nil {
			return 0, err
		}
		if !more {
			high = middle
		}
	}
	return last, nil
}

// mostSearched is how many entries are looked through for a number: what it takes is bounded.
const mostSearched = 1000

// entriesNaming are the entries that are held and name any of the numbers, the newest first, as far as the
// newest of those that are held go. A value that nobody could take in is one that the number does not have.
func entriesNaming(ctx context.Context, from store.Reader, numbers []string) (ids []int64, err error) {
	defer unheard(ctx)()
	pages := quarantinePages{from: from, state: event.Held, newest: true}
	entries, err := pages.next(ctx, mostSearched)
	for _, q := range entries {
		whole, err := from.QuarantineEntry(ctx, q.ID)
		if kind := event.KindOf(err); kind == event.Damaged || kind == event.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(numbers, func(number string) bool { return names(whole.Delivery.Body, number) }) {
			ids = append(ids, q.ID)
		}
	}
	return ids, errors.Join(err)
}

// names reports whether the digits of the number stand in the body, and are no part of a longer number.
func names(body []byte, number string) bool {
	digits := []byte(strings.TrimPrefix(number, "+"))
	isDigit := func(c byte) bool { return c >= '0' && c <= '9' }
	for len(digits) > 0 {
		at := bytes.Index(body, digits)
		if at < 0 {
			return false
		}
		end := at + len(digits)
		if (at == 0 || !isDigit(body[at-1])) && (end == len(body) || !isDigit(body[end])) {
			return true
		}
		body = body[at+1:]
	}
	return false
}

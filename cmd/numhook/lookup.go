package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"numhook/server/dispatch"
	"numhook/server/event"
	"numhook/server/store"
)

// changeStart is what the identity of a change begins with: a downstream's own logs know it as webhook-id.
const changeStart = "chg_"

// plainNumber is a number without what people write between its digits: blanks, dashes of any kind, dots, slashes and
// parentheses.
func plainNumber(typed string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.In(r, unicode.Pd) || strings.ContainsRune("()./", r) {
			return -1
		}
		return r
	}, typed)
}

// spellings are the numbers that may be meant by what was typed: exactly that; without what people write between the
// digits; and with a plus where the person, a shell or a form may have left it out. Events name numbers in more than
// one way, and what they name are different numbers.
func spellings(typed string) []string {
	all := []string{typed}
	plain := plainNumber(typed)
	if digits := strings.TrimPrefix(plain, "+"); digits == "" || strings.Trim(digits, "0123456789") != "" {
		return all
	}
	if plain != typed {
		all = append(all, plain)
	}
	if !strings.HasPrefix(plain, "+") {
		all = append(all, "+"+plain)
	}
	return all
}

// fullID finds the one event that is meant: by the first digits of its identity, by the identity of one of its changes,
// or by the id of the sender's request.
func fullID(ctx context.Context, from store.Reader, typed string) (event.ID, error) {
	digits := strings.ToLower(typed)
	if id, err := event.ParseID(digits); err == nil {
		return id, nil
	}
	const fewest = 4
	switch {
	case strings.HasPrefix(typed, changeStart):
		return soleEvent(ctx, from, "with a change "+typed, func(e event.Stored) bool { return hasChange(e.Event, typed) })
	case strings.Contains(typed, "-"):
		return soleEvent(ctx, from, fmt.Sprintf("of a request %q", typed), func(e event.Stored) bool {
			return strings.EqualFold(e.Delivery.Header.RequestID, typed)
		})
	case len(digits) < fewest || strings.Trim(digits, "0123456789abcdef") != "":
		return event.ID{}, fmt.Errorf("cannot find an event by %q: give at least %d hex digits of its id, the chg_ id of "+
			"one of its changes, or the sender's x-zm-request-id", typed, fewest)
	}
	ids, err := from.EventsByPrefix(ctx, digits, 2)
	switch {
	case err != nil:
		return event.ID{}, err
	case len(ids) == 0:
		return event.ID{}, &event.Error{Kind: event.NotFound, Text: "cannot show the event: there is none with this id"}
	case len(ids) > 1:
		return event.ID{}, fmt.Errorf("cannot tell which event is meant: more than one id begins with %s", digits)
	}
	return ids[0], nil
}

// soleEvent goes through all events for the first one that is meant. No index leads there.
func soleEvent(
	ctx context.Context, from store.Reader, what string, meant func(event.Stored) bool,
) (event.ID, error) {
	for after := int64(0); ; {
		events, err := from.Events(ctx, after, page)
		if err != nil {
			return event.ID{}, err
		}
		for _, e := range events {
			if after = e.Seq; meant(e) {
				return e.ID, nil
			}
		}
		if len(events) < page {
			return event.ID{}, &event.Error{Kind: event.NotFound, Text: "cannot show the event: there is none " + what}
		}
	}
}

// hasChange reports whether what the event says about one of its numbers has this identity.
func hasChange(e event.Event, change string) bool {
	for _, number := range append([]string{""}, e.Numbers...) {
		for _, attribute := range []event.Attribute{e.Attribute, ""} {
			if dispatch.ChangeID(event.Attempt{EventID: e.ID, Number: number, Attribute: attribute}) == change {
				return true
			}
		}
	}
	return false
}

// idsOf are the ids in the arguments, of the things that the listing shows.
func idsOf(args []string, thing, listing string) ([]int64, error) {
	ids := make([]int64, 0, len(args))
	for _, arg := range args {
		id, err := strconv.ParseInt(arg, 10, 64)
		if err != nil || id <= 0 {
			return nil, fmt.Errorf("cannot find %s %q: its id is a whole number, as %s shows it", thing, arg, listing)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// rowsOf are the rows of the outbox that the arguments mean: by id, or by the identity of the change that the row is
// about now, which several downstreams may be owed.
func rowsOf(ctx context.Context, from store.OutboxReader, args []string) (ids []int64, err error) {
	changes := map[string]bool{}
	for _, arg := range args {
		if strings.HasPrefix(arg, changeStart) {
			changes[arg] = false
			continue
		}
		one, err := idsOf([]string{arg}, "row", "deliveries list")
		if err != nil {
			return nil, err
		}
		ids = append(ids, one...)
	}
	for after := int64(0); len(changes) > 0; {
		rows, err := from.OutboxRows(ctx, event.OutboxFilter{}, after, page)
		if err != nil {
			return nil, err
		}
		for _, o := range rows {
			after = o.ID
			change := changeID(o)
			if _, meant := changes[change]; meant {
				changes[change], ids = true, append(ids, o.ID)
			}
		}
		if len(rows) < page {
			break
		}
	}
	for change, found := range changes {
		if !found {
			return nil, &event.Error{Kind: event.NotFound, Text: "cannot find what is owed of change " + change,
				Hint: "a newer value has taken its place perhaps: numhook events show " + change}
		}
	}
	return ids, nil
}

// entryOf is the quarantine entry that is meant: by its id, or by the id of the sender's request.
func entryOf(ctx context.Context, from store.Reader, typed string) (int64, error) {
	ids, err := idsOf([]string{typed}, "quarantine entry", "quarantine list")
	if err == nil {
		return ids[0], nil
	}
	if !strings.Contains(typed, "-") {
		return 0, err
	}
	for after := int64(0); ; {
		entries, err := from.Quarantines(ctx, "", after, page)
		if err != nil {
			return 0, err
		}
		for _, q := range entries {
			if after = q.ID; strings.EqualFold(q.Delivery.Header.RequestID, typed) {
				return q.ID, nil
			}
		}
		if len(entries) < page {
			return 0, &event.Error{Kind: event.NotFound,
				Text: fmt.Sprintf("cannot find a quarantine entry of a request %q: there is none", typed)}
		}
	}
}

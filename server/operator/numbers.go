package operator

import (
	"context"
	"encoding/json"
	"strings"

	gen "numhook/gen/operator"
	"numhook/server/event"
)

// Numbers is how numbers are read.
type Numbers interface {
	Numbers(ctx context.Context, after string, limit int) ([]event.Number, error)
	NumbersPassing(ctx context.Context, filter event.NumberFilter, after string, limit int) (numbers []string, next string,
		err error)
	Number(ctx context.Context, number string) (event.Number, error)
	NumberAsOf(ctx context.Context, number string, at int64) (event.Number, error)
	History(ctx context.Context, number string) ([]event.Change, error)
}

// ListNumbers implements the document.
func (a *API) ListNumbers(
	ctx context.Context, r gen.ListNumbersRequestObject,
) (gen.ListNumbersResponseObject, error) {
	p, limit := r.Params, limitOf(r.Params.Limit)
	after, f := given(p.After), event.NumberFilter{Prefix: given(p.Prefix), Attribute: event.Attribute(given(p.Attribute)),
		Account: given(p.Account), Unconfirmed: given(p.Unconfirmed)}
	var page []event.Number
	var next *string
	var err error
	if f == (event.NumberFilter{Prefix: f.Prefix}) {
		var list []event.Number
		list, err = a.numbersBelow(ctx, f.Prefix, after, limit+1)
		page, next = cut(list, limit, func(n event.Number) string { return n.Number })
	} else {
		page, next, err = a.numbersPassing(ctx, f, after, limit)
	}
	if err != nil {
		return nil, err
	}
	first, last := "", ""
	if len(page) > 0 {
		first, last = page[0].Number, page[len(page)-1].Number
	}
	detail := narrowed("first", first, "last", last, "prefix", f.Prefix, "attribute", string(f.Attribute), "account",
		f.Account)
	if err := a.look(ctx, "numbers list", "", detail); err != nil {
		return nil, err
	}
	return gen.ListNumbers200JSONResponse{Items: mapped(page, numberOf), Next: next}, nil
}

// numbersPassing are the numbers that pass the filter. One that is damaged is passed over, as in every list.
func (a *API) numbersPassing(
	ctx context.Context, f event.NumberFilter, after string, limit int,
) (page []event.Number, next *string, err error) {
	found, position, err := a.Store.NumbersPassing(ctx, f, after, limit)
	if err != nil {
		return nil, nil, err
	}
	for _, number := range found {
		n, err := a.Store.Number(ctx, number)
		if kind := event.KindOf(err); err != nil && kind != event.Damaged && kind != event.NotFound {
			return nil, nil, err
		}
		if err == nil {
			page = append(page, n)
		}
	}
	return page, some(position), nil
}

// numbersBelow are the numbers with the prefix, in the order of their bytes, in which they lie together.
func (a *API) numbersBelow(ctx context.Context, prefix, after string, limit int) (list []event.Number, err error) {
	if after < prefix { // the first of them may be the prefix itself
		switch n, err := a.Store.Number(ctx, prefix); {
		case err == nil:
			list = append(list, n)
		case event.KindOf(err) != event.NotFound:
			return nil, err
		}
		after = prefix
	}
	more, err := a.Store.Numbers(ctx, after, limit-len(list))
	for _, n := range more {
		if !strings.HasPrefix(n.Number, prefix) {
			break
		}
		list = append(list, n)
	}
	return list, err
}

// ShowNumber implements the document.
func (a *API) ShowNumber(ctx context.Context, r gen.ShowNumberRequestObject) (gen.ShowNumberResponseObject, error) {
	var n event.Number
	var err error
	if r.Params.AsOf == nil {
		n, err = a.Store.Number(ctx, r.Number)
	} else {
		n, err = a.Store.NumberAsOf(ctx, r.Number, *r.Params.AsOf)
	}
	var confirmations []gen.Confirmation
	if err == nil {
		confirmations, err = a.confirmations(ctx, n)
	}
	if err := a.looked(ctx, "numbers show", r.Number, err); err != nil {
		return nil, err
	}
	shown := numberOf(n)
	return gen.ShowNumber200JSONResponse{Number: shown.Number, Values: shown.Values, Confirmations: confirmations}, nil
}

// What is read at once to find the rows of a number's values: in mode every a number has a row for each of its events.
const (
	rowsAtOnce = 500
	mostRows   = 10_000
)

// confirmations are how the downstreams stand to the values of a number.
func (a *API) confirmations(ctx context.Context, n event.Number) ([]gen.Confirmation, error) {
	found := []gen.Confirmation{}
	set := map[event.Attribute]event.ID{}
	for _, v := range n.Values {
		set[v.Attribute] = v.EventID
	}
	after := int64(0)
	for range mostRows / rowsAtOnce {
		rows, err := a.Store.OutboxRows(ctx, event.OutboxFilter{Number: n.Number}, after, rowsAtOnce)
		if err != nil {
			return nil, err
		}
		for _, o := range rows {
			after = o.ID
			if id, ok := set[o.Attribute]; ok && id == o.EventID {
				found = append(found, confirmationOf(o))
			}
		}
		if len(rows) < rowsAtOnce {
			break
		}
	}
	return found, nil
}

func confirmationOf(o event.OutboxRow) gen.Confirmation {
	c := gen.Confirmation{
		Downstream: o.Downstream, Attribute: gen.Attribute(o.Attribute), EventId: o.EventID.String(),
		State: gen.DeliveryState(o.State), Since: o.Since, Tries: int64(o.Tries), Delivery: o.ID,
	}
	if o.State == event.Delivered && !o.Attempted.IsZero() {
		c.Confirmed = &o.Attempted
	}
	return c
}

// ListHistory implements the document.
func (a *API) ListHistory(
	ctx context.Context, r gen.ListHistoryRequestObject,
) (gen.ListHistoryResponseObject, error) {
	after, err := cursor(r.Params.After)
	if err != nil {
		return nil, err
	}
	history, err := a.Store.History(ctx, r.Number)
	if err == nil && len(history) == 0 {
		err = &event.Error{Kind: event.NotFound, Text: "cannot show the number: no event ever changed it"}
	}
	if err := a.looked(ctx, "numbers history", r.Number, err); err != nil {
		return nil, err
	}
	begin := int(min(after, int64(len(history))))
	end := min(begin+limitOf(r.Params.Limit), len(history))
	page := gen.ListHistory200JSONResponse{Items: mapped(history[begin:end], changeOf)}
	if end < len(history) {
		next := text(int64(end))
		page.Next = &next
	}
	return page, nil
}

func numberOf(n event.Number) gen.Number {
	return gen.Number{Number: n.Number, Values: mapped(n.Values, changeOf)}
}

func changeOf(c event.Change) gen.Change {
	return gen.Change{
		Number: c.Number, Attribute: gen.Attribute(c.Attribute), Value: c.Value, State: gen.ChangeState(c.State),
		EventTs: c.TS, EventId: c.EventID.String(), Event: c.EventName, AccountId: c.AccountID, CarrierCode: c.CarrierCode,
		Received: c.Received,
	}
}

// valueOf is a value, where there is one.
func valueOf(value json.RawMessage) *gen.Value {
	if value == nil {
		return nil
	}
	return &value
}

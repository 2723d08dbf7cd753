package sqlite

import (
	"context"
	"database/sql"
	"math"

	"numhook/server/event"
)

const (
	// changeColumns are what an event.Change is made of. The last of a number's attribute, by what it is ordered by and then by place, is the current one.
	changeColumns = `c.number, c.attribute, e.value, e.event_ts, e.id, e.name, e.account_id, e.carrier_code, e.received,
		CASE WHEN c.superseded THEN 'superseded'
			WHEN EXISTS (SELECT 1 FROM changes n WHERE n.number = c.number AND n.attribute = c.attribute AND (n.ordered_ts, n.seq) > (c.ordered_ts, c.seq))
				THEN 'replaced'
			ELSE 'current' END`

	// newestOfPage takes, for each number of a page and each attribute, the last change up to the time ?3: one look into the tree each.
	newestOfPage = `SELECT ` + changeColumns + ` FROM page p CROSS JOIN (VALUES ('cnam'), ('emergency_address')) a
		CROSS JOIN changes c ON c.number = p.number AND c.attribute = a.column1 AND (c.ordered_ts, c.seq) = (
			SELECT ordered_ts, seq FROM changes WHERE number = p.number AND attribute = a.column1 AND ordered_ts <= ?3 ORDER BY ordered_ts DESC, seq DESC LIMIT 1)
		JOIN events e ON e.seq = c.seq ORDER BY c.number, c.attribute`

	oneNumber = `WITH page (number) AS (SELECT ?1 WHERE ?2) ` + newestOfPage

	// The next number is looked for behind the one before: the changes in between are skipped, not read.
	pageOfNumbers = `WITH RECURSIVE page (number, rest) AS (
			SELECT min(number), ?2 - 1 FROM changes WHERE number > ?1
			UNION ALL
			SELECT (SELECT min(number) FROM changes WHERE number > page.number), rest - 1 FROM page WHERE number IS NOT NULL AND rest > 0
		) ` + newestOfPage

	history = `SELECT ` + changeColumns + ` FROM changes c JOIN events e ON e.seq = c.seq WHERE c.number = ? ORDER BY c.attribute, c.ordered_ts, c.seq`
)

func scanChange(rows *sql.Rows) (c event.Change, err error) {
	err = rows.Scan(&c.Number, &c.Attribute, rawValue{&c.Value}, &c.TS, (*identity)(&c.EventID), &c.EventName, &c.AccountID, &c.CarrierCode,
		(*moment)(&c.Received), &c.State)
	return c, err
}

// numbers gathers changes that come number by number.
func (r *Reader) numbers(ctx context.Context, verb, query string, args ...any) ([]event.Number, error) {
	var list []event.Number
	err := r.each(ctx, verb, func(rows *sql.Rows) error {
		c, err := scanChange(rows)
		if err != nil {
			return err
		}
		if len(list) == 0 || list[len(list)-1].Number != c.Number {
			list = append(list, event.Number{Number: c.Number})
		}
		last := &list[len(list)-1]
		last.Values = append(last.Values, c)
		return nil
	}, query, args...)
	return list, err
}

// Numbers implements store.Reader.
func (r *Reader) Numbers(ctx context.Context, after string, limit int) ([]event.Number, error) {
	if limit < 1 {
		return nil, nil
	}
	return r.numbers(ctx, "list numbers", pageOfNumbers, after, limit, int64(math.MaxInt64))
}

// Number implements store.Reader.
func (r *Reader) Number(ctx context.Context, number string) (event.Number, error) {
	return r.NumberAsOf(ctx, number, math.MaxInt64)
}

// NumberAsOf implements store.Reader.
func (r *Reader) NumberAsOf(ctx context.Context, number string, at int64) (event.Number, error) {
	list, err := r.numbers(ctx, "read number", oneNumber, number, true, at)
	if err != nil {
		return event.Number{}, err
	}
	if len(list) == 0 {
		return event.Number{}, &event.Error{Kind: event.NotFound, Text: "cannot read number: no event had changed it"}
	}
	return list[0], nil
}

// History implements store.Reader.
func (r *Reader) History(ctx context.Context, number string) ([]event.Change, error) {
	var list []event.Change
	err := r.each(ctx, "read history", func(rows *sql.Rows) error {
		c, err := scanChange(rows)
		list = append(list, c)
		return err
	}, history, number)
	return list, err
}

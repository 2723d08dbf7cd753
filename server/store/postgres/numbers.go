package postgres

import (
	"context"
	"math"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
)

const (
	// changeColumns are what an event.Change is made of. The last of a number's attribute, by what it is ordered by and then by place, is the current one; one is
	// superseded when a newer one had been stored before it, that is at a lower place.
	changeColumns = `c.number, c.attribute::text, e.value, e.event_ts, e.id, e.name, e.account_id, e.carrier_code, e.received`

	// newestOfPage takes, for each number of a page and each attribute, the last change up to the time $3: one look into the tree each.
	newestOfPage = `SELECT ` + changeColumns + `, CASE
			WHEN EXISTS (SELECT 1 FROM numhook.changes n WHERE n.number = c.number AND n.attribute = c.attribute AND n.ordered_ts > c.ordered_ts AND n.seq < c.seq)
				THEN 'superseded'
			WHEN EXISTS (SELECT 1 FROM numhook.changes n WHERE n.number = c.number AND n.attribute = c.attribute AND (n.ordered_ts, n.seq) > (c.ordered_ts, c.seq))
				THEN 'replaced'
			ELSE 'current' END
		FROM page p CROSS JOIN (VALUES ('cnam'::numhook.attribute), ('emergency_address')) AS a (attribute)
		CROSS JOIN LATERAL (
			SELECT * FROM numhook.changes WHERE number = p.number AND attribute = a.attribute AND ordered_ts <= $3::bigint ORDER BY ordered_ts DESC, seq DESC LIMIT 1
		) c
		JOIN numhook.events e ON e.seq = c.seq ORDER BY c.number, c.attribute`

	oneNumber = `WITH page (number) AS (SELECT $1::bytea WHERE $2::bigint = 1) ` + newestOfPage

	// The next number is looked for behind the one before: the changes in between are skipped, not read.
	pageOfNumbers = `WITH RECURSIVE page (number, rest) AS (
			(SELECT number, $2::bigint - 1 FROM numhook.changes WHERE number > $1::bytea ORDER BY number LIMIT 1)
			UNION ALL
			SELECT (SELECT c.number FROM numhook.changes c WHERE c.number > page.number ORDER BY c.number LIMIT 1), rest - 1
			FROM page WHERE number IS NOT NULL AND rest > 0
		) ` + newestOfPage

	history = `SELECT ` + changeColumns + `, CASE WHEN min(c.seq) OVER newer < c.seq THEN 'superseded'
			WHEN row_number() OVER (PARTITION BY c.attribute ORDER BY c.ordered_ts DESC, c.seq DESC) > 1 THEN 'replaced' ELSE 'current' END
		FROM numhook.changes c JOIN numhook.events e ON e.seq = c.seq WHERE c.number = $1::bytea
		WINDOW newer AS (PARTITION BY c.attribute ORDER BY c.ordered_ts DESC GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
		ORDER BY c.attribute, c.ordered_ts, c.seq`
)

func scanChange(rows pgx.Rows) (c event.Change, err error) {
	err = rows.Scan((*word)(&c.Number), (*string)(&c.Attribute), rawValue{&c.Value}, &c.TS, (*identity)(&c.EventID), (*word)(&c.EventName),
		(*word)(&c.AccountID), &c.CarrierCode, (*moment)(&c.Received), (*string)(&c.State))
	return c, err
}

// numbers gathers changes that come number by number.
func (r *Reader) numbers(ctx context.Context, verb, query string, args ...any) ([]event.Number, error) {
	var list []event.Number
	err := r.each(ctx, verb, func(rows pgx.Rows) error {
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
	return r.numbers(ctx, "list numbers", pageOfNumbers, []byte(after), int64(limit), int64(math.MaxInt64))
}

// Number implements store.Reader.
func (r *Reader) Number(ctx context.Context, number string) (event.Number, error) {
	return r.NumberAsOf(ctx, number, math.MaxInt64)
}

// NumberAsOf implements store.Reader.
func (r *Reader) NumberAsOf(ctx context.Context, number string, at int64) (event.Number, error) {
	list, err := r.numbers(ctx, "read number", oneNumber, []byte(number), int64(1), at)
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
	err := r.each(ctx, "read history", func(rows pgx.Rows) error {
		c, err := scanChange(rows)
		list = append(list, c)
		return err
	}, history, []byte(number))
	return list, err
}

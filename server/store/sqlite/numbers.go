package sqlite

import (
	"context"
	"database/sql"
	"math"

	"numhook/server/event"
	"numhook/server/store/sound"
)

var (
	// changeColumns are what an event.Change is made of. The last of a number's attribute, by what it is ordered by and
	// then by place, is the current one.
	changeColumns = `c.number, c.attribute, e.value, coalesce(e.event_ts, c.ordered_ts), e.id, coalesce(e.name, ''),
		coalesce(e.account_id, ''), coalesce(e.carrier_code, 0), coalesce(e.received, 0),
		CASE WHEN c.superseded THEN 'superseded'
			WHEN EXISTS (SELECT 1 FROM changes n WHERE n.number = c.number AND n.attribute = c.attribute
				AND (n.ordered_ts, n.seq) > (c.ordered_ts, c.seq))
				THEN 'replaced'
			ELSE 'current' END` + evidence("e")

	// newestOfPage takes, for each number of a page and each attribute, the last change up to the time ?3: one look into
	// the tree each.
	newestOfPage = `SELECT ` + changeColumns + ` FROM page p CROSS JOIN (VALUES ('cnam'), ('emergency_address')) a
		CROSS JOIN changes c ON c.number = p.number AND c.attribute = a.column1 AND (c.ordered_ts, c.seq) = (
			SELECT ordered_ts, seq FROM changes WHERE number = p.number AND attribute = a.column1 AND ordered_ts <= ?3
				ORDER BY ordered_ts DESC, seq DESC LIMIT 1)
		LEFT JOIN events e ON e.seq = c.seq ORDER BY c.number, c.attribute`

	oneNumber = `WITH page (number) AS (SELECT ?1 WHERE ?2) ` + newestOfPage

	// The next number is looked for behind the one before: the changes in between are skipped, not read.
	pageOfNumbers = `WITH RECURSIVE page (number, rest) AS (
			SELECT min(number), ?2 - 1 FROM changes WHERE number > ?1
			UNION ALL
			SELECT (SELECT min(number) FROM changes WHERE number > page.number), rest - 1 FROM page WHERE number IS NOT NULL
				AND rest > 0
		) ` + newestOfPage

	history = `SELECT ` + changeColumns + ` FROM changes c LEFT JOIN events e ON e.seq = c.seq WHERE c.number = ? ORDER ` +
		`BY c.attribute, c.ordered_ts, c.seq`
)

// toldChange is a change with what it is held against.
type toldChange struct {
	event.Change
	evidence sound.Evidence
	wrong    error // it cannot be read
}

func scanChange(rows *sql.Rows) (c toldChange) {
	c.wrong = rows.Scan(append([]any{&c.Number, &c.Attribute, rawValue{&c.Value}, &c.TS, (*identity)(&c.EventID),
		&c.EventName, &c.AccountID, &c.CarrierCode,
		(*timestamp)(&c.Received), &c.State}, evidenceInto(&c.evidence)...)...)
	return c
}

// changes reads changes, and holds each against its evidence when all are read. It hands on what it read before a
// failure, too.
func (r *Reader) changes(ctx context.Context, verb, query string, args ...any) ([]toldChange, error) {
	var list []toldChange
	failed := r.each(ctx, verb, func(rows *sql.Rows) error {
		list = append(list, scanChange(rows))
		return nil
	}, query, args...)
	for i := range list {
		c := &list[i]
		if c.wrong == nil {
			c.wrong = r.agrees(ctx, c.Change, c.evidence)
		}
		if sound.IsStoreError(c.wrong) {
			return nil, c.wrong
		}
	}
	return list, failed
}

// pass tells of a change that is not shown.
func (r *Reader) pass(c toldChange) {
	r.identities.Pass("value", "of event "+c.EventID.String(), rowError(c.wrong))
}

// Numbers implements store.Reader.
func (r *Reader) Numbers(ctx context.Context, after string, limit int) ([]event.Number, error) {
	var list []event.Number
	err := sound.Walk(after, limit, func(after string, limit int) (sound.Page[string], error) {
		page, err := r.pageOfNumbers(ctx, after, limit, &list)
		if err != nil && isDamage(err) && limit > 1 { // up to the number that cannot be read
			page, err = r.pageOfNumbers(ctx, after, 1, &list)
		}
		return page, err
	}, isDamage, func(after string, why error) (string, bool) {
		r.identities.Pass("number", "or several", rowError(why))
		if next, err := r.numberBehind(ctx, after); err == nil {
			return next, next != "" // its value cannot be read, and what is behind it perhaps can
		}
		return sound.BehindText(after, func(after string) bool {
			_, err := r.numberBehind(ctx, after)
			return !isDamage(err)
		})
	})
	return list, err
}

// numberBehind is the first number behind the one given, or empty.
func (r *Reader) numberBehind(ctx context.Context, after string) (next string, err error) {
	err = r.each(ctx, "list numbers", func(rows *sql.Rows) error { return rows.Scan(&next) },
		"SELECT coalesce(min(number), '') FROM changes WHERE number > ?", after)
	return next, err
}

// pageOfNumbers adds the numbers of a page to the list: all of them, or none.
func (r *Reader) pageOfNumbers(
	ctx context.Context, after string, limit int, list *[]event.Number,
) (sound.Page[string], error) {
	changes, err := r.changes(ctx, "list numbers", pageOfNumbers, after, limit, int64(math.MaxInt64))
	page := sound.Page[string]{Last: after}
	if err != nil {
		return page, err
	}
	numbers := 0
	for i, c := range changes {
		if i == 0 || c.Number != page.Last {
			numbers++
			page.Last = c.Number
		}
		if c.wrong != nil {
			r.pass(c)
			continue
		}
		if last := len(*list) - 1; last >= 0 && (*list)[last].Number == c.Number {
			(*list)[last].Values = append((*list)[last].Values, c.Change)
			continue
		}
		*list = append(*list, event.Number{Number: c.Number, Values: []event.Change{c.Change}})
		page.Good++
	}
	page.End = numbers < limit
	return page, nil
}

// Number implements store.Reader.
func (r *Reader) Number(ctx context.Context, number string) (event.Number, error) {
	return r.NumberAsOf(ctx, number, math.MaxInt64)
}

// NumberAsOf implements store.Reader. When one value is damaged there is no answer: an older one would be taken for it.
func (r *Reader) NumberAsOf(ctx context.Context, number string, at int64) (event.Number, error) {
	changes, err := r.changes(ctx, "read number", oneNumber, number, true, at)
	if err != nil {
		return event.Number{}, err
	}
	if len(changes) == 0 {
		return event.Number{}, &event.Error{Kind: event.NotFound, Text: "cannot read number: no event had changed it"}
	}
	found := event.Number{Number: number}
	for _, c := range changes {
		if c.wrong != nil {
			return event.Number{}, sound.Damaged("show the number's "+string(c.Attribute)+", which event "+c.EventID.String()+
				" set", rowError(c.wrong))
		}
		found.Values = append(found.Values, c.Change)
	}
	return found, nil
}

// History implements store.Reader.
func (r *Reader) History(ctx context.Context, number string) ([]event.Change, error) {
	changes, err := r.changes(ctx, "read history", history, number)
	var list []event.Change
	for _, c := range changes {
		if c.wrong != nil {
			r.pass(c)
			continue
		}
		list = append(list, c.Change)
	}
	if err != nil && isDamage(err) && len(list) > 0 {
		r.identities.Pass("changes", "behind the last one shown", rowError(err))
		err = nil
	}
	return list, err
}

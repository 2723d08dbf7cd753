package postgres

import (
	"context"
	"math"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
	"numhook/server/store/sound"
)

var (
	// changeColumns are what an event.Change is made of. The last of a number's attribute, by what it is ordered by and
	// then by seq, is the current one; one is superseded when a newer one had been stored before it, that is at a lower
	// seq.
	changeColumns = `c.number, c.attribute::text, e.value, coalesce(e.event_ts, c.ordered_ts), e.id, e.name, ` +
		`e.account_id, coalesce(e.carrier_code, 0), coalesce(e.received, 0)`

	// newestOfPage takes, for each number of a page and each attribute, the last change up to the time $3: one look into
	// the tree each.
	newestOfPage = `SELECT ` + changeColumns + `, CASE
			WHEN EXISTS (SELECT 1 FROM numhook.changes n WHERE n.number = c.number AND n.attribute = c.attribute
				AND n.ordered_ts > c.ordered_ts AND n.seq < c.seq)
				THEN 'superseded'
			WHEN EXISTS (SELECT 1 FROM numhook.changes n WHERE n.number = c.number AND n.attribute = c.attribute
				AND (n.ordered_ts, n.seq) > (c.ordered_ts, c.seq))
				THEN 'replaced'
			ELSE 'current' END` + evidence("e") + `
		FROM page p CROSS JOIN (VALUES ('cnam'::numhook.attribute), ('emergency_address')) AS a (attribute)
		CROSS JOIN LATERAL (
			SELECT * FROM numhook.changes WHERE number = p.number AND attribute = a.attribute AND ordered_ts <= $3::bigint
				ORDER BY ordered_ts DESC, seq DESC LIMIT 1
		) c
		LEFT JOIN numhook.events e ON e.seq = c.seq ORDER BY c.number, c.attribute`

	oneNumber = `WITH page (number) AS (SELECT $1::bytea WHERE $2::bigint = 1) ` + newestOfPage

	// The next number is looked for behind the one before: the changes in between are skipped, not read.
	pageOfNumbers = `WITH RECURSIVE page (number, rest) AS (
			(SELECT number, $2::bigint - 1 FROM numhook.changes WHERE number > $1::bytea ORDER BY number LIMIT 1)
			UNION ALL
			SELECT (SELECT c.number FROM numhook.changes c WHERE c.number > page.number ORDER BY c.number LIMIT 1), rest - 1
			FROM page WHERE number IS NOT NULL AND rest > 0
		) ` + newestOfPage

	history = `SELECT ` + changeColumns + `, CASE WHEN min(c.seq) OVER newer < c.seq THEN 'superseded'
			WHEN row_number() OVER (PARTITION BY c.attribute ORDER BY c.ordered_ts DESC, c.seq DESC) > 1 THEN 'replaced'
			ELSE 'current' END` + evidence("e") + `
		FROM numhook.changes c LEFT JOIN numhook.events e ON e.seq = c.seq WHERE c.number = $1::bytea
		WINDOW newer AS (PARTITION BY c.attribute ORDER BY c.ordered_ts DESC GROUPS BETWEEN UNBOUNDED PRECEDING
			AND 1 PRECEDING)
		ORDER BY c.attribute, c.ordered_ts, c.seq`
)

// toldChange is a change with what it is held against.
type toldChange struct {
	event.Change
	evidence sound.Evidence
	wrong    error // it does not agree
}

func scanChange(rows pgx.Rows) (c toldChange, err error) {
	err = rows.Scan(append([]any{(*senderText)(&c.Number), (*string)(&c.Attribute), rawValue{&c.Value}, &c.TS,
		(*identity)(&c.EventID), (*senderText)(&c.EventName),
		(*senderText)(&c.AccountID), &c.CarrierCode, (*timestamp)(&c.Received), (*string)(&c.State)},
		evidenceInto(&c.evidence)...)...)
	return c, err
}

// changes reads changes, and holds each against its evidence when all are read. It hands on what it read before a
// failure, too.
func (r *Reader) changes(ctx context.Context, verb, query string, args ...any) ([]toldChange, error) {
	var list []toldChange
	failed := r.each(ctx, verb, func(rows pgx.Rows) error {
		c, err := scanChange(rows)
		if err == nil {
			list = append(list, c)
		}
		return err
	}, query, args...)
	for i := range list {
		c := &list[i]
		c.wrong = r.agrees(ctx, c.Change, c.evidence)
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
	err = r.each(ctx, "list numbers", func(rows pgx.Rows) error { return rows.Scan((*senderText)(&next)) },
		"SELECT number FROM numhook.changes WHERE number > $1::bytea ORDER BY number LIMIT 1", []byte(after))
	return next, err
}

// pageOfNumbers adds the numbers of a page to the list: all of them, or none.
func (r *Reader) pageOfNumbers(
	ctx context.Context, after string, limit int, list *[]event.Number,
) (sound.Page[string], error) {
	changes, err := r.changes(ctx, "list numbers", pageOfNumbers, []byte(after), int64(limit), int64(math.MaxInt64))
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
	changes, err := r.changes(ctx, "read number", oneNumber, []byte(number), int64(1), at)
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
	changes, err := r.changes(ctx, "read history", history, []byte(number))
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

package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"numhook/server/event"
)

// numbersMatching are the next $2 numbers behind $1, each with whether it passes event.NumberFilter but for the prefix:
// attribute $3, account $4, unconfirmed $5.
const numbersMatching = `WITH RECURSIVE page (number, rest) AS (
		(SELECT number, $2::bigint - 1 FROM numhook.changes WHERE number > $1::bytea ORDER BY number LIMIT 1)
		UNION ALL
		SELECT (SELECT c.number FROM numhook.changes c WHERE c.number > page.number ORDER BY c.number LIMIT 1), rest - 1
		FROM page WHERE number IS NOT NULL AND rest > 0
	)
	SELECT p.number,
		($3::text = '' OR EXISTS (SELECT FROM numhook.changes c WHERE c.number = p.number AND c.attribute::text = $3))
		AND ($4::bytea = '' OR EXISTS (
			SELECT FROM (VALUES ('cnam'::numhook.attribute), ('emergency_address')) AS a (attribute)
			JOIN numhook.events e ON e.seq = (SELECT c.seq FROM numhook.changes c
				WHERE c.number = p.number AND c.attribute = a.attribute ORDER BY c.ordered_ts DESC, c.seq DESC LIMIT 1)
			WHERE e.account_id = $4))
		AND (NOT $5::boolean OR EXISTS (SELECT FROM numhook.downstreams d
			CROSS JOIN LATERAL (SELECT o.state FROM numhook.owed o WHERE o.downstream = d.id AND o.number = p.number) o
			WHERE o.state IN ('waiting', 'attempting', 'dead')))
	FROM page p WHERE p.number IS NOT NULL`

// NumbersPassing implements store.Reader.
func (r *Reader) NumbersPassing(
	ctx context.Context, f event.NumberFilter, after string, limit int,
) (numbers []string, next string, err error) {
	search := event.NumberSearch{Filter: f, Limit: limit}
	err = r.each(ctx, "list numbers", func(rows pgx.Rows) error {
		var number senderText
		var passes bool
		err := rows.Scan(&number, &passes)
		search.Look(string(number), passes)
		return err
	}, numbersMatching, []byte(f.Begin(after)), int64(event.NumbersLookedAt), string(f.Attribute), []byte(f.Account),
		f.Unconfirmed)
	if err != nil {
		return nil, "", err
	}
	numbers, next = search.Page()
	return numbers, next, nil
}

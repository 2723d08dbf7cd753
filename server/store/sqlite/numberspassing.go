package sqlite

import (
	"context"
	"database/sql"

	"numhook/server/event"
)

// numbersMatching are the next ?2 numbers behind ?1, each with whether it passes event.NumberFilter but for the prefix:
// attribute ?3, account ?4, unconfirmed ?5.
const numbersMatching = `WITH RECURSIVE page (number, rest) AS (
		SELECT min(number), ?2 - 1 FROM changes WHERE number > ?1
		UNION ALL
		SELECT (SELECT min(number) FROM changes WHERE number > page.number), rest - 1 FROM page WHERE number IS NOT NULL
			AND rest > 0
	)
	SELECT p.number,
		(?3 = '' OR EXISTS (SELECT 1 FROM changes c WHERE c.number = p.number AND c.attribute = ?3))
		AND (?4 = '' OR EXISTS (SELECT 1 FROM (VALUES ('cnam'), ('emergency_address')) a JOIN events e ON e.seq = (
			SELECT seq FROM changes WHERE number = p.number AND attribute = a.column1
				ORDER BY ordered_ts DESC, seq DESC LIMIT 1) WHERE e.account_id = ?4))
		AND (NOT ?5 OR EXISTS (SELECT 1 FROM downstreams d CROSS JOIN owed o ON o.downstream = d.id AND o.number = p.number
			WHERE o.state = 'waiting' OR o.state = 'attempting' OR o.state = 'dead'))
	FROM page p WHERE p.number IS NOT NULL`

// NumbersPassing implements store.Reader.
func (r *Reader) NumbersPassing(
	ctx context.Context, f event.NumberFilter, after string, limit int,
) (numbers []string, next string, err error) {
	search := event.NumberSearch{Filter: f, Limit: limit}
	err = r.each(ctx, "list numbers", func(rows *sql.Rows) error {
		var number string
		var passes bool
		err := rows.Scan(&number, &passes)
		search.Look(number, passes)
		return err
	}, numbersMatching, f.Begin(after), event.NumbersLookedAt, string(f.Attribute), f.Account, f.Unconfirmed)
	if err != nil {
		return nil, "", err
	}
	numbers, next = search.Page()
	return numbers, next, nil
}

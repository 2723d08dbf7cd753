package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
)

// indexed is an index, or a constraint that has or needs one, and how it goes and comes back.
type indexed struct{ drop, create string }

// indexesOf are those of the tables, in the order in which they can be dropped: what refers to one of them is first.
const indexesOf = `WITH tables AS (SELECT unnest($1::text[])::regclass::oid AS oid), list AS (
	SELECT CASE contype WHEN 'f' THEN 0 ELSE 1 END AS turn, oid,
		format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS gone,
		format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS anew
	FROM pg_constraint WHERE contype IN ('p', 'u', 'x', 'f') AND conrelid IN (TABLE tables)
	UNION ALL SELECT 2, indexrelid, format('DROP INDEX %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
	FROM pg_index WHERE indrelid IN (TABLE tables)
		AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid))
	SELECT gone, anew FROM list ORDER BY turn, oid`

// unindex drops the tables' indexes: the server reads the first page of each whenever it plans to read the table, and
// one that is damaged would hide everything. Those by which long values are found cannot be dropped; they are built
// again, as far as the values can be read.
func (r *repair) unindex(ctx context.Context) error {
	var names []string
	for _, table := range append(slices.Clone(tables), "damaged") {
		names = append(names, "numhook."+table)
	}
	rows, err := r.tx.Query(ctx, indexesOf, names)
	if err != nil {
		return err
	}
	r.indexes, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (one indexed, err error) {
		err = row.Scan(&one.drop, &one.create)
		return one, err
	})
	if err != nil {
		return err
	}
	for _, one := range r.indexes {
		if err := r.exec(ctx, one.drop); err != nil {
			return err
		}
	}
	for _, name := range names {
		err := r.apart(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "REINDEX TABLE "+name)
			return err
		})
		if err != nil && !passes(err) {
			return err
		}
	}
	return nil
}

// index builds the indexes again.
func (r *repair) index(ctx context.Context) error {
	r.Tell("indexes", 0)
	for _, one := range slices.Backward(r.indexes) {
		if err := r.exec(ctx, one.create); err != nil {
			return err
		}
	}
	return r.exec(ctx, analyzeTables)
}

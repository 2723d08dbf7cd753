package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"numhook/server/store/sound"
)

// Rows are looked for where they lie, in blocks, and not by an index, which may be damaged, too.
const (
	blocksAtATime = 8
	sizeOfTable   = `SELECT coalesce(pg_relation_size(to_regclass($1)), 0) / b.bytes, b.bytes FROM (SELECT ` +
		`current_setting('block_size')::bigint AS bytes) b`

	// inBlocks holds for the rows of t in the blocks $1 to $2, and of those the lines $3 to $4: each is looked for by its
	// address.
	inBlocks = `t.ctid = ANY (ARRAY(SELECT ('(' || b || ',' || l || ')')::tid
		FROM generate_series($1::bigint, $2::bigint) AS b, generate_series($3::bigint, $4::bigint) AS l))`
)

// linesOf is how many rows fit into a block of so many bytes: PostgreSQL's MaxHeapTuplesPerPage.
func linesOf(blockBytes int64) int64 { return 291 * blockBytes / 8192 }

// walk is a way through all the rows of a table, piece by piece.
type walk struct {
	*repair
	table string
	read  func(tx pgx.Tx, piece []any) error // of the rows for which inBlocks holds; all of them or none
	// keeps a row that cannot be read by read: $1 and $2 are its address, $3 the reason, $4 the time; may be empty
	move  string
	lines int64 // in a block
}

// walk reads all of a table, each piece in a part of its own. What cannot be read is named, with its block or its row,
// and the rest is read.
func (r *repair) walk(ctx context.Context, table, move string, read func(tx pgx.Tx, piece []any) error) error {
	w := &walk{repair: r, table: table, read: read, move: move}
	var blocks, bytes int64
	if err := r.tx.QueryRow(ctx, sizeOfTable, "numhook."+table).Scan(&blocks, &bytes); err != nil {
		return err
	}
	blocks, w.lines = max(blocks, 1), linesOf(bytes) // a file that is missing has no blocks, and reading it says so
	for after := int64(0); after < blocks; after += blocksAtATime {
		var bad []int64
		err := sound.Halve(after, min(after+blocksAtATime, blocks), func(after, until int64) error {
			return w.piece(ctx, after, until-1, 1, w.lines)
		}, passes, func(until int64, _ error) { bad = append(bad, until-1) })
		if err != nil {
			return err
		}
		for _, block := range bad {
			if err := w.rows(ctx, block); err != nil {
				return err
			}
		}
		r.Tell(table, after)
	}
	return nil
}

func (w *walk) piece(ctx context.Context, block, lastBlock, numberLine, lastLine int64) error {
	return w.apart(ctx, func(tx pgx.Tx) error { return w.read(tx, []any{block, lastBlock, numberLine, lastLine}) })
}

// rows reads what can be read of a block, row by row: none where the block itself is unreadable.
func (w *walk) rows(ctx context.Context, block int64) error {
	err := w.apart(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT FROM numhook."+w.table+" t WHERE "+inBlocks, block, block, int64(1), int64(1))
		return err
	})
	if err != nil && passes(err) {
		w.Lose(sound.Passed{What: "table " + w.table, Key: fmt.Sprintf("block %d", block), Why: w.why(err).Error()})
		return nil
	}
	if err != nil {
		return err
	}
	type lostRow struct {
		numberLine int64
		why        error
	}
	var lost []lostRow
	err = sound.Halve(0, w.lines, func(after, until int64) error { return w.piece(ctx, block, block, after+1, until) },
		passes,
		func(numberLine int64, why error) { lost = append(lost, lostRow{numberLine, w.why(why)}) })
	for _, l := range lost {
		if err == nil {
			err = w.moveAway(ctx, block, l.numberLine, l.why)
		}
	}
	return err
}

// moveAway keeps a row that is not whole, where it can be read at all.
func (w *walk) moveAway(ctx context.Context, block, numberLine int64, why error) error {
	w.Lose(sound.Passed{What: "row of " + w.table, Key: fmt.Sprintf("(%d,%d)", block, numberLine), Why: why.Error()})
	if w.move == "" {
		return nil
	}
	err := w.apart(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, w.move, block, numberLine, why.Error(), w.Now.UnixMicro())
		return err
	})
	if err != nil && !passes(err) {
		return err
	}
	if err == nil {
		w.Moved = movedTo
	}
	return nil
}

// passes reports whether an error is about what was read, so that the rest may be read: damage, or a value that no
// whole row has.
func passes(err error) bool { return isDamage(err) || faultOf(err) == faultOwn }

// why is what is said of a row that cannot be read.
func (r *repair) why(err error) error { return rowError(r.store.unreadable("read", err)) }

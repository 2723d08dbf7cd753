package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"

	codes "modernc.org/sqlite/lib"

	"numhook/server/event"
	"numhook/server/store/sound"
)

// Check has every row that the reader gives out held against its identity from now on. It is called before the reader
// is used.
func (r *Reader) Check(c sound.Check) { r.identities = c }

// errColumn stands for the driver's error about a column, which quotes what is in it.
type errColumn struct{ error }

func (errColumn) Error() string { return sound.ErrColumn.Error() }

// isDamage reports whether what failed is a thing that cannot be read, while others may be.
func isDamage(err error) bool {
	if _, ok := errors.AsType[errColumn](err); ok {
		return true
	}
	switch code(err) {
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return true
	case codes.SQLITE_IOERR:
		return extendedCode(err) == codes.SQLITE_IOERR_READ || extendedCode(err) == codes.SQLITE_IOERR_SHORT_READ
	}
	return event.KindOf(err) == event.Damaged
}

// unreadable is what a reader's caller gets for any trouble.
func unreadable(verb string, err error) error {
	if strings.HasPrefix(err.Error(), "sql: Scan error") { // database/sql has no type for it
		err = errColumn{err}
	}
	if isDamage(err) {
		return sound.Damaged(verb, err)
	}
	return unavailable(verb, err)
}

// evidence are the columns of an event that a row is held against, beside those that the row shows.
func evidence(alias string) string {
	text := `, coalesce(e.seq, 0), coalesce(e.event_ts, 0), coalesce(e.door, ''), CASE WHEN length(e.body) <= ` +
		strconv.Itoa(sound.Short) + ` THEN e.numbers ELSE '[]' END,
		CASE WHEN length(e.body) <= ` + strconv.Itoa(sound.Short) + ` THEN e.body END`
	return strings.ReplaceAll(text, "e.", alias+".")
}

func evidenceInto(v *sound.Evidence) []any {
	return []any{&v.Seq, &v.TS, &v.Path, jsonColumn{&v.Numbers}, &v.Body}
}

const eventAt = `SELECT ` + eventColumns + `, e.body FROM events e WHERE e.seq = ?`

// longEvent is an event that was found good, by its seq.
func (r *Reader) longEvent(ctx context.Context) func(seq int64) (event.Event, error) {
	return func(seq int64) (event.Event, error) {
		if e, known := r.long.Recall(seq); known {
			return e, nil
		}
		var e event.Stored
		err := r.each(ctx, "read event", func(rows *sql.Rows) (err error) {
			e, err = scanEvent(rows)
			return err
		}, eventAt, seq)
		if err == nil && e.Seq != seq {
			err = sound.ErrNoEvent
		}
		if err == nil && r.identities.On() {
			err = r.identities.Event(e.Event)
		}
		if err != nil {
			return event.Event{}, err
		}
		return r.long.Keep(seq, e.Event), nil
	}
}

// agrees holds a change against its evidence. An error that is no damage is the store's.
func (r *Reader) agrees(ctx context.Context, c event.Change, v sound.Evidence) error {
	return r.identities.Change(c, v, r.longEvent(ctx))
}

// listRows reads at most limit rows behind the key given, and passes over what is damaged.
func listRows[R any](ctx context.Context, r *Reader, verb, what string, after int64, limit int, query string,
	args func(after int64, limit int) []any,
	scan func(rows *sql.Rows) (row R, key int64, wrong error), judge func(row *R) error,
) ([]R, error) {
	l := sound.List[R]{
		What: what, Check: r.identities, Judge: judge, Damage: isDamage, Say: rowError,
		Query: func(after int64, limit int, row func(R, int64, error)) error {
			return r.each(ctx, verb, func(rows *sql.Rows) error {
				row(scan(rows))
				return nil
			}, query, args(after, limit)...)
		},
	}
	return l.Read(after, limit)
}

// rowError is what is said of a row: never more of the driver's words than its code.
func rowError(err error) error {
	if strings.HasPrefix(err.Error(), "sql: Scan error") {
		return sound.ErrColumn
	}
	if e, ok := errors.AsType[*event.Error](err); ok && e.Err != nil {
		return e.Err
	}
	return err
}

package postgres

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"numhook/server/event"
	"numhook/server/store/sound"
)

// Check has every row that the reader gives out held against its identity from now on. It is called before the reader
// is used.
func (r *Reader) Check(c sound.Check) { r.identities = c }

// isDamage reports whether what failed is a thing that cannot be read, while others may be.
func isDamage(err error) bool {
	if _, ok := errors.AsType[pgx.ScanArgError](err); ok {
		return true
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "XX001", "XX002", "58P01", "58030": // corrupted data or index, a missing file, a block that cannot be read
			return true
		}
	}
	return event.KindOf(err) == event.Damaged
}

// unreadable is what a reader's caller gets for any trouble.
func (r *Reader) unreadable(verb string, err error) error {
	switch _, column := errors.AsType[pgx.ScanArgError](err); {
	case column:
		return sound.Damaged(verb, sound.ErrColumn)
	case isDamage(err):
		return sound.Damaged(verb, r.dsn.describe(err))
	}
	return r.dsn.unavailable(verb, err)
}

// rowError is what is said of a row.
func rowError(err error) error {
	if e, ok := errors.AsType[*event.Error](err); ok && e.Err != nil {
		return e.Err
	}
	return err
}

// evidence are the columns of an event that a row is held against, beside those that the row shows.
func evidence(alias string) string {
	text := `, coalesce(e.seq, 0), coalesce(e.event_ts, 0), e.door, CASE WHEN octet_length(e.body) <= ` +
		strconv.Itoa(sound.Short) + ` THEN e.numbers ELSE '[]' END,
		CASE WHEN octet_length(e.body) <= ` + strconv.Itoa(sound.Short) + ` THEN e.body END`
	return strings.ReplaceAll(text, "e.", alias+".")
}

func evidenceInto(v *sound.Evidence) []any {
	return []any{&v.Seq, &v.TS, (*senderText)(&v.Path), jsonColumn{&v.Numbers}, rawBody{&v.Body}}
}

const eventAt = `SELECT ` + eventColumns + `, e.body FROM numhook.events e WHERE e.seq = $1::bigint`

// longEvent is an event that was found good, by its seq.
func (r *Reader) longEvent(ctx context.Context) func(seq int64) (event.Event, error) {
	return func(seq int64) (event.Event, error) {
		if e, known := r.long.Recall(seq); known {
			return e, nil
		}
		var e event.Stored
		err := r.each(ctx, "read event", func(rows pgx.Rows) (err error) {
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

// listRows reads at most limit rows behind the key given, and passes over what is damaged. An error of scan is about a
// row that can be read and is wrong.
func listRows[R any](ctx context.Context, r *Reader, verb, what string, after int64, limit int, query string,
	args func(after int64, limit int) []any,
	scan func(rows pgx.Rows) (row R, key int64, wrong, err error), judge func(row *R) error,
) ([]R, error) {
	l := sound.List[R]{
		What: what, Check: r.identities, Judge: judge, Damage: isDamage, Say: rowError,
		Query: func(after int64, limit int, row func(R, int64, error)) error {
			return r.each(ctx, verb, func(rows pgx.Rows) error {
				one, key, wrong, err := scan(rows)
				if err == nil { // else the driver reads no further
					row(one, key, wrong)
				}
				return err
			}, query, args(after, limit)...)
		},
	}
	return l.Read(after, limit)
}

// judge holds what was claimed against its identity. What does not agree says so; a value before that does not is left
// out.
func (r *Reader) judge(ctx context.Context, claimed []claimedRow) ([]event.Attempt, error) {
	var list []event.Attempt
	for i := range claimed {
		a := &claimed[i]
		change := event.Change{
			Number: a.Number, Attribute: a.Attribute, Value: a.Value, EventID: a.EventID, EventName: a.EventName,
			AccountID: a.AccountID, CarrierCode: a.CarrierCode,
		}
		wrong := r.agrees(ctx, change, a.evidence)
		if wrong == nil {
			a.Value, wrong = r.identities.Said(change, a.evidence, r.longEvent(ctx))
		}
		if wrong != nil {
			a.Damaged = rowError(wrong).Error()
			r.identities.Pass("owed row", strconv.FormatInt(a.Row, 10), rowError(wrong))
		}
		before := r.identities.Before(a.previous, a.Attribute, a.Previous, a.before, r.longEvent(ctx))
		if before != nil {
			a.Previous = nil
		}
		for _, err := range []error{wrong, before} {
			if sound.IsStoreError(err) {
				return nil, err
			}
		}
		list = append(list, a.Attempt)
	}
	return list, nil
}

// giveBack releases what was claimed and could not be held against its identity, because of trouble of the store's.
func (s *Store) giveBack(ctx context.Context, downstream string, claimed []claimedRow) error {
	var held []event.Claimed
	for _, c := range claimed {
		held = append(held, event.Claimed{Row: c.Row, Claim: c.Claim})
	}
	_, err := s.Release(context.WithoutCancel(ctx), downstream, held)
	return err
}

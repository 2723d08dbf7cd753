package sound

import (
	"fmt"
	"strconv"
)

// List reads rows that are kept by an integer, and passes over what is damaged.
type List[R any] struct {
	What  string // in Passed
	Check Check
	// reads at most limit rows behind a key, in the order of their keys
	Query func(after int64, limit int, row func(row R, key int64, wrong error)) error
	// is asked when no rows are open any more; may be nil
	Judge func(row *R) (wrong error)
	// whether an error is damage, and not the store's trouble
	Damage func(error) bool
	Say    func(error) error // an error without values

	good []R
}

// Read reads at most limit good rows behind the key given.
func (l *List[R]) Read(after int64, limit int) ([]R, error) {
	err := Walk(after, limit, l.page, l.Damage, func(after int64, why error) (int64, bool) {
		next, found := BehindSeq(after, func(after int64) bool {
			err := l.Query(after, 1, func(R, int64, error) {})
			return err == nil || !l.Damage(err)
		})
		where := fmt.Sprintf("%d to %d", after+1, next)
		switch {
		case !found:
			where = fmt.Sprintf("all behind %d", after)
		case next == after+1:
			where = strconv.FormatInt(next, 10)
		}
		l.Check.Pass(l.What, where, l.Say(why))
		return next, found
	})
	return l.good, err
}

// page reads one page.
func (l *List[R]) page(after int64, limit int) (Page[int64], error) {
	type one struct {
		row   R
		key   int64
		wrong error
	}
	var rows []one
	failed := l.Query(after, limit, func(row R, key int64, wrong error) { rows = append(rows, one{row, key, wrong}) })
	page := Page[int64]{Last: after, End: len(rows) < limit}
	for i := range rows {
		o := &rows[i]
		page.Last = max(page.Last, o.key)
		if o.wrong == nil && l.Judge != nil {
			o.wrong = l.Judge(&o.row)
		}
		switch {
		case o.wrong == nil:
			l.good = append(l.good, o.row)
			page.Good++
		case IsStoreError(o.wrong):
			return page, o.wrong
		default:
			l.Check.Pass(l.What, strconv.FormatInt(o.key, 10), l.Say(o.wrong))
		}
	}
	return page, failed
}

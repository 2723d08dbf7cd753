package sound

import "math"

// Page is what one read of a list came to.
type Page[K any] struct {
	Good int  // rows that were handed on
	Last K    // the last key that was read, good or not; the one before when there was none
	End  bool // there is nothing behind
}

// Walk reads pages until limit rows are good or the end has come: rows that a read passes over do not make a page
// shorter. read begins behind a key and tells how far it got, also when it fails. After a failure that is damage,
// behind finds the key to go on after, or says that nothing behind can be read.
func Walk[K any](
	after K, limit int, read func(after K, limit int) (Page[K], error), damage func(error) bool,
	behind func(after K, why error) (K, bool),
) error {
	for limit > 0 {
		page, err := read(after, limit)
		limit -= page.Good
		after = page.Last
		switch {
		case err == nil && page.End:
			return nil
		case err == nil:
			continue
		case !damage(err):
			return err
		}
		next, found := behind(after, err)
		if !found {
			return nil
		}
		after = next
	}
	return nil
}

// BehindSeq finds the lowest key after which readable says that something can be read, or that there is nothing more.
// What is damaged lies in pieces, such as pages: the steps grow with the way that was gone, and where one leads out of
// a piece, the end of the piece is searched for between the last two.
func BehindSeq(after int64, readable func(after int64) bool) (int64, bool) {
	const part = 16 // what can be read between two pieces is seen when it is longer than that part of the way
	for bad := after; ; {
		step := 1 + (bad-after)/part
		if bad > math.MaxInt64-step {
			return 0, false
		}
		good := bad + step
		if !readable(good) {
			bad = good
			continue
		}
		for bad+1 < good {
			if middle := bad + (good-bad)/2; readable(middle) {
				good = middle
			} else {
				bad = middle
			}
		}
		return good, true
	}
}

// BehindText does the same for keys that are texts, such as numbers: from the last character to the first, each is
// counted up to the last of the alphabet; some hundred looks find what follows a damaged piece, wherever it ends.
func BehindText(after string, readable func(after string) bool) (string, bool) {
	const alphabet = "0123456789"
	for cut := len(after) - 1; cut >= 0; cut-- {
		for _, c := range alphabet {
			if string(c) <= after[cut:cut+1] {
				continue
			}
			if next := after[:cut] + string(c); readable(next) {
				return deeper(next, alphabet, readable), true
			}
		}
	}
	const last = "\U0010ffff"
	return last, after < last && readable(last)
}

// deeper finds an earlier key between the one before next at its last character, whose piece cannot be read from its
// begin on, and next.
func deeper(next, alphabet string, readable func(after string) bool) string {
	const digits = 15 // of E.164
	for {
		last := next[len(next)-1]
		if last <= '0' || len(next) > digits {
			return next
		}
		prefix, found := next[:len(next)-1]+string(last-1), ""
		for _, c := range alphabet {
			if readable(prefix + string(c)) {
				found = prefix + string(c)
				break
			}
		}
		if found == "" {
			return next
		}
		next = found
	}
}

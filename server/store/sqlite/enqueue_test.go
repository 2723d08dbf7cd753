package sqlite

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"numhook/server/event"
)

// What a transaction enqueues is written together, and is as if it were written one by one.
func TestEnqueueWithinOneTransaction(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	s := openStore(t, path, Options{})
	mine := newestOnly
	mine.Name, mine.Only.CarrierCodes = "mine", []int32{7}
	mustRegister(t, s, newestOnly, mine, allOfIt)
	session, err := s.openSession(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.close() })
	w := &writer{store: s, session: session}
	fromEvent := func(number, ts int, carrier int32) work {
		e := sample(ts)
		e.Numbers, e.CarrierCode, e.Value = sample(number).Numbers, carrier, fmt.Appendf(nil, `"%d"`, ts)
		a, err := newAppending(e)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	transact := func(batch ...work) {
		t.Helper()
		if err := w.transact(batch); err != nil {
			t.Fatal(err)
		}
	}
	claims := func(downstream string) *claiming { return &claiming{downstream: downstream, limit: 1000} }
	want := func(c *claiming, values ...string) {
		t.Helper()
		var got []string
		for _, a := range c.attempts {
			got = append(got, fmt.Sprintf("%s %s", a.Number, a.Value))
		}
		slices.Sort(got)
		if !slices.Equal(got, values) {
			t.Errorf("%s is handed %q, want %q", c.downstream, got, values)
		}
	}

	// Of the carrier 7 are all of what is said about one, the first of what is said about two, and what comes too late
	// about three.
	before, after := claims("mine"), claims("mine")
	transact(fromEvent(1, 11, 7), before, fromEvent(2, 21, 7), fromEvent(2, 22, 8), fromEvent(3, 31, 8),
		fromEvent(3, 30, 7), after)
	want(before, `+15550000001 "11"`)
	want(after, `+15550000002 "22"`)
	all := claims("newest")
	transact(fromEvent(1, 13, 8), fromEvent(1, 12, 7), fromEvent(4, 41, 8), fromEvent(4, 42, 8), all)
	want(all, `+15550000001 "13"`, `+15550000002 "22"`, `+15550000003 "31"`, `+15550000004 "42"`)
	for _, a := range slices.Concat(before.attempts, after.attempts, all.attempts) {
		mustRecord(t, s, a.Attempt, event.Confirmed)
	}
	again := claims("mine")
	transact(again)
	want(again, `+15550000001 "13"`) // came while an older one was under way
	mustRecord(t, s, again.attempts[0].Attempt, event.Confirmed)

	// As many as no statement takes at once, one number in all of them, and each number again with something older.
	for _, count := range []int{1, 2, 7, 8, 9, 31, 32, 33, 70} {
		var batch []work
		var values []string
		first := 1000 * count
		for n := first; n < first+count; n++ {
			batch = append(batch, fromEvent(n, 1000*n+1, 7), fromEvent(n, 1000*n, 7), fromEvent(5, 1000*n+2, 7))
			values = append(values, fmt.Sprintf(`+1555%07d "%d"`, n, 1000*n+1))
		}
		values = append([]string{fmt.Sprintf(`+15550000005 "%d"`, 1000*(first+count-1)+2)}, values...)
		for _, downstream := range []string{"newest", "mine"} {
			c := claims(downstream)
			if downstream == "newest" {
				transact(append(batch, c)...)
			} else {
				transact(c)
			}
			want(c, values...)
			for _, a := range c.attempts {
				mustRecord(t, s, a.Attempt, event.Confirmed)
			}
		}
	}
	checkLines(t, path)
}

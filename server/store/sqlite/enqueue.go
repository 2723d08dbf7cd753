package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"numhook/server/event"
)

// The event_ts of the outbox is that by which it is ordered: see event.Ordered.
const (
	// enqueueNewest enqueues pending rows: ?1 is now, and each pending row is a row of the VALUES. One that was not its
	// number's newest value when it was stored is passed over, and so is one that the row knows already.
	enqueueNewest = `INSERT INTO owed (downstream, number, attribute, slot, event_ts, seq, state, due, since)
		SELECT v.column1, v.column2, v.column3, 0, v.column4, v.column5, 'waiting', ?1, ?1 FROM (VALUES ` + onePending + `) v
		WHERE EXISTS (SELECT 1 FROM changes c WHERE c.number = v.column2 AND c.attribute = v.column3
			AND c.ordered_ts = v.column4 AND c.seq = v.column5
			AND c.superseded = 0)
		ON CONFLICT (downstream, number, attribute, slot) DO UPDATE SET event_ts = excluded.event_ts, seq = excluded.seq,
			` + restartRow + `
		WHERE (excluded.event_ts, excluded.seq) > (event_ts, seq)`

	onePending = `(?, ?, ?, ?, ?)`

	// enqueueKnown enqueues a value that does not pass, where the downstream was told of one before: ?1 is now, ?2 to ?6
	// are the pending row.
	enqueueKnown = `UPDATE owed SET event_ts = ?5, seq = ?6, ` + restartRow + ` WHERE downstream = ?2 AND number = ?3
		AND attribute = ?4 AND slot = 0
		AND (?5, ?6) > (event_ts, seq)
		AND EXISTS (SELECT 1 FROM changes c WHERE c.number = ?3 AND c.attribute = ?4 AND c.ordered_ts = ?5 AND c.seq = ?6
		AND c.superseded = 0)`

	// restartRow has a row start again for a version. One that is attempting stays so, under its claim: it waits its turn.
	restartRow = `tries = 0, due = CASE state WHEN 'waiting' THEN min(due, ?1) ELSE ?1 END,
		since = CASE WHEN state IN ('waiting', 'attempting') THEN since ELSE ?1 END,
		state = CASE state WHEN 'attempting' THEN state ELSE 'waiting' END`

	// In the other two ?1 is the downstream, and the numbers come last.

	// enqueueEvent enqueues what an event says about each number, behind what is earlier in the number's line, and
	// passStep makes what came to stand behind it wait: only the next one needs to be told, for the others were behind
	// that one already.
	enqueueEvent = `INSERT INTO owed (downstream, number, attribute, slot, event_ts, seq, state, behind, due, since)
		SELECT ?1, v.column1, ?2, ?4, ?3, ?4, 'waiting', EXISTS (SELECT 1 FROM owed b WHERE b.downstream = ?1
			AND b.number = v.column1 AND b.slot > 0
			AND b.state IN ('waiting', 'attempting') AND (b.event_ts, b.seq) < (?3, ?4)), ?5, ?5 FROM ` + given +
		` v WHERE true ON CONFLICT DO NOTHING`

	passStep = `UPDATE owed SET behind = 1 WHERE state = 'waiting' AND behind = 0
		AND id IN (SELECT (SELECT n.id FROM owed n
		WHERE n.downstream = ?1 AND n.number = v.column1 AND n.slot > 0 AND n.state IN ('waiting', 'attempting')
			AND (n.event_ts, n.seq) > (?2, ?3)
		ORDER BY n.event_ts, n.seq LIMIT 1) FROM ` + given + ` v)`

	// given stands for the numbers.
	given = `(VALUES (?))`
)

// forMany is a statement for manyNumbers numbers instead of one.
func forMany(statement string) string {
	return strings.Replace(statement, given, `(VALUES (?)`+strings.Repeat(", (?)", manyNumbers-1)+`)`, 1)
}

// filterInput is what an event says, as far as the filters of downstreams look at it.
type filterInput struct {
	name      string
	carrier   int32
	attribute event.Attribute
	value     string
	country   string // of the value, once it was looked for
	looked    bool
}

// passes reports whether the downstream's Only lets it through for the number.
func (in *filterInput) passes(d *registered, number string) bool {
	if len(d.Only.Countries) > 0 && !in.looked {
		in.country, in.looked = event.Country(in.attribute, []byte(in.value)), true
	}
	return d.Only.Passes(in.carrier, in.country, number)
}

// enqueue enqueues, in the transaction of the event, what it says.
func (a *appending) enqueue(ctx context.Context, w *session, seq int64) error {
	list, err := w.downstreams(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	for _, d := range list {
		if !d.Wants(a.input.name) || d.Mode == event.Latest && !(a.changes && len(a.numbers) > 0) {
			continue
		}
		if err := a.enqueueTo(ctx, w, d, seq); err != nil {
			return err
		}
	}
	return nil
}

func (a *appending) enqueueTo(ctx context.Context, w *session, d *registered, seq int64) error {
	v := version{downstream: d, attribute: a.attribute, ts: a.ordered, seq: seq}
	numbers := a.numbers
	if len(numbers) == 0 {
		numbers = []string{""}
	}
	passing := make([]string, 0, min(len(numbers), manyNumbers))
	for i, number := range numbers {
		switch {
		case a.input.passes(d, number):
			passing = append(passing, number)
		case d.Mode == event.Latest:
			if err := w.enqueueKnown(ctx, v, number); err != nil {
				return err
			}
		}
		if len(passing) == manyNumbers || i == len(numbers)-1 {
			if err := w.enqueueNumbers(ctx, v, passing); err != nil {
				return err
			}
			passing = passing[:0]
		}
	}
	return nil
}

// version is what is to be enqueued for a downstream.
type version struct {
	downstream *registered
	attribute  string
	ts, seq    int64 // of which ts is what it is ordered by
}

// pendingRow is a version for one number, in mode latest.
type pendingRow struct {
	downstream        int64
	number, attribute string
	ts, seq           int64
}

func (v version) to(number string) pendingRow {
	return pendingRow{downstream: v.downstream.id, number: number, attribute: v.attribute, ts: v.ts, seq: v.seq}
}

const mostPending = 32 // that one statement takes

// pendingSizes are the numbers of pending rows for which there is a statement. One that is given fewer is filled up
// with NULLs.
var pendingSizes = [...]int{1, 2, 8, mostPending}

// enqueuePending is enqueueNewest for so many pending rows.
func enqueuePending(size int) string {
	return strings.Replace(enqueueNewest, onePending, onePending+strings.Repeat(", "+onePending, size-1), 1)
}

// gather takes pending rows, and writes them when they are many, for one statement takes far less time than many do.
func (w *session) gather(ctx context.Context, v version, numbers []string) error {
	for _, number := range numbers {
		w.pending = append(w.pending, v.to(number))
		if len(w.pending) == mostPending {
			if err := w.writePending(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// writePending writes the pending rows that were gathered. It comes before whatever else looks at the outbox, and
// before the end of the transaction.
func (w *session) writePending(ctx context.Context) error {
	if len(w.pending) == 0 {
		return nil
	}
	i := 0
	for pendingSizes[i] < len(w.pending) {
		i++
	}
	args := append(w.pendingArgs[:0], w.now())
	for _, d := range w.pending {
		args = append(args, d.downstream, d.number, d.attribute, d.ts, d.seq)
	}
	for len(args) < 1+5*pendingSizes[i] {
		args = append(args, nil)
	}
	w.pending, w.pendingArgs = w.pending[:0], args
	return w.makeDue(w.enqueuePending[i].ExecContext(ctx, args...))
}

// enqueueNumbers enqueues the version for the numbers: manyNumbers of them, or fewer.
func (w *session) enqueueNumbers(ctx context.Context, v version, numbers []string) error {
	if v.downstream.Mode == event.Latest {
		return w.gather(ctx, v, numbers)
	}
	// so that rows are in the order of events and downstreams, which people see in their ids
	if err := w.writePending(ctx); err != nil {
		return err
	}
	size, enqueue, step := 1, w.enqueueEvent, w.passStep
	if len(numbers) == manyNumbers {
		size, enqueue, step = manyNumbers, w.enqueueEventMany, w.passSteps
	}
	for some := range slices.Chunk(numbers, size) {
		if err := w.makeDue(enqueue.ExecContext(ctx, withNumbers(some, v.downstream.id, v.attribute, v.ts, v.seq,
			w.now())...)); err != nil {
			return err
		}
		if _, err := step.ExecContext(ctx, withNumbers(some, v.downstream.id, v.ts, v.seq)...); err != nil {
			return err
		}
	}
	return nil
}

// enqueueKnown enqueues a version that does not pass. A pending row that was gathered may be the one that tells the
// downstream of the number.
func (w *session) enqueueKnown(ctx context.Context, v version, number string) error {
	if err := w.writePending(ctx); err != nil {
		return err
	}
	d := v.to(number)
	return w.makeDue(w.enqueueKnownOne.ExecContext(ctx, w.now(), d.downstream, d.number, d.attribute, d.ts, d.seq))
}

// makeDue takes the result of a statement that makes rows due.
func (w *session) makeDue(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	w.due = w.due || n > 0
	return err
}

// enqueueing enqueues changes that are in the store, or counts those that it would.
type enqueueing struct {
	attempt
	downstream string
	changes    []offer
	again, dry bool
	count      int
}

// offer is a change that is to be enqueued.
type offer struct {
	filterInput
	number string
	ts     int64
	id     event.ID
	sets   bool // it has a value
}

func newEnqueueing(downstream string, changes []event.Change, again, dry bool) *enqueueing {
	o := &enqueueing{downstream: downstream, again: again, dry: dry, changes: make([]offer, 0, len(changes))}
	for _, c := range changes {
		one := offer{number: c.Number, ts: c.TS, id: c.EventID, sets: c.Value != nil && c.Attribute != ""}
		one.name, one.carrier, one.attribute = c.EventName, c.CarrierCode, c.Attribute
		one.country, one.looked = event.Country(c.Attribute, c.Value), true // now, for the caller's memory is its own
		o.changes = append(o.changes, one)
	}
	return o
}

// write enqueues the changes one by one.
func (o *enqueueing) write(ctx context.Context, w *session) error {
	o.count = 0
	d, err := w.downstream(ctx, o.downstream)
	if err != nil {
		return err
	}
	if d == nil {
		o.refusal = noDownstream("owe changes to", o.downstream)
		return nil
	}
	seen := map[subject]bool{} // a dry run leaves no row that would tell of the first of two that are the same
	var e located
	for i := range o.changes {
		c := &o.changes[i]
		if e.id != c.id || e.ts != c.ts {
			if e, err = w.locate(ctx, c.ts, c.id); err != nil {
				return err
			}
		}
		if e.seq == 0 || !d.Wants(c.name) {
			continue
		}
		about := subject{number: c.number, attribute: string(c.attribute)}
		if d.Mode == event.Every {
			about.slot = e.seq
		}
		if seen[about] {
			continue
		}
		became, err := o.offer(ctx, w, version{d, about.attribute, e.ordered, e.seq}, about, c)
		if err != nil {
			return err
		}
		if became {
			seen[about] = true
			o.count++
		}
	}
	o.changed = o.count > 0 && !o.dry
	return nil
}

// subject is what has one row at most of a downstream.
type subject struct {
	number, attribute string
	slot              int64
}

// located is where an event is, or 0 when it is not there.
type located struct {
	id               event.ID
	ts, ordered, seq int64
}

func (w *session) locate(ctx context.Context, ts int64, id event.ID) (located, error) {
	p := located{id: id, ts: ts}
	var received time.Time
	err := w.findReceived.QueryRowContext(ctx, ts, id[:]).Scan(&p.seq, (*timestamp)(&received))
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	p.ordered = event.Ordered(ts, received)
	return p, err
}

// offer reports whether the row of the subject becomes waiting.
func (o *enqueueing) offer(
	ctx context.Context, w *session, v version, about subject, c *offer,
) (became bool, err error) {
	if v.downstream.Mode == event.Latest {
		if newest, err := w.isNewest(ctx, v, about.number); err != nil || !newest || !c.sets {
			return false, err
		}
	}
	var id, ts, seq int64
	var state event.OutboxState
	err = w.findRow.QueryRowContext(ctx, v.downstream.id, about.number, about.attribute, about.slot).Scan(&id, &state, &ts,
		&seq)
	none := errors.Is(err, sql.ErrNoRows)
	if none {
		err = nil
	}
	if err != nil {
		return false, err
	}
	told := !none && v.downstream.Mode == event.Latest
	older := !none && (ts < v.ts || ts == v.ts && seq < v.seq)
	switch {
	case !told && !c.passes(v.downstream, about.number):
		return false, nil
	case none:
		if !o.dry {
			err = w.enqueueNumbers(ctx, v, []string{about.number})
		}
		return true, err
	case older:
		if !o.dry {
			err = w.enqueueKnown(ctx, v, about.number)
		}
		return state != event.Attempting, err
	case o.again && state != event.Waiting && state != event.Attempting:
		if !o.dry {
			err = w.beginAgain(ctx, id)
		}
		return true, err
	}
	return false, nil
}

func (w *session) isNewest(ctx context.Context, v version, number string) (bool, error) {
	var ts, seq int64
	err := w.findNewest.QueryRowContext(ctx, number, v.attribute).Scan(&ts, &seq)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return ts == v.ts && seq == v.seq, err
}

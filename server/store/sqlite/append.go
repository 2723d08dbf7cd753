package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"numhook/server/event"
)

const (
	insertEvent = `INSERT INTO events (id, event_ts, name, account_id, carrier_code, numbers, attribute, value, drift,
		lint, quarantine, received, door, header, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (event_ts, id) DO NOTHING`

	// Whether a change is superseded is decided here, in the transaction that adds it, so that any number of writers
	// agree.
	insertChange = `INSERT INTO changes (number, attribute, ordered_ts, seq, superseded)
		VALUES (?1, ?2, ?3, ?4, EXISTS (SELECT 1 FROM changes WHERE number = ?1 AND attribute = ?2 AND ordered_ts > ?3))
			ON CONFLICT DO NOTHING`

	insertQuarantine = `INSERT INTO quarantine (door, path_event, digest, reason, event_name, violations, received, header,
		body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest, path_event) DO UPDATE SET times = times + 1,
		state = CASE state WHEN 'discarded' THEN 'held' ELSE state END RETURNING id`

	manyNumbers = 32 // numbers of one event that one statement takes; the rest go one by one
)

// insertChanges is insertChange for manyNumbers numbers of one event.
var insertChanges = `INSERT INTO changes (number, attribute, ordered_ts, seq, superseded)
	SELECT v.column1, ?1, ?2, ?3, EXISTS (SELECT 1 FROM changes WHERE number = v.column1 AND attribute = ?1
		AND ordered_ts > ?2)
	FROM (VALUES (?)` + strings.Repeat(", (?)", manyNumbers-1) + `) v WHERE true ON CONFLICT DO NOTHING`

// appending is an event on its way in. What can be made ready without the connection is made by the caller, so that the
// writer has little left to do.
type appending struct {
	id         event.ID
	ts         int64 // event_ts, which is a part of how the event is found
	ordered    int64 // what it is ordered by
	attribute  string
	numbers    []string
	changes    bool // it changes them
	input      filterInput
	row        []any // of insertEvent
	quarantine int64 // the entry that it is redriven from, or 0
	receipt    event.Receipt
	refusal    error // the answer instead of a receipt; it is no trouble of the store's, and the batch goes on without it
}

// rowQuarantine is the index of the quarantine column in insertEvent.
const rowQuarantine = 10

func newAppending(e event.Event) (*appending, error) {
	switch e.Attribute {
	case "", event.CNAM, event.EmergencyAddress:
	default:
		return nil, refused("append event", "the store does not know the attribute "+string(e.Attribute))
	}
	numbers, err := jsonText(e.Numbers)
	if err != nil {
		return nil, err
	}
	drift, err := jsonText(e.Drift)
	if err != nil {
		return nil, err
	}
	lint, err := jsonText(e.Lint)
	if err != nil {
		return nil, err
	}
	header, err := jsonText(e.Delivery.Header)
	if err != nil {
		return nil, err
	}
	a := &appending{id: e.ID, ts: e.TS, ordered: e.Ordered(), attribute: string(e.Attribute),
		numbers: slices.Clone(e.Numbers),
		changes: e.Changes(), receipt: event.Receipt{ID: e.ID}}
	var attribute, value any // NULL where there is none
	if e.Attribute != "" {
		attribute = a.attribute
	}
	if e.Value != nil {
		a.input.value = string(e.Value)
		value = a.input.value
	}
	a.input.name, a.input.carrier, a.input.attribute = e.Name, e.CarrierCode, e.Attribute
	a.row = []any{a.id[:], e.TS, e.Name, e.AccountID, int64(e.CarrierCode), numbers, attribute, value, drift, lint, nil,
		e.Delivery.Received.UnixMicro(), event.CutPath(e.Delivery.Path), header, blob(e.Delivery.Body)}
	return a, nil
}

// jsonText is what a JSON column holds; an empty list is [].
func jsonText(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", refused("append event", err.Error())
	}
	if string(text) == "null" {
		return "[]", nil
	}
	return string(text), nil
}

// blob is a copy of a body, for the caller may be gone, and its memory in use for something else, when the writer comes
// to it. It is never NULL.
func blob(b []byte) []byte { return append([]byte{}, b...) }

// refused is for what the caller should never have given to a store.
func refused(verb, why string) error {
	return &event.Error{Kind: event.Internal, Text: "cannot " + verb, Err: errors.New(why)}
}

// apply writes the event and its changes, or finds that it is there already. seq is its own either way.
func (a *appending) apply(ctx context.Context, w *session) (seq int64, err error) {
	result, err := w.insertEvent.ExecContext(ctx, a.row...)
	if err != nil {
		return 0, err
	}
	added, err := result.RowsAffected()
	if err != nil {
		return 0, err
	}
	if a.receipt.Duplicate = added == 0; a.receipt.Duplicate {
		err := w.findEvent.QueryRowContext(ctx, a.ts, a.id[:]).Scan(&seq)
		return seq, err
	}
	if seq, err = result.LastInsertId(); err != nil {
		return 0, err
	}
	if a.changes {
		if err := a.change(ctx, w, seq); err != nil {
			return 0, err
		}
	}
	return seq, a.enqueue(ctx, w, seq)
}

func (a *appending) change(ctx context.Context, w *session, seq int64) error {
	numbers := a.numbers
	for ; len(numbers) >= manyNumbers; numbers = numbers[manyNumbers:] {
		if _, err := w.insertChanges.ExecContext(ctx, withNumbers(numbers[:manyNumbers], a.attribute, a.ordered,
			seq)...); err != nil {
			return err
		}
	}
	for _, number := range numbers {
		if _, err := w.insertChange.ExecContext(ctx, number, a.attribute, a.ordered, seq); err != nil {
			return err
		}
	}
	return nil
}

// withNumbers are the arguments of a statement that takes numbers behind the others.
func withNumbers(numbers []string, args ...any) []any {
	all := append(make([]any, 0, len(args)+len(numbers)), args...)
	for _, number := range numbers {
		all = append(all, number)
	}
	return all
}

func (a *appending) write(ctx context.Context, w *session) error {
	_, err := a.apply(ctx, w)
	return err
}

// redriving is an appending that also ends the stay of its quarantine entry.
type redriving struct{ *appending }

func (r redriving) write(ctx context.Context, w *session) error {
	var state string
	var as []byte
	err := w.findQuarantine.QueryRowContext(ctx, r.quarantine).Scan(&state, &as)
	if errors.Is(err, sql.ErrNoRows) {
		r.refusal = &event.Error{Kind: event.NotFound, Text: fmt.Sprintf("cannot redrive quarantine entry %d: there is none",
			r.quarantine)}
		return nil
	}
	if err != nil {
		return err
	}
	if event.QuarantineState(state) == event.Redriven {
		r.receipt = event.Receipt{ID: event.ID(as), Duplicate: true}
		return nil
	}
	r.row[rowQuarantine] = r.quarantine
	seq, err := r.apply(ctx, w)
	if err != nil {
		return err
	}
	_, err = w.markRedriven.ExecContext(ctx, seq, r.quarantine)
	return err
}

// quarantining is a refused delivery on its way in.
type quarantining struct {
	row []any // of insertQuarantine
	id  int64
}

func newQuarantining(q event.Quarantined) (*quarantining, error) {
	switch q.Reason {
	case event.Malformed, event.Invalid, event.UnknownEvent:
	default:
		return nil, refused("quarantine delivery", "the store does not know the reason "+string(q.Reason))
	}
	violations, err := jsonText(q.Violations)
	if err != nil {
		return nil, err
	}
	header, err := jsonText(q.Delivery.Header)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(q.Delivery.Body)
	return &quarantining{row: []any{event.CutPath(q.Delivery.Path), q.PathEvent, digest[:], string(q.Reason),
		event.CutText(q.EventName), violations,
		q.Delivery.Received.UnixMicro(), header, blob(q.Delivery.Body)}}, nil
}

func (q *quarantining) write(ctx context.Context, w *session) error {
	return w.insertQuarantine.QueryRowContext(ctx, q.row...).Scan(&q.id)
}

// discarding ends the stay of a quarantine entry that nobody needs to look at.
type discarding struct {
	attempt
	id int64
}

func (d *discarding) write(ctx context.Context, w *session) error {
	var state event.QuarantineState
	var as []byte
	err := w.findQuarantine.QueryRowContext(ctx, d.id).Scan(&state, &as)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		d.refusal = &event.Error{Kind: event.NotFound, Text: fmt.Sprintf("cannot discard quarantine entry %d: there is none",
			d.id)}
		return nil
	case err != nil:
		return err
	case state == event.Redriven:
		d.refusal = &event.Error{Kind: event.Invalid, Text: fmt.Sprintf("cannot discard quarantine entry %d: it is redriven",
			d.id)}
		return nil
	}
	d.changed = state == event.Held
	_, err = w.discard.ExecContext(ctx, d.id)
	return err
}

// fact is a single time to be kept under a name.
type fact struct {
	name string
	at   time.Time
}

func (f fact) write(ctx context.Context, w *session) error {
	_, err := w.setFact.ExecContext(ctx, f.name, f.at.UnixMicro())
	return err
}

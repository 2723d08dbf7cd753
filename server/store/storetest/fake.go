package storetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"numhook/server/event"
	"numhook/server/store"
)

// Fake is a store in memory, with the outbox, for the tests of whoever uses one. It is stricter than a real one: it
// copies what it is given and what it gives, it fails the test when it is given what no caller may give, and it refuses
// everything after Close.
type Fake struct {
	t      TB
	mu     sync.Mutex
	model  *Model
	closed bool
	broken error
	wake   func() // may be nil
}

var _ store.Store = (*Fake)(nil)

// NewFake returns an empty store.
func NewFake(t TB) *Fake { return &Fake{t: t, model: NewModel()} }

// Reopen returns a store with what this one kept, as a process does that starts again. This one must have been closed.
func (f *Fake) Reopen() *Fake {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.t.Errorf("a fake store was opened again before it was closed")
	}
	return &Fake{t: f.t, model: f.model, wake: f.wake}
}

// Break lets every write fail with kind Unavailable because of err, until Break(nil).
func (f *Fake) Break(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = err
}

// use locks the fake for one call, or says why it may not be used. The caller unlocks it when the error is nil.
func (f *Fake) use(ctx context.Context, verb string, write bool) error {
	f.mu.Lock()
	err := context.Cause(ctx)
	switch {
	case f.closed:
		err = errors.New("the store is closed")
	case err == nil && write:
		err = f.broken
	}
	if err != nil {
		f.mu.Unlock()
		return &event.Error{Kind: event.Unavailable, Text: "cannot " + verb, Err: err}
	}
	return nil
}

func (f *Fake) require(holds bool, format string, args ...any) {
	if !holds {
		f.t.Errorf("the store was given "+format, args...)
	}
}

func (f *Fake) requireEvent(e event.Event) {
	f.require(e.ID != event.ID{}, "an event without an identity")
	f.require(e.Name != "", "an event without a name")
	f.require(e.Value == nil || json.Valid(e.Value), "a value that is not JSON")
	f.require(e.Value == nil || e.Attribute != "", "a value of no attribute")
	f.require(slices.Contains([]event.Attribute{"", event.CNAM, event.EmergencyAddress}, e.Attribute),
		"an attribute of no name: %q", e.Attribute)
	numbers := slices.Sorted(slices.Values(e.Numbers))
	f.require(len(slices.Compact(numbers)) == len(e.Numbers), "an event that names a number twice")
	f.require(len(e.Delivery.Body) > 0, "an event without a body")
	f.requireFindings(e.Drift, event.Drift)
	f.requireFindings(e.Lint, event.Lint)
	f.requireDelivery(e.Delivery)
}

func (f *Fake) requireDelivery(d event.Delivery) {
	f.require(!d.Received.IsZero(), "a delivery without a time")
	f.require(strings.HasPrefix(d.Path, "/"), "a delivery whose door is not a path: %q", d.Path)
}

func (f *Fake) requireFindings(list []event.Finding, kind event.FindingKind) {
	for _, finding := range list {
		f.require(finding.Kind == kind, "a finding of kind %q among those of kind %q", finding.Kind, kind)
		f.require(finding.Rule != "" && finding.Message != "", "a finding without a rule or a message")
	}
}

// Append implements store.Writer.
func (f *Fake) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	f.requireEvent(e)
	if err := f.use(ctx, "append event", true); err != nil {
		return event.Receipt{}, err
	}
	defer f.done()
	return f.model.Append(copyEvent(e)), nil
}

// Quarantine implements store.Writer.
func (f *Fake) Quarantine(ctx context.Context, q event.Quarantined) (int64, error) {
	f.require(slices.Contains([]event.Kind{event.Malformed, event.Invalid, event.UnknownEvent}, q.Reason),
		"a refused delivery without a reason: %q", q.Reason)
	f.requireDelivery(q.Delivery)
	f.requireFindings(q.Violations, event.Violation)
	if err := f.use(ctx, "quarantine delivery", true); err != nil {
		return 0, err
	}
	defer f.mu.Unlock()
	return f.model.Quarantine(copyQuarantined(q)), nil
}

// Redrive implements store.Writer.
func (f *Fake) Redrive(ctx context.Context, quarantine int64, e event.Event) (event.Receipt, error) {
	f.requireEvent(e)
	if err := f.use(ctx, "redrive quarantine entry", true); err != nil {
		return event.Receipt{}, err
	}
	defer f.done()
	receipt, ok := f.model.Redrive(quarantine, copyEvent(e))
	if !ok {
		return receipt, notFound("redrive quarantine entry %d", quarantine)
	}
	return receipt, nil
}

// Discard implements store.Writer.
func (f *Fake) Discard(ctx context.Context, quarantine int64) error {
	if err := f.use(ctx, "discard quarantine entry", true); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if quarantine < 1 || quarantine > int64(len(f.model.entries)) {
		return notFound("discard quarantine entry %d", quarantine)
	}
	if !f.model.Discard(quarantine) {
		return &event.Error{Kind: event.Invalid, Text: fmt.Sprintf("cannot discard quarantine entry %d: it is redriven",
			quarantine)}
	}
	return nil
}

// QuarantineOf implements store.Reader.
func (f *Fake) QuarantineOf(ctx context.Context, body []byte, pathEvent string) (int64, error) {
	if err := f.use(ctx, "look for quarantine entry", false); err != nil {
		return 0, err
	}
	defer f.mu.Unlock()
	for _, q := range f.model.entries {
		if q.PathEvent == pathEvent && bytes.Equal(q.Delivery.Body, body) {
			return q.ID, nil
		}
	}
	return 0, nil
}

// QuarantineHeld implements store.Reader.
func (f *Fake) QuarantineHeld(ctx context.Context) (entries, bytes int64, err error) {
	if err := f.use(ctx, "count quarantine", false); err != nil {
		return 0, 0, err
	}
	defer f.mu.Unlock()
	entries, bytes = f.model.QuarantineHeld()
	return entries, bytes, nil
}

// RecordChallenge implements store.Writer.
func (f *Fake) RecordChallenge(ctx context.Context, at time.Time) error {
	f.require(!at.IsZero(), "a challenge without a time")
	if err := f.use(ctx, "record challenge", true); err != nil {
		return err
	}
	defer f.mu.Unlock()
	f.model.challenge = kept(at)
	return nil
}

// Ready implements store.Writer.
func (f *Fake) Ready(ctx context.Context) error {
	if err := f.use(ctx, "write to the store", true); err != nil {
		return err
	}
	defer f.mu.Unlock()
	return nil
}

// Numbers implements store.Reader.
func (f *Fake) Numbers(ctx context.Context, after string, limit int) ([]event.Number, error) {
	if err := f.use(ctx, "list numbers", false); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var list []event.Number
	for _, number := range f.model.Numbers() {
		if number > after && len(list) < limit {
			n, _ := f.model.Number(number, math.MaxInt64)
			list = append(list, copyNumber(n))
		}
	}
	return list, nil
}

// Number implements store.Reader.
func (f *Fake) Number(ctx context.Context, number string) (event.Number, error) {
	return f.NumberAsOf(ctx, number, math.MaxInt64)
}

// NumberAsOf implements store.Reader.
func (f *Fake) NumberAsOf(ctx context.Context, number string, at int64) (event.Number, error) {
	if err := f.use(ctx, "read number", false); err != nil {
		return event.Number{}, err
	}
	defer f.mu.Unlock()
	n, ok := f.model.Number(number, at)
	if !ok {
		return event.Number{}, notFound("read number")
	}
	return copyNumber(n), nil
}

// History implements store.Reader.
func (f *Fake) History(ctx context.Context, number string) ([]event.Change, error) {
	if err := f.use(ctx, "read history", false); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	return copyNumber(event.Number{Values: f.model.History(number)}).Values, nil
}

// Events implements store.Reader.
func (f *Fake) Events(ctx context.Context, after int64, limit int) ([]event.Stored, error) {
	list, err := f.EventBodies(ctx, after, limit)
	for i := range list {
		list[i].Delivery.Body = nil
	}
	return list, err
}

// EventBodies implements store.Reader.
func (f *Fake) EventBodies(ctx context.Context, after int64, limit int) ([]event.Stored, error) {
	if err := f.use(ctx, "list events", false); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var list []event.Stored
	for _, e := range f.model.events {
		if e.Seq > after && len(list) < limit {
			e.Event = copyEvent(e.Event)
			list = append(list, e)
		}
	}
	return list, nil
}

// Event implements store.Reader.
func (f *Fake) Event(ctx context.Context, id event.ID) (event.Stored, error) {
	if err := f.use(ctx, "read event", false); err != nil {
		return event.Stored{}, err
	}
	defer f.mu.Unlock()
	at, ok := f.model.index[id]
	if !ok {
		return event.Stored{}, notFound("read event %s", id)
	}
	e := f.model.events[at]
	e.Event = copyEvent(e.Event)
	return e, nil
}

// EventsByPrefix implements store.Reader.
func (f *Fake) EventsByPrefix(ctx context.Context, prefix string, limit int) ([]event.ID, error) {
	if err := f.use(ctx, "list events", false); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var list []event.ID
	for id := range f.model.index {
		if strings.HasPrefix(id.String(), strings.ToLower(prefix)) && len(list) < limit {
			list = append(list, id)
		}
	}
	slices.SortFunc(list, func(a, b event.ID) int { return slices.Compare(a[:], b[:]) })
	return list, nil
}

// Quarantines implements store.Reader.
func (f *Fake) Quarantines(
	ctx context.Context, state event.QuarantineState, after int64, limit int,
) ([]event.Quarantined, error) {
	if err := f.use(ctx, "list quarantine", false); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var list []event.Quarantined
	for _, q := range f.model.entries {
		if q.ID > after && len(list) < limit && (state == "" || state == q.State) {
			q = copyQuarantined(q)
			q.Delivery.Body = nil
			list = append(list, q)
		}
	}
	return list, nil
}

// QuarantineEntry implements store.Reader.
func (f *Fake) QuarantineEntry(ctx context.Context, id int64) (event.Quarantined, error) {
	if err := f.use(ctx, "read quarantine entry", false); err != nil {
		return event.Quarantined{}, err
	}
	defer f.mu.Unlock()
	if id < 1 || id > int64(len(f.model.entries)) {
		return event.Quarantined{}, notFound("read quarantine entry %d", id)
	}
	return copyQuarantined(f.model.entries[id-1]), nil
}

// LastChallenge implements store.Reader.
func (f *Fake) LastChallenge(ctx context.Context) (time.Time, error) {
	if err := f.use(ctx, "read last challenge", false); err != nil {
		return time.Time{}, err
	}
	defer f.mu.Unlock()
	return f.model.challenge, nil
}

// Clock implements store.Reader.
func (f *Fake) Clock(ctx context.Context) (now, newest time.Time, err error) {
	if err := f.use(ctx, "read the newest receipt", false); err != nil {
		return time.Time{}, time.Time{}, err
	}
	defer f.mu.Unlock()
	return f.model.now(), f.model.newestReceipt(), nil
}

// Close implements store.Store.
func (f *Fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	return nil
}

func notFound(format string, args ...any) error {
	return &event.Error{Kind: event.NotFound, Text: "cannot " + fmt.Sprintf(format, args...) + ": there is none"}
}

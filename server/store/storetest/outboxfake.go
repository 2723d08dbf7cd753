package storetest

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"numhook/server/event"
	"numhook/server/store"
)

var (
	_ store.Outbox       = (*Fake)(nil)
	_ store.OutboxReader = (*Fake)(nil)
)

// SetClock gives the fake another clock than time.Now for the outbox. A fake that is opened again keeps it.
func (f *Fake) SetClock(now func() time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.model.clock = now
}

// SetWake has the fake call wake, outside of its lock, after each call that made something due.
func (f *Fake) SetWake(wake func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wake = wake
}

// done unlocks the fake after a write, and wakes who waits for what the write made due.
func (f *Fake) done() {
	wake := f.wake
	if !f.model.woken {
		wake = nil
	}
	f.model.woken = false
	f.mu.Unlock()
	if wake != nil {
		wake()
	}
}

// unknown is the error for a downstream that is not there, or nil. The fake is locked.
func (f *Fake) unknown(verb, downstream string) error {
	if _, ok := f.model.downstreams[downstream]; !ok {
		return notFound("%s downstream %q", verb, downstream)
	}
	return nil
}

// Register implements store.Outbox.
func (f *Fake) Register(ctx context.Context, d event.Downstream) (event.DownstreamStatus, error) {
	f.require(d.Name != "", "a downstream without a name")
	f.require(slices.Contains([]event.Mode{event.Latest, event.Every}, d.Mode), "a mode of no name: %q", d.Mode)
	f.require(slices.Contains([]event.Start{event.FromNow, event.FromBeginning, event.FromSnapshot}, d.Start),
		"a start of no name: %q", d.Start)
	f.require(!slices.Contains(slices.Concat(d.Events, d.Only.Countries, d.Only.Prefixes), ""),
		"a filter with an empty text")
	if err := f.use(ctx, "register downstream", true); err != nil {
		return event.DownstreamStatus{}, err
	}
	defer f.mu.Unlock()
	s, ok := f.model.Register(d)
	if !ok {
		return s, &event.Error{Kind: event.Invalid, Text: "cannot register downstream " + d.Name + ": it is known under " +
			"another mode",
			Hint: "remove it, or give the new one another name"}
	}
	return s, nil
}

// Filled implements store.Outbox.
func (f *Fake) Filled(ctx context.Context, downstream string) error {
	if err := f.use(ctx, "mark downstream as filled", true); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if err := f.unknown("mark", downstream); err != nil {
		return err
	}
	f.model.downstreams[downstream].Filled = true
	return nil
}

// Enqueue implements store.Outbox.
func (f *Fake) Enqueue(
	ctx context.Context, downstream string, changes []event.Change, again, dryRun bool,
) (int, error) {
	if err := f.use(ctx, "owe changes", true); err != nil {
		return 0, err
	}
	defer f.done()
	if err := f.unknown("owe changes to", downstream); err != nil {
		return 0, err
	}
	for _, c := range changes {
		at, ok := f.model.index[c.EventID]
		if f.require(ok, "a change of an event that is not there"); !ok {
			return 0, nil
		}
		e := f.model.events[at]
		f.require(slices.Contains(subjects(e.Event), c.Number), "a change of a number that its event does not name")
		f.require(c.TS == e.TS && c.EventName == e.Name && c.CarrierCode == e.CarrierCode && c.Attribute == e.Attribute &&
			bytes.Equal(c.Value, e.Value),
			"a change that is not what its event says")
	}
	return f.model.Enqueue(downstream, changes, again, dryRun), nil
}

// Claim implements store.Outbox.
func (f *Fake) Claim(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error) {
	f.require(limit > 0, "a claim for %d rows", limit)
	if err := f.use(ctx, "claim what is owed", true); err != nil {
		return nil, time.Time{}, err
	}
	defer f.mu.Unlock()
	attempts, next := f.model.Claim(downstream, limit)
	return attempts, next, nil
}

// Record implements store.Outbox.
func (f *Fake) Record(ctx context.Context, r event.Result) (bool, error) {
	f.require(r.Row > 0 && r.Claim != 0 && r.Seq > 0, "a result of no attempt: %+v", r)
	f.require(slices.Contains([]event.Verdict{event.Confirmed, event.Retry, event.Refused}, r.Verdict),
		"a verdict of no name: %q", r.Verdict)
	f.require(r.After >= 0 && r.After <= event.LongestWait, "a wait of %v", r.After)
	f.require(r.After == 0 || r.Verdict == event.Retry, "a wait after the verdict %q", r.Verdict)
	f.require((r.Reason == "") == (r.Verdict == event.Confirmed), "the reason %q for the verdict %q", r.Reason, r.Verdict)
	f.require(!strings.ContainsAny(r.Reason, "\r\n"), "a reason of more than one line")
	f.require(len(r.Output) <= event.LongestOutput && utf8.ValidString(r.Output), "an output of %d bytes, or one that "+
		"is no text", len(r.Output))
	if err := f.use(ctx, "record the result of an attempt", true); err != nil {
		return false, err
	}
	defer f.done()
	return f.model.Record(r), nil
}

// Held implements store.Outbox.
func (f *Fake) Held(ctx context.Context, downstream string) ([]event.Claimed, error) {
	if err := f.use(ctx, "list what is claimed", false); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	var list []event.Claimed
	for _, row := range f.model.rows {
		if row.Downstream == downstream && row.State == event.Attempting {
			list = append(list, event.Claimed{Row: row.ID, Claim: row.claim})
		}
	}
	return list, nil
}

// Release implements store.Outbox.
func (f *Fake) Release(ctx context.Context, downstream string, held []event.Claimed) (count int, err error) {
	if err := f.use(ctx, "release what is claimed", true); err != nil {
		return 0, err
	}
	defer f.done()
	for _, c := range held {
		f.require(c.Row > 0 && c.Claim != 0, "a claim of nothing: %+v", c)
		if f.model.Release(downstream, c) {
			count++
		}
	}
	return count, nil
}

// Rewind implements store.Outbox.
func (f *Fake) Rewind(ctx context.Context, downstream string, longest, back time.Duration) (int, error) {
	f.require(longest > 0 && longest <= event.LongestWait && back >= 0, "a rewind by %v, with waits of %v", back, longest)
	if err := f.use(ctx, "mend what was owed under another clock", true); err != nil {
		return 0, err
	}
	defer f.done()
	return f.model.Rewind(downstream, longest, back), nil
}

// Pause implements store.Outbox.
func (f *Fake) Pause(ctx context.Context, downstream, why string) error {
	f.require(why != "", "a pause without a reason")
	if err := f.use(ctx, "pause downstream", true); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if err := f.unknown("pause", downstream); err != nil {
		return err
	}
	s := f.model.downstreams[downstream]
	if s.Paused.IsZero() {
		s.Paused = f.model.now()
	}
	s.PausedWhy = why
	return nil
}

// Resume implements store.Outbox.
func (f *Fake) Resume(ctx context.Context, downstream string) error {
	if err := f.use(ctx, "resume downstream", true); err != nil {
		return err
	}
	defer f.done()
	if err := f.unknown("resume", downstream); err != nil {
		return err
	}
	s := f.model.downstreams[downstream]
	f.model.woken = f.model.woken || !s.Paused.IsZero()
	s.Paused, s.PausedWhy = time.Time{}, ""
	return nil
}

// Remove implements store.Outbox.
func (f *Fake) Remove(ctx context.Context, downstream string) error {
	if err := f.use(ctx, "remove downstream", true); err != nil {
		return err
	}
	defer f.mu.Unlock()
	if err := f.unknown("remove", downstream); err != nil {
		return err
	}
	f.model.Remove(downstream)
	return nil
}

// Retry implements store.Outbox.
func (f *Fake) Retry(ctx context.Context, row int64) error {
	return f.act(ctx, "retry", row, f.model.Retry)
}

// Skip implements store.Outbox.
func (f *Fake) Skip(ctx context.Context, row int64) error {
	return f.act(ctx, "skip", row, f.model.Skip)
}

func (f *Fake) act(ctx context.Context, verb string, id int64, do func(row *outboxRow) bool) error {
	if err := f.use(ctx, verb+" what is owed", true); err != nil {
		return err
	}
	defer f.done()
	row := f.model.row(id)
	if row == nil {
		return notFound("%s owed row %d", verb, id)
	}
	if !do(row) {
		return &event.Error{Kind: event.Invalid, Text: "cannot " + verb + " what is " + string(row.State)}
	}
	return nil
}

// Downstreams implements store.OutboxReader.
func (f *Fake) Downstreams(ctx context.Context) (list []event.DownstreamStatus, err error) {
	if err := f.use(ctx, "list downstreams", false); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	for _, name := range f.model.Downstreams() {
		list = append(list, f.model.reading(f.model.Status(name)))
	}
	return list, nil
}

// OutboxRows implements store.OutboxReader.
func (f *Fake) OutboxRows(
	ctx context.Context, filter event.OutboxFilter, after int64, limit int,
) ([]event.OutboxRow, error) {
	if err := f.use(ctx, "list what is owed", false); err != nil {
		return nil, err
	}
	defer f.mu.Unlock()
	list := slices.DeleteFunc(f.model.OutboxRows(filter), func(o event.OutboxRow) bool { return o.ID <= after })
	return copyList(list[:min(limit, len(list))]), nil
}

// OutboxRow implements store.OutboxReader.
func (f *Fake) OutboxRow(ctx context.Context, id int64) (event.OutboxRow, error) {
	if err := f.use(ctx, "read what is owed", false); err != nil {
		return event.OutboxRow{}, err
	}
	defer f.mu.Unlock()
	row := f.model.row(id)
	if row == nil {
		return event.OutboxRow{}, notFound("read owed row %d", id)
	}
	return f.model.show(row), nil
}

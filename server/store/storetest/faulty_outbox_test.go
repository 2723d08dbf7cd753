package storetest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"numhook/server/event"
	"numhook/server/store"
)

// faultyOutbox is the fake with some of what it does about the outbox done wrong.
type faultyOutbox struct {
	*Fake
	append  func(ctx context.Context, e event.Event) (event.Receipt, error)
	claim   func(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error)
	record  func(ctx context.Context, r event.Result) (bool, error)
	release func(ctx context.Context, downstream string, held []event.Claimed) (int, error)
	enqueue func(ctx context.Context, downstream string, changes []event.Change, again, dryRun bool) (int, error)
	redrive func(ctx context.Context, quarantine int64, e event.Event) (event.Receipt, error)
}

func (f *faultyOutbox) Append(ctx context.Context, e event.Event) (event.Receipt, error) {
	if f.append == nil {
		return f.Fake.Append(ctx, e)
	}
	return f.append(ctx, e)
}

func (f *faultyOutbox) Claim(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error) {
	if f.claim == nil {
		return f.Fake.Claim(ctx, downstream, limit)
	}
	return f.claim(ctx, downstream, limit)
}

func (f *faultyOutbox) Record(ctx context.Context, r event.Result) (bool, error) {
	if f.record == nil {
		return f.Fake.Record(ctx, r)
	}
	return f.record(ctx, r)
}

func (f *faultyOutbox) Release(ctx context.Context, downstream string, held []event.Claimed) (int, error) {
	if f.release == nil {
		return f.Fake.Release(ctx, downstream, held)
	}
	return f.release(ctx, downstream, held)
}

func (f *faultyOutbox) Enqueue(
	ctx context.Context, downstream string, changes []event.Change, again, dryRun bool,
) (int, error) {
	if f.enqueue == nil {
		return f.Fake.Enqueue(ctx, downstream, changes, again, dryRun)
	}
	return f.enqueue(ctx, downstream, changes, again, dryRun)
}

func (f *faultyOutbox) Redrive(ctx context.Context, quarantine int64, e event.Event) (event.Receipt, error) {
	if f.redrive == nil {
		return f.Fake.Redrive(ctx, quarantine, e)
	}
	return f.redrive(ctx, quarantine, e)
}

// alter changes the model behind the fake's back.
func (f *faultyOutbox) alter(change func(m *Model)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f.model)
}

// without runs the call as if there were no downstreams.
func (f *faultyOutbox) without(call func()) {
	var kept map[string]*event.DownstreamStatus
	f.alter(func(m *Model) { kept, m.downstreams = m.downstreams, map[string]*event.DownstreamStatus{} })
	call()
	f.alter(func(m *Model) { m.downstreams = kept })
}

// afterAppend lets the event in, and then spoils what it enqueued.
func (f *faultyOutbox) afterAppend(spoil func(m *Model, row *outboxRow, before outboxRow)) {
	f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
		before := map[int64]outboxRow{}
		f.alter(func(m *Model) {
			for _, row := range m.rows {
				before[row.ID] = *row
			}
		})
		r, err := f.Fake.Append(ctx, e)
		f.alter(func(m *Model) {
			for _, row := range slices.Clone(m.rows) {
				spoil(m, row, before[row.ID])
			}
		})
		return r, err
	}
}

func drop(m *Model, row *outboxRow) {
	m.rows = slices.DeleteFunc(m.rows, func(other *outboxRow) bool { return other == row })
	delete(m.subjects, row.subject())
}

// outboxFailures runs the case and returns what it complains of.
func outboxFailures(t *testing.T, c OutboxCase, inject func(f *faultyOutbox)) []string {
	clock := NewClock()
	return complaints(t, c.Name, func(r *recorder) {
		plain := outboxLocation(r, clock.Now)
		c.Test(r, func() (store.Store, error) {
			s, err := plain()
			f := &faultyOutbox{Fake: s.(*Fake)}
			inject(f)
			return f, err
		}, clock)
	})
}

func TestOutboxSuiteNoticesFaults(t *testing.T) {
	cases := map[string]OutboxCase{}
	for _, c := range OutboxCases() {
		cases[c.Name] = c
	}
	if len(cases) != len(OutboxCases()) {
		t.Fatal("two cases have one name")
	}
	useful := map[string]bool{}
	for _, f := range outboxFaults {
		t.Run(f.name, func(t *testing.T) {
			for _, name := range f.noticed {
				c, ok := cases[name]
				if !ok {
					t.Fatalf("there is no case %q", name)
				}
				if len(outboxFailures(t, c, f.inject)) == 0 {
					t.Errorf("case %q does not notice", name)
				}
				useful[name] = true
			}
		})
	}
	t.Logf("%d faults, noticed by %d of %d cases", len(outboxFaults), len(useful), len(cases))
}

// A snapshot without a fault passes through the same machinery, and the fake says when it is given what no caller may
// give.
func TestOutboxRecorder(t *testing.T) {
	for _, c := range OutboxCases() {
		if list := outboxFailures(t, c, func(*faultyOutbox) {}); len(list) > 0 {
			t.Errorf("case %q fails: %s", c.Name, list[0])
		}
	}
	for name, wrong := range map[string]func(f *Fake){
		"a verdict of no name": func(f *Fake) {
			f.Record(t.Context(), event.Result{Row: 1, Claim: 1, Seq: 1, Verdict: "done", Reason: "x"})
		},
		"a wait that is too long": func(f *Fake) {
			f.Record(t.Context(), event.Result{Row: 1, Claim: 1, Seq: 1, Verdict: event.Retry, After: event.LongestWait + 1,
				Reason: "x"})
		},
		"a wait after a refusal": func(f *Fake) {
			f.Record(t.Context(), event.Result{Row: 1, Claim: 1, Seq: 1, Verdict: event.Refused, After: 1, Reason: "x"})
		},
		"no reason": func(f *Fake) { f.Record(t.Context(), event.Result{Row: 1, Claim: 1, Seq: 1, Verdict: event.Refused}) },
		"a reason of two lines": func(f *Fake) {
			f.Record(t.Context(), event.Result{Row: 1, Claim: 1, Seq: 1, Verdict: event.Retry, Reason: "x\ny"})
		},
		"an output without end": func(f *Fake) {
			f.Record(t.Context(), event.Result{Row: 1, Claim: 1, Seq: 1, Verdict: event.Confirmed,
				Output: strings.Repeat("x", event.LongestOutput+1)})
		},
		"no claim": func(f *Fake) {
			f.Record(t.Context(),
				event.Result{Row: 1, Seq: 1, Verdict: event.Confirmed})
		},
		"a claim for nothing": func(f *Fake) { f.Claim(t.Context(), "x", 0) },
		"a mode of no name": func(f *Fake) {
			f.Register(t.Context(), event.Downstream{Name: "x", Mode: "some", Start: event.FromNow})
		},
		"a downstream without name": func(f *Fake) {
			f.Register(t.Context(), event.Downstream{Mode: event.Every,
				Start: event.FromNow})
		},
		"a start of no name": func(f *Fake) {
			f.Register(t.Context(),
				event.Downstream{Name: "x", Mode: event.Every})
		},
		"a pause without why": func(f *Fake) { f.Pause(t.Context(), "x", "") },
		"a change of no event": func(f *Fake) {
			f.Register(t.Context(), newestOnly)
			f.Enqueue(t.Context(), "newest", said(cnam(1, "A", alice)), false, false)
		},
		"a change of another number": func(f *Fake) {
			f.Register(t.Context(), newestOnly)
			f.Append(t.Context(), cnam(1, "A", alice))
			c := said(cnam(1, "A", alice))
			c[0].Number = bob
			f.Enqueue(t.Context(), "newest", c, false, false)
		},
	} {
		if len(complaints(t, name, func(r *recorder) { wrong(NewFake(r)) })) == 0 {
			t.Errorf("the fake takes %s", name)
		}
	}
}

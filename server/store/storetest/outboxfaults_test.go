package storetest

import (
	"context"
	"slices"
	"time"

	"numhook/server/event"
)

var outboxFaults = []struct {
	name    string
	inject  func(f *faultyOutbox)
	noticed []string
}{
	{"a redrive owes nothing", func(f *faultyOutbox) {
		f.redrive = func(ctx context.Context, id int64, e event.Event) (r event.Receipt, err error) {
			f.without(func() { r, err = f.Fake.Redrive(ctx, id, e) })
			return r, err
		}
	}, []string{"a redrive owes"}},
	{"a late event replaces what is owed", func(f *faultyOutbox) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			r, err := f.Fake.Append(ctx, e)
			f.alter(func(m *Model) {
				for _, row := range m.rows {
					if at := m.index[e.ID]; row.slot == 0 && !r.Duplicate && e.Changes() && row.Attribute == e.Attribute &&
						slices.Contains(e.Numbers, row.Number) {
						row.TS, row.ordered, row.seq = e.TS, e.TS, m.events[at].Seq
					}
				}
			})
			return r, err
		}
	}, []string{"only the newest is owed", "only the newest is owed of what comes at once", "histories of what is owed"}},
	{"a repetition is owed again", func(f *faultyOutbox) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			r, err := f.Fake.Append(ctx, e)
			f.alter(func(m *Model) {
				for _, row := range m.rows {
					if r.Duplicate && row.seq == m.events[m.index[e.ID]].Seq && !row.active() {
						m.begin(row, m.events[row.seq-1])
					}
				}
			})
			return r, err
		}
	}, []string{"a repetition owes nothing", "histories of what is owed"}},
	{"a newer value waits as long as the older one", func(f *faultyOutbox) {
		f.afterAppend(func(_ *Model, row *outboxRow, before outboxRow) {
			if before.State == event.Waiting {
				row.Due = before.Due
			}
		})
	}, []string{"a newer value does not wait", "histories of what is owed"}},
	{"a newer value goes to the end", func(f *faultyOutbox) {
		f.afterAppend(func(m *Model, row *outboxRow, before outboxRow) {
			if before.State == event.Waiting && before.seq != row.seq {
				row.Due = m.now()
			}
		})
	}, []string{"a busy number keeps its place", "only the newest is owed"}},
	{"a newer value is owed since now", func(f *faultyOutbox) {
		f.afterAppend(func(m *Model, row *outboxRow, before outboxRow) {
			if before.seq != row.seq {
				row.Since = m.now()
			}
		})
	}, []string{"only the newest is owed", "a newer value while attempting", "how downstreams stand",
		"histories of what is owed"}},
	{"what does not pass is not told to who was told", func(f *faultyOutbox) {
		f.afterAppend(func(m *Model, row *outboxRow, before outboxRow) {
			e := m.events[row.seq-1]
			if before.seq != 0 && before.seq != row.seq && !m.downstreams[row.Downstream].Only.Passes(e.CarrierCode,
				event.Country(e.Attribute, e.Value), row.Number) {
				*row = before
			}
		})
	}, []string{"once told, always told", "histories of what is owed"}},
	{"an event without a value is owed to nobody", func(f *faultyOutbox) {
		f.afterAppend(func(m *Model, row *outboxRow, _ outboxRow) {
			if m.events[row.seq-1].Value == nil {
				drop(m, row)
			}
		})
	}, []string{"an event without a value is owed", "an event without numbers is owed"}},
	{"only the first numbers are owed", func(f *faultyOutbox) {
		f.afterAppend(func(m *Model, row *outboxRow, _ outboxRow) {
			if list := m.events[row.seq-1].Numbers; slices.Index(list, row.Number) >= 32 {
				drop(m, row)
			}
		})
	}, []string{"ten thousand numbers are owed"}},
	{"a newer value takes the row from who is attempting", func(f *faultyOutbox) {
		f.afterAppend(func(_ *Model, row *outboxRow, before outboxRow) {
			if before.State == event.Attempting && before.seq != row.seq {
				row.State = event.Waiting
			}
		})
	}, []string{"a newer value while attempting", "histories of what is owed"}},
	{"no fence", func(f *faultyOutbox) {
		f.record = func(ctx context.Context, r event.Result) (bool, error) {
			f.alter(func(m *Model) {
				if row := m.row(r.Row); row != nil && row.State == event.Attempting {
					r.Claim = row.claim
				}
			})
			return f.Fake.Record(ctx, r)
		}
	}, []string{"the fence", "histories of what is owed"}},
	{"a confirmation is taken for the newer value", func(f *faultyOutbox) {
		f.record = func(ctx context.Context, r event.Result) (bool, error) {
			f.alter(func(m *Model) {
				if row := m.row(r.Row); row != nil {
					r.Seq = row.seq
				}
			})
			return f.Fake.Record(ctx, r)
		}
	}, []string{"a newer value while attempting", "histories of what is owed"}},
	{"release asks for no claim", func(f *faultyOutbox) {
		f.release = func(ctx context.Context, downstream string, held []event.Claimed) (int, error) {
			held = slices.Clone(held)
			f.alter(func(m *Model) {
				for i := range held {
					if row := m.row(held[i].Row); row != nil && row.State == event.Attempting {
						held[i].Claim = row.claim
					}
				}
			})
			return f.Fake.Release(ctx, downstream, held)
		}
	}, []string{"release"}},
	{"a row is handed out twice", func(f *faultyOutbox) {
		f.claim = func(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error) {
			list, next, err := f.Fake.Claim(ctx, downstream, limit)
			f.alter(func(m *Model) {
				for _, a := range list {
					if row := m.row(a.Row); a.Try == 1 && row != nil {
						row.State = event.Waiting
					}
				}
			})
			return list, next, err
		}
	}, []string{"claims exclude each other", "verdicts", "release"}},
	{"nobody is held up", func(f *faultyOutbox) {
		f.afterAppend(func(m *Model, row *outboxRow, _ outboxRow) {
			if row.slot != 0 && row.TS == m.events[len(m.events)-1].TS {
				delete(m.subjects, row.subject())
				row.slot = 0
			}
		})
	}, []string{"in line by number", "a late event waits for who is attempting", "lines while events come"}},
	{"in line by place", func(f *faultyOutbox) {
		f.afterAppend(func(_ *Model, row *outboxRow, before outboxRow) {
			if row.slot != 0 && before.seq == 0 {
				row.ordered = row.seq
			}
		})
	}, []string{"a late event goes first", "ten thousand numbers are owed", "histories of what is owed"}},
	{"in line by what the sender says", func(f *faultyOutbox) {
		f.afterAppend(func(_ *Model, row *outboxRow, before outboxRow) {
			if before.seq != row.seq {
				row.ordered = row.TS
			}
		})
	}, []string{"an absurd event_ts is owed in its place", "histories of what is owed"}},
	{"a clock that was set back makes everybody wait", func(f *faultyOutbox) {
		f.claim = func(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error) {
			var later []*outboxRow
			f.alter(func(m *Model) {
				for _, row := range m.rows {
					if row.State == event.Waiting && row.Due.After(m.now()) {
						later = append(later, row)
						row.State = event.Skipped
					}
				}
			})
			list, next, err := f.Fake.Claim(ctx, downstream, limit)
			f.alter(func(*Model) {
				for _, row := range later {
					row.State = event.Waiting
				}
			})
			return list, next, err
		}
	}, []string{"a clock that is set", "histories of what is owed"}},
	{"pausing is for show", func(f *faultyOutbox) {
		f.claim = func(ctx context.Context, downstream string, limit int) ([]event.Attempt, time.Time, error) {
			f.alter(func(m *Model) {
				if s, ok := m.downstreams[downstream]; ok {
					s.Paused = time.Time{}
				}
			})
			return f.Fake.Claim(ctx, downstream, limit)
		}
	}, []string{"pause and resume", "histories of what is owed"}},
	{"a dry run writes", func(f *faultyOutbox) {
		f.enqueue = func(ctx context.Context, downstream string, changes []event.Change, again, _ bool) (int, error) {
			return f.Fake.Enqueue(ctx, downstream, changes, again, false)
		}
	}, []string{"owe what is stored", "owe again"}},
	{"owe again is owe", func(f *faultyOutbox) {
		f.enqueue = func(ctx context.Context, downstream string, changes []event.Change, _, dryRun bool) (int, error) {
			return f.Fake.Enqueue(ctx, downstream, changes, false, dryRun)
		}
	}, []string{"owe again", "owe every event"}},
	{"an old page is owed", func(f *faultyOutbox) {
		f.enqueue = func(ctx context.Context, downstream string, changes []event.Change, again, dryRun bool) (int, error) {
			n, err := f.Fake.Enqueue(ctx, downstream, changes, again, dryRun)
			f.alter(func(m *Model) {
				for _, c := range changes {
					if row := m.subjects[subject{downstream, c.Number, c.Attribute, 0}]; row != nil && !dryRun {
						row.TS, row.ordered, row.seq = c.TS, c.TS, m.events[m.index[c.EventID]].Seq
					}
				}
			})
			return n, err
		}
	}, []string{"owe an old page"}},
	{"forgets who is attempting", func(f *faultyOutbox) { // when it is opened again
		f.alter(func(m *Model) {
			for _, row := range m.rows {
				if row.State == event.Attempting {
					row.State = event.Delivered
				}
			}
		})
	}, []string{"reopening keeps what is owed"}},
}

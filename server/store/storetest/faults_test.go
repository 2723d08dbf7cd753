package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"runtime"
	"slices"

	"numhook/server/event"
)

// fault is one way in which a store can be wrong, and some of the cases that must notice.
type fault struct {
	name    string
	inject  func(f *faulty)
	noticed []string
}

var faults = []fault{
	{"lost update", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			r, err := f.Fake.Append(ctx, e)
			f.alter(func(m *Model) {
				for _, number := range e.Numbers {
					if list := m.changes[number]; !r.Duplicate && len(list) > 2 {
						m.changes[number] = list[:len(list)-1]
					}
				}
			})
			return r, err
		}
	}, []string{"the newest wins", "as of", "histories", "writers at once"}},
	{"late wins", func(f *faulty) {
		f.number = func(ctx context.Context, number string, at int64) (event.Number, error) {
			n, err := f.Fake.NumberAsOf(ctx, number, at)
			for i := range n.Values {
				for _, c := range f.model.changes[number] { // in the order of storing
					if c.Attribute == n.Values[i].Attribute && c.TS <= at {
						n.Values[i] = c
					}
				}
			}
			return n, err
		}
	}, []string{"the newest wins", "as of", "redrive", "histories"}},
	{"an absurd event_ts is taken at its word", func(f *faulty) {
		f.number = func(ctx context.Context, number string, at int64) (event.Number, error) {
			n, err := f.Fake.NumberAsOf(ctx, number, at)
			for i := range n.Values {
				for _, c := range f.model.changes[number] {
					if v := &n.Values[i]; c.Attribute == v.Attribute && c.TS > v.TS && c.TS <= at {
						*v = c
					}
				}
			}
			return n, err
		}
	}, []string{"an absurd event_ts", "an absurd event_ts is redriven", "extreme times", "histories"}},
	{"a tie goes to the earlier", func(f *faulty) {
		f.number = func(ctx context.Context, number string, at int64) (event.Number, error) {
			n, err := f.Fake.NumberAsOf(ctx, number, at)
			for i, v := range n.Values {
				tie := func(c event.Change) bool { return c.Attribute == v.Attribute && c.TS == v.TS }
				n.Values[i] = f.model.changes[number][slices.IndexFunc(f.model.changes[number], tie)]
			}
			return n, err
		}
	}, []string{"a tie goes to the later", "as of", "histories"}},
	{"only the first numbers of an event", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			r, err := f.Fake.Append(ctx, e)
			f.alter(func(m *Model) {
				for _, number := range e.Numbers[min(32, len(e.Numbers)):] {
					delete(m.changes, number)
				}
			})
			return r, err
		}
	}, []string{"many numbers", "ten thousand numbers"}},
	{"number by number", func(f *faulty) { // no transaction
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			all := e.Numbers
			e.Numbers = nil
			r, err := f.Fake.Append(ctx, e)
			if err != nil || r.Duplicate {
				return r, err
			}
			for _, number := range all {
				f.alter(func(m *Model) {
					m.events[m.index[e.ID]].Numbers = all
					if e.Changes() {
						m.change(number, copyEvent(e))
					}
				})
				runtime.Gosched()
			}
			return r, err
		}
	}, []string{"an event is seen whole"}},
	{"half a batch when the caller leaves", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			if err := f.use(ctx, "append", true); err != nil {
				return event.Receipt{}, err
			}
			f.mu.Unlock()
			half := e
			half.Numbers = e.Numbers[:len(e.Numbers)/2]
			r, err := f.Fake.Append(context.WithoutCancel(ctx), half)
			if err == nil && !r.Duplicate && ctx.Done() != nil && len(e.Numbers) == 3 {
				<-ctx.Done()
				return event.Receipt{}, &event.Error{Kind: event.Unavailable, Text: "cannot append"}
			}
			return r, err
		}
	}, []string{"callers who leave"}},
	{"identity is the bytes", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			id := e.ID
			e.ID = sha256.Sum256(e.Delivery.Body)
			r, err := f.Fake.Append(ctx, e)
			r.ID = id
			return r, err
		}
	}, []string{"identity", "identity is not the bytes", "histories", "duplicates at once"}},
	{"forgets identities when it is opened again", func(f *faulty) {
		f.alter(func(m *Model) { m.index = map[event.ID]int{} })
		f.event = func(ctx context.Context, id event.ID) (event.Stored, error) {
			for _, e := range f.model.events {
				if e.ID == id {
					return event.Stored{Event: copyEvent(e.Event), Seq: e.Seq, Quarantine: e.Quarantine}, nil
				}
			}
			return f.Fake.Event(ctx, id)
		}
	}, []string{"identity for ever", "histories"}},
	{"absence deletes", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			r, err := f.Fake.Append(ctx, e)
			f.alter(func(m *Model) {
				if e.Value == nil {
					for _, number := range e.Numbers {
						delete(m.changes, number)
					}
				}
			})
			return r, err
		}
	}, []string{"absence is not a deletion", "histories"}},
	{"superseded is not recorded", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			r, err := f.Fake.Append(ctx, e)
			f.alter(func(m *Model) {
				for number := range m.changes {
					m.changes[number] = slices.DeleteFunc(m.changes[number],
						func(c event.Change) bool { return c.State == event.Superseded })
				}
			})
			return r, err
		}
	}, []string{"the newest wins", "as of", "histories"}},
	{"superseded is called replaced", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			r, err := f.Fake.Append(ctx, e)
			f.alter(func(m *Model) {
				for _, list := range m.changes {
					for i := range list {
						list[i].State = event.Current
					}
				}
			})
			return r, err
		}
	}, []string{"the newest wins", "histories"}},
	{"acknowledges before it is durable", func(f *faulty) {
		f.close = func() error {
			f.alter(func(m *Model) { // the last batch is lost
				if last := len(m.events) - 1; last >= 0 {
					e := m.events[last]
					m.events = m.events[:last]
					delete(m.index, e.ID)
					for _, number := range e.Numbers {
						m.changes[number] = slices.DeleteFunc(m.changes[number], func(c event.Change) bool { return c.EventID == e.ID })
					}
				}
			})
			return f.Fake.Close()
		}
	}, []string{"reopening changes nothing", "identity for ever", "close finishes what was begun", "nothing after close"}},
	{"as of is off by one", func(f *faulty) {
		f.number = func(ctx context.Context, number string, at int64) (event.Number, error) {
			if at == 1<<63-1 {
				return f.Fake.NumberAsOf(ctx, number, at)
			}
			return f.Fake.NumberAsOf(ctx, number, at-1)
		}
	}, []string{"as of", "extreme times", "histories"}},
	{"a duplicate is applied again", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			r, err := f.Fake.Append(ctx, e)
			f.alter(func(m *Model) {
				for number, list := range m.changes {
					if at := slices.IndexFunc(list, func(c event.Change) bool { return c.EventID == e.ID }); r.Duplicate && at >= 0 {
						m.changes[number] = append(slices.Delete(slices.Clone(list), at, at+1), list[at])
					}
				}
			})
			return r, err
		}
	}, []string{"a tie goes to the later", "histories"}},
	{"one attribute hides the other", func(f *faulty) {
		f.number = func(ctx context.Context, number string, at int64) (event.Number, error) {
			n, err := f.Fake.NumberAsOf(ctx, number, at)
			n.Values = n.Values[:min(1, len(n.Values))]
			return n, err
		}
	}, []string{"attributes are independent", "histories"}},
	{"times are floating-point numbers", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			e.TS = int64(float64(e.TS))
			return f.Fake.Append(ctx, e)
		}
	}, []string{"extreme times"}},
	{"bodies are written anew", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			var compact bytes.Buffer
			if json.Compact(&compact, e.Delivery.Body) == nil {
				e.Delivery.Body = compact.Bytes()
			}
			return f.Fake.Append(ctx, e)
		}
		f.quarantine = func(ctx context.Context, q event.Quarantined) (int64, error) {
			q.Delivery.Body = bytes.ToValidUTF8(q.Delivery.Body, []byte("\ufffd"))
			return f.Fake.Quarantine(ctx, q)
		}
	}, []string{"quarantine keeps everything"}},
	{"a page begins with the last row of the page before", func(f *faulty) {
		f.numbers = func(ctx context.Context, after string, limit int) ([]event.Number, error) {
			if after != "" {
				after = after[:len(after)-1] + string(after[len(after)-1]-1) + "~"
			}
			return f.Fake.Numbers(ctx, after, limit)
		}
	}, []string{"pages of numbers"}},
	{"every refusal is a new entry", func(f *faulty) {
		f.quarantine = func(ctx context.Context, q event.Quarantined) (int64, error) {
			f.alter(func(m *Model) { m.digests = map[string]int{} })
			return f.Fake.Quarantine(ctx, q)
		}
	}, []string{"quarantine counts repetitions", "redrive again", "quarantine at once"}},
	{"every path is an entry", func(f *faulty) {
		f.quarantine = func(ctx context.Context, q event.Quarantined) (int64, error) {
			q.PathEvent = q.Delivery.Path
			return f.Fake.Quarantine(ctx, q)
		}
	}, []string{"quarantine counts repetitions", "quarantine of replays"}},
	{"what was discarded stays so", func(f *faulty) {
		f.quarantine = func(ctx context.Context, q event.Quarantined) (int64, error) {
			id, err := f.Fake.Quarantine(ctx, q)
			f.alter(func(m *Model) {
				if entry := &m.entries[id-1]; entry.Times > 1 && entry.State == event.Held {
					entry.State = event.Discarded
				}
			})
			return id, err
		}
	}, []string{"quarantine discards"}},
	{"a redrive leaves its entry held", func(f *faulty) {
		f.redrive = func(ctx context.Context, id int64, e event.Event) (event.Receipt, error) {
			r, err := f.Fake.Redrive(ctx, id, e)
			if err == nil {
				f.alter(func(m *Model) { m.entries[id-1].State = event.Held })
			}
			return r, err
		}
	}, []string{"redrive", "redrive of what is already there", "pages of quarantine"}},
	{"writes for a caller who is gone", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			return f.Fake.Append(context.WithoutCancel(ctx), e)
		}
	}, []string{"a caller who is gone"}},
	{"keeps the caller's memory", func(f *faulty) {
		f.append = func(ctx context.Context, e event.Event) (event.Receipt, error) {
			r, err := f.Fake.Append(ctx, e)
			f.alter(func(m *Model) {
				if !r.Duplicate && err == nil {
					m.events[m.index[e.ID]].Delivery.Body = e.Delivery.Body
				}
			})
			return r, err
		}
	}, []string{"a store of its own"}},
}

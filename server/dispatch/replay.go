package dispatch

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"numhook/server/event"
)

// page is how many rows are read, and about how many are enqueued, at a time.
const page = 500

// Source is where what was stored before is read. It is a part of store.Reader.
type Source interface {
	Numbers(ctx context.Context, after string, limit int) ([]event.Number, error)
	Number(ctx context.Context, number string) (event.Number, error)
	Events(ctx context.Context, after int64, limit int) ([]event.Stored, error)
}

// Enqueuer is where it is enqueued. It is a part of store.Outbox.
type Enqueuer interface {
	Enqueue(ctx context.Context, downstream string, changes []event.Change, again, dryRun bool) (int, error)
	Filled(ctx context.Context, downstream string) error
}

// ReplayFilter narrows what is enqueued again; zero values let everything pass.
type ReplayFilter struct {
	Number string
	Event  string    // the sender's name
	Since  time.Time // received then or later
	Until  time.Time // received earlier
	DryRun bool      // only count
}

func (f ReplayFilter) passes(c event.Change) bool {
	return (f.Number == "" || c.Number == f.Number) && (f.Event == "" || c.EventName == f.Event) &&
		(f.Since.IsZero() || !c.Received.Before(f.Since)) && (f.Until.IsZero() || c.Received.Before(f.Until))
}

// Fill enqueues what the downstream's Start asks for, and notes that it did. It may be started again after a crash, and
// may run twice at a time: what is in the outbox already stays as it is.
func Fill(ctx context.Context, from Source, enqueuer Enqueuer, d event.DownstreamStatus) error {
	if d.Filled {
		return nil
	}
	refill := replaying{ctx: ctx, from: from, enqueuer: enqueuer, downstream: d.Name}
	var err error
	switch {
	case d.Start == event.FromNow || d.Start == "":
	case d.Mode == event.Every && d.Start == event.FromBeginning:
		err = refill.events()
	default:
		err = refill.values()
	}
	if err != nil {
		return err
	}
	return enqueuer.Filled(ctx, d.Name)
}

// Replay enqueues again what passes the filter: in mode latest the current values, in mode every the events. It returns
// how many rows became waiting, or with DryRun would. What is waiting or under way already is not counted. NotFound
// when a number is asked for that mode latest knows nothing of.
func Replay(
	ctx context.Context, from Source, enqueuer Enqueuer, d event.DownstreamStatus, filter ReplayFilter,
) (int, error) {
	again := replaying{ctx: ctx, from: from, enqueuer: enqueuer, downstream: d.Name, filter: filter, again: true}
	var err error
	switch {
	case d.Mode == event.Every:
		err = again.events()
	case filter.Number != "":
		err = again.number(filter.Number)
	default:
		err = again.values()
	}
	return again.enqueued, err
}

// replaying is one walk through what is stored.
type replaying struct {
	ctx        context.Context // of one walk, which is one call
	from       Source
	enqueuer   Enqueuer
	downstream string
	filter     ReplayFilter
	again      bool
	changes    []event.Change // of the page
	enqueued   int
}

// values walks through every number's current values. The number whose text is empty is on no page.
func (r *replaying) values() error {
	if err := r.number(""); err != nil && event.KindOf(err) != event.NotFound {
		return err
	}
	for after := ""; ; {
		numbers, err := r.from.Numbers(r.ctx, after, page)
		if err != nil || len(numbers) == 0 {
			return err
		}
		for _, n := range numbers {
			after = n.Number
			r.take(n.Values...)
		}
		if err := r.enqueue(); err != nil {
			return err
		}
	}
}

func (r *replaying) number(number string) error {
	n, err := r.from.Number(r.ctx, number)
	if err != nil {
		return err
	}
	r.take(n.Values...)
	return r.enqueue()
}

// events walks through every event in the order of storing. One without numbers is a change of no number.
func (r *replaying) events() error {
	for after := int64(0); ; {
		events, err := r.from.Events(r.ctx, after, page)
		if err != nil || len(events) == 0 {
			return err
		}
		for _, e := range events {
			after = e.Seq
			numbers := e.Numbers
			if len(numbers) == 0 {
				numbers = []string{""}
			}
			for _, number := range numbers {
				r.take(event.Change{
					Number: number, Attribute: e.Attribute, Value: e.Value, TS: e.TS, EventID: e.ID, EventName: e.Name,
					AccountID: e.AccountID, CarrierCode: e.CarrierCode, Received: e.Delivery.Received,
				})
			}
			if len(r.changes) >= page {
				if err := r.enqueue(); err != nil {
					return err
				}
			}
		}
		if err := r.enqueue(); err != nil {
			return err
		}
	}
}

func (r *replaying) take(changes ...event.Change) {
	for _, c := range changes {
		if r.filter.passes(c) {
			r.changes = append(r.changes, c)
		}
	}
}

// enqueue makes what was taken enqueued, a page at a time: one event may have more numbers than that.
func (r *replaying) enqueue() error {
	for begin := 0; begin < len(r.changes); begin += page {
		enqueued, err := r.enqueuer.Enqueue(r.ctx, r.downstream, r.changes[begin:min(begin+page, len(r.changes))], r.again,
			r.filter.DryRun)
		r.enqueued += enqueued
		if err != nil {
			return err
		}
	}
	r.changes = r.changes[:0]
	return nil
}

// fill fills every worker that is new, each beside the others, until ctx ends. In mode every the worker waits for it:
// what came before goes out before.
func (d *Dispatch) fill(ctx context.Context) {
	var filling sync.WaitGroup
	defer filling.Wait()
	for _, w := range d.workers {
		if d.source == nil || w.Downstream.Mode == event.Latest {
			close(w.filled)
		}
		if d.source == nil {
			continue
		}
		filling.Go(func() {
			errs := storeErrors{log: d.log, what: "fill", downstream: w.Downstream.Name}
			for {
				err := d.fillOne(ctx, w)
				if err == nil {
					errs.over(ctx)
					break
				}
				if !rest(ctx, errs.met(ctx, err)) {
					return
				}
			}
			if w.Downstream.Mode == event.Every {
				close(w.filled)
			}
			w.wake()
		})
	}
}

func (d *Dispatch) fillOne(ctx context.Context, w *worker) error {
	statuses, err := d.readStatuses(ctx)
	if err != nil {
		return err
	}
	for _, s := range statuses {
		if s.Name != w.Downstream.Name || s.Filled {
			continue
		}
		if err := Fill(ctx, d.source, d.enqueuer, s); err != nil {
			return err
		}
		d.log.LogAttrs(ctx, slog.LevelInfo, "fill", slog.String("downstream", s.Name), slog.String("outcome", "filled"))
	}
	return nil
}

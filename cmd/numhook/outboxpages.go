package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"numhook/server/event"
	"numhook/server/store"
)

// outboxPages reads the rows that pass any of several filters, by id, a page of each at a time. A row that changes
// meanwhile is shown as it was, or not at all.
type outboxPages struct {
	from    store.OutboxReader
	streams []*rowStream
	last    int64 // the id handed out last
}

// rowStream is what passes one filter.
type rowStream struct {
	filter event.OutboxFilter
	after  int64             // the id read last
	ahead  []event.OutboxRow // read and not handed out yet
	ended  bool
}

func newOutboxPages(from store.OutboxReader, filters []event.OutboxFilter, after int64) *outboxPages {
	rows := &outboxPages{from: from, last: after}
	for _, filter := range filters {
		rows.streams = append(rows.streams, &rowStream{filter: filter, after: after})
	}
	return rows
}

// next is the next page. Only the last one is short.
func (r *outboxPages) next(ctx context.Context, limit int) (rows []event.OutboxRow, err error) {
	for len(rows) < limit {
		first := -1
		for i, s := range r.streams {
			if err := s.fill(ctx, r.from, limit); err != nil {
				return nil, err
			}
			if len(s.ahead) > 0 && (first < 0 || s.ahead[0].ID < r.streams[first].ahead[0].ID) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		s := r.streams[first]
		if o := s.ahead[0]; o.ID > r.last { // else it changed its state between two reads, and passed two filters
			rows, r.last = append(rows, o), o.ID
		}
		s.ahead = s.ahead[1:]
	}
	return rows, nil
}

func (s *rowStream) fill(ctx context.Context, from store.OutboxReader, limit int) (err error) {
	if len(s.ahead) > 0 || s.ended {
		return nil
	}
	if s.ahead, err = from.OutboxRows(ctx, s.filter, s.after, limit); err != nil {
		return err
	}
	s.ended = len(s.ahead) < limit
	if len(s.ahead) > 0 {
		s.after = s.ahead[len(s.ahead)-1].ID
	}
	return nil
}

// dueIn is when the next attempt may begin.
func dueIn(o event.OutboxRow, now time.Time) string {
	switch wait := o.Due.Sub(now); {
	case o.State != event.Waiting:
		return "-"
	case wait <= 0 || wait > event.LongestWait:
		return "now"
	default:
		return "in " + rough(wait)
	}
}

// age is how long ago something was. It is by this machine's clock, which may be behind that of whoever wrote the time.
func age(since, now time.Time) string { return rough(max(now.Sub(since), 0)) }

// rough is a duration with as much as people look at: 850ms, 42s, 3m20s, 5h12m, 3d4h.
func rough(d time.Duration) string {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Hour:
		return d.Truncate(time.Second).String()
	case d < day:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
}

func orDash(text string) string { return cmp.Or(text, "-") }

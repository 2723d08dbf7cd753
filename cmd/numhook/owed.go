package main

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"numhook/server/event"
	"numhook/server/store"
)

// owedRows reads the rows that pass any of several filters, by id, a page of each at a time. A row that changes meanwhile is shown as it was, or not at all.
type owedRows struct {
	from    store.OwedReader
	streams []*owedStream
	last    int64 // the id handed out last
}

// owedStream is what passes one filter.
type owedStream struct {
	filter event.OwedFilter
	after  int64        // the id read last
	ahead  []event.Owed // read and not handed out yet
	ended  bool
}

func newOwedRows(from store.OwedReader, filters []event.OwedFilter, after int64) *owedRows {
	rows := &owedRows{from: from, last: after}
	for _, filter := range filters {
		rows.streams = append(rows.streams, &owedStream{filter: filter, after: after})
	}
	return rows
}

// next is the next page. Only the last one is short.
func (r *owedRows) next(ctx context.Context, limit int) (owed []event.Owed, err error) {
	for len(owed) < limit {
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
			owed, r.last = append(owed, o), o.ID
		}
		s.ahead = s.ahead[1:]
	}
	return owed, nil
}

func (s *owedStream) fill(ctx context.Context, from store.OwedReader, limit int) (err error) {
	if len(s.ahead) > 0 || s.ended {
		return nil
	}
	if s.ahead, err = from.Owed(ctx, s.filter, s.after, limit); err != nil {
		return err
	}
	s.ended = len(s.ahead) < limit
	if len(s.ahead) > 0 {
		s.after = s.ahead[len(s.ahead)-1].ID
	}
	return nil
}

// dueIn is when the next attempt may begin.
func dueIn(o event.Owed, now time.Time) string {
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
	const day = 24 * time.Hour
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

package config

import (
	"cmp"
	"strconv"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// What holds where nothing is written, and the bounds of times.
const (
	defaultTimeout     = 10 * time.Second
	mostTimeout        = 5 * time.Minute
	defaultConcurrency = 4
	mostPatience       = 3650 * 24 * time.Hour
	never              = "never"
)

var defaultBackoff = dispatch.Backoff{First: time.Second, Factor: 2, Max: 15 * time.Minute}

// pace reads how fast the downstream is served, and how often.
func (e entry) pace(d *Downstream) {
	d.Concurrency = cmp.Or(e.number("concurrency"), defaultConcurrency)
	d.Rate = e.decimal("rate")
	timeout, _ := e.duration(e.value("timeout"), "timeout", mostTimeout)
	d.Timeout = cmp.Or(timeout, defaultTimeout)
	d.Backoff = e.backoff()
}

// decimal is the number behind a key, which the schema found good; 0 when there is none.
func (e entry) decimal(key string) float64 {
	number, _ := strconv.ParseFloat(e.text(key), 64)
	return number
}

func (e entry) backoff() dispatch.Backoff {
	firstAt, maxAt := e.value("retry/first"), e.value("retry/max")
	first, hasFirst := e.duration(firstAt, "first", event.LongestWait)
	most, hasMost := e.duration(maxAt, "max", event.LongestWait)
	b := dispatch.Backoff{
		First: cmp.Or(first, defaultBackoff.First), Factor: cmp.Or(e.decimal("retry/factor"), defaultBackoff.Factor),
		Max: cmp.Or(most, defaultBackoff.Max),
	}
	switch {
	case b.First <= b.Max || firstAt != nil && !hasFirst || maxAt != nil && !hasMost:
	case hasFirst && hasMost:
		e.tell(firstAt, "first is longer than max", "write at most "+shown(b.Max)+", or a longer max")
	case hasFirst:
		e.tell(firstAt, "first is longer than max, which is "+shown(b.Max)+" where it is not written", "write a max, too")
	default:
		e.tell(maxAt, "max is shorter than first, which is "+shown(b.First)+" where it is not written", "write a first, too")
	}
	if patience := e.value("retry/give_up_after"); patience != nil && patience.Value != never {
		b.GiveUpAfter, _ = e.duration(patience, "give_up_after", mostPatience)
	}
	return b
}

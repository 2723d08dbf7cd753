package settings

import (
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// What holds where nothing is written, and the bounds of what is.
const (
	defaultTimeout = 10 * time.Second
	mostTimeout    = 5 * time.Minute

	defaultConcurrency = 4
	mostConcurrency    = 256

	leastRate = 0.001 // an attempt in about a quarter of an hour
	mostRate  = 1_000_000

	mostFactor = 100

	mostPatience = 3650 * 24 * time.Hour
	never        = "never"
)

var defaultBackoff = dispatch.Backoff{First: time.Second, Factor: 2, Max: 15 * time.Minute}

// pace reads how fast the downstream is served, and how often.
func (r *reader) pace(o object, d *Downstream) {
	if timeout, ok := r.duration(o.values["timeout"], "timeout", mostTimeout); ok {
		d.Timeout = timeout
	}
	if concurrency, ok := r.whole(o.values["concurrency"], "concurrency", 1, mostConcurrency); ok {
		d.Concurrency = int(concurrency)
	}
	if rate, ok := r.decimal(o.values["rate"], "rate", leastRate, mostRate, " (attempts a second), or leave rate out for no limit"); ok {
		d.Rate = rate
	}
	if n := o.values["retry"]; n != nil {
		d.Backoff = r.backoff(n)
	}
}

func (r *reader) backoff(n *node) dispatch.Backoff {
	b := defaultBackoff
	o, ok := r.object(n, "retry", "first", "factor", "max", "give_up_after")
	if !ok {
		return b
	}
	first, hasFirst := r.duration(o.values["first"], "first", event.LongestWait)
	if hasFirst {
		b.First = first
	}
	if factor, ok := r.decimal(o.values["factor"], "factor", 1, mostFactor, ""); ok {
		b.Factor = factor
	}
	most, hasMost := r.duration(o.values["max"], "max", event.LongestWait)
	if hasMost {
		b.Max = most
	}
	switch {
	case b.First <= b.Max || o.keys["first"] != nil && !hasFirst || o.keys["max"] != nil && !hasMost:
	case hasFirst && hasMost:
		r.tell(o.values["first"], "first is longer than max", "write at most "+shown(b.Max)+", or a longer max")
	case hasFirst:
		r.tell(o.values["first"], "first is longer than max, which is "+shown(b.Max)+" where it is not written", "write a max, too")
	default:
		r.tell(o.values["max"], "max is shorter than first, which is "+shown(b.First)+" where it is not written", "write a first, too")
	}
	if patience := o.values["give_up_after"]; patience != nil && patience.Value != never {
		b.GiveUpAfter, _ = r.duration(patience, "give_up_after", mostPatience)
	}
	return b
}

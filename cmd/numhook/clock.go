package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	clockEvery   = 10 * time.Second // between two looks
	clockTime    = time.Second      // that the store may take to answer one
	clockSlack   = 2 * time.Second  // what clocks may differ by, and be set by, without a word
	receiptSlack = 5 * time.Second  // the same of a receipt: with several receivers it was told from another one's clock
	stepShown    = time.Hour        // how long it is said that the clock was set
)

// What this machine's clock is held against.
const (
	againstReceipt   = "receipt"
	againstDatabase  = "database"
	againstStopwatch = "stopwatch"
)

var clockDifference = prometheus.NewDesc("numhook_clock_difference_seconds",
	"By how much this machine's clock is behind what it is held against; negative when it is ahead.", []string{"against"},
	nil)

// clockWatch holds this machine's clock against the store's and its newest receipt, and against a stopwatch.
type clockWatch struct {
	store interface {
		Clock(ctx context.Context) (now, newest time.Time, err error)
	}
	log  *slog.Logger
	read func() clockReading

	// One goroutine looks.
	last  clockReading            // of the stopwatch; zero before the first look
	steps []clockStep             // of the last stepShown
	told  map[string]clockFinding // what stands in the log, by what it is against

	mu    sync.Mutex // guards found
	found []clockFinding
}

// clockReading is one moment on the wall clock, and on the stopwatch that nobody sets.
type clockReading struct {
	wall    time.Time
	elapsed time.Duration
}

// clockStep says that the wall clock was set.
type clockStep struct {
	ahead time.Duration
	seen  time.Duration // on the stopwatch
}

// clockFinding is by how much this machine's clock is behind something; text is empty when that is no reason to worry.
type clockFinding struct {
	against string
	behind  time.Duration
	text    string
}

func newClockWatch(store interface {
	Clock(ctx context.Context) (now, newest time.Time, err error)
}, log *slog.Logger,
) *clockWatch {
	began := time.Now()
	return &clockWatch{store: store, log: log, told: map[string]clockFinding{}, read: func() clockReading {
		now := time.Now()
		return clockReading{now.Round(0), now.Sub(began)}
	}}
}

// start looks once, and then every clockEvery until it is stopped.
func (c *clockWatch) start(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	c.look(ctx)
	var running sync.WaitGroup
	running.Go(func() {
		again := time.NewTicker(clockEvery)
		defer again.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-again.C:
				c.look(ctx)
			}
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// look tells what changed since the look before. While the store does not answer, what it said last stands.
func (c *clockWatch) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, clockTime)
	defer cancel()
	before := c.read()
	now, newest, err := c.store.Clock(ctx)
	after := c.read()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.keep(heldAgainstDatabase(now, before, after))
		c.keep(heldAgainstReceipt(newest, after))
	}
	c.keep(c.heldAgainstStopwatch(after))
}

// heldAgainstDatabase takes the database to have looked at its clock in the middle of its answer.
func heldAgainstDatabase(now time.Time, before, after clockReading) clockFinding {
	half := (after.elapsed - before.elapsed) / 2
	f := clockFinding{against: againstDatabase, behind: now.Sub(after.wall.Add(-half))}
	if f.behind.Abs() > clockSlack+half {
		f.text = "this machine's clock is " + apart(f.behind, "behind", "ahead of") + " the database's"
	}
	return f
}

// heldAgainstReceipt: a receipt in the past proves nothing.
func heldAgainstReceipt(newest time.Time, now clockReading) clockFinding {
	f := clockFinding{against: againstReceipt}
	if !newest.IsZero() {
		f.behind = max(newest.Sub(now.wall), 0)
	}
	if f.behind > receiptSlack {
		f.text = "this machine's clock is " + apart(f.behind, "behind", "") +
			" the newest receipt in the store: it was set back, or was ahead when that was received"
	}
	return f
}

// heldAgainstStopwatch is by how much the clock was set lately, whichever way.
func (c *clockWatch) heldAgainstStopwatch(now clockReading) clockFinding {
	if c.last != (clockReading{}) {
		ahead := now.wall.Sub(c.last.wall) - (now.elapsed - c.last.elapsed)
		if ahead.Abs() > clockSlack {
			c.steps = append(c.steps, clockStep{ahead, now.elapsed})
		}
	}
	c.last = now
	for len(c.steps) > 0 && now.elapsed-c.steps[0].seen > stepShown {
		c.steps = c.steps[1:]
	}
	f := clockFinding{against: againstStopwatch}
	for _, step := range c.steps {
		f.behind -= step.ahead
	}
	if f.behind.Abs() > clockSlack {
		f.text = "this machine's clock was set " + apart(f.behind, "back", "ahead") + " while the receiver ran"
	}
	return f
}

// keep shows a finding in place of the last one against the same, and logs it when it begins, when it has become
// another one, and when it ends.
func (c *clockWatch) keep(f clockFinding) {
	at := 0
	for at < len(c.found) && c.found[at].against != f.against {
		at++
	}
	if at == len(c.found) {
		c.found = append(c.found, f)
	}
	c.found[at] = f
	told, known := c.told[f.against]
	another := !known || told.behind < 0 != (f.behind < 0) || f.behind.Abs() > 2*told.behind.Abs()
	switch {
	case f.text != "" && another:
		c.told[f.against] = f
		c.log.Warn("clock", slog.String("against", f.against), slog.Float64("seconds", f.behind.Seconds()),
			slog.String("error", f.text))
	case f.text == "" && known:
		delete(c.told, f.against)
		c.log.Info("clock agrees", slog.String("against", f.against), slog.Float64("seconds", f.behind.Seconds()))
	}
}

// apart is how far clocks are apart, and which way.
func apart(behind time.Duration, ifBehind, ifAhead string) string {
	if behind < 0 {
		return behind.Abs().Round(time.Second).String() + " " + ifAhead
	}
	return behind.Round(time.Second).String() + " " + ifBehind
}

// warning is what /readyz says of it.
func (c *clockWatch) warning() warning {
	return warning{"clock", func() string {
		c.mu.Lock()
		defer c.mu.Unlock()
		var texts []string
		for _, f := range c.found {
			if f.text != "" {
				texts = append(texts, f.text)
			}
		}
		return strings.Join(texts, "; ")
	}}
}

// Register shows the metric.
func (c *clockWatch) Register(in prometheus.Registerer) error { return in.Register(c) }

// Describe implements prometheus.Collector.
func (c *clockWatch) Describe(to chan<- *prometheus.Desc) { to <- clockDifference }

// Collect implements prometheus.Collector.
func (c *clockWatch) Collect(to chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.found {
		to <- prometheus.MustNewConstMetric(clockDifference, prometheus.GaugeValue, f.behind.Seconds(), f.against)
	}
}

package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"numhook/server/event"
)

// What a line is served with that does not say.
const (
	DefaultTimeout     = 10 * time.Second
	DefaultConcurrency = 8
	DefaultDrainTime   = 10 * time.Second

	// LongestTimeout keeps a lease within minutes: for so long the rows of a process that died wait.
	LongestTimeout = 5 * time.Minute
	// MostConcurrency bounds what one line holds at a time.
	MostConcurrency = 1024
)

// standingEvery is how often the gauges of what is owed are refreshed.
const standingEvery = 5 * time.Second

// Standings tells how downstreams stand. It is a part of store.OwedReader.
type Standings interface {
	Downstreams(ctx context.Context) ([]event.Standing, error)
}

// Config is what a Dispatch needs. Keeper and Wrap are required, and every downstream of a line is registered before Run. Zero values of the rest mean the
// defaults, or that the thing is not done.
type Config struct {
	Keeper Keeper
	Lines  []Line
	Wrap   func(event.Attempt) (Envelope, error) // an Envelope's identity is the same on every try

	Standings Standings // for the gauges, and to see which downstream is new
	Source    Source    // with Owing and Standings: new downstreams are filled
	Owing     Owing

	// Alone says that no other process can hold a claim in this store while this one runs (an embedded store, locked for serving). What is held when Run
	// begins was then held by a process that is dead, and is released without waiting for its lease: in mode every at once, in mode latest once what it had
	// sent no longer takes effect.
	Alone bool

	Pressure *Pressure // of the way in, to which lines then yield: see YieldEvery

	DrainTime time.Duration    // for attempts under way once Run is to end; default DefaultDrainTime
	Now       func() time.Time // the wall clock
	Random    func() float64   // of [0, 1), safe for concurrent use: jitter
	Log       *slog.Logger
	Metrics   *Metrics
}

// Dispatch hands on what is owed. It is safe for concurrent use.
type Dispatch struct {
	keeper    Keeper
	wrap      func(event.Attempt) (Envelope, error)
	lines     []*line
	standings Standings
	source    Source
	owing     Owing
	alone     bool
	pressure  *Pressure
	drainTime time.Duration
	now       func() time.Time
	began     instant
	random    func() float64
	log       *slog.Logger
	metrics   *Metrics
	looks     time.Duration // between two readings of how the downstreams stand

	unregistered atomic.Pointer[[]string] // names of the lines that nothing is owed to any more; observe writes it
}

// New builds the way out, or says which line cannot be served.
func New(cfg Config) (*Dispatch, error) {
	if cfg.Keeper == nil || cfg.Wrap == nil {
		return nil, errors.New("cannot build the way out: a keeper and an envelope are required")
	}
	if (cfg.Source == nil) != (cfg.Owing == nil) || cfg.Source != nil && cfg.Standings == nil {
		return nil, errors.New("cannot build the way out: new downstreams are filled from a source, into what is owed, as their standings say")
	}
	d := &Dispatch{
		keeper: cfg.Keeper, wrap: cfg.Wrap, standings: cfg.Standings, source: cfg.Source, owing: cfg.Owing, alone: cfg.Alone, pressure: cfg.Pressure,
		drainTime: cfg.DrainTime, now: cfg.Now, random: cfg.Random, log: cfg.Log, metrics: cfg.Metrics, looks: standingEvery,
	}
	if d.pressure == nil {
		d.pressure = new(Pressure)
	}
	if d.drainTime <= 0 {
		d.drainTime = DefaultDrainTime
	}
	if d.now == nil {
		d.now = time.Now
	}
	d.began = d.instant()
	if d.random == nil {
		d.random = rand.Float64
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.metrics == nil {
		d.metrics = NewMetrics()
	}
	names := map[string]bool{}
	for _, l := range cfg.Lines {
		l, err := l.withDefaults()
		if err != nil {
			return nil, fmt.Errorf("cannot serve downstream %q: %w", l.Downstream.Name, err)
		}
		if names[l.Downstream.Name] {
			return nil, fmt.Errorf("cannot serve downstream %q: its name is taken", l.Downstream.Name)
		}
		names[l.Downstream.Name] = true
		d.metrics.serves(l.Downstream.Name)
		d.lines = append(d.lines, newLine(d, l))
	}
	return d, nil
}

// withDefaults fills in what is zero, or says what cannot be.
func (l Line) withDefaults() (Line, error) {
	var err error
	if l.Timeout == 0 {
		l.Timeout = DefaultTimeout
	}
	if l.Concurrency == 0 {
		l.Concurrency = DefaultConcurrency
	}
	if l.Backoff, err = l.Backoff.withDefaults(); err != nil {
		return l, err
	}
	switch {
	case l.Downstream.Name == "":
		return l, errors.New("it has no name")
	case l.Downstream.Mode != event.Latest && l.Downstream.Mode != event.Every:
		return l, errors.New("it has no mode")
	case l.Sender == nil:
		return l, errors.New("it has no sender")
	case l.Timeout < 0 || l.Timeout > LongestTimeout:
		return l, fmt.Errorf("its timeout is at most %s", LongestTimeout)
	case l.Concurrency < 0 || l.Concurrency > MostConcurrency:
		return l, fmt.Errorf("its concurrency is at most %d", MostConcurrency)
	case !(l.Rate >= 0) || math.IsInf(l.Rate, 0): // so that NaN does not pass
		return l, errors.New("its rate cannot be negative")
	}
	return l, nil
}

// Wake tells the lines that something may have become due. It never blocks.
func (d *Dispatch) Wake() {
	for _, l := range d.lines {
		l.wake()
	}
}

// Run hands on what is owed until ctx ends. Then nothing more is claimed, and attempts under way have the drain time to end by themselves; those that do not
// are cut off, and have RecordTime to be recorded. It returns when all are recorded, or says that some did not end. It closes no sender. It runs once.
func (d *Dispatch) Run(ctx context.Context) error {
	records, lost := context.WithCancel(context.WithoutCancel(ctx))
	defer lost()
	sends, cut := context.WithCancel(records)
	defer cut()
	var running sync.WaitGroup
	for _, l := range d.lines {
		running.Go(func() { l.run(ctx, sends, records) })
		running.Go(func() { l.watch(ctx) })
	}
	running.Go(func() { d.fill(ctx) })
	if d.alone && d.standings != nil {
		running.Go(func() { d.inheritOthers(ctx) })
	}
	if d.standings != nil {
		running.Go(func() { d.observe(ctx) })
	}
	ended := make(chan struct{})
	go func() {
		running.Wait()
		close(ended)
	}()
	<-ctx.Done()
	for _, stage := range []struct {
		time time.Duration
		over func()
	}{{d.drainTime, cut}, {RecordTime, lost}} {
		if endsWithin(ended, stage.time) {
			return nil
		}
		stage.over()
	}
	if endsWithin(ended, time.Second) {
		return nil
	}
	return errors.New("cannot end every attempt: a sender does not heed its deadline")
}

func endsWithin(ended <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
		return false
	}
}

// instant is now, on both clocks.
func (d *Dispatch) instant() instant { return instant{monotonic: time.Now(), wall: d.now().Round(0)} }

// observe refreshes the gauges of what is owed until ctx ends.
func (d *Dispatch) observe(ctx context.Context) {
	trouble := trouble{log: d.log, what: "standings"}
	ages := ages{}
	for {
		standings, err := d.standing(ctx)
		if err != nil {
			trouble.met(ctx, err)
		} else {
			trouble.over(ctx)
			d.stand(ctx, standings, ages)
		}
		if !rest(ctx, d.looks) {
			return
		}
	}
}

// stand shows how the downstreams stand, and mends what they are owed under a clock that was set back.
func (d *Dispatch) stand(ctx context.Context, standings []event.Standing, ages ages) {
	now, old := time.Now(), map[string]time.Duration{}
	for _, s := range standings {
		old[s.Name] = ages.of(s, now)
	}
	d.metrics.stand(standings, old)
	var gone []string
	for _, l := range d.lines {
		at := slices.IndexFunc(standings, func(s event.Standing) bool { return s.Name == l.Downstream.Name })
		if at < 0 {
			gone = append(gone, l.Downstream.Name)
			continue
		}
		l.rewind(ctx, standings[at], old[l.Downstream.Name])
	}
	d.warnOfRemoved(gone)
}

// warnOfRemoved says once of each downstream that it is served and was removed: what comes is no longer owed to it.
func (d *Dispatch) warnOfRemoved(gone []string) {
	before := d.Unregistered()
	d.unregistered.Store(&gone)
	for _, name := range gone {
		if !slices.Contains(before, name) {
			d.log.Warn("a downstream is served and was removed: nothing is owed to it until a receiver that names it starts again",
				slog.String("downstream", name))
		}
	}
}

// Unregistered are the names of the downstreams that are served and are no longer registered.
func (d *Dispatch) Unregistered() []string {
	if gone := d.unregistered.Load(); gone != nil {
		return *gone
	}
	return nil
}

func (d *Dispatch) standing(ctx context.Context) ([]event.Standing, error) {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	return d.standings.Downstreams(ctx)
}

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

// What a worker is served with that does not say.
const (
	DefaultTimeout     = 10 * time.Second
	DefaultConcurrency = 8
	DefaultDrainTime   = 10 * time.Second

	// LongestTimeout keeps a lease within minutes: for so long the rows of a process that died wait.
	LongestTimeout = 5 * time.Minute
	// MostConcurrency bounds what one line holds at a time.
	MostConcurrency = 1024
)

// statusEvery is how often the gauges of the outbox are refreshed.
const statusEvery = 5 * time.Second

// StatusReader tells the downstreams' status. It is a part of store.OutboxReader.
type StatusReader interface {
	Downstreams(ctx context.Context) ([]event.DownstreamStatus, error)
}

// Config is what a Dispatch needs. Queue and Wrap are required, and every downstream of a worker is registered before
// Run. Zero values of the rest mean the defaults, or that the thing is not done.
type Config struct {
	Queue   Queue
	Workers []WorkerConfig
	Wrap    func(event.Attempt) (Envelope, error) // an Envelope's identity is the same on every try

	Statuses StatusReader // for the gauges, and to see which downstream is new
	Source   Source       // with Enqueuer and Statuses: new downstreams are filled
	Enqueuer Enqueuer

	// Alone says that no other process can hold a claim in this store while this one runs (an embedded store, locked for
	// serving). What is held when Run begins was then held by a process that is dead, and is released without waiting for
	// its lease: in mode every at once, in mode latest once what it had sent no longer takes effect.
	Alone bool

	Pressure *Pressure // of the way in, to which workers then yield: see YieldEvery

	DrainTime time.Duration    // for attempts under way once Run is to end; default DefaultDrainTime
	Now       func() time.Time // the wall clock
	Random    func() float64   // of [0, 1), safe for concurrent use: jitter
	Log       *slog.Logger
	Metrics   *Metrics
}

// Dispatch hands on the outbox. It is safe for concurrent use.
type Dispatch struct {
	queue     Queue
	wrap      func(event.Attempt) (Envelope, error)
	workers   []*worker
	statuses  StatusReader
	source    Source
	enqueuer  Enqueuer
	alone     bool
	pressure  *Pressure
	drainTime time.Duration
	now       func() time.Time
	began     instant
	random    func() float64
	log       *slog.Logger
	metrics   *Metrics
	looks     time.Duration // between two readings of the downstreams' status

	unregistered atomic.Pointer[[]string] // names of the workers that nothing is enqueued for any more; observe writes it
}

// New builds the way out, or says which worker cannot be served.
func New(cfg Config) (*Dispatch, error) {
	if cfg.Queue == nil || cfg.Wrap == nil {
		return nil, errors.New("cannot build the way out: a keeper and an envelope are required")
	}
	if (cfg.Source == nil) != (cfg.Enqueuer == nil) || cfg.Source != nil && cfg.Statuses == nil {
		return nil, errors.New("cannot build the way out: new downstreams are filled from a source, into what is owed, as " +
			"their standings say")
	}
	d := &Dispatch{
		queue: cfg.Queue, wrap: cfg.Wrap, statuses: cfg.Statuses, source: cfg.Source, enqueuer: cfg.Enqueuer,
		alone: cfg.Alone, pressure: cfg.Pressure,
		drainTime: cfg.DrainTime, now: cfg.Now, random: cfg.Random, log: cfg.Log, metrics: cfg.Metrics, looks: statusEvery,
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
	for _, cfg := range cfg.Workers {
		cfg, err := cfg.withDefaults()
		if err != nil {
			return nil, fmt.Errorf("cannot serve downstream %q: %w", cfg.Downstream.Name, err)
		}
		if names[cfg.Downstream.Name] {
			return nil, fmt.Errorf("cannot serve downstream %q: its name is taken", cfg.Downstream.Name)
		}
		names[cfg.Downstream.Name] = true
		d.metrics.serves(cfg.Downstream.Name)
		d.workers = append(d.workers, newWorker(d, cfg))
	}
	return d, nil
}

// withDefaults fills in what is zero, or says what cannot be.
func (cfg WorkerConfig) withDefaults() (WorkerConfig, error) {
	var err error
	if cfg.Timeout == 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = DefaultConcurrency
	}
	if cfg.Backoff, err = cfg.Backoff.withDefaults(); err != nil {
		return cfg, err
	}
	switch {
	case cfg.Downstream.Name == "":
		return cfg, errors.New("it has no name")
	case cfg.Downstream.Mode != event.Latest && cfg.Downstream.Mode != event.Every:
		return cfg, errors.New("it has no mode")
	case cfg.Sender == nil:
		return cfg, errors.New("it has no sender")
	case cfg.Timeout < 0 || cfg.Timeout > LongestTimeout:
		return cfg, fmt.Errorf("its timeout is at most %s", LongestTimeout)
	case cfg.Concurrency < 0 || cfg.Concurrency > MostConcurrency:
		return cfg, fmt.Errorf("its concurrency is at most %d", MostConcurrency)
	case !(cfg.Rate >= 0) || math.IsInf(cfg.Rate, 0): // so that NaN does not pass
		return cfg, errors.New("its rate cannot be negative")
	}
	return cfg, nil
}

// Wake tells the workers that something may have become due. It never blocks.
func (d *Dispatch) Wake() {
	for _, w := range d.workers {
		w.wake()
	}
}

// Run hands on the outbox until ctx ends. Then nothing more is claimed, and attempts under way have the drain time to
// end by themselves; those that do not are cut off, and have RecordTime to be recorded. It returns when all are
// recorded, or says that some did not end. It closes no sender. It runs once.
func (d *Dispatch) Run(ctx context.Context) error {
	records, lost := context.WithCancel(context.WithoutCancel(ctx))
	defer lost()
	sends, cut := context.WithCancel(records)
	defer cut()
	var running sync.WaitGroup
	for _, w := range d.workers {
		running.Go(func() { w.run(ctx, sends, records) })
		running.Go(func() { w.reap(ctx) })
	}
	running.Go(func() { d.fill(ctx) })
	if d.alone && d.statuses != nil {
		running.Go(func() { d.reclaimOthers(ctx) })
	}
	if d.statuses != nil {
		running.Go(func() { d.refreshStatuses(ctx) })
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

// refreshStatuses refreshes the gauges of the outbox until ctx ends.
func (d *Dispatch) refreshStatuses(ctx context.Context) {
	errs := storeErrors{log: d.log, what: "standings"}
	ages := ages{}
	for {
		statuses, err := d.readStatuses(ctx)
		if err != nil {
			errs.met(ctx, err)
		} else {
			errs.over(ctx)
			d.showStatuses(ctx, statuses, ages)
		}
		if !rest(ctx, d.looks) {
			return
		}
	}
}

// showStatuses shows the downstreams' status, and mends their outbox under a clock that was set back.
func (d *Dispatch) showStatuses(ctx context.Context, statuses []event.DownstreamStatus, ages ages) {
	now, old := time.Now(), map[string]time.Duration{}
	for _, s := range statuses {
		old[s.Name] = ages.of(s, now)
	}
	d.metrics.showStatuses(statuses, old)
	var gone []string
	for _, w := range d.workers {
		at := slices.IndexFunc(statuses, func(s event.DownstreamStatus) bool { return s.Name == w.Downstream.Name })
		if at < 0 {
			gone = append(gone, w.Downstream.Name)
			continue
		}
		w.rewind(ctx, statuses[at], old[w.Downstream.Name])
	}
	d.warnOfRemoved(gone)
}

// warnOfRemoved says once of each downstream that it is served and was removed: what comes is no longer enqueued for
// it.
func (d *Dispatch) warnOfRemoved(gone []string) {
	before := d.Unregistered()
	d.unregistered.Store(&gone)
	for _, name := range gone {
		if !slices.Contains(before, name) {
			d.log.Warn("a downstream is served and was removed: nothing is owed to it until a receiver that names it "+
				"starts again",
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

func (d *Dispatch) readStatuses(ctx context.Context) ([]event.DownstreamStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, StoreTime)
	defer cancel()
	return d.statuses.Downstreams(ctx)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"numhook/cmd/numhook/config"
	"numhook/cmd/numhook/validation"
	"numhook/server/certreload"
	"numhook/server/dispatch"
	"numhook/server/store"
)

// outbound is the way out as serve runs it. Without a configuration it has no workers; what is enqueued for downstreams
// that other receivers serve is written all the same.
type outbound struct {
	workers []dispatch.WorkerConfig

	descriptors int // that the senders may have open at a time, beyond those that they have now

	metrics *dispatch.Metrics
	log     *slog.Logger
	busy    dispatch.Pressure                 // of the way in
	running atomic.Pointer[dispatch.Dispatch] // nil before start
	stop    context.CancelFunc
	ended   chan error
}

// newOutbound reads the configuration, and makes the senders that it asks for. None of them needs its downstream to be
// there.
func newOutbound(configFile string, own []ownFile, reloader *certreload.Reloader, log *slog.Logger) (*outbound, error) {
	out := &outbound{metrics: dispatch.NewMetrics(), log: log, ended: make(chan error, 1)}
	if configFile == "" {
		return out, nil
	}
	set, err := loadSettings(configFile, config.LoadServed)
	if err == nil {
		err = refuseOwnFiles(set, own)
	}
	if err != nil {
		return nil, err
	}
	for _, warning := range set.Warnings {
		log.Warn("the configuration is served, and may not be meant", slog.String("warning", warning.String()))
	}
	for _, d := range set.Downstreams {
		sender, err := newSender(d, reloader)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cannot serve downstream %s (%s:%d): %w", d.Name, set.File, d.Line, err),
				out.closeSenders())
		}
		out.descriptors += descriptorsOf(d)
		out.workers = append(out.workers, dispatch.WorkerConfig{
			Downstream: d.Downstream, Sender: sender, Timeout: d.Timeout, Concurrency: d.Concurrency, Rate: d.Rate,
			Backoff: d.Backoff,
		})
	}
	return out, nil
}

// descriptorsOf is how many descriptors a downstream's sender may need at a time.
func descriptorsOf(d config.Downstream) int {
	const (
		each    = 1 // connection an attempt
		program = 4 // pipes, and the handle of the process
		some    = 4 // files, the connections of a client, a look at a name
	)
	if d.Scheme == config.Exec {
		return d.Concurrency*program + some
	}
	return d.Concurrency*each + some
}

// loadSettings reads a configuration whose events are those of the contract.
func loadSettings(
	file string, load func(path string, events []string) (*config.Settings, error),
) (*config.Settings, error) {
	builtIn, err := validation.BuiltIn()
	if err != nil {
		return nil, err
	}
	return load(file, builtIn.Contract.Events())
}

// wake tells the lines that something became due. It never blocks.
func (o *outbound) wake() {
	if d := o.running.Load(); d != nil {
		d.Wake()
	}
}

// observers are all told what a store's writers do.
type observers []store.Observer

func (all observers) Batch(deliveries int, took time.Duration) {
	for _, o := range all {
		o.Batch(deliveries, took)
	}
}

func (all observers) Queue(depth int) {
	for _, o := range all {
		o.Queue(depth)
	}
}

// start registers the downstreams, and begins to hand on their outbox.
func (o *outbound) start(ctx context.Context, from store.Store, alone bool) error {
	if len(o.workers) == 0 {
		return nil
	}
	for _, l := range o.workers {
		if _, err := from.Register(ctx, l.Downstream); err != nil {
			return fmt.Errorf("cannot register downstream %s: %w", l.Downstream.Name, err)
		}
	}
	o.warnOfOthers(ctx, from)
	way, err := dispatch.New(dispatch.Config{
		Queue: from, Workers: o.workers, Wrap: dispatch.Wrap, Statuses: from, Source: from, Enqueuer: from, Alone: alone,
		Pressure: &o.busy, Log: o.log, Metrics: o.metrics,
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx)) // it goes on while deliveries are drained
	o.stop = stop
	o.running.Store(way)
	go func() { o.ended <- way.Run(running) }()
	return nil
}

// warning is what readyz says of downstreams that are served and no longer registered.
func (o *outbound) warning() string {
	d := o.running.Load()
	if d == nil {
		return ""
	}
	gone := d.Unregistered()
	if len(gone) == 0 {
		return ""
	}
	return "nothing is owed to " + strings.Join(gone, ", ") + " any more, although --config names it: it was removed; a " +
		"restart registers it again"
}

// warnOfOthers names the downstreams that have rows in the outbox and that this receiver does not serve: another one
// may, or a name was changed.
func (o *outbound) warnOfOthers(ctx context.Context, from store.OutboxReader) {
	known, err := from.Downstreams(ctx)
	if err != nil {
		return // the way out will say so itself
	}
	served := map[string]bool{}
	for _, l := range o.workers {
		served[l.Downstream.Name] = true
	}
	for _, s := range known {
		if !served[s.Name] {
			o.log.Warn("a downstream is not in the configuration: what it is owed is kept, and numhook downstreams remove "+
				"ends that", slog.String("downstream", s.Name))
		}
	}
}

// drain lets what is under way end, and closes the senders.
func (o *outbound) drain() error {
	if o.stop == nil {
		return o.closeSenders()
	}
	o.stop()
	return errors.Join(<-o.ended, o.closeSenders())
}

// names are those of the downstreams that are served.
func (o *outbound) names() []string {
	var names []string
	for _, w := range o.workers {
		names = append(names, w.Downstream.Name)
	}
	return names
}

func (o *outbound) closeSenders() (err error) {
	for _, l := range o.workers {
		err = errors.Join(err, l.Sender.Close())
	}
	return err
}

var (
	_ dispatch.Queue    = store.Store(nil)
	_ dispatch.Enqueuer = store.Store(nil)
	_ dispatch.Source   = store.Store(nil)
)

package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numhook/server/store/sound"
)

// auditEvery is how often a receiver looks at all of its store again when nothing makes it look.
const auditEvery = 24 * time.Hour

// What is damaged is looked at again after the first of these times, and then ever more seldom.
const (
	firstAuditAgain = 2 * time.Second
	lastAuditAgain  = 10 * time.Minute
)

// The states of the check of the store.
const (
	checkRunning = "running"
	checkGood    = "good"
	checkDamaged = "damaged"
	checkFailed  = "failed" // it could not look
)

// audited is a store that can be looked at as a whole.
type audited interface {
	Audit(ctx context.Context, a sound.Audit) error
	Condemn(why string)
	Absolve()
}

// integrity checks the store beside serving it, at the start, once a day, and when anything that is damaged was met.
// What is damaged acknowledges and hands on nothing any more, until nothing is found: after a repair, or because the
// disk could not be read for a while only.
type integrity struct {
	log   *slog.Logger
	store audited
	kick  chan struct{} // capacity 1: something damaged was met

	mu       sync.Mutex // guards what follows
	state    string
	why      string // it is damaged, or could not be looked at
	findings int
	ended    sync.WaitGroup

	checks *prometheus.GaugeVec
	found  prometheus.GaugeFunc
}

func newIntegrity(log *slog.Logger) *integrity {
	i := &integrity{log: log, kick: make(chan struct{}, 1), state: checkRunning}
	i.checks = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "numhook_store_check", Help: "1 for how the check of the whole store stands, 0 for the other states.",
	}, []string{"state"})
	i.found = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "numhook_store_check_findings", Help: "What the check of the whole store found damaged.",
	}, func() float64 {
		i.mu.Lock()
		defer i.mu.Unlock()
		return float64(i.findings)
	})
	i.set(checkRunning, "", 0)
	return i
}

// Register shows the metrics.
func (i *integrity) Register(in prometheus.Registerer) error {
	if err := in.Register(i.checks); err != nil {
		return err
	}
	return in.Register(i.found)
}

func (i *integrity) set(state, why string, findings int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.state, i.why, i.findings = state, why, findings
	for _, one := range []string{checkRunning, checkGood, checkDamaged, checkFailed} {
		is := 0.0
		if one == state {
			is = 1
		}
		i.checks.WithLabelValues(one).Set(is)
	}
}

// passed is told of what a reader met that is damaged: it is logged, and the store is looked at as a whole.
func (i *integrity) passed(p sound.Passed) {
	logPassed(i.log)(p)
	select {
	case i.kick <- struct{}{}:
	default:
	}
}

// start checks the store until the context ends; wait returns when the last check has ended.
func (i *integrity) start(ctx context.Context, s audited) (stop func()) {
	i.store = s
	ctx, cancel := context.WithCancel(ctx)
	i.ended.Go(func() {
		for again := firstAuditAgain; ; {
			next, kick := auditEvery, i.kick
			if i.audit(ctx) {
				again = firstAuditAgain
			} else {
				next, kick, again = again, nil, min(2*again, lastAuditAgain)
			}
			if !rest(ctx, next, kick) {
				return
			}
		}
	})
	return func() {
		cancel()
		i.ended.Wait()
	}
}

// rest waits until it is time to look again, or something makes it look, and reports false when ctx ended.
func rest(ctx context.Context, next time.Duration, kick <-chan struct{}) bool {
	timer := time.NewTimer(next)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-kick:
	}
	return true
}

// audit looks once, and reports whether all is good as far as is known.
func (i *integrity) audit(ctx context.Context) bool {
	began := time.Now()
	i.log.Info("store check", slog.String("outcome", checkRunning))
	for len(i.kick) > 0 { // what was met before is looked at now
		<-i.kick
	}
	findings := 0
	why := ""
	err := i.store.Audit(ctx, sound.Audit{Half: true, Report: func(p sound.Passed) {
		if findings++; findings == 1 {
			why = fmt.Sprintf("%s %s: %s", p.What, p.Key, p.Why)
			i.store.Condemn(why) // at once: nothing more is acknowledged while the rest is looked at
			i.set(checkDamaged, why, findings)
		}
		if findings <= mostPassed {
			i.log.Error("store check", slog.String("outcome", checkDamaged), slog.String("what", p.What),
				slog.String("key", p.Key), slog.String("error", p.Why))
		}
	}})
	took := slog.Float64("took_s", time.Since(began).Seconds())
	switch {
	case findings > 0:
		i.set(checkDamaged, why, findings)
		i.log.Error("store check", slog.String("outcome", checkDamaged), slog.Int("findings", findings), took,
			slog.String("next", sound.WayOn))
		return false
	case ctx.Err() != nil:
		return false
	case err != nil:
		i.set(checkFailed, err.Error(), 0)
		i.log.Error("store check", slog.String("outcome", checkFailed), slog.String("error", err.Error()), took)
		return false
	default:
		i.store.Absolve()
		i.set(checkGood, "", 0)
		i.log.Info("store check", slog.String("outcome", checkGood), took)
	}
	return true
}

// Ready is nil unless the store is damaged.
func (i *integrity) Ready() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.state != checkDamaged {
		return nil
	}
	return fmt.Errorf("the store is damaged: %s (%s)", i.why, sound.WayOn)
}

// warning is said by /readyz while the store is being checked, or could not be.
func (i *integrity) warning() warning {
	return warning{"integrity", func() string {
		i.mu.Lock()
		defer i.mu.Unlock()
		switch i.state {
		case checkRunning:
			return "the store is being checked"
		case checkFailed:
			return "the store could not be checked: " + i.why
		}
		return ""
	}}
}

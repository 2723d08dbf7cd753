package certreload

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numhook/server/event"
)

// Watched is a Source of any kind.
type Watched interface {
	Renew(anyway bool) bool
	tell(observe func(change))
	name() string
	failure() error
	doubt(now time.Time) string
}

// Reloader looks after sources: it reads them again when their files change and when it is told to, and says in log and
// metrics what came of it. It is safe for concurrent use.
type Reloader struct {
	log     *slog.Logger
	failed  *prometheus.GaugeVec
	reloads *prometheus.CounterVec
	ends    *prometheus.GaugeVec

	mu      sync.Mutex // guards what follows
	watched []Watched
}

// Outcomes of a renewal, in the metric.
const (
	outcomeRenewed = "renewed"
	outcomeFailed  = "failed"
)

// NewReloader makes a reloader without sources.
func NewReloader(log *slog.Logger) *Reloader {
	return &Reloader{
		log: log,
		failed: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "numhook_reload_failed", Help: "1 while what the files hold is not in use because it cannot be read or " +
				"is wrong.",
		}, []string{"file"}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numhook_reloads_total", Help: "Times that changed files were read again, by outcome: renewed, failed.",
		}, []string{"file", "outcome"}),
		ends: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "numhook_certificate_expires_seconds", Help: "Seconds until the certificate in use ends; negative " +
				"when it has.",
		}, []string{"file"}),
	}
}

// Add has a source looked after from now on, and says in the log when what it holds should be looked at.
func (r *Reloader) Add(w Watched) {
	w.tell(r.changed)
	r.mu.Lock()
	r.watched = append(r.watched, w)
	r.mu.Unlock()
	r.failed.WithLabelValues(w.name()).Set(0)
	for _, outcome := range []string{outcomeRenewed, outcomeFailed} {
		r.reloads.WithLabelValues(w.name(), outcome)
	}
	r.warn(w)
	r.measure(w)
}

// Register shows the metrics.
func (r *Reloader) Register(in prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{r.failed, r.reloads, r.ends} {
		if err := in.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// Run looks at all files each second, and reads all of them at each signal, until the context ends.
func (r *Reloader) Run(ctx context.Context, signals <-chan os.Signal) {
	every := time.NewTicker(checkEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
			for _, w := range r.all() {
				w.Renew(false)
				r.measure(w)
			}
		case <-signals:
			r.renewAll()
		}
	}
}

// renewAll is what a signal asks for.
func (r *Reloader) renewAll() {
	renewed, failed := 0, 0
	for _, w := range r.all() {
		if w.Renew(true) {
			renewed++
		} else if w.failure() != nil {
			failed++
		}
	}
	r.log.Info("files were read again because of a signal", slog.Int("renewed", renewed), slog.Int("failed", failed))
}

func (r *Reloader) all() []Watched {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Watched(nil), r.watched...)
}

// changed tells of one change. The source holds its lock meanwhile.
func (r *Reloader) changed(c change) {
	if c.err == nil {
		r.failed.WithLabelValues(c.name).Set(0)
		r.reloads.WithLabelValues(c.name, outcomeRenewed).Inc()
		r.log.Info("renewed", append([]any{slog.String("file", c.name)}, attributes(c.sum)...)...)
		return
	}
	r.failed.WithLabelValues(c.name).Set(1)
	r.reloads.WithLabelValues(c.name, outcomeFailed).Inc()
	attrs := []any{slog.String("file", c.name), slog.String("error", c.err.Error())}
	if e, ok := errors.AsType[*event.Error](c.err); ok && e.Hint != "" {
		attrs = append(attrs, slog.String("remedy", e.Hint))
	}
	r.log.Error("cannot renew: what was read before stays in use", attrs...)
}

func attributes(sum []slog.Attr) (all []any) {
	for _, a := range sum {
		all = append(all, a)
	}
	return all
}

// warn says in the log what is doubtful about what is in use.
func (r *Reloader) warn(w Watched) {
	if doubt := w.doubt(time.Now()); doubt != "" {
		r.log.Warn("in use, and to be looked at", slog.String("file", w.name()), slog.String("warning", doubt))
	}
}

// Warning is what an operator should look at, or nothing: a renewal that is not in use, and doubts about what is.
func (r *Reloader) Warning() string {
	var all []string
	for _, w := range r.all() {
		if err := w.failure(); err != nil {
			all = append(all, w.name()+": the files have changed and cannot be used, what was read before is still in use: "+
				err.Error())
		}
		if doubt := w.doubt(time.Now()); doubt != "" {
			all = append(all, w.name()+": "+doubt)
		}
	}
	return strings.Join(all, "; ")
}

// measure sets the metric of a certificate's end.
func (r *Reloader) measure(w Watched) {
	if c, ok := w.(*Certificate); ok {
		r.ends.WithLabelValues(w.name()).Set(time.Until(c.Ends()).Seconds())
	}
}

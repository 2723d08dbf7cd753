package dispatch

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numhook/server/event"
)

// Metrics are the way out's numbers for Prometheus. Their labels are the downstreams' names and words of closed lists.
// The zero value is not usable; NewMetrics makes one.
type Metrics struct {
	attempts *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	handover *prometheus.HistogramVec
	breaker  *prometheus.GaugeVec
	outbox   *prometheus.GaugeVec
	oldest   *prometheus.GaugeVec
	dead     *prometheus.GaugeVec
	paused   *prometheus.GaugeVec
	damaged  *prometheus.CounterVec

	known map[string]bool // downstreams with gauges; one goroutine refreshes them
}

// NewMetrics makes the metrics; Register shows them.
func NewMetrics() *Metrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"downstream"})
	}
	return &Metrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numhook_attempts_total", Help: "Attempts by downstream and outcome.",
		}, []string{"downstream", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "numhook_attempt_seconds", Help: "Time that one attempt took.", Buckets: attemptTimes,
		}, []string{"downstream"}),
		handover: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "numhook_handover_seconds", Help: "Time from a delivery's receipt to the downstream's confirmation of " +
				"its change.", Buckets: handoverTimes,
		}, []string{"downstream"}),
		breaker: gauge("numhook_breaker_open", "1 while a downstream's breaker keeps attempts from being made, 0 while it "+
			"is closed."),
		outbox: gauge("numhook_owed", "Rows that wait for a downstream or are being attempted."),
		oldest: gauge("numhook_owed_oldest_seconds", "Age of the oldest row that waits for a downstream or is being "+
			"attempted; 0 when there is none."),
		dead: gauge("numhook_owed_dead", "Rows that a downstream refused, or that were given up: they wait for retry, "+
			"skip or replay."),
		paused: gauge("numhook_downstream_paused", "1 while a downstream is paused."),
		damaged: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numhook_damaged_total", Help: "Changes that were not handed on because what is kept of them is damaged.",
		}, []string{"downstream"}),
		known: map[string]bool{},
	}
}

// attemptTimes reach to beyond the default timeout; handoverTimes to a downstream that was down for a day.
var (
	attemptTimes  = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	handoverTimes = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400}
)

// Register shows the metrics.
func (m *Metrics) Register(in prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.attempts, m.seconds, m.handover, m.breaker, m.outbox, m.oldest, m.dead,
		m.paused, m.damaged} {
		if err := in.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// serves makes the downstream's series, so that a rate is there before the first attempt.
func (m *Metrics) serves(downstream string) {
	for _, outcome := range []string{string(event.Confirmed), string(event.Retry), string(event.Refused), "paused"} {
		m.attempts.WithLabelValues(downstream, outcome)
	}
	m.damaged.WithLabelValues(downstream)
	m.breaker.WithLabelValues(downstream).Set(0)
}

func (m *Metrics) attempted(downstream, outcome string, took time.Duration) {
	m.attempts.WithLabelValues(downstream, outcome).Inc()
	m.seconds.WithLabelValues(downstream).Observe(took.Seconds())
}

func (m *Metrics) handedOver(downstream string, behind time.Duration) {
	m.handover.WithLabelValues(downstream).Observe(behind.Seconds())
}

// showStatuses shows the downstreams' status; those that are gone are no longer shown.
func (m *Metrics) showStatuses(statuses []event.DownstreamStatus, ages map[string]time.Duration) {
	known := make(map[string]bool, len(statuses))
	for _, s := range statuses {
		known[s.Name] = true
		m.outbox.WithLabelValues(s.Name).Set(float64(s.Waiting + s.Attempting))
		m.dead.WithLabelValues(s.Name).Set(float64(s.Dead))
		paused := 0.0
		if !s.Paused.IsZero() {
			paused = 1
		}
		m.oldest.WithLabelValues(s.Name).Set(ages[s.Name].Seconds())
		m.paused.WithLabelValues(s.Name).Set(paused)
	}
	for name := range m.known {
		if !known[name] {
			for _, gauge := range []*prometheus.GaugeVec{m.outbox, m.dead, m.oldest, m.paused} {
				gauge.DeleteLabelValues(name)
			}
		}
	}
	m.known = known
}

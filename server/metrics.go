package server

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"numhook/server/contract"
	"numhook/server/event"
)

// Metrics are the receiver's numbers for Prometheus. Their labels are words of closed lists, never anything from a
// body. The zero value is not usable; NewMetrics makes one.
type Metrics struct {
	deliveries *prometheus.CounterVec
	unsigned   *prometheus.CounterVec
	seconds    prometheus.Histogram
	findings   *prometheus.CounterVec
	append     prometheus.Histogram
	batch      prometheus.Histogram
	queue      prometheus.Gauge
	depth      atomic.Int64 // what queue shows
	started    time.Time
	challenge  atomic.Int64 // microseconds since the epoch; 0 is never
	age        prometheus.GaugeFunc
	offset     prometheus.Histogram
	buffers    atomic.Pointer[buffers] // of the server that shows its numbers here
	buffered   prometheus.GaugeFunc
}

// NewMetrics makes the metrics; Register shows them.
func NewMetrics() *Metrics {
	m := &Metrics{
		started: time.Now(),
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numhook_deliveries_total", Help: "Deliveries by answer, kind and event.",
		}, []string{"answer", "kind", "event"}),
		unsigned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numhook_unsigned_total", Help: "Deliveries answered 401, by what was wrong with the signature.",
		}, []string{"reason"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "numhook_delivery_seconds", Help: "Time from a delivery's headers to its answer.", Buckets: latencies,
		}),
		findings: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numhook_findings_total", Help: "Drift and lint in deliveries that fit the contract, by rule.",
		}, []string{"kind", "rule"}),
		append: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "numhook_append_seconds", Help: "Time that one batch took to become durable, with what it waited for when " +
				"the one before was.", Buckets: latencies,
		}),
		batch: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "numhook_batch_deliveries", Help: "Deliveries in one durable transaction.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 11),
		}),
		queue: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "numhook_queue_depth", Help: "Deliveries that wait for the store's writer.",
		}),
	}
	m.age = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "numhook_challenge_age_seconds",
		Help: "Age of the last good challenge, or of the process while there was none. The sender challenges every 72 hours.",
	}, m.challengeAge)
	m.offset = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "numhook_clock_offset_seconds", Buckets: offsets,
		Help: "The timestamp of a delivery whose signature is good, less the time here: beyond the tolerance all are " +
			"refused.",
	})
	m.buffered = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "numhook_buffered_bytes", Help: "Bytes reserved for the bodies of deliveries that are under way.",
	}, func() float64 {
		if b := m.buffers.Load(); b != nil {
			return float64(b.bytes.Load())
		}
		return 0
	})
	m.begin()
	return m
}

// begin shows what alarms stand on before the first of each came: a counter that begins at one has not risen.
func (m *Metrics) begin() {
	for _, kind := range []string{"accepted", "duplicate", "challenge"} {
		m.deliveries.WithLabelValues(strconv.Itoa(http.StatusOK), kind, noEvent)
	}
	for kind, answer := range answers {
		m.deliveries.WithLabelValues(strconv.Itoa(answer.status), string(kind), noEvent)
	}
	m.deliveries.WithLabelValues(strconv.Itoa(unsentStatus), string(event.BrokenUpload), noEvent)
	for _, reason := range unsignedReasons {
		m.unsigned.WithLabelValues(reason)
	}
	for _, rule := range contract.Rules() {
		if rule.Kind == event.Drift {
			m.findings.WithLabelValues(string(rule.Kind), rule.ID)
		}
	}
}

// expect does the same for the failures that a delivery of a known event can end in.
func (m *Metrics) expect(events []string) {
	for _, kind := range []event.Kind{event.Malformed, event.Invalid, event.Unavailable, event.Internal} {
		for _, name := range events {
			m.deliveries.WithLabelValues(strconv.Itoa(answers[kind].status), string(kind), name)
		}
	}
	m.deliveries.WithLabelValues(strconv.Itoa(answers[event.BadChallenge].status), string(event.BadChallenge),
		challengeEvent)
}

// latencies reach from a fast fsync to beyond the sender's patience.
var latencies = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}

// offsets reach as far as the tolerance does when nobody sets it, either way.
var offsets = []float64{-300, -240, -120, -60, -30, -10, -5, -2, 0, 2, 5, 10, 30, 60, 120, 240, 300}

// Register shows the metrics.
func (m *Metrics) Register(in prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.deliveries, m.unsigned, m.seconds, m.findings, m.append, m.batch, m.queue,
		m.age, m.offset, m.buffered} {
		if err := in.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// Batch counts one durable transaction of the store.
func (m *Metrics) Batch(deliveries int, took time.Duration) {
	m.batch.Observe(float64(deliveries))
	m.append.Observe(took.Seconds())
}

// Queue is the number of deliveries that wait for the store's writer.
func (m *Metrics) Queue(depth int) {
	m.queue.Set(float64(depth))
	m.depth.Store(int64(depth))
}

// Depth is what Queue was told last.
func (m *Metrics) Depth() int64 { return m.depth.Load() }

// Challenged tells of a good challenge that an earlier process answered.
func (m *Metrics) Challenged(at time.Time) {
	if !at.IsZero() {
		m.challenge.Store(at.UnixMicro())
	}
}

func (m *Metrics) challengeAge() float64 {
	if last := m.challenge.Load(); last != 0 {
		return time.Since(time.UnixMicro(last)).Seconds()
	}
	return time.Since(m.started).Seconds()
}

func (m *Metrics) delivered(status int, kind, reason, name string, found contract.Result, took time.Duration) {
	m.deliveries.WithLabelValues(strconv.Itoa(status), kind, name).Inc()
	m.seconds.Observe(took.Seconds())
	if kind == string(event.Unsigned) {
		m.unsigned.WithLabelValues(reason).Inc()
	}
	for _, findings := range [][]event.Finding{found.Drift, found.Lint} {
		for _, f := range findings {
			m.findings.WithLabelValues(string(f.Kind), f.Rule).Inc()
		}
	}
}

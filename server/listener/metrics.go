package listener

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the numbers of connections for Prometheus. Their labels are words of closed lists. The zero value is not
// usable; NewMetrics makes one.
type Metrics struct {
	refused *prometheus.CounterVec
	open    openNow
}

// NewMetrics makes the metrics; Register shows them.
func NewMetrics() *Metrics {
	return &Metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "numhook_connections_refused_total", Help: "Connections that ended below the handler, by listener and kind.",
		}, []string{"listener", "kind"}),
		open: openNow{listeners: map[string]*Listener{}},
	}
}

// Refused counts a connection that ended below the handler of the listener of that name.
func (m *Metrics) Refused(name string, kind Kind) {
	m.refused.WithLabelValues(name, string(kind)).Inc()
}

// Watch shows how many connections a listener has open, and begins its counts at nothing.
func (m *Metrics) Watch(name string, l *Listener) {
	for _, kind := range Kinds {
		m.refused.WithLabelValues(name, string(kind))
	}
	m.open.mu.Lock()
	defer m.open.mu.Unlock()
	m.open.listeners[name] = l
}

// Register shows the metrics.
func (m *Metrics) Register(in prometheus.Registerer) error {
	for _, c := range []prometheus.Collector{m.refused, &m.open} {
		if err := in.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// openNow asks the listeners how many connections they have whenever it is asked itself.
type openNow struct {
	mu        sync.Mutex // guards what follows
	listeners map[string]*Listener
}

var (
	openDescription = prometheus.NewDesc("numhook_connections", "Connections that are open, by listener.",
		[]string{"listener"}, nil)
	mostDescription = prometheus.NewDesc("numhook_connections_most", "Connections that may be open, by listener.",
		[]string{"listener"}, nil)
)

func (o *openNow) Describe(to chan<- *prometheus.Desc) {
	to <- openDescription
	to <- mostDescription
}

func (o *openNow) Collect(to chan<- prometheus.Metric) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, l := range o.listeners {
		to <- prometheus.MustNewConstMetric(openDescription, prometheus.GaugeValue, float64(l.Open()), name)
		to <- prometheus.MustNewConstMetric(mostDescription, prometheus.GaugeValue, float64(l.connections.most), name)
	}
}

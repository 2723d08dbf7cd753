package main

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// how long a count of the quarantine is good for: whoever scrapes more often costs the store nothing
	heldAge  = 10 * time.Second
	heldTime = time.Second // that one count may take
)

// heldMetrics are what lies in quarantine, counted when somebody asks for it.
type heldMetrics struct {
	from interface {
		QuarantineHeld(ctx context.Context) (entries, bytes int64, err error)
	}
	mu             sync.Mutex
	asked          time.Time // when the store was last asked; zero before the first time
	known          bool      // it has answered
	entries, bytes int64     // what it answered last
}

var (
	heldEntries = prometheus.NewDesc("numhook_quarantine_entries", "Refused deliveries that are held in quarantine.", nil,
		nil)
	heldBytes = prometheus.NewDesc("numhook_quarantine_bytes", "Bytes of the bodies that are held in quarantine.", nil,
		nil)
)

// Register shows the metrics.
func (m *heldMetrics) Register(in prometheus.Registerer) error { return in.Register(m) }

// Describe implements prometheus.Collector.
func (m *heldMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- heldEntries
	to <- heldBytes
}

// Collect implements prometheus.Collector. While the store does not answer, what it said last stands; before it has
// said anything there is nothing to show.
func (m *heldMetrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.asked.IsZero() || time.Since(m.asked) >= heldAge {
		m.count()
	}
	if m.known {
		to <- prometheus.MustNewConstMetric(heldEntries, prometheus.GaugeValue, float64(m.entries))
		to <- prometheus.MustNewConstMetric(heldBytes, prometheus.GaugeValue, float64(m.bytes))
	}
}

func (m *heldMetrics) count() {
	ctx, cancel := context.WithTimeout(context.Background(), heldTime)
	defer cancel()
	entries, bytes, err := m.from.QuarantineHeld(ctx)
	if m.asked = time.Now(); err == nil {
		m.known, m.entries, m.bytes = true, entries, bytes
	}
}

package main

import (
	"context"
	"crypto/tls"
	"log"
	"log/slog"
	"net"
	"strings"
	"time"

	"numhook/server"
	"numhook/server/certreload"
	"numhook/server/listener"
)

// Descriptors are shared out when everything but the listeners is open. What is open then is in use already.
const (
	storeReserve    = 14   // files of the store, or connections to it, that are opened when they are needed
	sparesReserve   = 4    // files that are read again, a look at a downstream's name
	mostConnections = 8192 // of senders, however many descriptors there are: each takes some 20 KiB
	fewConnections  = 8    // with fewer, nothing could be promised
	mostOperators   = 64   // connections of operators
	fewOperators    = 4
	fewEach         = 16 // strangers of one remote at least; otherwise a quarter of all
)

// Names of the listeners, in metrics and in the log.
const (
	forDeliveries = "deliveries"
	forOperators  = "operator"
)

// connections are those of serve: how many there may be, and what is told of those that end below the handler.
type connections struct {
	log       *slog.Logger
	limited   *server.LimitedLog
	metrics   *listener.Metrics
	senders   int // at a time
	each      int // strangers of one remote
	operators int
}

// newConnections shares out the descriptors that the process may still open. The downstreams' are those that the way
// out may need.
func newConnections(log *slog.Logger, limit, open, downstreams int) *connections {
	c := &connections{log: log, limited: server.NewLimitedLog(log, time.Now), metrics: listener.NewMetrics()}
	c.operators = min(max(limit/16, fewOperators), mostOperators)
	left := limit - open - storeReserve - sparesReserve - downstreams - c.operators
	if left < fewConnections {
		log.Warn("there are too few file descriptors: raise the limit (ulimit -n, LimitNOFILE)", slog.Int("limit", limit),
			slog.Int("connections", fewConnections))
	}
	c.senders = min(max(left, fewConnections), mostConnections)
	c.each = max(c.senders/4, min(fewEach, c.senders))
	return c
}

// keep bounds the connections of a listener, and counts what ends below its handler.
func (c *connections) keep(name string, inner net.Listener, cfg listener.Config) *listener.Listener {
	cfg.Refused = func(kind listener.Kind, remote string) {
		c.metrics.Refused(name, kind)
		if c.limited.Allow("connection " + string(kind)) {
			c.log.LogAttrs(context.Background(), slog.LevelWarn, "connection", slog.String("listener", name),
				slog.String("kind", string(kind)),
				slog.String("remote", remote))
		}
	}
	kept := listener.New(inner, cfg)
	c.metrics.Watch(name, kept)
	return kept
}

// errorLog is where net/http says what it cannot tell anybody else: that it cannot accept, or a panic. Clients can
// cause such lines.
func (c *connections) errorLog() *log.Logger {
	return log.New(errorLines{c}, "", 0)
}

type errorLines struct{ c *connections }

func (l errorLines) Write(line []byte) (int, error) {
	if l.c.limited.Allow("http") {
		l.c.log.Warn("http", slog.String("error", strings.TrimSpace(string(line))))
	}
	return len(line), nil
}

// listen opens the sender's listener.
func (c *connections) listen(
	ctx context.Context, f *serveFlags, certificate *certreload.Certificate, trusted listener.Proxies,
) (*listener.Listener, error) {
	cfg := listener.Config{Most: c.senders, MostEach: c.each, Trusted: trusted}
	if certificate != nil {
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.Server}
	}
	inner, err := new(net.ListenConfig).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return nil, cannotListen("cannot listen", "listen", f.listen, err)
	}
	if at, ok := inner.Addr().(*net.TCPAddr); ok && cfg.TLS == nil && !f.behindProxy && !at.IP.IsLoopback() {
		c.log.Warn("serving plain HTTP on an address that is not loopback: anybody on the way can read the deliveries; "+
			"give --tls-cert and --tls-key, or say with --behind-proxy that a proxy in front speaks TLS",
			slog.String("address", at.String()))
	}
	return c.keep(forDeliveries, inner, cfg), nil
}

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/url"
	"runtime"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/prometheus/client_golang/prometheus"

	"numhook/server/terminal"
	"numhook/spec"
)

// startup is what the receiver's first line says of it, beside where it listens.
type startup struct {
	store       string
	secrets     int
	downstreams []string
	document    *openapi3.T
}

// attributes names no secret, and nobody's password.
func (s startup) attributes() []any {
	schema := 0
	if e, _, err := findEngine(s.store); err == nil {
		schema = e.schema
	}
	return []any{
		slog.String("version", versionText()), slog.String("store", storeName(s.store)), slog.Int("schema", schema),
		slog.Int("secrets", s.secrets), slog.Any("downstreams", append([]string{}, s.downstreams...)),
		slog.String("document", s.document.Info.Title+" "+s.document.Info.Version),
		slog.String("document_digest", documentDigest()),
	}
}

// storeName is a store as it can be shown: of a database its host and name, and neither user nor password.
func storeName(store string) string {
	if embedded(store) {
		return terminal.Line(store)
	}
	u, err := url.Parse(store)
	if err != nil || strings.Contains(u.Host+u.Path, "@") {
		return "postgres"
	}
	return terminal.Line("postgres://" + u.Host + u.Path)
}

// documentDigest is the SHA-256 of the document that the receiver holds deliveries against.
func documentDigest() string {
	digest := sha256.Sum256(spec.Receiver())
	return hex.EncodeToString(digest[:])
}

// buildInfo shows what the program was built from.
type buildInfo struct{}

// Register implements metrics.
func (buildInfo) Register(in prometheus.Registerer) error {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "numhook_build_info", Help: "What the program was built from; always 1.",
		ConstLabels: prometheus.Labels{"version": versionText(), "goversion": runtime.Version(),
			"document": documentDigest()},
	})
	info.Set(1)
	return in.Register(info)
}

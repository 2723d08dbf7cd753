package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"numhook/server"
	"numhook/server/event"
)

// readyTime bounds one readiness check; orchestrators give up after a few seconds.
const readyTime = 2 * time.Second

// health is what the operator's listener tells of the receiver.
type health struct {
	store interface {
		Ready(ctx context.Context) error
	}
	intake, integrity interface{ Ready() error }
	secrets           server.SecretSource
	draining          atomic.Bool
	warnings          []warning
}

// warning is a doubt that does not make the receiver unready: text is empty while there is none. It must not block.
type warning struct {
	name string
	text func() string
}

func (h *health) drain() { h.draining.Store(true) }

// readiness is the JSON of /readyz: "ok" a check, or what is wrong with it. A warning does not make the receiver
// unready.
type readiness struct {
	Ready    bool              `json:"ready"`
	Checks   map[string]string `json:"checks"`
	Warnings map[string]string `json:"warnings,omitempty"`
}

func (h *health) check(ctx context.Context) readiness {
	result := readiness{Ready: true, Checks: map[string]string{"store": "ok", "integrity": "ok", "buffers": "ok",
		"secret": "ok", "serving": "ok"}}
	fail := func(check, why string) { result.Ready, result.Checks[check] = false, why }
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	if err := h.store.Ready(ctx); err != nil {
		fail("store", withHint(err))
	}
	if err := h.integrity.Ready(); err != nil {
		fail("integrity", err.Error())
	}
	if err := h.intake.Ready(); err != nil {
		fail("buffers", withHint(err))
	}
	if len(h.secrets.Current()) == 0 {
		fail("secret", "there is none")
	}
	if h.draining.Load() {
		fail("serving", "draining")
	}
	for _, w := range h.warnings {
		if text := w.text(); text != "" {
			if result.Warnings == nil {
				result.Warnings = map[string]string{}
			}
			result.Warnings[w.name] = text
		}
	}
	return result
}

// withHint is the text of the error, and what to do next where the error itself says that.
func withHint(err error) string {
	//nolint:errorlint // its own hint is wanted, and not that of a cause
	if e, ok := err.(*event.Error); ok && e.Hint != "" {
		return err.Error() + " (" + e.Hint + ")"
	}
	return err.Error()
}

// startOperator serves /healthz, /readyz and /metrics, and the API and the page where there are tokens. With an empty
// address there is no listener.
func startOperator(
	way *operatorWay, api http.Handler, stdout io.Writer, h *health, kept *connections, shown ...metrics,
) (*http.Server, error) {
	registry, err := metricsRegistry(shown...)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		result := h.check(r.Context())
		w.Header().Set("Content-Type", "application/json")
		if !result.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(result)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	if api != nil {
		shown, err := way.page(api)
		if err != nil {
			return nil, err
		}
		mux.Handle("/", shown)
	}
	operator := &http.Server{
		Handler: withAPI(api, mux), ReadHeaderTimeout: server.HeaderTimeout, ReadTimeout: server.BodyTimeout,
		WriteTimeout: server.WriteTimeout, ErrorLog: kept.errorLog(),
	}
	if way.address == "" {
		return operator, nil
	}
	in, err := way.listen(kept)
	if err != nil {
		return nil, err
	}
	in.Attach(operator)
	log := kept.log
	log.Info("operator listening", slog.String("address", in.Addr().String()), slog.Bool("tls", way.certificate != nil),
		slog.Bool("api", api != nil))
	way.printDevToken(stdout, in.Addr())
	go func() {
		if err := operator.Serve(in); err != http.ErrServerClosed {
			log.Error("cannot serve the operator", slog.String("error", err.Error()))
		}
	}()
	return operator, nil
}

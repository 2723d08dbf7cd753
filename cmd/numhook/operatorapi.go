package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"numhook/server"
	"numhook/server/certreload"
	"numhook/server/dispatch"
	"numhook/server/event"
	"numhook/server/listener"
	"numhook/server/operator"
	operatorpage "numhook/server/operator/page"
	"numhook/server/secretfile"
	"numhook/server/store"
	"numhook/spec"
)

// operatorWay is how operators come in.
type operatorWay struct {
	address     string
	behindProxy bool
	dev         bool
	certificate *certreload.Certificate // nil without TLS
	tokens      func() operator.Tokens  // nil where there is no API
	trusted     listener.Proxies
	log         *slog.Logger
	started     time.Time
	devToken    string // is printed; empty but in development
}

func operatorsWay(
	f *serveFlags, reloader *certreload.Reloader, trusted listener.Proxies, log *slog.Logger,
) (way *operatorWay, err error) {
	way = &operatorWay{address: f.operator, behindProxy: f.behindProxy, dev: f.dev, trusted: trusted, log: log,
		started: time.Now().UTC()}
	way.certificate, err = servedCertificate("operator certificate", "operator-tls", f.operatorCert, f.operatorKey,
		reloader)
	if err != nil || f.operatorTokens == "" {
		return way, err
	}
	if f.operator == "" {
		return nil, misuse("cannot serve the operators' API: --operator-listen is empty",
			"write --operator-listen 127.0.0.1:8081, or leave --operator-tokens out")
	}
	way.tokens, err = servedTokens(f.operatorTokens, reloader, log)
	return way, err
}

// servedTokens are those of a file, which is read again when it changes. At the start it must hold one.
func servedTokens(file string, reloader *certreload.Reloader, log *slog.Logger) (func() operator.Tokens, error) {
	source, err := certreload.Load(certreload.Reading[operator.Tokens]{
		Name: "operator tokens", Files: []string{file}, Open: openTokens,
		Parse: func(contents [][]byte) (operator.Tokens, error) { return operator.ParseTokens(file, contents[0]) },
		Sum:   func(t operator.Tokens) []slog.Attr { return []slog.Attr{slog.Int("tokens", len(t))} },
	})
	if err != nil {
		return nil, err
	}
	if len(source.Current()) == 0 {
		return nil, operator.NoToken(file)
	}
	reloader.Add(source)
	log.Info("operators' tokens are read", slog.Int("tokens", len(source.Current())))
	return source.Newest, nil
}

// openTokens reads a file that nobody but its owner can read.
func openTokens(file string) ([]byte, error) {
	raw, err := secretfile.Open(file)
	if e, ok := errors.AsType[*event.Error](err); ok {
		return nil, &event.Error{Kind: e.Kind, Text: "cannot read the operators' tokens", Hint: e.Hint, Err: e.Err}
	}
	return raw, err
}

// operatorsView is what operators look at.
type operatorsView struct {
	store       store.Store
	engine      string
	health      *health
	metrics     *server.Metrics
	certificate *certreload.Certificate // of the deliveries; nil without TLS
	receiver    *server.Server
}

// redrive is a redrive as the API tells of it.
func (v operatorsView) redrive(ctx context.Context, q event.Quarantined, dryRun bool) (operator.Redriven, error) {
	result, err := redriveOne(ctx, v.store, v.receiver, q, dryRun)
	told := operator.Redriven{Result: result.Result, Reason: result.Reason, Violations: result.Violations}
	if result.EventID != nil {
		told.EventID = *result.EventID
	}
	return told, err
}

// replay enqueues again.
func (v operatorsView) replay(
	ctx context.Context, to event.DownstreamStatus, filter operator.ReplayFilter,
) (int, error) {
	return dispatch.Replay(ctx, v.store, v.store, to, dispatch.ReplayFilter(filter))
}

// api is the operators' API, or nil where there is none: then the log says how to get one. In development there is one
// for a token that is good as long as the process lives.
func (w *operatorWay) api(view operatorsView) (http.Handler, error) {
	switch {
	case w.tokens == nil && w.dev && w.address != "":
		token, h := operator.NewToken("dev", operator.Operator)
		w.tokens, w.devToken = func() operator.Tokens { return operator.Tokens{h} }, token
	case w.tokens == nil:
		w.log.Info("there is no API for operators: make a token with numhook token new, put its line into a file of " +
			"mode 0600, and name that with --operator-tokens")
		return nil, nil
	}
	return operator.New(operator.Config{
		Document: spec.Operator(), Tokens: w.tokens, Store: view.store, Known: view.receiver.Events(),
		Remote: w.trusted.Remote, Log: w.log, Redrive: view.redrive, Replay: view.replay,
		Status: func(ctx context.Context) (operator.Status, error) {
			ready := view.health.check(ctx)
			s := operator.Status{
				Version: versionText(), Started: w.started, Engine: view.engine, Ready: ready.Ready, Checks: ready.Checks,
				Warnings: ready.Warnings, Queue: view.metrics.Depth(), Digest: documentDigest(),
			}
			if view.certificate != nil {
				s.CertificateEnds = view.certificate.Ends()
			}
			var err error
			if s.LastChallenge, err = view.store.LastChallenge(ctx); err == nil {
				s.QuarantineHeld, _, err = view.store.QuarantineHeld(ctx)
			}
			return s, err
		},
	})
}

// page is the operators' page, which is made of the API's answers.
func (w *operatorWay) page(api http.Handler) (http.Handler, error) {
	return operatorpage.New(operatorpage.Config{API: api, Tokens: w.tokens, Log: w.log,
		Secure: w.certificate != nil || w.behindProxy})
}

// printDevToken prints how to ask the API in development.
func (w *operatorWay) printDevToken(out io.Writer, at net.Addr) {
	if w.devToken == "" {
		return
	}
	scheme := "http"
	if w.certificate != nil {
		scheme = "https"
	}
	fmt.Fprintf(out, "\nThe operators' API, with a token that is good as long as this process lives:\n\n"+
		"  curl -H 'Authorization: Bearer %s' %s://%s%s/status\n\nThe same token opens the page: %s://%s/\n",
		w.devToken, scheme, at, operator.Path, scheme, at)
}

// listen opens the operators' listener. What is shown there is for nobody on the way.
func (w *operatorWay) listen(kept *connections) (*listener.Listener, error) {
	cfg := listener.Config{Most: kept.operators}
	if w.certificate != nil {
		cfg.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: w.certificate.Server}
	}
	inner, err := new(net.ListenConfig).Listen(context.Background(), "tcp", w.address)
	if err != nil {
		return nil, cannotListen("cannot listen for the operator", "operator-listen", w.address, err)
	}
	if at, ok := inner.Addr().(*net.TCPAddr); ok && cfg.TLS == nil && !w.behindProxy && !at.IP.IsLoopback() {
		return nil, errors.Join(misuse("cannot listen for the operator in plain HTTP on an address that is not loopback",
			"give --operator-tls-cert and --operator-tls-key, or say with --behind-proxy that a proxy in front speaks TLS"),
			inner.Close())
	}
	return kept.keep(forOperators, inner, cfg), nil
}

// withAPI has the API answer what lies below its path: it tells %2F from a slash, which a mux would not.
func withAPI(api http.Handler, others http.Handler) http.Handler {
	if api == nil {
		return others
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, operator.Path+"/") {
			api.ServeHTTP(w, r)
			return
		}
		others.ServeHTTP(w, r)
	})
}

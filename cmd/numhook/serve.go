package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"numhook/server"
	"numhook/server/certreload"
	"numhook/server/listener"
	"numhook/server/signature"
	"numhook/server/store"
	"numhook/server/terminal"
	"numhook/spec"
)

// drainTime is how long the deliveries that have begun may take to end after SIGTERM. They all end within the sender's
// patience by themselves.
const drainTime = server.SenderPatience + 2*time.Second

type serveFlags struct {
	listen     string
	operator   string
	store      string
	config     string
	secretFile string
	tolerance  time.Duration
	maxBody    byteSize
	dev        bool
	unsafe     bool
	tlsCert    string
	tlsKey     string
	logFormat  *choice
	stray      []string // environment variables that no flag knows

	idleTimeout    time.Duration
	trustedProxies []string
	behindProxy    bool

	operatorTokens, operatorCert, operatorKey string
}

func newServeCommand() *cobra.Command {
	f := &serveFlags{maxBody: server.DefaultMaxBody}
	cmd := &cobra.Command{
		Use: "serve", Short: "Take deliveries in", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runServe(cmd, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", ":8080", "address for the sender's deliveries")
	flags.StringVar(&f.operator, "operator-listen", "127.0.0.1:8081", "address for /healthz, /readyz, /metrics and "+
		"the operators' API; empty for none")
	flags.StringVar(&f.operatorTokens, "operator-tokens", "", "file with those who may use the operators' API, one a "+
		"line (see numhook token new); without one there is no API")
	flags.StringVar(&f.operatorCert, "operator-tls-cert", "", "file with the certificate chain (PEM) of the operators' "+
		"address; read again when it changes")
	flags.StringVar(&f.operatorKey, "operator-tls-key", "", "file with that certificate's key (PEM)")
	flags.StringVar(&f.store, "store", defaultStore, "where events are kept: "+storeForms)
	flags.StringVar(&f.config, "config", "", "file that says where changes are handed on to (see numhook config example)")
	flags.StringVar(&f.secretFile, "secret-file", "", "file with the sender's secret tokens, one a line")
	flags.DurationVar(&f.tolerance, "tolerance", signature.DefaultTolerance, "how far a delivery's timestamp may be "+
		"from this machine's clock")
	flags.Var(&f.maxBody, "max-body", "largest body taken")
	flags.BoolVar(&f.dev, "dev", false, "make a secret in "+devSecretFile+" if there is none, print how to send a "+
		"delivery, and accept a store in memory")
	flags.BoolVar(&f.unsafe, "allow-unsafe-store", false, "serve on a store whose settings may lose what was acknowledged")
	flags.StringVar(&f.tlsCert, "tls-cert", "", "file with the certificate chain (PEM); read again when it changes")
	flags.StringVar(&f.tlsKey, "tls-key", "", "file with the certificate's key (PEM)")
	flags.DurationVar(&f.idleTimeout, "idle-timeout", server.IdleTimeout, "how long a connection that carried signed "+
		"deliveries may be idle")
	flags.StringSliceVar(&f.trustedProxies, "trusted-proxies", nil, "networks of proxies whose X-Forwarded-For says who "+
		"sends (10.0.0.0/8,...)")
	flags.BoolVar(&f.behindProxy, "behind-proxy", false, "serve plain HTTP on purpose, because a proxy in front does "+
		"TLS; for operators, too")
	f.logFormat = &choice{value: "auto", among: []string{"auto", "json", "text"}}
	flags.Var(f.logFormat, "log-format", "json, text, or auto: text on a terminal, json elsewhere")
	return cmd
}

// collectAt is the garbage collector's target in percent of what is alive. Little is alive here, so Go's default of 100
// has it at work 25 times a second under load; twice that costs some 20 MiB and gives back a seventh of the processor
// time of a delivery. Four times gives back a twentieth more for 33 MiB more: beyond the 100 MiB in which a receiver is
// to live (make bench). A limit on memory in its place would have the collector at work all the time when many large
// bodies wait. GOGC in the environment wins.
const collectAt = 200

// check reads what the flags themselves cannot.
func (f *serveFlags) check() (listener.Proxies, error) {
	if f.idleTimeout < time.Second {
		return nil, errors.New("cannot serve: --idle-timeout must be at least 1s")
	}
	if err := f.useful(); err != nil {
		return nil, err
	}
	trusted, err := listener.ParseProxies(f.trustedProxies)
	if err != nil {
		return nil, fmt.Errorf("cannot serve: --trusted-proxies: %w", err)
	}
	return trusted, nil
}

// serve runs the receiver until the context ends. What is opened first is closed last.
func serve(ctx context.Context, f *serveFlags, stdout io.Writer, lines *serveLog) (err error) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	signals := hangups()
	log := lines.Logger
	warnOfStray(log, f.stray)
	trusted, err := f.check()
	if err != nil {
		return err
	}
	reloader := certreload.NewReloader(log)
	secrets, err := servedSecrets(f.secretFile, f.dev, reloader, log)
	if err != nil {
		return err
	}
	certificate, err := servedCertificate("certificate", "tls", f.tlsCert, f.tlsKey, reloader)
	if err != nil {
		return err
	}
	way, err := operatorsWay(f, reloader, trusted, log)
	if err != nil {
		return err
	}
	document, err := spec.Load()
	if err != nil {
		return err
	}
	out, err := newOutbound(f.config, f.ownFiles(), reloader, log)
	if err != nil {
		return err
	}
	stopReloading := startReloading(ctx, reloader, signals)
	defer stopReloading()
	metrics := server.NewMetrics()
	if f.unsafe {
		log.Warn("serving on a store that may lose what was acknowledged, because --allow-unsafe-store is set")
	}
	whole := newIntegrity(log)
	// Development may happen in memory: its deliveries are its own.
	made := missingFile(f.store)
	events, err := openServing(ctx, f.store, storeOptions{observer: observers{metrics, &out.busy}, wake: out.wake,
		check: agreement(whole.passed), allowUnsafe: f.unsafe || f.dev})
	if err != nil {
		return errors.Join(err, out.closeSenders())
	}
	defer func() { err = errors.Join(err, events.Close()) }()
	tellNew(log, made)
	tellOfOpening(events, log)
	if checked, ok := events.(audited); ok {
		defer whole.start(ctx, checked)()
	}
	counts, err := newActivity(events, log, metrics, out.metrics)
	if err != nil {
		return err
	}
	defer counts.start(ctx)()
	defer func() { err = errors.Join(err, out.drain()) }()
	if last, err := events.LastChallenge(ctx); err == nil {
		metrics.Challenged(last)
	}
	receiver, err := server.New(server.Config{
		Secrets: secrets, Document: document, Store: events, Tolerance: f.tolerance, MaxBody: int64(f.maxBody), Log: log,
		Metrics: metrics,
		Remote:  trusted.Remote, Signed: listener.Signed,
	})
	if err != nil {
		return err
	}
	defer receiver.Close()
	clock := newClockWatch(events, log)
	stopClock := clock.start(ctx)
	defer stopClock()
	health := &health{
		store: events, integrity: whole, intake: receiver, secrets: secrets,
		warnings: []warning{
			lines.warning(), whole.warning(), {"renewal", reloader.Warning}, clock.warning(), {"downstreams", out.warning},
		},
	}
	if err := out.start(ctx, events, embedded(f.store)); err != nil {
		return err
	}
	kept := newConnections(log, listener.DescriptorLimit(), listener.OpenDescriptors(), out.descriptors)
	api, err := way.api(operatorsView{store: events, engine: engineName(f.store), health: health, metrics: metrics,
		certificate: certificate, receiver: receiver})
	if err != nil {
		return err
	}
	operator, err := startOperator(way, api, stdout, health, kept, metrics, out.metrics, lines, reloader, kept.metrics,
		&heldMetrics{from: events}, clock, whole, buildInfo{})
	if err != nil {
		return err
	}
	defer operator.Close()
	deliveries, err := kept.listen(ctx, f, certificate, trusted)
	if err != nil {
		return err
	}
	begun := startup{store: f.store, secrets: len(secrets.Current()), downstreams: out.names(), document: document}
	return serveDeliveries(ctx, f, deliveries, receiver, health, kept, begun, stdout)
}

// serveDeliveries serves, and on the context's end stops accepting, finishes what it began and answers the rest 503.
func serveDeliveries(
	ctx context.Context, f *serveFlags, in *listener.Listener, receiver *server.Server, health *health, kept *connections,
	begun startup, out io.Writer,
) error {
	log := kept.log
	way := &http.Server{
		Handler:           receiver.Handler(),
		ReadHeaderTimeout: server.HeaderTimeout,
		ReadTimeout:       server.BodyTimeout,
		WriteTimeout:      server.WriteTimeout,
		IdleTimeout:       f.idleTimeout,
		MaxHeaderBytes:    server.MaxHeaderBytes,
		ErrorLog:          kept.errorLog(),

		DisableGeneralOptionsHandler: true, // "OPTIONS *" is a stranger's request as every other method is
	}
	in.Attach(way)
	failed := make(chan error, 1)
	go func() { failed <- way.Serve(in) }()
	log.Info("listening", append([]any{slog.String("address", in.Addr().String()), slog.Bool("tls", f.tlsCert != "")},
		begun.attributes()...)...)
	if f.dev {
		printDevHint(out, in.Addr(), receiver.Events(), f)
	}
	select {
	case err := <-failed:
		return fmt.Errorf("cannot serve: %w", err)
	case <-ctx.Done():
	}
	log.Info("draining")
	health.drain()
	receiver.Drain()
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := way.Shutdown(limit); err != nil {
		log.Warn("connections were cut while draining", slog.String("error", err.Error()))
		_ = way.Close()
	}
	log.Info("drained")
	return nil
}

// servedCertificate is what a listener shows, or nil without TLS.
func servedCertificate(name, flag, cert, key string, reloader *certreload.Reloader) (*certreload.Certificate, error) {
	if (cert == "") != (key == "") {
		return nil, fmt.Errorf("cannot listen with TLS: --%s-cert and --%s-key go together", flag, flag)
	}
	if cert == "" {
		return nil, nil
	}
	certificate, err := certreload.LoadCertificate(name, cert, key)
	if err != nil {
		return nil, fmt.Errorf("cannot load the %s: %w", name, err)
	}
	reloader.Add(certificate)
	return certificate, nil
}

// printDevHint prints the line that sends a signed delivery from a second terminal.
func printDevHint(out io.Writer, address net.Addr, events []string, f *serveFlags) {
	scheme := "http"
	if f.tlsCert != "" {
		scheme = "https"
	}
	_, port, _ := net.SplitHostPort(address.String())
	secret := ""
	if f.secretFile != "" {
		secret = " --secret-file " + f.secretFile
	}
	fmt.Fprintf(out, "\nIn a second terminal, in this folder:\n\n  %s send --url %s://127.0.0.1:%s/%s %s\n\n",
		terminal.Line(os.Args[0]), scheme, port,
		terminal.Line(secret), events[0])
}

// metrics are numbers for Prometheus.
type metrics interface {
	Register(in prometheus.Registerer) error
}

// metricsRegistry holds the metrics given and the process's own.
func metricsRegistry(all ...metrics) (*prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, one := range all {
		if err := one.Register(registry); err != nil {
			return nil, err
		}
	}
	return registry, nil
}

var _ server.Store = store.Store(nil)

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"numhook/cmd/numhook/config"
	"numhook/server"
	"numhook/server/dispatch/netguard"
	"numhook/server/event"
	"numhook/server/recovery"
	"numhook/spec"
)

type recoverFlags struct {
	store, config, from, to string
	all, dryRun             bool
	format                  *choice
}

func newRecoverCommand() *cobra.Command {
	f := &recoverFlags{}
	cmd := &cobra.Command{
		Use: "recover", Short: "Take in what was missed, from the sender's log of the last seven days", Args: cobra.NoArgs,
		Long: "Read the sender's log of its deliveries, and take in what is not stored: each takes every step that a " +
			"delivery takes but the signature\n" +
			"check, and what is older than a number's value does not replace it. It may be done at any time, beside running " +
			"receivers, and again. The exit\n" +
			"code is 1 when something went into quarantine, or a row could not be read.",
	}
	flags := cmd.Flags()
	flags.StringVar(&f.store, "store", defaultStore, "where events are kept: "+storeForms)
	flags.StringVar(&f.config, "config", "", "file with the key recovery (see numhook config example)")
	flags.StringVar(&f.from, "from", "", "begin at this time: "+timeForms+"; reach_back ago without it")
	flags.StringVar(&f.to, "to", "", "end at this time; now without it")
	flags.BoolVar(&f.all, "all", false, "begin where the sender's log does, whatever reach_back says")
	flags.BoolVar(&f.dryRun, "dry-run", false, "only say what would be taken in")
	f.format = formatFlag(cmd, "text", "json")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return runRecover(cmd, f) }
	return cmd
}

func runRecover(cmd *cobra.Command, f *recoverFlags) (err error) {
	if f.all && f.from != "" {
		return errors.New("cannot recover: --all and --from do not go together")
	}
	settings, err := recoverySettings(f.config)
	if err != nil {
		return err
	}
	from, to, err := f.window(cmd, settings)
	if err != nil {
		return err
	}
	log, err := newRecovery(settings)
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	events, err := openOperator(ctx, f.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, events.Close()) }()
	document, err := spec.Load()
	if err != nil {
		return err
	}
	receiver, err := server.New(server.Config{Document: document, Store: events})
	if err != nil {
		return err
	}
	var report recovery.Report
	run := func() (err error) {
		report, err = log.Run(ctx, from, to, receiver.Recovery(events, f.dryRun))
		return err
	}
	if f.dryRun {
		err = run()
	} else {
		err = act(cmd, events, "", given(cmd, "from", "to", "all"), run)
	}
	if err != nil && report.Rows == 0 {
		return err
	}
	return errors.Join(err, f.tell(cmd.OutOrStdout(), report, err))
}

// tell shows what was found, also where the rest could not be read.
func (f *recoverFlags) tell(w io.Writer, report recovery.Report, failed error) error {
	if f.format.value == "json" {
		if err := writeJSON(w, report); err != nil {
			return err
		}
	} else if err := writeRecovered(w, report, f.dryRun); err != nil {
		return err
	}
	if failed == nil && report.Refused+report.Unreadable > 0 {
		return &exitError{code: exitNo}
	}
	return nil
}

func writeRecovered(w io.Writer, r recovery.Report, dryRun bool) error {
	became, refused := "taken in", "refused into quarantine"
	if dryRun {
		became, refused = "would be taken in", "would be refused into quarantine"
	}
	fmt.Fprintf(w, "the sender's log from %s to %s\n", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, line := range []struct {
		what string
		n    int
	}{
		{"rows seen", r.Rows}, {"not of our events", r.Others}, {"ours already", r.Known}, {became, r.New},
		{refused, r.Refused}, {"in quarantine already", r.Held}, {"cannot be read", r.Unreadable},
	} {
		fmt.Fprintf(table, "  %s\t%d\n", line.what, line.n)
	}
	return table.Flush()
}

// window is the time that is asked for. A zero time is as far as the sender's log reaches.
func (f *recoverFlags) window(cmd *cobra.Command, s *config.Recovery) (from, to time.Time, err error) {
	if ms, err := timestampFlag(cmd, "to", f.to); err != nil {
		return from, to, err
	} else if ms != nil {
		to = time.UnixMilli(*ms)
	}
	begin, err := timestampFlag(cmd, "from", f.from)
	switch {
	case err != nil:
		return from, to, err
	case begin != nil:
		from = time.UnixMilli(*begin)
	case !f.all:
		from = time.Now().Add(-s.ReachBack)
	}
	return from, to, nil
}

// recoverySettings are those of a configuration that has them.
func recoverySettings(file string) (*config.Recovery, error) {
	if file == "" {
		return nil, &event.Error{Kind: event.Internal, Text: "cannot recover: there is no configuration",
			Hint: "name it with --config FILE, or in NUMHOOK_CONFIG"}
	}
	settings, err := loadSettings(file, config.LoadServed)
	if err != nil {
		return nil, err
	}
	if settings.Recovery == nil {
		return nil, &event.Error{Kind: event.Internal, Text: "cannot recover: " + file + " does not say how",
			Hint: "write the key recovery into it, as numhook config example shows it"}
	}
	return settings.Recovery, nil
}

// newRecovery makes a reader of the sender's log.
func newRecovery(s *config.Recovery) (*recovery.Reader, error) {
	proxied := false
	for _, url := range []string{s.APIURL, s.TokenURL} {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
		if err != nil {
			return nil, err
		}
		if proxy, err := http.ProxyFromEnvironment(request); err == nil && proxy != nil {
			proxied = true // it may be on this machine: whoever runs numhook has named it
		}
	}
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         netguard.Dialer(s.AllowPrivate || proxied).DialContext,
		TLSHandshakeTimeout: netguard.ConnectPatience,
		ForceAttemptHTTP2:   true,
	}
	return recovery.New(recovery.Config{
		AppID: s.AppID, AccountID: s.AccountID, ClientID: s.ClientID, Secret: s.ClientSecret, APIURL: s.APIURL,
		TokenURL: s.TokenURL, Client: &http.Client{Transport: transport},
	})
}

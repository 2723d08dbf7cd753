package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"numhook/server/certreload"
)

// hangups takes the signal that would end the process at once when its terminal is closed or its log is rotated. The
// signals are for startReloading.
func hangups() <-chan os.Signal {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP) // to the end of the process
	return signals
}

// startReloading has the reloader look after its files, also while deliveries are drained, until it is stopped.
func startReloading(ctx context.Context, reloader *certreload.Reloader, signals <-chan os.Signal) (stop func()) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		reloader.Run(running, signals)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// linked are the variables that Kubernetes sets in every container for a service that is called numhook.
var linked = regexp.MustCompile(
	`^NUMHOOK_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// strayVariables are the names of those in the environment that look like numhook's and that no flag of any verb knows.
func strayVariables(root *cobra.Command, environment []string) (stray []string) {
	known := map[string]bool{secretsVariable: true}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known[variableOf(f)] = true })
		for _, verb := range cmd.Commands() {
			visit(verb)
		}
	}
	visit(root)
	for _, entry := range environment {
		name, value, _ := strings.Cut(entry, "=")
		typed := !linked.MatchString(name) || name == "NUMHOOK_PORT" && !strings.Contains(value, "://")
		if strings.HasPrefix(strings.ToUpper(name), environmentStart) && !known[name] && typed {
			stray = append(stray, name)
		}
	}
	slices.Sort(stray)
	return stray
}

// variableOf is the environment variable of a flag.
func variableOf(f *pflag.Flag) string {
	return environmentStart + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
}

// warnOfStray names them. What they hold may be a secret.
func warnOfStray(log *slog.Logger, stray []string) {
	for _, name := range stray {
		log.Warn("an environment variable is passed over: no flag of numhook has its name", slog.String("variable", name))
	}
}

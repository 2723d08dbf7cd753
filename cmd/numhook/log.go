package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"numhook/cmd/numhook/logbuffer"
)

// flushTime is how long the end of the receiver waits for whoever reads its log.
const flushTime = time.Second

// lossShown is how long readyz warns of lines that were lost.
const lossShown = 10 * time.Minute

// serveLog is the receiver's log. Nobody who writes to it waits for whoever reads it.
type serveLog struct {
	*slog.Logger
	lines *logbuffer.Buffer
}

// newServeLog begins a log; its lines are to be closed.
func newServeLog(format string, w io.Writer) *serveLog {
	format = logFormat(format, w)
	lost := func(lines int64) []byte {
		var text bytes.Buffer
		newLogger(format, &text).Warn("log lines were dropped: nobody read them in time, or they could not be written",
			slog.Int64("lines", lines))
		return text.Bytes()
	}
	lines := logbuffer.New(w, logbuffer.Size, lost)
	return &serveLog{Logger: newLogger(format, lines), lines: lines}
}

// logFormat settles what auto means.
func logFormat(format string, w io.Writer) string {
	if format != "auto" {
		return format
	}
	if file, ok := w.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		return "text"
	}
	return "json"
}

// newLogger writes one line an entry: JSON for machines, text for people.
func newLogger(format string, w io.Writer) *slog.Logger {
	if format == "text" {
		return slog.New(slog.NewTextHandler(w, nil))
	}
	return slog.New(slog.NewJSONHandler(w, nil))
}

// Register shows how many lines were lost.
func (l *serveLog) Register(in prometheus.Registerer) error {
	return in.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "numhook_log_lines_dropped_total", Help: "Lines of the log that nobody read in time, or that could not be " +
			"written.",
	}, func() float64 {
		lost, _ := l.lines.Lost()
		return float64(lost)
	}))
}

// warning is what readyz says of lines that were lost of late.
func (l *serveLog) warning() warning {
	return warning{name: "log", text: func() string {
		lost, last := l.lines.Lost()
		if lost == 0 || time.Since(last) > lossShown {
			return ""
		}
		return fmt.Sprintf("%d lines of the log were dropped since the start, the last one %v ago: nobody reads them in "+
			"time, or they cannot be written",
			lost, time.Since(last).Round(time.Second))
	}}
}

// runServe runs serve with a log and an output whose readers may go away, stall, or have a full disk: none of that ends
// the receiver or holds it up.
func runServe(cmd *cobra.Command, f *serveFlags) error {
	// A write to a pipe that nobody reads any more would end the process. It is noticed instead of ignored, because
	// programs that it starts would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	f.stray = strayVariables(cmd.Root(), os.Environ())
	log := newServeLog(f.logFormat.value, cmd.ErrOrStderr())
	defer log.lines.Close(flushTime)
	out := logbuffer.New(cmd.OutOrStdout(), logbuffer.Size, nil)
	defer out.Close(flushTime)
	err := serve(cmd.Context(), f, out, log)
	if err == nil {
		return nil
	}
	reportTo(log.lines, err)
	return &exitError{code: exitCode(err)} // all has been said
}

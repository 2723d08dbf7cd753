package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"numhook/server/contract"
	"numhook/server/store/sound"
	"numhook/server/terminal"
)

// agreement holds what a store keeps against its identity, and says what lists passed over.
func agreement(passed func(sound.Passed)) sound.Check {
	return sound.Remembering(sound.Check{Event: contract.Agrees, Value: contract.Sets, Passed: passed})
}

// passedOver tells people what the lists of one run of a verb passed over. It is safe for concurrent use.
type passedOver struct {
	out   io.Writer
	mu    sync.Mutex
	count int
	quiet bool
}

// mostPassed is how many are named; the others are counted.
const mostPassed = 20

type passedKey struct{}

// withPassedOver makes what is passed over under the context told of.
func withPassedOver(ctx context.Context, out io.Writer) (context.Context, *passedOver) {
	p := &passedOver{out: out}
	return context.WithValue(ctx, passedKey{}, p), p
}

// passing is what a store opened under the context tells of what it passes over.
func passing(ctx context.Context) func(sound.Passed) {
	p, ok := ctx.Value(passedKey{}).(*passedOver)
	if !ok {
		p = &passedOver{out: os.Stderr}
	}
	return p.pass
}

// unheard keeps what is passed over from being told of until it is let go: whoever asks for one thing is not told that
// another one is damaged.
func unheard(ctx context.Context) (letGo func()) {
	p, ok := ctx.Value(passedKey{}).(*passedOver)
	if !ok {
		return func() {}
	}
	set := func(quiet bool) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.quiet = quiet
	}
	set(true)
	return func() { set(false) }
}

// checked has what an opened store shows held against its identity.
func checked[S interface{ Check(c sound.Check) }](ctx context.Context, s S, err error) (S, error) {
	if err == nil {
		s.Check(agreement(passing(ctx)))
	}
	return s, err
}

func (p *passedOver) pass(what sound.Passed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet {
		return
	}
	if p.count++; p.count <= mostPassed {
		fmt.Fprintln(p.out, terminal.Line(fmt.Sprintf("numhook: passed over %s %s: %s", what.What, what.Key, what.Why)))
	}
}

// end says how many there were, and reports whether there were any.
func (p *passedOver) end() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.count == 0:
		return false
	case p.count > mostPassed:
		fmt.Fprintf(p.out, "numhook: passed over %d more\n", p.count-mostPassed)
	}
	fmt.Fprintln(p.out, "  the store is damaged: numhook store check says what is, and store check --repair saves what "+
		"is whole")
	return true
}

// logPassed is the same for a receiver.
func logPassed(log *slog.Logger) func(sound.Passed) {
	return func(p sound.Passed) {
		log.Error("passed over", slog.String("what", p.What), slog.String("key", p.Key), slog.String("error", p.Why))
	}
}

// tellOfOpening says in the log how an embedded store was found.
func tellOfOpening(s any, log *slog.Logger) {
	found, ok := s.(interface {
		Unclean() bool
		Doubt() string
	})
	if !ok {
		return
	}
	if found.Unclean() {
		log.Warn("the store was not closed the last time: its log was taken in, and it is checked")
	}
	if doubt := found.Doubt(); doubt != "" {
		log.Warn("the store's log is in doubt", slog.String("reason", doubt))
	}
}

package validation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
)

// run puts together what the feed, the checkers, the report and the baselines do.
type run struct {
	Options
	workers int
	summary Summary

	// Where the next block begins, in its file.
	payloads int
	position position
}

// begin starts the feed and the checkers and takes in the blocks in the order of the text. It does not wait for a feed
// that is stuck in a read when ctx ends.
func (r *run) begin(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	blocks := 2*r.workers + 2
	f := &feed{
		ctx: ctx, stdin: r.Stdin, except: r.Written, progress: r.Progress,
		free: make(chan *block, blocks), work: make(chan *block, blocks), order: make(chan *block, blocks),
	}
	for range blocks {
		f.free <- &block{checked: make(chan struct{}, 1)}
	}
	var checkers sync.WaitGroup
	for range r.workers {
		checkers.Go(func() { r.check(ctx, f.work) })
	}
	go f.run(r.Paths)
	for {
		select {
		case b, more := <-f.order:
			if !more {
				checkers.Wait()
				return ctx.Err()
			}
			if err := r.take(ctx, b); err != nil {
				return err
			}
			if b.consumed != nil {
				close(b.consumed)
			}
			f.free <- b
		case <-ctx.Done():
			return interrupted(ctx.Err())
		}
	}
}

func interrupted(err error) error { return fmt.Errorf("cannot finish: interrupted: %w", err) }

// check is one checker at work.
func (r *run) check(ctx context.Context, work <-chan *block) {
	k := &checker{contract: r.Document.Contract, event: r.Event, envelope: r.Envelope,
		fingerprints: r.Fingerprints || r.Known != nil || r.Record != nil, names: cmp.Or(r.Known, r.Record).fileName}
	for b := range work {
		if ctx.Err() != nil {
			return
		}
		k.check(b)
		b.checked <- struct{}{}
	}
}

// take waits until the block is checked, gives its findings their positions in the file, and passes them on.
func (r *run) take(ctx context.Context, b *block) error {
	select {
	case <-b.checked:
	case <-ctx.Done():
		return interrupted(ctx.Err())
	}
	if b.end {
		return r.takeEnd(b)
	}
	for i := range b.findings {
		f := &b.findings[i]
		if f.Line == 1 {
			f.Column += r.position.columns
		}
		f.Line += r.position.lines
		if f.Payload > 0 {
			f.Payload += r.payloads
		}
		r.takeFinding(f, b)
	}
	r.summary.Omitted += b.omitted
	r.summary.Challenges += b.challenges
	r.payloads += b.count
	r.position = r.position.then(b.moved)
	var err error
	if len(b.findings) > 0 {
		r.Progress.clear()
		err = r.Report.Flush()
	}
	r.Progress.tell(r.summary, r.payloads)
	return err
}

func (r *run) takeFinding(f *Finding, b *block) {
	if f.Level = r.Levels.of(f, r.Strict); f.Level == Off {
		r.summary.Off++
		return
	}
	f.Spec = r.Document.locate(f.Event, f.Spec)
	if f.Known = r.Known.take(f); !f.Known {
		r.Record.add(f)
	}
	switch {
	case f.Known:
		r.summary.Known++
	case f.Level == Error:
		r.summary.Errors++
	default:
		r.summary.Warnings++
	}
	r.Report.Finding(f, excerpt{b.text, f.at})
}

// takeEnd counts a file. What was found in a file that could not be read to its end stands.
func (r *run) takeEnd(b *block) error {
	r.summary.Payloads += r.payloads
	name := b.source.name
	switch err := b.err; {
	case err == nil:
		r.summary.Files++
		r.Report.File(name, r.payloads)
	default:
		if u, ok := errors.AsType[*unreadable](err); ok {
			name, err = u.name, u.err
		}
		r.summary.Unreadable++
		r.Progress.clear()
		r.Report.Unreadable(name, err)
		if r.Complain != nil {
			r.Complain(&unreadable{name, err})
		}
	}
	r.payloads, r.position = 0, position{}
	return nil
}

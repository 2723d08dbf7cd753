package validation

import (
	"cmp"
	"context"
	"errors"
	"io"

	"numhook/server/contract"
)

// Each visits every payload of the files that the paths lead to, those in well-known envelopes, too, in order, with the
// name of its file and its number there, beginning with 1. The text is valid during the visit only. A payload that Run
// would not look at, and a file that cannot be read, end it with an error, as does the visit's own.
func Each(
	ctx context.Context, paths []string, stdin io.Reader, visit func(file string, payload int, text []byte) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	const blocks = 4
	f := &feed{ctx: ctx, stdin: stdin, free: make(chan *block, blocks), work: make(chan *block, blocks),
		order: make(chan *block, blocks)}
	for range blocks {
		f.free <- &block{checked: make(chan struct{}, 1)}
	}
	go f.run(paths)
	go func() {
		for range f.work { // no checker works here: order has every block
			continue
		}
	}()
	payload, visited := 0, 0
	for {
		var b *block
		select {
		case b = <-f.order: // nil when it is closed
		case <-ctx.Done():
			return interrupted(ctx.Err())
		}
		if b == nil {
			break
		}
		var failed error
		b.eachPayload(func(_ int, value []byte) {
			for _, text := range unwrap(value) {
				payload++
				visited++
				if failed == nil {
					failed = visit(b.source.name, payload, text)
				}
			}
		})
		if failed = cmp.Or(failed, b.failure()); failed != nil {
			return failed
		}
		if b.end {
			<-b.checked
			payload = 0
		}
		if b.consumed != nil {
			close(b.consumed)
		}
		f.free <- b
	}
	if visited == 0 {
		return ErrNoPayload
	}
	return nil
}

// unwrap are the payloads in a value, which is its own when it is no envelope that is well known.
func unwrap(value []byte) (list [][]byte) {
	if maybeEnvelope(value) {
		inside, _ := Envelope{}.in(contract.Parse(value), value)
		for _, one := range inside {
			list = append(list, one.text)
		}
	}
	if len(list) == 0 {
		return [][]byte{value}
	}
	return list
}

// failure is why the block does not hold all that it should.
func (b *block) failure() error {
	if b.fault != nil {
		return &unreadable{b.source.name, errors.New(b.fault.message)}
	}
	if already, ok := errors.AsType[*unreadable](b.err); ok {
		return already
	}
	if b.err != nil {
		return &unreadable{b.source.name, b.err}
	}
	return nil
}

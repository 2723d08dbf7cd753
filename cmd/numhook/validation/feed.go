package validation

import (
	"bytes"
	"context"
	"io"
)

// feed reads the files one after the other and cuts them into blocks. It runs ahead of the checkers by as many blocks
// as there are.
type feed struct {
	ctx         context.Context
	stdin       io.Reader
	except      []string // files that a search of folders passes over
	progress    *Progress
	free        chan *block
	work, order chan *block // order has every block, in the order of the text; work has those that a checker is to see
}

// run feeds everything that the paths lead to, and closes the channels. It ends early when the context does.
func (f *feed) run(paths []string) {
	defer close(f.order)
	defer close(f.work)
	in := inputs{except: f.except}
	for found, err := range in.find(paths) {
		b := f.take()
		if b == nil {
			return
		}
		if err != nil {
			b.source, b.end, b.err = &found, true, err
			f.finish(b)
			continue
		}
		b.source = &found
		last, err := f.file(b)
		if last == nil {
			return
		}
		last.end, last.err = true, err
		f.finish(last)
	}
}

// take is an empty block, or nil when the run has ended.
func (f *feed) take() *block {
	select {
	case b := <-f.free:
		b.reset()
		return b
	case <-f.ctx.Done():
		return nil
	}
}

// give hands the first cut bytes of the block over to be checked and returns a block of the same file that begins with
// the rest, or nil when the run has ended.
func (f *feed) give(b *block, cut int) *block {
	next := f.take()
	if next == nil {
		return nil
	}
	next.source, next.lines, next.single = b.source, b.lines, b.single
	next.text = append(next.text, b.text[cut:]...)
	b.text = b.text[:cut]
	if cap(b.text) > bigBlock {
		b.consumed = make(chan struct{})
	}
	for _, to := range []chan *block{f.order, f.work} {
		select {
		case to <- b:
		case <-f.ctx.Done():
			return nil
		}
	}
	if b.consumed != nil {
		select {
		case <-b.consumed:
		case <-f.ctx.Done():
			return nil
		}
	}
	return next
}

// finish hands over the end of a file, with which no checker has anything to do.
func (f *feed) finish(b *block) {
	b.checked <- struct{}{}
	select {
	case f.order <- b:
	case <-f.ctx.Done():
	}
}

// file cuts a file into blocks. It returns the block that is left, empty, to end the file with, or nil when the run has
// ended.
func (f *feed) file(b *block) (*block, error) {
	in, err := b.source.open(f.stdin)
	if err != nil {
		return b, err
	}
	defer in.close()
	f.progress.file(b.source.name, in)
	if in.wide != "" {
		return f.giveFault(b, notUTF8(in.wide)), nil
	}
	at := b.source.layout
	if at != layoutLines {
		at = in.guess(b, at)
	} else {
		in.head(b)
	}
	switch at {
	case layoutLines:
		b = f.lines(in, b)
	case layoutArray:
		b = f.array(in, b)
	default:
		b = f.whole(in, b)
	}
	return b, in.err
}

// whole hands over a file that is one payload.
func (f *feed) whole(in *stream, b *block) *block {
	b.single = true
	for len(b.text) <= MaxPayload && in.more(b) {
		continue
	}
	switch {
	case in.err != nil:
		b.text = b.text[:0]
		return b
	case len(b.text) > MaxPayload:
		return f.giveFault(b, tooLarge(0))
	}
	b.payloads = append(b.payloads, span{0, len(b.text)})
	return f.give(b, len(b.text))
}

// excerptSize is how much of the text is kept around a fault, to be shown.
const excerptSize = 1 << 10

// giveFault hands over the text up to the fault, and a little of what stands there to be shown; all behind it is
// forgotten.
func (f *feed) giveFault(b *block, found *fault) *block {
	b.fault = found
	b.text = b.text[:min(len(b.text), found.at+excerptSize)]
	return f.give(b, len(b.text))
}

// lines cuts a file with a payload on each line at the ends of lines.
func (f *feed) lines(in *stream, b *block) *block {
	b.lines = true
	for b != nil {
		cut := bytes.LastIndexByte(b.text, '\n') + 1
		switch {
		case cut == 0 || in.live && !in.over:
		case in.over && in.err == nil: // a payload that goes on over several lines may end without a line end
			cut = len(b.text)
		case len(b.text) == cap(b.text):
			cut = wholeLines(b.text)
		}
		switch {
		case cut > 0 && (in.live || in.over || len(b.text) == cap(b.text)):
			b = f.give(b, cut)
		case cut == 0 && len(b.text) > MaxPayload:
			b = f.longLine(in, b)
		case in.more(b) || cut > 0:
			continue
		case in.err != nil || len(b.text) == 0: // a line that was cut off is not what its writer meant
			b.text = b.text[:0]
			return b
		default:
			return f.give(b, len(b.text))
		}
	}
	return nil
}

// longLine passes over a line that is too large for a payload.
func (f *feed) longLine(in *stream, b *block) *block {
	b.lines, b.fault = false, tooLarge(0)
	rest := make([]byte, 0, blockSize)
	text := b.text[excerptSize:]
	b.text = b.text[:excerptSize]
	for {
		at := bytes.IndexByte(text, '\n')
		if at >= 0 {
			b.passed = b.passed.then(measure(text[:at+1]))
			rest = append(rest[:0], text[at+1:]...)
			break
		}
		held := bytes.HasSuffix(text, cr) // a CR and its LF are one line end
		b.passed = b.passed.then(measure(bytes.TrimSuffix(text, cr)))
		if held {
			rest = append(rest[:0], '\r')
		} else {
			rest = rest[:0]
		}
		if text = in.next(rest); len(text) == len(rest) {
			rest = rest[:0]
			break
		}
	}
	next := f.give(b, len(b.text))
	if next != nil {
		next.lines = true
		next.text = append(next.text, rest...)
	}
	return next
}

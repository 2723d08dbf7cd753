package validation

import (
	"compress/gzip"
	"errors"
	"io"
	"os"
	"sync/atomic"
)

// stream is an opened source.
type stream struct {
	io.Reader              // the text, unpacked
	live      bool         // what has come is to be looked at before more comes: a pipe, a terminal
	size      int64        // of the file as it lies there; 0 when unknown
	read      atomic.Int64 // of it, so far
	close     func()
	wide      string // the encoding of a text that is not UTF-8, as far as that shows at once
	over      bool   // nothing more comes
	err       error  // why not, when the end was not reached
}

func (s *source) open(stdin io.Reader) (*stream, error) {
	st := &stream{close: func() {}}
	raw := stdin
	if s.path == stdinName {
		if stdin == nil {
			return nil, errors.New("there is no standard input")
		}
		st.live = true
	} else {
		file, err := os.Open(s.path)
		if err != nil {
			return nil, bare(err)
		}
		st.close = func() { _ = file.Close() } // only read from
		info, err := file.Stat()
		if err != nil {
			st.close()
			return nil, bare(err)
		}
		if info.Mode().IsRegular() {
			st.size = info.Size()
		} else {
			st.live = true
		}
		raw = file
	}
	st.Reader = &counting{raw, &st.read}
	err := st.unpack(s.gzip)
	if err != nil {
		st.close()
		return nil, err
	}
	return st, nil
}

// unpack takes the text out of gzip data, when it is such, and refuses what has to be unpacked otherwise.
func (st *stream) unpack(zipped bool) error {
	if zipped {
		unpacked, err := gzip.NewReader(st.Reader)
		if err != nil {
			return unpackError(err)
		}
		st.Reader = &unpacking{unpacked}
	}
	head, all, err := look(st.Reader)
	if err != nil {
		return err
	}
	if what := packed(head); what != "" {
		return errors.New(what)
	}
	st.Reader, st.wide = all, wide(head)
	return nil
}

// readInto reads once.
func (st *stream) readInto(to []byte) int {
	n, err := st.Read(to)
	if err != nil {
		st.over = true
		if !errors.Is(err, io.EOF) {
			st.err = err
		}
	}
	return n
}

// counting counts what is read. What a read error says is kept without its path.
type counting struct {
	from  io.Reader
	count *atomic.Int64
}

func (c *counting) Read(to []byte) (int, error) {
	n, err := c.from.Read(to)
	c.count.Add(int64(n))
	if err != nil && !errors.Is(err, io.EOF) {
		err = bare(err)
	}
	return n, err
}

type unpacking struct{ from io.Reader }

func (u *unpacking) Read(to []byte) (int, error) {
	n, err := u.from.Read(to)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unpackError(err)
	}
	return n, err
}

func unpackError(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("its compressed data is cut off")
	case errors.Is(err, gzip.ErrHeader):
		return errors.New("it is not gzip data, or something else follows the gzip data")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("its compressed data is damaged: the checksum is wrong")
	}
	return err
}

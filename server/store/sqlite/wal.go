package sqlite

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Of a write-ahead log, as https://sqlite.org/fileformat2.html#walformat has it.
const (
	walMagic       = 0x377f0682 // the last bit is set when its checksums are big-endian
	walHeader      = 32
	walFrameHeader = 24
	walMinPage     = 512
	walMaxPage     = 65536
)

// walState is what lies in a log. SQLite reads it up to the first frame that is not good, without a word.
type walState struct {
	size    int64
	frames  int   // good ones, up to the first that is not
	commits int   // among them
	bad     int64 // where the first frame lies that is not good, though it is this log's; 0 when there is none
	behind  int   // transactions of this log that end at bad or behind it
}

// readLog reads the log of a database. One that is not there is an empty one.
func readLog(path string) (w walState, err error) {
	file, err := os.Open(path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return w, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return w, err
	}
	w.size = info.Size()
	if err := w.read(bufio.NewReaderSize(file, 1<<16)); err != nil && !errors.Is(err, io.EOF) &&
		!errors.Is(err, io.ErrUnexpectedEOF) {
		return w, fmt.Errorf("cannot read %s-wal: %w", path, err)
	}
	return w, nil
}

// walSum is the running checksum of a log.
type walSum struct {
	order  binary.ByteOrder
	s1, s2 uint32
}

func (s *walSum) add(b []byte) {
	for ; len(b) >= 8; b = b[8:] {
		s.s1 += s.order.Uint32(b) + s.s2
		s.s2 += s.order.Uint32(b[4:]) + s.s1
	}
}

// is reports whether the checksum is the one that is stored.
func (s *walSum) is(b []byte) bool {
	return s.s1 == binary.BigEndian.Uint32(b) && s.s2 == binary.BigEndian.Uint32(b[4:])
}

func (w *walState) read(from io.Reader) error {
	header := make([]byte, walHeader)
	if _, err := io.ReadFull(from, header); err != nil {
		return err
	}
	magic, page := binary.BigEndian.Uint32(header), binary.BigEndian.Uint32(header[8:])
	sum := walSum{order: binary.LittleEndian}
	if magic&1 != 0 {
		sum.order = binary.BigEndian
	}
	sum.add(header[:24])
	if magic&^1 != walMagic || page < walMinPage || page > walMaxPage || page&(page-1) != 0 || !sum.is(header[24:]) {
		if w.size > walHeader { // nothing tells how much of it was acknowledged
			w.bad, w.behind = 1, 2
		}
		return nil
	}
	salt, frame := header[16:24], make([]byte, walFrameHeader+page)
	for at := int64(walHeader); ; at += int64(len(frame)) {
		if _, err := io.ReadFull(from, frame); err != nil {
			return err
		}
		own := string(frame[8:16]) == string(salt)
		ends := binary.BigEndian.Uint32(frame[4:]) != 0
		if w.bad == 0 {
			sum.add(frame[:8])
			sum.add(frame[walFrameHeader:])
			if own && sum.is(frame[16:24]) {
				w.frames++
				if ends {
					w.commits++
				}
				continue
			}
			w.bad = at
		}
		if own && ends {
			w.behind++
		}
	}
}

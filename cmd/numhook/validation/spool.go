package validation

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// spoolMemory is how much a spool keeps in memory before it takes to a file.
const spoolMemory = 4 << 20

// spool keeps text until the end of a run, in a temporary file when it is much.
type spool struct {
	memory bytes.Buffer
	file   *os.File
	// unnamed: the file has no name any more.
	unnamed bool
	err     error
}

// write returns the length of the text in bytes. An error is told by read.
func (s *spool) write(text string) int64 {
	s.memory.WriteString(text)
	if s.memory.Len() > spoolMemory {
		s.toFile()
	}
	return int64(len(text))
}

func (s *spool) toFile() {
	if s.file == nil && s.err == nil {
		if s.file, s.err = os.CreateTemp("", "numhook-report-*"); s.err == nil {
			// A run that is killed leaves nothing behind: the name goes at once, where the system lets it, and the file with its
			// descriptor.
			s.unnamed = os.Remove(s.file.Name()) == nil
		}
	}
	if s.err == nil {
		_, s.err = s.file.Write(s.memory.Bytes())
	}
	s.memory.Reset()
}

// read gives everything that was written, from the beginning.
func (s *spool) read() (io.Reader, error) {
	if s.file != nil && s.err == nil {
		_, s.err = s.file.Seek(0, io.SeekStart)
	}
	if s.err != nil {
		return nil, fmt.Errorf("cannot keep the report in a temporary file: %w", s.err)
	}
	if s.file == nil {
		return &s.memory, nil
	}
	return io.MultiReader(bufio.NewReader(s.file), &s.memory), nil
}

func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if !s.unnamed {
		err = errors.Join(err, os.Remove(s.file.Name()))
	}
	return err
}

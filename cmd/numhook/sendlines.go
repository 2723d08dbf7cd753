package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"numhook/server"
)

// longestLine is more than any receiver takes, so that what is too large for one can be sent to it, too.
const longestLine = 16 * server.DefaultMaxBody

// hasLines reports by its name whether each line of a file is a delivery of its own, as validate has it.
func hasLines(name string) bool {
	switch filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz")) {
	case ".ndjson", ".jsonl":
		return true
	}
	return false
}

// eachLine visits the lines of a file with their numbers, from 1. It holds one of them at a time. A line without
// anything but white space is passed over, and neither a line's end nor the byte order mark that the file begins with
// is part of it. The text is valid during the visit only.
func eachLine(name string, visit func(line int, text []byte) error) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("cannot send: %w", err)
	}
	defer file.Close()
	var from io.Reader = file
	if strings.HasSuffix(strings.ToLower(name), ".gz") {
		if from, err = gzip.NewReader(bufio.NewReader(file)); err != nil {
			return fmt.Errorf("cannot send %s: it is not gzip data: %w", name, err)
		}
	}
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, longestLine)
	number, found := 0, false
	for lines.Scan() {
		number++
		text := lines.Bytes()
		if number == 1 {
			text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		found = true
		if err := visit(number, text); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return fmt.Errorf("cannot send %s:%d: the line is longer than %d bytes", name, number+1, longestLine)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("cannot send %s:%d: the compressed data is cut off", name, number+1)
	case err != nil:
		return fmt.Errorf("cannot send %s:%d: %w", name, number+1, err)
	case !found:
		return fmt.Errorf("cannot send %s: it holds no line", name)
	}
	return nil
}

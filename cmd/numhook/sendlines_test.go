package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func TestEachLine(t *testing.T) {
	text := "\xef\xbb\xbf{\"a\":1}\r\n\n \t\r\n  {\"b\": 2} \n\x00\xff\nlast"
	want := []string{`1 "{\"a\":1}"`, `4 "  {\"b\": 2} "`, `5 "\x00\xff"`, `6 "last"`}
	cut := zipped(t, strings.Repeat("{}\n", 1000))
	for _, c := range []struct {
		name string
		raw  []byte
		want []string
		err  string
	}{
		{"a.ndjson", []byte(text), want, ""},
		{"a.JSONL.GZ", zipped(t, text), want, ""},
		{"a.jsonl.gz", append(zipped(t, "a\n"), zipped(t, "b")...), []string{`1 "a"`, `2 "b"`}, ""},
		{"empty.ndjson", []byte("\xef\xbb\xbf\n"), nil, "cannot send empty.ndjson: it holds no line"},
		{"cut.jsonl.gz", cut[:len(cut)-10], nil, "the compressed data is cut off"},
		{"long.ndjson", append([]byte("{}\n"), make([]byte, longestLine+1)...), []string{`1 "{}"`},
			"cannot send long.ndjson:2: the line is longer than 16777216 bytes"},
	} {
		t.Chdir(t.TempDir())
		if err := os.WriteFile(c.name, c.raw, 0o600); err != nil {
			t.Fatal(err)
		}
		var got []string
		err := eachLine(c.name, func(line int, text []byte) error {
			got = append(got, fmt.Sprintf("%d %q", line, text))
			return nil
		})
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || c.want != nil &&
			!slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v (%v)", c.name, got, c.want, err)
		}
	}
	stop := errors.New("stop")
	name := filepath.Join(t.TempDir(), "a.ndjson")
	if err := os.WriteFile(name, []byte("{}\n{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	visits := 0
	if err := eachLine(name, func(int, []byte) error { visits++; return stop }); !errors.Is(err, stop) || visits != 1 {
		t.Errorf("%d visits: %v", visits, err)
	}
}

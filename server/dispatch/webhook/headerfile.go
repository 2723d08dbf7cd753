package webhook

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"runtime"
	"strings"

	"numhook/server/certreload"
	"numhook/server/dispatch/netguard"
	"numhook/server/event"
)

// longestHeaderFile bounds what is read of a file of headers.
const longestHeaderFile = 16 << 10

// ReadHeaders reads a file of headers: "Name: value", one a line; blank lines and those that begin with # are passed
// over, and so are a byte order mark and the CR of a CRLF. Nobody but its owner may read it. Errors name the line, and
// never quote it.
func ReadHeaders(path string) (map[string]string, error) {
	text, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	return parseHeaderFile(path, string(text))
}

func parseHeaderFile(path, text string) (map[string]string, error) {
	headers := map[string]string{}
	seen := map[string]int{}
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, colon := strings.Cut(line, ":")
		if !colon || !isToken(name) {
			return nil, unusable(path, fmt.Sprintf("line %d is no header", i+1), "write Name: value, one a line")
		}
		canonical := http.CanonicalHeaderKey(name)
		if first := seen[canonical]; first > 0 {
			return nil, unusable(path, fmt.Sprintf("line %d has the header of line %d again", i+1, first),
				"leave one of the two out")
		}
		seen[canonical] = i + 1
		headers[name] = strings.TrimSpace(value)
		if _, err := parseHeaders(map[string]string{name: headers[name]}); err != nil {
			wrong := err
			if flaw, ok := errors.AsType[*event.Error](err); ok {
				wrong = flaw.Err
			}
			return nil, unusable(path, fmt.Sprintf("line %d: %v", i+1, wrong), "write Name: value, one a line")
		}
	}
	return headers, nil
}

func unusable(path, why, hint string) error {
	return &event.Error{Kind: event.Invalid, Text: "cannot use the headers file " + path, Hint: hint, Err: errors.New(why)}
}

func readPrivate(path string) ([]byte, error) {
	// opening a pipe would wait for somebody to write to it
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, unusable(path, "it is not a regular file", "")
	}
	file, err := os.Open(path)
	if err != nil {
		if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
			err = wrapped.Err
		}
		return nil, unusable(path, err.Error(), "")
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, unusable(path, "it cannot be looked at", "")
	}
	if info.Mode()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, unusable(path, fmt.Sprintf("others can read it (mode %04o)", info.Mode().Perm()), "run chmod 600 "+path)
	}
	text, err := io.ReadAll(io.LimitReader(file, longestHeaderFile+1))
	if err != nil || len(text) > longestHeaderFile {
		return nil, unusable(path, fmt.Sprintf("it cannot be read, or has more than %d KiB", longestHeaderFile>>10), "")
	}
	return text, nil
}

// headers are what is sent along: the configured ones, and those of a file, which is read again when it changes. It is
// safe for concurrent use.
type headers struct {
	fixed  http.Header
	source *certreload.Source[http.Header] // of both; nil without a file
}

func newHeaders(cfg Config) (*headers, error) {
	if cfg.HeadersFile == "" {
		fixed, err := parseHeaders(cfg.Headers)
		return &headers{fixed: fixed}, err
	}
	name := "headers_file"
	if cfg.Name != "" {
		name = netguard.Called(cfg.Name, name)
	}
	source, err := certreload.Load(certreload.Reading[http.Header]{
		Name: name, Files: []string{cfg.HeadersFile},
		Open:  readPrivate,
		Parse: func(contents [][]byte) (http.Header, error) { return join(cfg.Headers, cfg.HeadersFile, contents[0]) },
	})
	if err != nil {
		return nil, err
	}
	if cfg.Watch != nil {
		cfg.Watch(source)
	}
	return &headers{source: source}, nil
}

// join puts the configured headers and those of the file together.
func join(configured map[string]string, path string, text []byte) (http.Header, error) {
	fromFile, err := parseHeaderFile(path, string(text))
	if err != nil {
		return nil, err
	}
	all := maps.Clone(configured)
	if all == nil {
		all = map[string]string{}
	}
	for name, value := range fromFile {
		for there := range configured {
			if strings.EqualFold(there, name) {
				return nil, unusable(path, "the header "+name+" is in the configuration, too", "leave one of the two out")
			}
		}
		all[name] = value
	}
	return parseHeaders(all)
}

// newest is what to send. A file that has become unreadable or wrong leaves what it held before.
func (h *headers) newest() http.Header {
	if h.source == nil {
		return h.fixed
	}
	return h.source.Newest()
}

// Package config reads numhook.yaml, the file that says where changes are handed on to, and where what was missed is
// found. It guarantees that a file is taken as a whole or not at all: every key, value and file that it names is
// checked before anything is sent, all that is wrong is told at once, each with its line and what to write instead, and
// no text of this package quotes a secret, a header's value or a URL.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// maxFile is the most bytes that a configuration may have. One downstream takes a few hundred.
const maxFile = 1 << 20

// Settings is a configuration that was found good.
type Settings struct {
	File        string // as it was named
	Downstreams []Downstream
	Recovery    *Recovery // nil when there is none
	Warnings    []Problem // what can be served, and may not be meant
}

// Scheme is the kind of a downstream.
type Scheme string

// The schemes.
const (
	HTTPS Scheme = "https"
	HTTP  Scheme = "http"
	Exec  Scheme = "exec"
	NATS  Scheme = "nats"
	Kafka Scheme = "kafka"
	File  Scheme = "file"
)

// Downstream is one entry of the list, with the defaults filled in. File names are absolute, or relative to where the
// program runs.
type Downstream struct {
	event.Downstream
	Scheme      Scheme
	Line        int // of the file
	Timeout     time.Duration
	Concurrency int
	Rate        float64 // attempts a second; 0 for no limit
	Backoff     dispatch.Backoff

	// https, http, nats, kafka: what the sender takes. It may hold a credential: Redacted is what may be shown
	URL     string
	Headers map[string]string // https, http. The values may be credentials
	// https, http: a URL, which may hold a password; webhook.NoProxy; empty for what the environment says
	Proxy        string
	HeadersFile  string  // https, http: others, one a line; may be empty
	SecretFile   string  // https, http
	Secrets      Secrets // https, http: what the file held, at least one
	AllowPrivate bool    // https, http, nats, kafka
	CAFile       string  // https, nats, kafka
	ClientCert   string  // likewise; with ClientKey, or both empty
	ClientKey    string

	Hosts       []string // nats, kafka: HOST:PORT of each server
	Topic       string   // nats: the subject; kafka: the topic
	TLS         bool     // nats, kafka: asked for, or implied by certificates
	Stream      string   // nats: the only one whose acknowledgement counts; empty for any
	SASL        string   // kafka: the mechanism; empty for none
	Credentials string   // nats, kafka: the file with the user's credentials; may be empty
	user        *url.Userinfo

	Path   string   // exec: the program; file: the file
	Args   []string // exec
	Env    []string // exec: names of the variables that it gets, too
	Rotate int64    // file: the bytes after which a new one is begun
	Keep   int      // file: how many old ones are kept; 0 for all
}

// Load reads and checks a configuration. events are the names that the contract knows. What is wrong with the
// configuration comes back as Problems; any other error says that the file cannot be read.
func Load(path string, events []string) (*Settings, error) { return loadFile(path, events, false) }

// LoadServed is Load for serve, which takes deliveries in whatever became of the file that a downstream writes to: that
// is a warning, and attempts wait.
func LoadServed(path string, events []string) (*Settings, error) { return loadFile(path, events, true) }

func loadFile(path string, events []string, serving bool) (*Settings, error) {
	text, mode, err := read(path)
	if err != nil {
		return nil, &event.Error{Kind: event.Internal, Text: "cannot read the configuration " + path, Err: err,
			Hint: "name an existing file, or see how one is written: numhook config example"}
	}
	return newReader(path, events, serving).settings(text, mode)
}

func read(path string) (text []byte, mode fs.FileMode, err error) {
	// opening a pipe would wait for somebody to write to it
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, 0, errors.New("it is not a regular file")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, bare(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, bare(err)
	}
	text, err = io.ReadAll(io.LimitReader(file, maxFile+1))
	return text, info.Mode().Perm(), bare(err)
}

// bare is a file error without the file's name, which stands before it already.
func bare(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	return err
}

// parse checks the text of a configuration, whose file has the mode.
func parse(text []byte, mode fs.FileMode, file string, events []string) (*Settings, error) {
	return newReader(file, events, false).settings(text, mode)
}

func newReader(file string, events []string, serving bool) *reader {
	return &reader{
		file: file, folder: filepath.Dir(file), events: events, serving: serving,
		values: map[string]*node{}, keys: map[string]*node{}, told: map[string]bool{}, meant: map[string][]string{},
	}
}

func (r *reader) settings(text []byte, mode fs.FileMode) (*Settings, error) {
	s := &Settings{File: r.file}
	if root := r.document(text); root != nil {
		s.Downstreams = r.downstreams(root)
		s.Recovery = r.recovery()
	}
	if err := r.result(); err != nil {
		return nil, err
	}
	if r.secretAt != nil && mode&0o077 != 0 && runtime.GOOS != "windows" {
		r.warn(r.secretAt, fmt.Sprintf("what stands here may be a secret, and others can read the configuration (mode %04o)",
			mode),
			"run chmod 600 "+r.file+", or write headers into a headers_file")
	}
	s.Warnings = r.warnings
	return s, nil
}

// downstreams reads the whole configuration.
func (r *reader) downstreams(root *node) (list []Downstream) {
	r.judge(root)
	top := entry{reader: r}
	named, written := map[string]int{}, map[string]int{}
	for _, element := range top.list("downstreams") {
		e := entry{r, child("/downstreams", strconv.Itoa(slices.Index(r.values["/downstreams"].Content, element)))}
		d := e.downstream(element)
		if d.Scheme == File && d.Path != "" {
			if line, taken := written[d.Path]; taken {
				r.tell(element, fmt.Sprintf("the file of this downstream is that of the one on line %d", line),
					"write another file into its url")
			}
			written[d.Path] = d.Line
		}
		if name := e.value("name"); name != nil {
			if line, taken := named[d.Name]; taken {
				r.tell(name, fmt.Sprintf("the name %q is taken by the downstream on line %d", d.Name, line), "write another name")
			} else {
				named[d.Name] = name.Line
			}
		}
		list = append(list, d)
	}
	return slices.Clip(list)
}

package filelog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"numhook/server/dispatch"
	"numhook/server/event"
)

// closePatience is how long Close waits for a disk that does not answer.
const closePatience = 5 * time.Second

// Config is a downstream that is a file.
type Config struct {
	Path   string // of the file; its folder must be there
	Anyway bool   // what cannot be written to now is no error of New: attempts wait
	Rotate int64  // bytes: a line that would make the file larger begins a new one; 0 for never
	Keep   int    // how many renamed files are kept; 0 for all
}

// Sender appends to the file. It is safe for concurrent use.
type Sender struct {
	queue   chan *entry   // unbuffered: who has handed over is answered
	closing chan struct{} // closed by Close
	closed  chan struct{} // closed when the writer has ended
	once    sync.Once
}

// entry is a line on its way.
type entry struct {
	ctx  context.Context // of the attempt
	line []byte
	done chan error // holds one
}

var errClosed = errors.New("the sender is closed")

// New checks that there can be such a file. It opens nothing: that is for the first attempt, so that one process may
// follow another.
func New(cfg Config) (*Sender, error) {
	path, err := check(cfg)
	if err != nil {
		return nil, err
	}
	return begin(&writer{disk: system{}, path: path, rotate: cfg.Rotate, keep: cfg.Keep, now: time.Now}), nil
}

// begin lets the writer write for a sender.
func begin(w *writer) *Sender {
	s := &Sender{queue: make(chan *entry), closing: make(chan struct{}), closed: make(chan struct{})}
	go func() {
		defer close(s.closed)
		w.run(s.queue, s.closing)
	}()
	return s
}

func check(cfg Config) (path string, err error) {
	wrong := func(why, hint string) error {
		return &event.Error{Kind: event.Invalid, Text: fmt.Sprintf("cannot use the file %q", cfg.Path), Hint: hint,
			Err: errors.New(why)}
	}
	if cfg.Path == "" || os.IsPathSeparator(cfg.Path[len(cfg.Path)-1]) {
		return "", wrong("the path names no file", "write it as file:/path/of/the/file.ndjson")
	}
	if cfg.Rotate < 0 || cfg.Keep < 0 {
		return "", wrong("the size to rotate at and the number of files to keep cannot be negative", "")
	}
	path, err = filepath.Abs(cfg.Path)
	if err != nil {
		return "", wrong("the working directory is unknown", "write an absolute path")
	}
	if cfg.Anyway {
		return path, nil
	}
	folder, err := os.Stat(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !folder.IsDir() {
		return "", wrong("its folder is not there", "mkdir -p "+filepath.Dir(path))
	}
	if flaw, hint := Flaw(path); flaw != "" {
		return "", wrong(flaw, hint)
	}
	return path, nil
}

// Flaw says why a file that is there is not written to, and what to do; of one that would be, and where there is none,
// it is empty. That others can write to it is no flaw: that is taken from them.
func Flaw(path string) (wrong, hint string) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", ""
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return errLink.Error(), "write the name of the file itself into the url"
	}
	if !info.Mode().IsRegular() {
		return errNotFile.Error(), "write the name of a file"
	}
	switch err := belongs(info); {
	case errors.Is(err, errOwner):
		return err.Error(), "give it to the user that numhook runs as, or move it away"
	case errors.Is(err, errNames):
		return err.Error(), "copy it, so that it has one name"
	}
	return "", ""
}

// Send makes one try. See dispatch.Sender.
func (s *Sender) Send(ctx context.Context, e dispatch.Envelope) dispatch.Outcome {
	line, err := oneLine(e.Body)
	if err != nil {
		return dispatch.Outcome{Verdict: event.Refused, Reason: "the change is not JSON", Alive: true}
	}
	written := &entry{ctx: ctx, line: line, done: make(chan error, 1)}
	select {
	case <-s.closing:
		return retry(errClosed)
	default:
	}
	select {
	case s.queue <- written:
	case <-ctx.Done():
		return retry(ctx.Err())
	case <-s.closing:
		return retry(errClosed)
	}
	select {
	case err = <-written.done:
	case <-ctx.Done(): // the disk does not answer: the line may be there or not, but the next one comes after it
		return retry(ctx.Err())
	}
	if err != nil {
		return retry(err)
	}
	return dispatch.Outcome{Verdict: event.Confirmed, Alive: true}
}

// Close lets the writer finish what it has begun.
func (s *Sender) Close() error {
	s.once.Do(func() { close(s.closing) })
	patience := time.NewTimer(closePatience)
	defer patience.Stop()
	select {
	case <-s.closed:
		return nil
	case <-patience.C:
		return errors.New("cannot close the file of a downstream: the disk does not answer")
	}
}

// oneLine is the body with a line end behind it, and none inside.
func oneLine(body []byte) ([]byte, error) {
	var line bytes.Buffer
	line.Grow(len(body) + 1)
	if bytes.ContainsAny(body, "\r\n") || len(body) == 0 {
		if err := json.Compact(&line, body); err != nil {
			return nil, err
		}
	} else {
		line.Write(body)
	}
	line.WriteByte('\n')
	return line.Bytes(), nil
}

func retry(err error) dispatch.Outcome {
	return dispatch.Outcome{Verdict: event.Retry, Reason: reasonOf(err)}
}

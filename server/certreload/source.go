// Package certreload keeps what is renewed while it is in use: certificates, secrets, tokens. It guarantees that a
// renewal takes effect without a restart, that files which cannot be read, are wrong, or are still being written change
// nothing, and that whoever runs the receiver is told of each such change once.
package certreload

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"numhook/server/event"
)

const (
	checkEvery = time.Second // how often, at most, files are looked at that nobody asked for
	// new content must look the same for so long: who writes into a file in use does it in pieces
	settleTime  = 100 * time.Millisecond
	settleTries = 10
	youngTime   = 2 * time.Second // a file this young may change again without showing it in its times
	// bytes of a file that is kept here; the public authorities of an operating system have about 200 KiB
	maxFile = 4 << 20
)

// Reading is how something is read from its files.
type Reading[T any] struct {
	Name  string   // what it is, in log, metrics and warnings: "secrets", "certificate"
	Files []string // they are read in this order
	Open  func(file string) ([]byte, error)
	Parse func(contents [][]byte) (T, error)  // its error quotes nothing that was read
	Sum   func(T) []slog.Attr                 // what the log says of it; may be nil
	Doubt func(value T, now time.Time) string // why it should be looked at although it is used; may be nil
}

// Source is something that is read again when its files change. It is safe for concurrent use.
type Source[T any] struct {
	reading Reading[T]
	current atomic.Pointer[T]
	looked  atomic.Int64 // when the files were last looked at, in nanoseconds

	mu      sync.Mutex // guards what follows
	seen    string     // how the files looked when state was found; empty: look again
	state   string     // digest of what was last read, or why it could not be
	failed  error      // why what was last read is not in use
	observe func(change)
}

// change is what became of files that were read again.
type change struct {
	name string
	err  error // why they are not in use; nil: they are
	sum  []slog.Attr
}

// Load reads the files for the first time.
func Load[T any](r Reading[T]) (*Source[T], error) {
	if r.Open == nil {
		r.Open = open
	}
	s := &Source[T]{reading: r, observe: func(change) {}}
	seen := s.appearance() // before they are read: what is replaced meanwhile is read again
	contents, state, err := s.read()
	if err != nil {
		return nil, err
	}
	value, err := r.Parse(contents)
	if err != nil {
		return nil, err
	}
	s.current.Store(&value)
	s.seen, s.state = seen, state
	s.looked.Store(time.Now().UnixNano())
	return s, nil
}

// Current is what was last read and found good. It never waits.
func (s *Source[T]) Current() T { return *s.current.Load() }

// Newest is Current after a look at the files, unless they were looked at within the last second.
func (s *Source[T]) Newest() T {
	if time.Since(time.Unix(0, s.looked.Load())) >= checkEvery {
		s.Renew(false)
	}
	return s.Current()
}

// Renew looks at the files now, and reads them when they look changed, or in any case. It reports whether they gave
// something new.
func (s *Source[T]) Renew(anyway bool) (renewed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked.Store(time.Now().UnixNano())
	seen := s.appearance()
	if !anyway && seen != "" && seen == s.seen {
		return false
	}
	_, state, err := s.read()
	if state == s.state {
		if err == nil { // what could not be read may be readable the next time
			s.seen = seen
		}
		return false
	}
	contents, state, err := s.settled(state)
	if state == "" || state == s.state {
		return false // still being written, so that the next look will tell; or written back
	}
	s.seen, s.state = seen, state
	if err == nil {
		var value T
		if value, err = s.reading.Parse(contents); err == nil {
			s.current.Store(&value)
		}
	} else {
		s.seen = ""
	}
	s.failed = err
	told := change{name: s.reading.Name, err: err}
	if err == nil && s.reading.Sum != nil {
		told.sum = s.reading.Sum(s.Current())
	}
	s.observe(told)
	return err == nil
}

// settled reads the files until they are the same at two looks. The state is empty when they never are.
func (s *Source[T]) settled(before string) (contents [][]byte, state string, err error) {
	for range settleTries {
		time.Sleep(settleTime)
		if contents, state, err = s.read(); state == before {
			return contents, state, err
		}
		before = state
	}
	return nil, "", err
}

// read gives the contents of the files, and in a word how they are: equal words, equal contents.
func (s *Source[T]) read() (contents [][]byte, state string, err error) {
	digest := sha256.New()
	for _, file := range s.reading.Files {
		content, err := s.reading.Open(file)
		if err != nil {
			return nil, "error: " + err.Error(), err
		}
		contents = append(contents, content)
		sum := sha256.Sum256(content)
		digest.Write(sum[:])
	}
	return contents, string(digest.Sum(nil)), nil
}

// appearance is how the files look from outside. It is empty while that is not to be relied on.
func (s *Source[T]) appearance() (looks string) {
	for _, file := range s.reading.Files {
		info, err := os.Stat(file)
		if err != nil || time.Since(info.ModTime()) < youngTime {
			return ""
		}
		looks += fmt.Sprintf("%d %d %v %v\n", info.Size(), info.ModTime().UnixNano(), info.Mode(), identity(info))
	}
	return looks
}

// open reads a file of reasonable size.
func open(name string) ([]byte, error) {
	file, err := openNow(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, unusable(name, "it is not a file", "write the name of a file")
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		return nil, unusable(name, fmt.Sprintf("it has more than %d KiB", maxFile>>10), "write the name of the right file")
	}
	return content, err
}

// unusable is an operator's error about a file.
func unusable(file, what, remedy string) error {
	return &event.Error{Kind: event.Invalid, Text: "cannot use " + file, Err: errors.New(what), Hint: remedy}
}

// tell sets who is told of changes.
func (s *Source[T]) tell(observe func(change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observe = observe
}

// name is what it is.
func (s *Source[T]) name() string { return s.reading.Name }

// failure is why what the files hold is not in use, or nil.
func (s *Source[T]) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// doubt is why what is in use should be looked at, or nothing.
func (s *Source[T]) doubt(now time.Time) string {
	if s.reading.Doubt == nil {
		return ""
	}
	return s.reading.Doubt(s.Current(), now)
}

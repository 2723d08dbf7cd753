// Package secretfile reads secrets: from files with one a line, and from an environment variable. It guarantees that
// only what was meant as a secret becomes one (a comment, a byte order mark, a line of another program's configuration
// never does), and that no error quotes anything that was read.
package secretfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"numhook/server/event"
)

// Bounds of what is read.
const (
	MaxFile  = 16 << 10 // bytes; hundreds of secrets
	Shortest = 16       // characters; the sender's have 22
)

// Secret is one secret, and where it stands.
type Secret struct {
	Line int // from 1: of the file; in a variable, which one of its secrets it is
	Text string
}

// String hides the text.
func (s Secret) String() string { return "secret of line " + strconv.Itoa(s.Line) }

// GoString hides it from %#v, too.
func (s Secret) GoString() string { return s.String() }

// Fault says what is wrong with a file, or with one of its lines, and what to do about it. It quotes nothing.
type Fault struct {
	Source string // the file, or the variable
	Line   int    // 0 for the file as a whole
	What   string // goes on a sentence whose subject is the file or the line
	Remedy string // what to do, as an order
}

// Error names the place and what is wrong there.
func (f *Fault) Error() string {
	if f.Line == 0 {
		return f.Source + " " + f.What
	}
	return fmt.Sprintf("%s:%d: the line %s", f.Source, f.Line, f.What)
}

// Read gives the secrets of a file, in its order. The error is for an operator, and its cause is a *Fault.
func Read(path string) ([]Secret, error) {
	raw, err := Open(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, raw)
}

// Open gives the bytes of a file with secrets, whatever they are: of a file that nobody but its owner can read, and
// that is neither a folder nor a device.
func Open(path string) ([]byte, error) {
	refuse := func(what, remedy string) ([]byte, error) {
		return nil, failure(&Fault{Source: path, What: what, Remedy: remedy})
	}
	// Without waiting: opening a FIFO would wait for somebody to write to it.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		remedy := "write the name of a file that is there"
		if errors.Is(err, fs.ErrPermission) {
			remedy = "let the user that numhook runs as read it"
		}
		return refuse("cannot be read: "+bare(err), remedy)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return refuse("cannot be read: "+bare(err), "write the name of a file that is there")
	}
	if !info.Mode().IsRegular() {
		return refuse("is not a file", "write the name of a file")
	}
	if info.Mode()&0o077 != 0 {
		return refuse(fmt.Sprintf("can be read by others (mode %04o)", info.Mode().Perm()), "run chmod 600 "+path)
	}
	raw, err := io.ReadAll(io.LimitReader(file, MaxFile+1))
	if err != nil {
		return refuse("cannot be read: "+bare(err), "look at the disk that it lies on")
	}
	if len(raw) > MaxFile {
		return refuse(fmt.Sprintf("has more than %d KiB", MaxFile>>10), "write the name of the right file")
	}
	return raw, nil
}

// bare is the cause of a file's error without the file's name, which stands beside it.
func bare(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

func failure(f *Fault) error {
	return &event.Error{Kind: event.Invalid, Text: "cannot read the secrets", Hint: f.Remedy, Err: f}
}

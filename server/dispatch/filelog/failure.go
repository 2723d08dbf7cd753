package filelog

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"syscall"
)

var (
	errInUse   = errors.New("the file is in use by another process")
	errMoved   = errors.New("the file was moved away while it was written")
	errNotFile = errors.New("what is there is not a regular file")
	errLink    = errors.New("what is there is a symbolic link, and whoever made it decides what is written to")
	errOwner   = errors.New("the file belongs to another user")
	errNames   = errors.New("the file has another name, too (a hard link)")
	errShared  = errors.New("others can write to the file, and that cannot be changed")
)

// failure is what could not be done, in words without a path.
type failure struct {
	doing string
	err   error
}

func (f *failure) Error() string { return "cannot " + f.doing + ": " + reasonOf(f.err) }

func (f *failure) Unwrap() error { return f.err }

// reasonOf is an error in words that hold no path.
func reasonOf(err error) string {
	if f, ok := errors.AsType[*failure](err); ok {
		return f.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return "time-out"
	}
	if errors.Is(err, context.Canceled) {
		return "cut short"
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error() // no space left on device, ...
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	return err.Error()
}

package filelog

import (
	"io"
	"os"
)

// disk is the part of a file system that is written to. Tests put one between that fails.
type disk interface {
	// open opens the file for appending, and makes it (mode 0600) when there is none. It follows no symbolic link.
	open(path string) (file, error)
	rename(from, to string) error
	// syncFolder makes the names in a folder durable.
	syncFolder(folder string) error
}

type file interface {
	io.Writer
	io.ReaderAt
	io.Closer
	Stat() (os.FileInfo, error)
	Chmod(mode os.FileMode) error
	Truncate(size int64) error
	Sync() error
	// lock keeps other processes from writing, or is errInUse.
	lock() error
}

// system is the operating system's.
type system struct{}

type systemFile struct{ *os.File }

func (system) open(path string) (file, error) {
	opened, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|noFollow, 0o600)
	if isLink(err) {
		return nil, errLink
	}
	if err != nil {
		return nil, err
	}
	return systemFile{opened}, nil
}

func (system) rename(from, to string) error { return os.Rename(from, to) }

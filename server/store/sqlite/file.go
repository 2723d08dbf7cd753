package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"numhook/server/event"
)

// makeFile creates the directory and an empty file, readable by nobody else, where there is none, makes their names
// durable, and returns the real path. SQLite gives its other files the mode of this one.
func makeFile(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return "", err
		}
		return realFile(path)
	}
	if _, err := os.Lstat(path); err == nil {
		return "", &event.Error{Kind: event.Unavailable, Text: "cannot open store " + path + ": it is a symbolic link to a " +
			"file that is not there", Hint: "put the file back, or give --store the path that the store is to have"}
	}
	directory := filepath.Dir(path)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return "", err
	}
	// Only a file that did not exist may be opened here: closing any descriptor of a database drops the locks that this
	// process holds on it.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	if err := errors.Join(file.Close(), syncDirectory(directory), syncDirectory(filepath.Dir(directory))); err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// realFile is the path behind symbolic links, of something that a store can be. Opening a folder or a FIFO would fail
// with words about disks, or wait for ever.
func realFile(path string) (string, error) {
	info, err := os.Stat(path) // it names the path where links lead round in a circle
	if err != nil {
		return "", err
	}
	found, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	what := "it is no regular file"
	switch {
	case info.Mode().IsRegular():
		return found, refusePieces(found)
	case info.IsDir():
		what = "it is a folder"
	}
	return "", &event.Error{Kind: event.Unavailable, Text: "cannot open store " + path + ": " + what,
		Hint: "give --store the path of a file: sqlite:FOLDER/numhook.db"}
}

func syncDirectory(path string) error {
	directory, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(directory.Sync(), directory.Close())
}

// existing is the real path of a store that must be there.
func existing(path string) (string, error) {
	found, err := filepath.Abs(path)
	if err == nil {
		found, err = realFile(found)
	}
	if errors.Is(err, fs.ErrNotExist) {
		if gone := refuseGone(path); gone != nil {
			return "", gone
		}
		return "", &event.Error{Kind: event.NotFound, Text: "cannot open store " + path + ": there is no such file",
			Hint: "give --store the path of a store; numhook serve creates one"}
	}
	if err != nil {
		return "", naming(path, openError(err))
	}
	return found, nil
}

// refuseUnsafe refuses a file system that the promise would not survive, before anything is opened.
func refuseUnsafe(path string, opts Options) error {
	if opts.AllowUnsafe {
		return nil
	}
	system, why, err := unsafeDisk(path)
	if err != nil {
		return openError(err)
	}
	if why != "" {
		return &event.Error{Kind: event.Unavailable, Text: "cannot open store: the file lies on " + system + ": " + why,
			Hint: "give --store a path on a local disk, or --allow-unsafe-store if losing acknowledged events is acceptable"}
	}
	return nil
}

// errServed: another process serves the store.
var errServed = errors.New("another numhook serves it")

// errUnlocked: another process may serve the store, too, because the lock is on a file that nobody finds any more.
var errUnlocked = errors.New("the lock file of the store was deleted or replaced")

// stillLocked reports whether the lock that this process serves under is on the file that others would look at.
func (s *Store) stillLocked() error {
	if s.operator || s.lock == nil {
		return nil
	}
	held, err := s.lock.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(s.path + ".lock"); err != nil || !os.SameFile(held, there) {
		return errUnlocked
	}
	return nil
}

// served is the refusal to serve a store twice. holder is the number of the process that has it, as far as it is known.
func served(path, holder string) error {
	text := "cannot open store " + path
	if holder != "" {
		text += " (process " + holder + " has it)"
	}
	return &event.Error{Kind: event.Unavailable, Text: text, Hint: "stop the other one first, or give this one a store " +
		"of its own", Err: errServed}
}

package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"numhook/server/event"
)

// fault is whose fault a failed transaction is.
type fault int

const (
	faultNone  fault = iota
	faultBusy        // another process holds the write lock: nothing was written
	faultOwn         // what was to be written cannot be written by anyone
	faultStore       // the disk, the file, the connection, or something that nobody thought of
)

func faultOf(err error) fault {
	if err == nil {
		return faultNone
	}
	if _, ok := errors.AsType[*busyError](err); ok {
		return faultBusy
	}
	switch code(err) {
	case codes.SQLITE_CONSTRAINT, codes.SQLITE_MISMATCH, codes.SQLITE_TOOBIG, codes.SQLITE_RANGE:
		return faultOwn
	}
	return faultStore
}

// busyError is a write lock that could not be had.
type busyError struct{ err error }

func (b *busyError) Error() string {
	return "another process holds the store's write lock: " + b.err.Error()
}
func (b *busyError) Unwrap() error { return b.err }

// code is SQLite's primary result code, or 0.
func code(err error) int {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

// extendedCode is SQLite's result code with its details, or 0.
func extendedCode(err error) int {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e.Code()
	}
	return 0
}

// goesOn is true of a store that is open: whoever could not open one has ended.
const goesOn = "and the store goes on by itself"

// hints say what an operator can do about a code.
var hints = map[int]string{
	codes.SQLITE_FULL:     "the disk or the quota is full: free some space, " + goesOn,
	codes.SQLITE_READONLY: "the file, its directory or the file system is read-only: make it writable, " + goesOn,
	codes.SQLITE_CANTOPEN: "the directory must exist, and it and the file, -wal and -shm must be writable for the user " +
		"that runs numhook: " +
		"put it back, " + goesOn,
	codes.SQLITE_PERM:   "the file must be readable and writable for the user that runs numhook",
	codes.SQLITE_IOERR:  "the disk failed: see the kernel's log; when it works again, " + goesOn,
	codes.SQLITE_BUSY:   "another program has the file locked: find it with fuser, and end what it does",
	codes.SQLITE_LOCKED: "another program has the file locked: find it with fuser, and end what it does",
	codes.SQLITE_CORRUPT: "the file is damaged: stop numhook, and restore a backup, or save what is whole with numhook " +
		"store check --repair",
	codes.SQLITE_NOTADB: "the file is not a SQLite database: give --store the path of a numhook store, or of a file " +
		"that does not exist yet; " +
		"if it was a store, restore a backup, or save what is whole with numhook store check --repair",
}

// unavailable is what a caller gets for any trouble of the store's.
func unavailable(verb string, err error) error {
	return &event.Error{Kind: event.Unavailable, Text: "cannot " + verb, Hint: hintFor(err), Err: err}
}

func hintFor(err error) string {
	if e, ok := errors.AsType[*event.Error](err); ok && e.Hint != "" {
		return e.Hint
	}
	if hint := hintForSystem(err); hint != "" {
		return hint
	}
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Sprintf("user %d may not do that: the store's file, its folder and the files .lock, -wal and -shm "+
			"beside it must belong to "+
			"the user that runs numhook", os.Geteuid())
	}
	if errors.Is(err, errMoved) {
		return "put the file back where it was, or restart numhook to begin a new one"
	}
	if errors.Is(err, errUnlocked) {
		return "the file that ends in .lock keeps a second numhook from serving the store: restart numhook, and leave that " +
			"file in place"
	}
	return hints[code(err)]
}

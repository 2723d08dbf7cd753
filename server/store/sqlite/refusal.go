package sqlite

import (
	"errors"
	"os"
	"strings"
	"syscall"

	codes "modernc.org/sqlite/lib"

	"numhook/server/event"
)

// systemHints say what an operator can do about what the system says of a path.
var systemHints = map[syscall.Errno]string{
	syscall.ENOTDIR: "a part of the path in front of the file's name is a file: give --store the path of a file in a " +
		"folder, sqlite:FOLDER/numhook.db",
	syscall.EISDIR:       "a folder is in the way: move it, or give --store another path",
	syscall.ELOOP:        "its symbolic links lead round in a circle: put them right, or give the file's own path",
	syscall.ENAMETOOLONG: "the name is too long for the file system: give --store a shorter path",
	syscall.EROFS:        "the file system is mounted for reading only: mount it for writing, or give another path",
	syscall.ENOSPC:       "the disk is full: free some space, " + goesOn,
	syscall.EDQUOT:       "the quota is full: free some space, " + goesOn,
}

func hintForSystem(err error) string {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return systemHints[number]
	}
	return ""
}

// openError is a failure to open. One that says all about itself stays as it is. No other is without a way on.
func openError(err error) error {
	if e, ok := errors.AsType[*event.Error](err); ok {
		return e
	}
	if code(err) == codes.SQLITE_ERROR && strings.Contains(err.Error(), "unsupported file format") {
		return &event.Error{Kind: event.Damaged, Text: "cannot open store", Hint: hints[codes.SQLITE_CORRUPT], Err: err}
	}
	if isDamage(err) && code(err) != codes.SQLITE_NOTADB {
		return &event.Error{Kind: event.Damaged, Text: "cannot open store", Hint: hintFor(err), Err: err}
	}
	failed := unavailable("open store", err).(*event.Error) //nolint:errorlint // it is made there
	if extendedCode(err) == codes.SQLITE_READONLY_ROLLBACK {
		failed.Hint = "its -journal is of a store that was ended while it was begun: start numhook serve once"
	}
	if failed.Hint == "" {
		failed.Hint = "look at the file and its folder, or give --store another path"
	}
	failed.Hint = strings.Replace(failed.Hint, goesOn, "and start numhook again", 1)
	return failed
}

// naming has a refusal name the file.
func naming(path string, err error) error {
	e, ok := errors.AsType[*event.Error](err)
	if !ok || strings.Contains(e.Text, path) {
		return err
	}
	for _, verb := range []string{"cannot open store", "cannot repair store"} {
		if rest, ok := strings.CutPrefix(e.Text, verb); ok {
			return &event.Error{Kind: e.Kind, Text: verb + " " + path + rest, Hint: e.Hint, Err: e.Err}
		}
	}
	return err
}

// refusePieces refuses a store where something that is no file has the name of one that SQLite or the lock needs.
func refusePieces(path string) error {
	for _, suffix := range []string{"-wal", "-shm", "-journal", ".lock"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().IsRegular() {
			continue
		}
		what := "no regular file"
		if info.IsDir() {
			what = "a folder"
		}
		return &event.Error{Kind: event.Unavailable, Text: "cannot open store " + path + ": " + path + suffix + " is " + what,
			Hint: "move it away, or give --store another path"}
	}
	return nil
}

// unsafeSetting is the refusal to open a store whose promise would not hold.
func unsafeSetting(setting, why string) error {
	return &event.Error{Kind: event.Unavailable, Text: "cannot open store: " + setting + ": " + why,
		Hint: "change the setting, or give --allow-unsafe-store if losing acknowledged events is acceptable"}
}

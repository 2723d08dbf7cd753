package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"numhook/server/event"
)

// Inspect refuses, with kind Damaged, a store whose files do not belong together. One that is served, or cannot be
// locked, was inspected when it was opened.
func Inspect(ctx context.Context, path string) (err error) {
	found, err := existing(path)
	if err != nil {
		return err
	}
	defer func() { err = naming(found, err) }()
	if err := refuseGone(found); err != nil {
		return err
	}
	lock, err := takeLock(found)
	if err != nil {
		return nil //nolint:nilerr // whoever has it knows
	}
	defer lock.Close()
	if _, err = inspect(ctx, found); err != nil {
		return openError(err)
	}
	return nil
}

// finding is what is known of a store's files before anything is read through its log.
type finding struct {
	alone   bool   // the log is not to be read: it is missing or another's
	unclean bool   // the store was not closed
	doubt   string // what is to be said, though the store may be opened
}

// inspect holds the file and its log together, and refuses with an event.Error that names the file and the way on. It
// changes nothing on the disk, but for SQLite's -shm, and is for whoever holds the lock.
func inspect(ctx context.Context, path string) (found finding, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return found, err
	}
	log, err := readLog(path)
	if err != nil {
		return found, err
	}
	found.unclean = log.size > 0
	if info.Size() == 0 {
		if log.size > 0 {
			return found, refusedFile(path, "it is empty, and a log lies beside it", wayOnEmpty(path))
		}
		return found, nil
	}
	header, err := headerOf(path)
	if err != nil {
		return found, err
	}
	if header.writes > 2 { // SQLite would take the file for one of its successor's, and only read it
		return found, refusedFile(path, "byte 18 of its header is damaged",
			"restore a backup, or save what is whole with numhook store check --repair")
	}
	alone, known := markOf(ctx, path, "immutable=1")
	if known && !alone.settled() {
		found.unclean = true
		if log.size == 0 && !alone.ofBackup(header.cookie) && !strings.Contains(lockText(path), mayBeGone) {
			found.alone = true
			return found, refusedFile(path, "its log "+path+"-wal is missing or empty, and what was acknowledged last is in "+
				"that alone",
				"put the -wal back beside the file, or restore a backup (a copy of the file alone is none); numhook store check "+
					"--repair accepts the loss")
		}
	}
	switch {
	case log.behind > 1:
		return found, refusedFile(path, fmt.Sprintf("its log %s-wal is damaged at byte %d, and at least %d transactions "+
			"behind that were acknowledged", path, log.bad, log.behind-1),
			"restore a backup, or save what is whole with numhook store check --repair")
	case log.behind == 1:
		found.doubt = "the last transaction in the log is not whole: it was not acknowledged, if the power went while it " +
			"was written"
	}
	if log.commits == 0 {
		return found, nil
	}
	through, seen := markOf(ctx, path)
	if header.reads != 2 || known && (!seen || alone.next != through.started && alone.next != through.next) {
		found.alone = true
		return found, refusedFile(path, path+"-wal is not the log of this file: a file was put in the place of another "+
			"one, whose log stayed",
			"if the file is the backup that is meant, move "+path+"-wal and "+path+"-shm away and start again; else put the "+
				"file back that belongs to them")
	}
	return found, nil
}

func refusedFile(path, why, hint string) error {
	return &event.Error{Kind: event.Damaged, Text: "cannot open store " + path + ": " + why, Hint: hint}
}

func wayOnEmpty(path string) string {
	return "put the file back, or restore a backup; to begin a new store, move " + path + ", its -wal, -shm and " +
		".lock away"
}

// markOf is the mark as a reader sees it that is opened with these parameters, if there is one that can be read.
func markOf(ctx context.Context, path string, params ...string) (m mark, known bool) {
	db, err := sql.Open("sqlite", dsn(path, "ro", params...))
	if err != nil {
		return m, false
	}
	defer func() { _ = db.Close() }() // it only read
	db.SetMaxOpenConns(1)
	err = db.QueryRowContext(ctx, readMark).Scan(&m.started, &m.next)
	return m, err == nil
}

// fileHeader is what is looked at of a database's header, https://sqlite.org/fileformat2.html#the_database_header.
type fileHeader struct {
	writes, reads byte   // the file format versions: 2 for a file that has a log
	cookie        uint32 // of the schema
}

// headerOf reads a database's header. Closing any descriptor of a database drops the locks that this process holds on
// it: it is for who has not opened it yet.
func headerOf(path string) (h fileHeader, err error) {
	file, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer file.Close()
	text := make([]byte, 44)
	if _, err := io.ReadFull(file, text); err != nil {
		return h, nil //nolint:nilerr // what is shorter than a header has no log, and opening it says why
	}
	h.reads, h.cookie = text[19], binary.BigEndian.Uint32(text[40:])
	if string(text[:16]) == "SQLite format 3\x00" { // else opening it says that it is no database
		h.writes = text[18]
	}
	return h, nil
}

// belongs is the part of inspect for who has the store open, and lost its connection: the file is the one that was
// opened, no shorter than it was, and the log is that of the file.
func (s *Store) belongs(ctx context.Context) error {
	info, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("%w: %w", errMoved, err)
	}
	if s.opened != nil && (!os.SameFile(info, s.opened) || info.Size() < s.grown) {
		return errMoved
	}
	if s.opened == nil || !s.failed {
		return nil
	}
	alone, known := markOf(ctx, s.path, "immutable=1")
	log, err := readLog(s.path)
	switch {
	case err != nil:
		return err
	case known && !alone.settled() && log.size == 0 && !s.mayBeGone:
		return errMoved
	case !known || log.commits == 0:
		return nil
	}
	if through, seen := markOf(ctx, s.path); seen && alone.next != through.started && alone.next != through.next {
		return errMoved
	}
	return nil
}

// kept is what a lock file says after the number of the process, once there was a store.
const kept = "kept"

// refuseGone refuses a store whose file is gone or empty where one was kept. No connection may see such a file: SQLite
// takes a log beside an empty file for a stale one, and deletes it, and it may be all that is left.
func refuseGone(path string) error {
	if info, err := os.Stat(path); err == nil && info.Size() > 0 || err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		return refusedFile(path, "its file is gone or empty, and a log lies beside it", wayOnEmpty(path))
	}
	if strings.Contains(lockText(path), kept) {
		return refusedFile(path, "its file is gone or empty, and a store was kept here", wayOnEmpty(path))
	}
	return nil
}

// refuseBegin is refuseGone for who serves: whoever serves the store now knows better.
func refuseBegin(path string) error {
	gone := refuseGone(path)
	if gone == nil {
		return nil
	}
	lock, err := takeLock(path)
	if err != nil {
		return err
	}
	_ = lock.Close()
	return gone
}

// mayBeGone is what a lock file says while the log may be gone though the file alone says that there is one: it was cut
// after a failed write, before the mark of the next one could be written, or went with the last connection to a store
// that could not be closed as it should.
const mayBeGone = "log may be gone"

// noteKept has the lock file say that a store is kept here, and whether its log may be gone. After an error it may say
// either, and the log is not to be cut.
func noteKept(lock *os.File, gone bool) error {
	if lock == nil {
		return nil
	}
	text := strconv.Itoa(os.Getpid()) + "\n" + kept + "\n"
	if gone {
		text += mayBeGone + "\n"
	}
	if _, err := lock.WriteAt([]byte(text), 0); err != nil {
		return err
	}
	if err := lock.Truncate(int64(len(text))); err != nil {
		return err
	}
	return lock.Sync()
}

// lockText is what the lock file says.
func lockText(path string) string {
	file, err := os.Open(path + ".lock")
	if err != nil {
		return ""
	}
	defer file.Close()
	text, _ := io.ReadAll(io.LimitReader(file, 100)) // whatever is there
	return string(text)
}

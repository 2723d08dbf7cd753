package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// source is how the damaged file is opened: without its log when that is another's.
func (s *salvaging) source(path string, alone bool) string {
	if alone {
		return dsn(path, "ro", "immutable=1")
	}
	return dsn(path, "ro")
}

// copied is the damaged file with a header that can be read.
func (s *salvaging) copied() string { return s.path + ".copy" }

// readable reports whether SQLite finds a store in the file.
func readable(ctx context.Context, source string) bool {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return false
	}
	defer func() { _ = db.Close() }() // it only read
	var found int
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM events WHERE seq < 0").Scan(&found)
	return err == nil && requireLatest(ctx, db) == nil
}

// headerDiffers reports whether the damaged file's header says other than that of the new one about what is the same in
// every store, or of how many pages it is. With some of that wrong, all can be read but the long values.
func (s *salvaging) headerDiffers(path string) bool {
	const header, pageSize, pages = 100, 4096, 28
	read := func(path string) (text [header]byte, size int64) {
		if file, err := os.Open(path); err == nil {
			defer file.Close()
			if info, err := file.Stat(); err == nil {
				size = info.Size()
			}
			_, _ = io.ReadFull(file, text[:]) // what is shorter differs
		}
		return text, size
	}
	is, size := read(path)
	should, _ := read(s.path)
	for _, same := range [][2]int{{0, 24}, {44, 48}, {52, 72}} {
		if !bytes.Equal(is[same[0]:same[1]], should[same[0]:same[1]]) {
			return true
		}
	}
	return int64(binary.BigEndian.Uint32(is[pages:])) != size/pageSize
}

// intact reports whether SQLite finds nothing wrong.
func intact(ctx context.Context, source string) bool {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return false
	}
	defer func() { _ = db.Close() }() // it only read
	var verdict string
	err = db.QueryRowContext(ctx, "SELECT integrity_check FROM pragma_integrity_check(1)").Scan(&verdict)
	return err == nil && verdict == "ok"
}

// mendHeader copies the damaged file, with the header of the new one in front: but for the sizes it is the same in
// every store.
func (s *salvaging) mendHeader(path string, alone bool) error {
	const header, pageSize, pages, freelist, until = 100, 4096, 28, 32, 40
	suffixes := []string{""}
	if !alone {
		suffixes = append(suffixes, "-wal")
	}
	for _, suffix := range suffixes {
		if err := copyFile(path+suffix, s.copied()+suffix); err != nil && !(suffix != "" && errors.Is(err, os.ErrNotExist)) {
			return err
		}
	}
	fresh, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer fresh.Close()
	text := make([]byte, header)
	if _, err := io.ReadFull(fresh, text); err != nil {
		return err
	}
	to, err := os.OpenFile(s.copied(), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer to.Close()
	info, err := to.Stat()
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint32(text[pages:], uint32(info.Size()/pageSize))
	clear(text[freelist:until])
	_, err = to.WriteAt(text, 0)
	return err
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}

// swap moves the damaged files away, and puts the new one in their place.
func (s *salvaging) swap(path string) error {
	directory := filepath.Dir(path)
	if err := syncFile(s.path); err != nil {
		return unavailable("repair store", err)
	}
	// SQLite would undo what a -journal says in the new file
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Rename(path+suffix, s.Moved+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return unavailable("repair store", err)
		}
	}
	if err := os.Rename(s.path, path); err != nil {
		return unavailable("repair store", err)
	}
	if err := syncDirectory(directory); err != nil {
		return unavailable("repair store", err)
	}
	return nil
}

func syncFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

package sqlite

import (
	"errors"
	"os"
)

// dataFile is the database file on descriptors of our own, for one thing that SQLite does too late: it syncs the file
// only when a copy of the log reaches the log's end, which one beside a writer hardly ever does. So the pages of all
// copies would wait in the kernel's memory for the copy that the writer waits for.
//
// A descriptor stays open until the store is closed, also one of a file that was replaced: closing any descriptor of a
// file drops all locks that the process holds on it, SQLite's with them.
type dataFile struct{ opened []*os.File } // the last one is the store's file

// open opens the file unless it is open.
func (d *dataFile) open(path string) (*os.File, error) {
	if n := len(d.opened); n > 0 {
		last := d.opened[n-1]
		is, err := last.Stat()
		if err != nil {
			return nil, err
		}
		if there, err := os.Stat(path); err == nil && os.SameFile(is, there) {
			return last, nil
		}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	d.opened = append(d.opened, file)
	return file, nil
}

// close is called when no connection of the store is open any more.
func (d *dataFile) close() (err error) {
	for _, file := range d.opened {
		err = errors.Join(err, file.Close())
	}
	d.opened = nil
	return err
}

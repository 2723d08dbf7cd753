package validation

import (
	"crypto/rand"
	"os"
	"path/filepath"
)

// NewFile is a file that is being written. It takes the place of the one at its path when it is whole, so that nobody
// reads half a report. What is no file, such as /dev/stdout or a pipe, is written to as it goes.
type NewFile struct {
	*os.File
	path string // empty when there is nothing to replace
	over bool   // kept or dropped
}

// Create begins a file for that path. It is to be kept or dropped.
func Create(path string) (*NewFile, error) {
	f := &NewFile{}
	var err error
	if info, found := os.Stat(path); found == nil && !info.Mode().IsRegular() {
		f.File, err = os.OpenFile(path, os.O_WRONLY, 0)
	} else {
		// A name that begins with a dot: a search for payloads passes it over.
		f.path = path
		beside := filepath.Join(filepath.Dir(path), ".numhook-"+rand.Text())
		const mode = 0o666 // less the user's umask, as a shell's redirection has it
		f.File, err = os.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	}
	if err != nil {
		return nil, bare(err)
	}
	return f, nil
}

// Keep closes the file and puts it in its place.
func (f *NewFile) Keep() error {
	f.over = true
	err := f.Close()
	if f.path == "" {
		return bare(err)
	}
	if err == nil {
		err = os.Rename(f.Name(), f.path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // of no use to anybody
	}
	return bare(err)
}

// Drop forgets the file, unless it was kept.
func (f *NewFile) Drop() {
	if f.over {
		return
	}
	f.over = true
	_ = f.Close() // what it holds is wanted by nobody
	if f.path != "" {
		_ = os.Remove(f.Name())
	}
}

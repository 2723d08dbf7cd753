package main

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// disk is a folder on a machine whose power may go: what the running system sees, and of that, what is sure to be there
// afterwards. What is not sure may be there or not, in any part and in any order; there is no order but that of an
// fsync, of a file for its bytes and of a folder for its names.
type disk struct {
	testing.TB
	folder string
	names  map[string]*diskFile // as the running system sees them; nil for a folder
	sure   map[string]*diskFile
	named  []*naming // since, oldest first
	locks  bool      // it keeps the files that end in .lock, too
}

// diskFile is what a name leads to.
type diskFile struct {
	sure    []byte
	changed []*change // since, oldest first
}

// change is one of a file's bytes, or of its length when data is nil.
type change struct {
	at   int64
	data []byte
	over bool // the call has returned
	// an fsync failed that should have made sure of it: the system may take it for written, and no later fsync writes it
	doomed bool
}

// naming is a name that was given to a file or folder, or taken away.
type naming struct {
	path string
	file *diskFile
	gone bool
	over bool
}

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

func newDisk(t testing.TB, folder string) *disk {
	return &disk{TB: t, folder: folder, names: map[string]*diskFile{folder: nil}, sure: map[string]*diskFile{folder: nil}}
}

// keeps reports whether a path is of the disk, and its bytes are more than memory that processes share, or a lock.
func (d *disk) keeps(path string) bool {
	return (path == d.folder || strings.HasPrefix(path, d.folder+"/")) && !strings.HasSuffix(path, "-shm") &&
		(d.locks || !strings.HasSuffix(path, ".lock"))
}

// begin notes that a call has begun: from now on it may have had its effect. The function that it returns notes that it
// is over.
func (d *disk) begin(c *call) (over func()) {
	d.Helper()
	path := c.path()
	file, known := d.names[path]
	if !d.keeps(path) || strings.HasSuffix(c.args[0], "(deleted)") {
		return func() {}
	}
	if c.failed {
		if c.name == "fsync" && file != nil {
			file.doom()
		}
		return func() {}
	}
	switch c.name {
	case "open", "openat":
		flags := strings.Join(c.args, " ")
		if known && strings.Contains(flags, "O_TRUNC") {
			d.Fatal("the disk does not know O_TRUNC")
		}
		if known || !strings.Contains(flags, "O_CREAT") {
			return func() {}
		}
		return d.name(&naming{path: path, file: new(diskFile)})
	case "mkdir", "mkdirat":
		return d.name(&naming{path: path})
	case "unlink", "unlinkat":
		return d.name(&naming{path: path, gone: true})
	case "pwrite64":
		return file.change(&change{at: c.number(d, 3), data: c.data(d)})
	case "ftruncate":
		return file.change(&change{at: c.number(d, 1)})
	case "fsync", "fdatasync":
		if file == nil {
			return d.sync(path)
		}
		return file.sync()
	case "mmap":
		if !strings.Contains(c.args[2], "PROT_WRITE") || !strings.Contains(c.args[3], "MAP_SHARED") {
			return func() {}
		}
	}
	d.Fatalf("the disk does not know what %s does to %s", c.name, filepath.Base(path))
	return nil
}

func (d *disk) name(n *naming) (over func()) {
	d.named = append(d.named, n)
	n.apply(d.names)
	return func() { n.over = true }
}

func (n *naming) apply(names map[string]*diskFile) {
	if n.gone {
		delete(names, n.path)
		return
	}
	names[n.path] = n.file
}

// sync makes sure of the names in a folder that were given before it began.
func (d *disk) sync(folder string) (over func()) {
	var covers []*naming
	for _, n := range d.named {
		if n.over && filepath.Dir(n.path) == folder {
			covers = append(covers, n)
		}
	}
	return func() {
		for _, n := range covers {
			n.apply(d.sure)
		}
		d.named = slices.DeleteFunc(d.named, func(n *naming) bool { return slices.Contains(covers, n) })
	}
}

func (f *diskFile) change(c *change) (over func()) {
	f.changed = append(f.changed, c)
	return func() { c.over = true }
}

// sync makes sure of the changes that were over before it began.
func (f *diskFile) sync() (over func()) {
	var covers []*change
	for _, c := range f.changed {
		if c.over && !c.doomed {
			covers = append(covers, c)
		}
	}
	return func() {
		for _, c := range covers {
			if slices.Contains(f.changed, c) { // another fsync may have ended first
				f.sure = c.apply(f.sure, always)
				f.changed = c.outdate(f.changed)
			}
		}
	}
}

// doom notes an fsync that failed.
func (f *diskFile) doom() {
	for _, c := range f.changed {
		c.doomed = c.doomed || c.over
	}
}

// outdate takes the change, which is sure now, out of those that are not, and whatever it wrote over out of the ones
// before it.
func (c *change) outdate(changed []*change) (left []*change) {
	index := slices.Index(changed, c)
	for _, before := range changed[:index] {
		end := before.at + int64(len(before.data))
		switch {
		case c.data == nil && before.data == nil: // another length
		case c.data == nil:
			left = append(left, before.part(before.at, min(end, c.at))...)
		case before.data == nil:
			left = append(left, before)
		default:
			left = append(left, before.part(before.at, min(end, c.at))...)
			left = append(left, before.part(max(before.at, c.at+int64(len(c.data))), end)...)
		}
	}
	return append(left, changed[index+1:]...)
}

// part is what a change writes between two places, if anything.
func (c *change) part(from, to int64) []*change {
	switch {
	case from >= to:
		return nil
	case from == c.at && to == c.at+int64(len(c.data)):
		return []*change{c}
	}
	return []*change{{at: from, data: c.data[from-c.at : to-c.at], over: c.over, doomed: c.doomed}}
}

func always(int64) bool { return true }

// apply is the content with those parts of the change that are kept; a part lies in one sector, and is asked for by
// that sector's number.
func (c *change) apply(content []byte, kept func(sector int64) bool) []byte {
	if c.data == nil {
		switch size := int64(len(content)); {
		case !kept(-1):
		case c.at <= size:
			return content[:c.at]
		default:
			return append(content, make([]byte, c.at-size)...)
		}
		return content
	}
	for from := c.at; from < c.at+int64(len(c.data)); {
		to := min((from/sector+1)*sector, c.at+int64(len(c.data)))
		if kept(from / sector) {
			if missing := to - int64(len(content)); missing > 0 {
				content = append(content, make([]byte, missing)...)
			}
			copy(content[from:to], c.data[from-c.at:])
		}
		from = to
	}
	return content
}

// outcomes are what may have become of all that was not sure when the power went.
var outcomes = []string{"lost", "kept in part", "kept", "torn at its end"}

// after are the files as they lie on the disk when the power comes back.
func (d *disk) after(outcome string, random *rand.Rand) map[string][]byte {
	names := make(map[string]*diskFile)
	for path, file := range d.sure {
		names[path] = file
	}
	kept := len(d.named)
	switch outcome {
	case "lost":
		kept = 0
	case "kept in part":
		kept = random.IntN(kept + 1)
	}
	for _, n := range d.named[:kept] {
		n.apply(names)
	}
	files := map[string][]byte{}
	for path, file := range names {
		if _, reachable := names[filepath.Dir(path)]; file != nil && reachable {
			files[path] = file.after(outcome, random)
		}
	}
	return files
}

func (f *diskFile) after(outcome string, random *rand.Rand) []byte {
	content := bytes.Clone(f.sure)
	stale := map[int64]bool{} // sectors that were not written again: a later change of theirs is gone with the earlier one
	torn := int64(0)          // the sector at which the last write ended
	if last := len(f.changed) - 1; last >= 0 && outcome == "torn at its end" {
		torn = (f.changed[last].at + random.Int64N(int64(len(f.changed[last].data))+1)) / sector
	}
	for i, c := range f.changed {
		content = c.apply(content, func(at int64) bool {
			switch outcome {
			case "lost":
				return false
			case "kept":
				return true
			case "torn at its end":
				return i < len(f.changed)-1 || at < torn
			}
			stale[at] = stale[at] || random.IntN(4) == 0
			return !stale[at]
		})
	}
	return content
}

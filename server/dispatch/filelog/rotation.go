package filelog

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// turn gives the full file another name, and begins a new one.
func (w *writer) turn() error {
	w.letGo() // some systems rename no open file
	name, err := w.freeName()
	if err == nil {
		err = w.disk.rename(w.path, name)
	}
	if err != nil {
		return &failure{"rename the full file", err}
	}
	if err := w.open(); err != nil { // which makes both names durable
		return err
	}
	w.prune()
	return nil
}

// turned is a renamed file.
type turned struct {
	name   string // without the folder
	at     string // as it sorts
	number int
}

const turnedTime = "20060102T150405Z"

var turnedForm = regexp.MustCompile(`^(\d{8}T\d{6}Z)-([1-9]\d{0,8})$`)

// Turns reports whether a full file at path may be given the other name, or removed under it.
func Turns(path, other string) bool {
	end, beside := strings.CutPrefix(filepath.Clean(other), filepath.Clean(path)+".")
	return beside && turnedForm.MatchString(end)
}

// allTurned lists the renamed files, oldest first.
func (w *writer) allTurned() (list []turned, err error) {
	entries, err := os.ReadDir(filepath.Dir(w.path))
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		end, ours := strings.CutPrefix(e.Name(), filepath.Base(w.path)+".")
		if parts := turnedForm.FindStringSubmatch(end); ours && parts != nil {
			number, _ := strconv.Atoi(parts[2]) // nine digits fit
			list = append(list, turned{e.Name(), parts[1], number})
		}
	}
	slices.SortFunc(list,
		func(a, b turned) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.number, b.number)) })
	return list, nil
}

// freeName is what the full file will be called: newer than every other, even when the clock was set back, because the
// oldest are removed first. Nobody else makes such names while we hold the path.
func (w *writer) freeName() (string, error) {
	others, err := w.allTurned()
	if err != nil {
		return "", err
	}
	at, number := w.now().UTC().Format(turnedTime), 1
	if len(others) > 0 {
		if newest := others[len(others)-1]; newest.at >= at {
			at, number = newest.at, newest.number+1
		}
	}
	name := w.path + "." + at + "-" + strconv.Itoa(number)
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		return "", cmp.Or(err, fs.ErrExist)
	}
	return name, nil
}

// prune removes the oldest renamed files beyond those that are to be kept. What cannot be removed now is tried again
// when the next file is full.
func (w *writer) prune() {
	if w.keep == 0 {
		return
	}
	list, err := w.allTurned()
	if err != nil {
		return
	}
	for _, old := range list[:max(len(list)-w.keep, 0)] {
		_ = os.Remove(filepath.Join(filepath.Dir(w.path), old.name))
	}
}

package journal

import (
	"errors"
	"fmt"
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

// freeName is what the full file will be called. Nobody else makes such names while we hold the path.
func (w *writer) freeName() (string, error) {
	begin := w.path + "." + w.now().UTC().Format("20060102T150405Z") + "-"
	for n := 1; ; n++ {
		name := begin + strconv.Itoa(n)
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return name, nil
		} else if err != nil {
			return "", err
		}
	}
}

var turnedForm = regexp.MustCompile(`^\d{8}T\d{6}Z-([1-9]\d{0,8})$`)

// prune removes the oldest renamed files beyond those that are to be kept. What cannot be removed now is tried again when the next file is full.
func (w *writer) prune() {
	if w.keep == 0 {
		return
	}
	entries, err := os.ReadDir(filepath.Dir(w.path))
	if err != nil {
		return
	}
	var turned []string // as they sort: time, then number
	for _, e := range entries {
		end, ours := strings.CutPrefix(e.Name(), filepath.Base(w.path)+".")
		if number := turnedForm.FindStringSubmatch(end); ours && number != nil && e.Type().IsRegular() {
			turned = append(turned, fmt.Sprintf("%s%s%s", end[:16], strings.Repeat("0", 9-len(number[1]))+number[1], end))
		}
	}
	slices.Sort(turned)
	for _, sorted := range turned[:max(len(turned)-w.keep, 0)] {
		_ = os.Remove(w.path + "." + sorted[16+9:])
	}
}

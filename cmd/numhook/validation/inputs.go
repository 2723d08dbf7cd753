package validation

import (
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// stdinName is how standard input is named by the user and in reports.
const stdinName = "-"

const extensionList = "*.json, *.ndjson, *.jsonl, each also .gz"

// source is a file of payloads that was found, and not opened yet.
type source struct {
	path   string // as the system knows it
	name   string // as reports show it
	gzip   bool
	layout layout
}

// unreadable is why a file or folder could not be read, or not to its end.
type unreadable struct {
	name string
	err  error
}

func (u *unreadable) Error() string { return "cannot read " + u.name + ": " + u.err.Error() }
func (u *unreadable) Unwrap() error { return u.err }

// sourceOf tells by the name how payloads lie in a file. It is false for a name that a folder is not searched for.
func sourceOf(path string) (source, bool) {
	s := source{path: path, name: shownName(path)}
	base, zipped := strings.CutSuffix(strings.ToLower(path), ".gz")
	s.gzip = zipped
	switch filepath.Ext(base) {
	case ".json":
		s.layout = layoutJSON
	case ".ndjson", ".jsonl":
		s.layout = layoutLines
	default:
		return s, false
	}
	return s, true
}

// shownName is the path with slashes, relative to the working directory when it lies below it: the same on every
// machine that has the files in the same place.
func shownName(path string) string {
	if path == stdinName {
		return stdinName
	}
	clean := filepath.Clean(path)
	if filepath.IsAbs(clean) {
		if here, err := os.Getwd(); err == nil {
			if relative, err := filepath.Rel(here, clean); err == nil && filepath.IsLocal(relative) {
				clean = relative
			}
		}
	}
	return filepath.ToSlash(clean)
}

// inputs finds files of payloads. Each file and folder is found once, by whatever way it is reached first.
type inputs struct {
	except []string // that a search passes over
	files  map[string]bool
	// by their real paths, so that a loop of links ends; the value is the path by which it was found
	folders map[string]string
}

// find goes through the paths in their order, and through folders in the order of names. The error is an *unreadable,
// and the search goes on behind it.
func (in *inputs) find(paths []string) iter.Seq2[source, error] {
	in.files, in.folders = map[string]bool{}, map[string]string{}
	for _, path := range in.except {
		in.files[shownName(path)] = true
	}
	return func(yield func(source, error) bool) {
		for _, path := range paths {
			if !in.findPath(path, yield) {
				return
			}
		}
	}
}

func (in *inputs) findPath(path string, yield func(source, error) bool) bool {
	if path == stdinName {
		return in.yieldOnce(source{path: path, name: stdinName}, yield)
	}
	info, err := os.Stat(path)
	if err != nil {
		return yield(source{}, &unreadable{shownName(path), bare(err)})
	}
	if !info.IsDir() {
		found, _ := sourceOf(path)
		return in.yieldOnce(found, yield)
	}
	any, ok := in.findFolder(path, yield)
	if ok && !any {
		return yield(source{}, &unreadable{shownName(path), errors.New("it holds no file of payloads (" + extensionList +
			")")})
	}
	return ok
}

// findFolder goes through a folder. What begins with a dot is passed over: repositories and editors keep their own
// things there.
func (in *inputs) findFolder(path string, yield func(source, error) bool) (any, ok bool) {
	real, err := filepath.EvalSymlinks(path)
	if _, been := in.folders[real]; been && err == nil {
		return true, true
	}
	in.folders[real] = path
	entries, err := os.ReadDir(path)
	if err != nil {
		return true, yield(source{}, &unreadable{shownName(path), bare(err)})
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		found, ok := in.findEntry(filepath.Join(path, entry.Name()), entry.Type(), yield)
		if !ok {
			return true, false
		}
		any = any || found
	}
	return any, true
}

func (in *inputs) findEntry(path string, kind fs.FileMode, yield func(source, error) bool) (any, ok bool) {
	found, named := sourceOf(path)
	if kind&fs.ModeSymlink != 0 {
		info, err := os.Stat(path)
		switch {
		case err != nil && named:
			return true, yield(source{}, &unreadable{found.name, bare(err)})
		case err != nil:
			return false, true
		}
		kind = info.Mode().Type()
	}
	switch {
	case kind.IsDir():
		return in.findFolder(path, yield)
	case !named:
		return false, true
	case !kind.IsRegular():
		return true, yield(source{}, &unreadable{found.name, fmt.Errorf("it is %s; name it itself to have it read",
			kindName(kind))})
	}
	return true, in.yieldOnce(found, yield)
}

func (in *inputs) yieldOnce(s source, yield func(source, error) bool) bool {
	if in.files[s.name] {
		return true
	}
	in.files[s.name] = true
	return yield(s, nil)
}

func kindName(kind fs.FileMode) string {
	switch {
	case kind&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case kind&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}

// bare takes the path out of a file error: the report names it already.
func bare(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}

package validation

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// quiet is how long nothing must change before a change counts: programs write a file in several steps.
const quiet = 100 * time.Millisecond

// Watch tells which of the files that paths lead to have changed. It watches the folders around them, as many programs
// replace a file instead of writing it.
type Watch struct {
	watcher *fsnotify.Watcher
	files   map[string]bool // that were named themselves
	folders map[string]bool // that were named, and those below them
}

// NewWatch begins to watch.
func NewWatch(paths ...string) (*Watch, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("cannot watch for changes: %w", err)
	}
	w := &Watch{watcher: watcher, files: map[string]bool{}, folders: map[string]bool{}}
	for _, path := range paths {
		if err := w.add(path); err != nil {
			return nil, fmt.Errorf("cannot watch %s: %w", path, bare(err))
		}
	}
	return w, nil
}

// Close ends the watch.
func (w *Watch) Close() { _ = w.watcher.Close() } // nothing is lost

func (w *Watch) add(path string) error {
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		path = filepath.Clean(path)
		w.files[path] = true
		return w.watcher.Add(filepath.Dir(path))
	}
	_, err := w.addFolder(path)
	return err
}

// addFolder watches the folder and what is below it, and returns the files that are there already.
func (w *Watch) addFolder(path string) (files []string, err error) {
	var in inputs
	for found, err := range in.find([]string{path}) {
		if err == nil {
			files = append(files, found.path)
		}
	}
	for _, folder := range in.folders {
		folder = filepath.Clean(folder)
		w.folders[folder] = true
		if err := w.watcher.Add(folder); err != nil {
			return files, err
		}
	}
	return files, nil
}

// Next waits for changes and returns the files that were written or have come, in order, once nothing has changed for a
// moment. It fails when ctx ends, or when the watch does.
func (w *Watch) Next(ctx context.Context) ([]string, error) {
	changed := map[string]bool{}
	still := time.NewTimer(quiet)
	defer still.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case err := <-w.watcher.Errors:
			return nil, fmt.Errorf("cannot watch for changes: %w", err)
		case change := <-w.watcher.Events:
			for _, file := range w.concerned(change) {
				changed[file] = true
			}
			still.Reset(quiet)
		case <-still.C:
			maps.DeleteFunc(changed, func(file string, _ bool) bool { _, err := os.Stat(file); return err != nil })
			if len(changed) > 0 {
				return slices.Sorted(maps.Keys(changed)), nil
			}
			still.Reset(quiet)
		}
	}
}

// concerned are the files that a change is about.
func (w *Watch) concerned(change fsnotify.Event) []string {
	path := filepath.Clean(change.Name)
	if !change.Has(fsnotify.Create) && !change.Has(fsnotify.Write) {
		return nil
	}
	if w.files[path] {
		return []string{path}
	}
	if !w.folders[filepath.Dir(path)] || strings.HasPrefix(filepath.Base(path), ".") {
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		files, _ := w.addFolder(path) // a folder that is gone again is no loss
		return files
	}
	if _, named := sourceOf(path); !named {
		return nil
	}
	return []string{path}
}

package validation

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// The versions of the file. In both a fingerprint is made with the name of the finding's file: in the older one
// relative to the working directory of the run that wrote it, in the newer one to the folder that the baseline lies in.
const (
	baselineOfRun    = 1
	baselineOfFolder = 2
)

// Baseline is a set of findings that are known, by their fingerprints. A nil Baseline is empty, and takes nothing in.
type Baseline struct {
	version int
	folder  string // that names of files are relative to; empty for the working directory
	known   map[string]*knownFinding
}

// knownFinding is what the file says of findings with one fingerprint: who reads it learns where they are, and no value
// of any payload.
type knownFinding struct {
	File        string `json:"file"`
	Rule        string `json:"rule"`
	Fingerprint string `json:"fingerprint"`
	Count       int    `json:"count"` // how many of them there are, such as in equal lines
}

type baselineFile struct {
	Version  int             `json:"version"`
	Findings []*knownFinding `json:"findings"`
}

// NewBaseline is an empty one, to be filled by a run and to be written to that path.
func NewBaseline(path string) *Baseline {
	b := &Baseline{version: baselineOfFolder, known: map[string]*knownFinding{}}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return b // what is no file lies in no folder of the user's
	}
	if whole, err := filepath.Abs(path); err == nil {
		b.folder = realPath(filepath.Dir(whole))
	}
	return b
}

// fileName is what the baseline calls a file that reports name so. The same file has the same name in whatever folder
// the run is started.
func (b *Baseline) fileName(shown string) string {
	if b == nil || b.folder == "" || shown == stdinName {
		return shown
	}
	path := filepath.FromSlash(shown)
	if filepath.IsAbs(path) {
		path = filepath.Join(realPath(filepath.Dir(path)), filepath.Base(path))
	} else if here, err := os.Getwd(); err == nil {
		path = filepath.Join(realPath(here), path)
	}
	if relative, err := filepath.Rel(b.folder, path); err == nil {
		return filepath.ToSlash(relative)
	}
	return shown
}

// ReadBaseline reads what Write wrote.
func ReadBaseline(path string) (*Baseline, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the baseline %s: %w", path, bare(err))
	}
	var file baselineFile
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("cannot read the baseline %s: it is not one that --write-baseline wrote", path)
	}
	b := NewBaseline(path)
	switch b.version = file.Version; b.version {
	case baselineOfFolder:
	case baselineOfRun:
		b.folder = ""
	default:
		return nil, fmt.Errorf("cannot read the baseline %s: its version is %d, not %d or %d; write it anew with "+
			"--write-baseline", path, file.Version, baselineOfRun, baselineOfFolder)
	}
	for _, k := range file.Findings {
		b.known[k.Fingerprint] = k
	}
	return b, nil
}

// Clone is a copy to be used up by another run.
func (b *Baseline) Clone() *Baseline {
	if b == nil {
		return nil
	}
	c := &Baseline{version: b.version, folder: b.folder, known: map[string]*knownFinding{}}
	for print, k := range b.known {
		copied := *k
		c.known[print] = &copied
	}
	return c
}

// Len is the number of findings.
func (b *Baseline) Len() int {
	if b == nil {
		return 0
	}
	n := 0
	for _, k := range b.known {
		n += k.Count
	}
	return n
}

func (b *Baseline) add(f *Finding) {
	if b == nil {
		return
	}
	if k := b.known[f.print]; k != nil {
		k.Count++
		return
	}
	b.known[f.print] = &knownFinding{f.name, f.Rule, f.print, 1}
}

// take reports whether the finding is known, and uses it up: a second one like it has to be known for itself.
func (b *Baseline) take(f *Finding) bool {
	if b == nil {
		return false
	}
	k := b.known[f.print]
	if k == nil || k.Count == 0 {
		return false
	}
	k.Count--
	return true
}

func (b *Baseline) sorted() []*knownFinding {
	return slices.SortedFunc(maps.Values(b.known), func(a, b *knownFinding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
}

// Unmet says why it may be that a run met none of the findings.
func (b *Baseline) Unmet() string {
	text := fmt.Sprintf("none of its %s was met; its file names are relative to ", amount(b.Len(), "finding"))
	if b.version == baselineOfRun {
		text += "the folder that it was written in"
	} else {
		text += "the folder that it lies in"
	}
	return text + ", and the first is " + b.sorted()[0].File
}

// Write writes the baseline into a file: JSON with a finding on each line, in an order that changes little when the
// findings do. A file that is there stays as it is until the new one is whole.
func (b *Baseline) Write(path string) error {
	findings := b.sorted()
	err := replaceFile(path, func(out io.Writer) error {
		w := &writer{bufio.NewWriter(out)}
		w.printf("{\"version\":%d,\"findings\":[", b.version)
		for i, k := range findings {
			w.printf("%s%s", separator(i), encode(k))
		}
		w.printf("]}\n")
		return w.Flush()
	})
	if err != nil {
		return fmt.Errorf("cannot write the baseline %s: %w", path, bare(err))
	}
	return nil
}

// replaceFile writes a new file in the place of the old one.
func replaceFile(path string, write func(io.Writer) error) error {
	file, err := Create(path)
	if err != nil {
		return err
	}
	defer file.Drop()
	if err := write(file); err != nil {
		return err
	}
	return file.Keep()
}
